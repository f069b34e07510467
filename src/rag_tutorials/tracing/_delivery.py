"""Spans that reach the backend whole: one odd value loses neither its span nor the others."""

import logging
import traceback
from collections.abc import Callable, Sequence
from typing import Any

from opentelemetry.attributes import BoundedAttributes
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.util import BoundedList
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import Link, Span, SpanKind, Status, StatusCode

from rag_tutorials.tracing._values import attributes_of, shown, whole

_LATEST = 2**64 - 1

logger = logging.getLogger(__name__)


def whole_span(span: ReadableSpan) -> ReadableSpan:
    """The span itself if OTLP can carry all of it, else a copy in which it can.

    Over one lone surrogate in a name or a message, or a time that is no integer, the exporters
    of OTLP give up on all spans of a request; over bytes Phoenix gives up on the span.
    """
    attributes, events, links = span.attributes or {}, span.events, span.links
    scope, status, resource = span.instrumentation_scope, span.status, span.resource
    given = (
        *(span.name, span.kind, span.start_time, span.end_time),
        *(scope, status, resource, attributes),
        *events,
        *links,
    )
    name, kind = _text(span.name), _kind(span.kind)
    start, end = _time(span.start_time), _time(span.end_time)
    new_resource = _resource(resource)
    new_scope, new_status, new_attributes = (
        _scope(scope),
        _status(status),
        attributes_of(attributes),
    )
    new_events, new_links = list(map(_event, events)), list(map(_link, links))
    mended = (
        *(name, kind, start, end, new_scope, new_status, new_resource, new_attributes),
        *new_events,
        *new_links,
    )
    if all(new is old for new, old in zip(mended, given, strict=True)):
        return span
    return ReadableSpan(
        name=name,
        context=span.get_span_context(),
        parent=span.parent,
        resource=new_resource,
        attributes=_bounded(new_attributes, span.dropped_attributes),
        events=_bounded_list(new_events, span.dropped_events),
        links=_bounded_list(new_links, span.dropped_links),
        kind=kind,
        status=new_status,
        start_time=start,
        end_time=end,
        instrumentation_scope=new_scope,
    )


class WholeSpanExporter(SpanExporter):
    """Gives another exporter its spans whole."""

    def __init__(self, exporter: SpanExporter) -> None:
        self.exporter = exporter
        self.lent = False  # then it goes on elsewhere, and a shutdown here leaves it open

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        return self.exporter.export([whole_span(span) for span in spans])

    def shutdown(self) -> None:
        if not self.lent:
            self.exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.exporter.force_flush(timeout_millis)


def protect_exports(provider: TracerProvider) -> None:
    """Let the exporters that somebody else's provider has now get each span whole.

    A lone surrogate or bytes in one span then lose neither it nor the rest of its batch. The
    exporters stay the objects that they are. Twice is harmless. A processor that does not tell
    its exporter is left alone.
    """
    # The SDK has no public way to see a provider's processors.
    for processor in getattr(provider._active_span_processor, "_span_processors", ()):
        exporter = getattr(processor, "span_exporter", None)
        if not isinstance(exporter, SpanExporter) or isinstance(exporter, WholeSpanExporter):
            continue
        if not isinstance(exporter.export, _Whole):
            exporter.export = _Whole(exporter.export)  # type: ignore[method-assign]


def record_failure(span: Span, error: BaseException) -> str:
    """Record an exception as an event, set the status ERROR, and return its type with its text.

    The SDK's own ``record_exception`` and ``use_span`` replace an exception whose text cannot be
    read by another one, and leave in the span what an exporter cannot encode. This never raises.

    https://opentelemetry.io/docs/specs/semconv/exceptions/exceptions-spans/
    """
    kind, message = type(error), shown(error)
    name = kind.__qualname__
    if kind.__module__ != "builtins":
        name = f"{kind.__module__}.{name}"
    sentence = f"{kind.__name__}: {message}"
    try:
        stacktrace = whole("".join(traceback.format_exception(error)))
    except Exception:
        stacktrace = sentence
    attributes = {
        "exception.type": name,
        "exception.message": message,
        "exception.stacktrace": stacktrace,
        "exception.escaped": "False",
    }
    try:
        span.add_event("exception", attributes)
        span.set_status(StatusCode.ERROR, sentence)
    except Exception:
        logger.warning("A span lacks its exception.", exc_info=True)
    return sentence


class _Whole:
    """An exporter's own ``export``, given whole spans."""

    def __init__(self, export: Callable[..., SpanExportResult]) -> None:
        self._export = export

    def __call__(self, spans: Sequence[ReadableSpan], *args: Any, **kwargs: Any) -> Any:
        return self._export([whole_span(span) for span in spans], *args, **kwargs)


def _text(value: Any) -> str:
    return whole(value) if isinstance(value, str) else shown(value)


def _kind(value: Any) -> SpanKind:
    return value if isinstance(value, SpanKind) else SpanKind.INTERNAL


def _time(value: Any) -> int | None:
    if value is None or (type(value) is int and 0 <= value <= _LATEST):
        return value
    try:
        return min(max(int(value), 0), _LATEST)
    except (TypeError, ValueError, OverflowError):
        return 0


def _resource(resource: Resource) -> Resource:
    attributes = attributes_of(resource.attributes)
    if attributes is resource.attributes:
        return resource
    return Resource(attributes, resource.schema_url)


def _scope(scope: InstrumentationScope | None) -> InstrumentationScope | None:
    if scope is None:
        return None
    given = (scope.name, scope.version, scope.schema_url)
    name, version, schema = ("" if text is None else _text(text) for text in given)
    attributes = attributes_of(scope.attributes or {})
    same = all(new is (old or "") for new, old in zip((name, version, schema), given, strict=True))
    if same and (not scope.attributes or attributes is scope.attributes):
        return scope
    return InstrumentationScope(name, version, schema, attributes)


def _status(status: Status) -> Status:
    description = status.description
    if description is None or whole(description) is description:
        return status
    return Status(status.status_code, whole(description))


def _event(event: Event) -> Event:
    given = event.attributes or {}
    name, time, attributes = _text(event.name), _time(event.timestamp), attributes_of(given)
    if name is event.name and time is event.timestamp and attributes is given:
        return event
    return Event(name, _bounded(attributes, event.dropped_attributes), time)


def _link(link: Link) -> Link:
    given = link.attributes or {}
    attributes = attributes_of(given)
    if attributes is given:
        return link
    return Link(link.context, _bounded(attributes, link.dropped_attributes))


def _bounded(attributes: Any, dropped: int) -> BoundedAttributes:
    bounded = BoundedAttributes(attributes=attributes)
    bounded.dropped = dropped
    return bounded


def _bounded_list(items: Sequence[Any], dropped: int) -> BoundedList[Any]:
    bounded = BoundedList.from_seq(len(items), items)
    bounded.dropped = dropped
    return bounded
