"""A trace where the student is: plain HTML in a notebook, a tree of text elsewhere."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span, SpanContext

from rag_tutorials.course import spans
from rag_tutorials.course.errors import CourseError
from rag_tutorials.course.found import Found, draw
from rag_tutorials.course.links import Link
from rag_tutorials.course.spans import SpanRecord

if TYPE_CHECKING:
    from rag_tutorials.course.prepare import Course

OneSpan = Span | SpanContext | ReadableSpan | SpanRecord | str
Showable = OneSpan | Sequence[ReadableSpan | SpanRecord | Mapping[str, Any]]


class TraceView:
    """Traces that show themselves: as HTML in a notebook, as a tree of text elsewhere."""

    def __init__(self, records: Sequence[SpanRecord], link: Link | None = None) -> None:
        self.found = Found(records)
        self.link = link

    def __repr__(self) -> str:
        return outline(self.found, 200) + (f"\n{self.link!r}" if self.link else "")

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def show(course: Course, what: Showable, expect: int = 1) -> TraceView:
    """Make the view of a trace that Phoenix has, or of a list of spans."""
    if isinstance(what, (Span, SpanContext, ReadableSpan, SpanRecord, str)):
        records = course.read_back(what, expect)
    else:
        records = [record_of(one) for one in what]
    link = course.link(records[0]) if records else None
    return TraceView(records, link)


def record_of(one: object) -> SpanRecord:
    """Make a record of a span of the SDK, of Phoenix's client, or of a record.

    Raises:
        CourseError: it is none of them, or has not ended.
    """
    if isinstance(one, SpanRecord):
        return one
    if isinstance(one, ReadableSpan):
        return spans.from_sdk(one)
    if isinstance(one, Mapping):
        try:
            return spans.from_phoenix(one)
        except (KeyError, TypeError, ValueError) as error:
            raise CourseError(f"This dictionary is no span of Phoenix: {error}.") from error
    raise CourseError(f"show() draws spans, not {type(one).__name__}.")


def outline(found: Found, limit: int = 40) -> str:
    """Draw traces as text, one line a span: name, kind, status, number of exceptions."""
    orphans = {span.span_id for span in found.orphans}

    def label(span: SpanRecord) -> str:
        parts = [span.name, span.kind]
        parts += [f"status {span.status}"] if span.status != "UNSET" else []
        parts += ["(its parent is missing)"] if span.span_id in orphans else []
        return "  ".join(parts)

    return "\n".join(draw(found.tops, found.children, label, limit)) or "(no span)"
