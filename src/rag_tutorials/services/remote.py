"""The receiving end of context propagation."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from openinference.instrumentation import using_attributes
from openinference.semconv.trace import SpanAttributes
from opentelemetry import baggage, context, propagate


@contextmanager
def remote_context(headers: Mapping[str, str]) -> Iterator[None]:
    """Go on in the caller's context: the next span is a child of the caller's span.

    ``headers`` are those of the request, names in lower case: ``traceparent`` and ``baggage``
    count. Without them, or if they are malformed, the next span begins a trace of its own. Entries
    ``session.id`` and ``user.id`` of the baggage become attributes of every span started inside;
    anything else in the baggage becomes none. Only for callers that are trusted to name them.

    W3C: https://www.w3.org/TR/trace-context/, https://www.w3.org/TR/baggage/
    """
    received = propagate.extract(dict(headers))
    token = context.attach(received)
    try:
        with using_attributes(
            session_id=_text(baggage.get_baggage(SpanAttributes.SESSION_ID, received)),
            user_id=_text(baggage.get_baggage(SpanAttributes.USER_ID, received)),
        ):
            yield
    finally:
        context.detach(token)


def _text(entry: object) -> str:
    return entry if isinstance(entry, str) else ""
