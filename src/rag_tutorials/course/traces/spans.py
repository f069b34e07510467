"""Finished spans, alike whether they come from Phoenix or straight from the SDK."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from openinference.semconv.trace import SpanAttributes
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span, SpanContext, format_span_id, format_trace_id

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.traces.annotations import Annotation


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened at one moment inside a span."""

    name: str
    time: datetime
    attributes: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class SpanRecord:
    """A finished span.

    Ids are lower-case hex (32 digits for the trace, 16 for the span); ``parent_id`` is ``None``
    for a root; ``kind`` is the OpenInference span kind, ``UNKNOWN`` where there is none;
    ``status`` is ``UNSET``, ``OK`` or ``ERROR``; ``attributes`` has flat keys, as they were set.
    ``annotations`` are there where they were asked for.
    """

    name: str
    kind: str
    trace_id: str
    span_id: str
    parent_id: str | None
    start: datetime
    end: datetime
    status: str
    status_message: str
    attributes: Mapping[str, Any]
    events: tuple[Event, ...]
    annotations: tuple[Annotation, ...] = ()

    @property
    def milliseconds(self) -> float:
        """The span's duration."""
        return (self.end - self.start).total_seconds() * 1000


OneSpan = Span | SpanContext | ReadableSpan | SpanRecord | str  # the last: a trace id


def from_phoenix(span: Mapping[str, Any]) -> SpanRecord:
    """Make a record of a span as ``phoenix.client`` returns it."""
    return SpanRecord(
        name=span["name"],
        kind=(span.get("span_kind") or "UNKNOWN").upper(),
        trace_id=span["context"]["trace_id"],
        span_id=span["context"]["span_id"],
        parent_id=span.get("parent_id") or None,
        start=_moment(span["start_time"]),
        end=_moment(span["end_time"]),
        status=(span.get("status_code") or "UNSET").upper(),
        status_message=span.get("status_message") or "",
        attributes=dict(flatten(span.get("attributes") or {})),
        events=tuple(
            Event(event["name"], _moment(event["timestamp"]), event.get("attributes") or {})
            for event in span.get("events") or ()
        ),
    )


def from_sdk(span: ReadableSpan) -> SpanRecord:
    """Make a record of a finished span of the OpenTelemetry SDK."""
    context = span.get_span_context()
    if context is None or span.start_time is None or span.end_time is None:
        raise CourseError(f"The span {span.name!r} has not ended; look at it after its `with`.")
    attributes = dict(span.attributes or {})
    return SpanRecord(
        name=span.name,
        kind=str(attributes.get(SpanAttributes.OPENINFERENCE_SPAN_KIND, "UNKNOWN")).upper(),
        trace_id=format_trace_id(context.trace_id),
        span_id=format_span_id(context.span_id),
        parent_id=format_span_id(span.parent.span_id) if span.parent else None,
        start=from_nanoseconds(span.start_time),
        end=from_nanoseconds(span.end_time),
        status=span.status.status_code.name,
        status_message=span.status.description or "",
        attributes=attributes,
        events=tuple(
            Event(event.name, from_nanoseconds(event.timestamp), dict(event.attributes or {}))
            for event in span.events
        ),
    )


def flatten(attributes: Any, prefix: str = "") -> Iterable[tuple[str, Any]]:
    """Yield dotted keys and plain values; Phoenix stores nested attributes as a tree."""
    if isinstance(attributes, Mapping):
        for key, value in attributes.items():
            yield from flatten(value, f"{prefix}.{key}" if prefix else str(key))
    elif isinstance(attributes, list) and any(isinstance(item, Mapping) for item in attributes):
        for index, item in enumerate(attributes):
            yield from flatten(item, f"{prefix}.{index}")
    else:
        yield prefix, attributes


def trace_id_of(what: OneSpan) -> str:
    """Return the 32-digit hex trace id of a span, a record, a context, or of the id itself.

    Raises:
        CourseError: there is no trace id in it; the sentence says why.
    """
    if isinstance(what, SpanRecord):
        return what.trace_id
    if isinstance(what, str):
        if len(what) == 32 and all(digit in "0123456789abcdef" for digit in what):
            return what
        raise CourseError(f"{what!r} is not a trace id; it takes 32 hex digits, or a span.")
    if isinstance(what, SpanContext):
        context: SpanContext | None = what
    elif isinstance(what, (Span, ReadableSpan)):
        context = what.get_span_context()
    else:
        raise CourseError(f"A span or a trace id is needed here, not {type(what).__name__}.")
    if context is None or not context.is_valid:
        raise CourseError(
            "This span was never recorded: no tracer provider was set when it was started; run "
            "the cell with register(), then the cell that makes the span."
        )
    return format_trace_id(context.trace_id)


def poll(
    fetch: Callable[[], Sequence[SpanRecord]],
    expect: int,
    timeout: float,
    pause: float = 0.03,
) -> Sequence[SpanRecord]:
    """Call ``fetch`` until it gives at least ``expect`` spans or ``timeout`` seconds are over.

    Return what it gave last, in order of start. Errors of ``fetch`` are raised only at the end, but
    a CourseError, which no waiting mends, at once.
    """
    deadline = time.monotonic() + timeout
    while True:
        error: Exception | None = None
        found: Sequence[SpanRecord] = ()
        try:
            found = fetch()
        except CourseError:
            raise
        except Exception as caught:
            error = caught
        if len(found) >= expect and error is None:
            return sorted(found, key=lambda span: span.start)
        if time.monotonic() >= deadline:
            if isinstance(error, CourseError):
                raise error
            if error is not None:
                raise CourseError(
                    f"Phoenix did not give the spans ({sentence_of(error)}); run the cells at the "
                    "top of this notebook again."
                ) from error
            return sorted(found, key=lambda span: span.start)
        time.sleep(pause)


def as_text(value: Any) -> str:
    """Return an attribute's value as a person would read it."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)


def _moment(text: str | datetime) -> datetime:
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def from_nanoseconds(nanoseconds: int) -> datetime:
    """Return the moment of a time since 1970 in nanoseconds, as the SDK keeps it."""
    return datetime.fromtimestamp(nanoseconds / 1e9, tz=UTC)
