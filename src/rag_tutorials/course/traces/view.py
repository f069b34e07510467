"""A trace where the student is: plain HTML in a notebook, a tree of text elsewhere.

The HTML has no script and no style sheet: JupyterLab takes them out of a notebook that is not
trusted. The inline styles used here pass its sanitizer (4.6), which lets no CSS variables,
``currentColor`` or ARIA through. Lines and backgrounds are half transparent, so that they suit
light and dark themes; text keeps the theme's colour.
"""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeGuard

from openinference.semconv.trace import SpanAttributes
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import Span, SpanContext, format_span_id

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded.addresses import Link
from rag_tutorials.course.embedded.asking import costs
from rag_tutorials.course.traces import spans
from rag_tutorials.course.traces.found import Found, draw
from rag_tutorials.course.traces.highlights import (
    ATTRIBUTES,
    Passage,
    duration,
    gist,
    passages,
    repeated_calls,
    words,
)
from rag_tutorials.course.traces.reading import Traces
from rag_tutorials.course.traces.spans import OneSpan, SpanRecord

Showable = OneSpan | Sequence[ReadableSpan | SpanRecord | Mapping[str, Any]]

MOMENT = 1.0  # seconds for a root that may never come: it was not ended, or went elsewhere
PATIENCE = 10.0  # seconds for a span that was sent
SHOWN_SIBLINGS = 20  # more of them are folded
MAX_ROWS = 500  # further spans are counted
MAX_DETAILED = 150  # further spans have a line and nothing to unfold
MAX_DEPTH = 25
SHORT = 300  # characters of a value at once; the rest unfolds
NOTE = 25  # what saying that characters are missing takes: fewer than these are shown
LONG = 10_000  # characters of a value in all
MAX_TEXT = 400_000  # characters of values in one view

_COLOURS = {
    "CHAIN": "#3b82f6",
    "RETRIEVER": "#10a37f",
    "LLM": "#e07b00",
    "EMBEDDING": "#7c5cff",
    "TOOL": "#c2941a",
    "AGENT": "#6b7f99",
    "RERANKER": "#5aa02c",
    "GUARDRAIL": "#d0478c",
    "EVALUATOR": "#8f6b3d",
    "PROMPT": "#a855c7",
}
_GREY, _RED = "#808080", "#e0303a"


class TraceView:
    """Traces that show themselves: as HTML in a notebook, as a tree of text elsewhere.

    Args:
        records: The spans.
        link: Where Phoenix shows one of them.
        findings: Whether calls that repeat themselves are pointed out.
    """

    def __init__(
        self,
        records: Sequence[SpanRecord],
        link: Callable[[SpanRecord], Link] | None = None,
        findings: bool = True,
    ) -> None:
        self.found = Found(records)
        self._link = link
        self._repeated = repeated_calls(self.found.spans) if findings else {}

    def __repr__(self) -> str:
        lines = []
        for trace_id in self.found.trace_ids:
            trace = Found(self.found.in_trace(trace_id))
            lines += [_headline(trace), *_text_tree(trace, 200, self._repeated)]
            lines += [repr(self._link(trace.spans[0]))] if self._link else []
        return "\n".join(lines) or "No span."

    def _repr_html_(self) -> str:
        return _Page(self.found, self._link, self._repeated).html()


def show(course: Traces, what: Showable, expect: int = 1) -> TraceView:
    """Make the view of a trace that Phoenix has, or of a list of spans.

    Raises:
        CourseError: the trace is not in Phoenix, a span has not ended, or this is no span.
    """
    if isinstance(what, (Span, SpanContext, ReadableSpan, SpanRecord, str)):
        return TraceView(_whole_trace(course, what, expect), course.link)
    return TraceView([record_of(one) for one in what], course.link)


def showable(what: object) -> TypeGuard[Showable]:
    """Say whether :func:`show` draws this: a span, a trace id, or a list of spans."""
    if isinstance(what, str):
        return re.fullmatch("[0-9a-f]{32}", what) is not None
    if isinstance(what, (list, tuple)):
        return bool(what) and all(_is_span(one) for one in what)
    return isinstance(what, (Span, SpanContext, ReadableSpan, SpanRecord))


def _is_span(one: object) -> bool:
    if isinstance(one, Mapping):
        return "context" in one and "start_time" in one
    return isinstance(one, (ReadableSpan, SpanRecord))


def _whole_trace(course: Traces, what: OneSpan, expect: int) -> Sequence[SpanRecord]:
    """Read a trace back; wait for a span that has ended, and give its root a moment.

    Spans become readable in the order in which they ended. So with its root a trace is whole, and
    whoever shows a root need not say how many spans there are.
    """
    records = course.read_back(what, expect)
    own = _id_if_ended(what)

    def is_there(found: Found) -> bool:
        return own is None or any(one.span_id == own for one in found.spans)

    here = Found(records)
    if here.orphans or not is_there(here):
        trace_id = records[0].trace_id

        def whole() -> Sequence[SpanRecord]:
            found = Found(course.fetch_trace(trace_id))
            return found.spans if is_there(found) and not found.orphans else ()

        patience = MOMENT if is_there(here) else PATIENCE
        records = list(spans.poll(whole, expect, patience) or course.fetch_trace(trace_id))
    return _with_costs(course, records)


def _id_if_ended(what: OneSpan) -> str | None:
    """Return the id of a span that was sent. An open span, or a trace id, stands for its trace."""
    if not isinstance(what, ReadableSpan) or what.end_time is None:
        return None
    context = what.get_span_context()
    return None if context is None else format_span_id(context.span_id)


def _with_costs(course: Traces, records: Sequence[SpanRecord]) -> Sequence[SpanRecord]:
    """Add what Phoenix computed from its price list; the spans themselves hold no cost."""
    ids = [one.span_id for one in records if one.kind == "LLM"][:MAX_DETAILED]
    known = costs(course.phoenix_url, ids) if ids else {}
    key = SpanAttributes.LLM_COST_TOTAL
    return [
        replace(one, attributes={key: known[one.span_id], **one.attributes})
        if one.span_id in known
        else one
        for one in records
    ]


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


def _headline(trace: Found) -> str:
    count = f"{len(trace):,} span{'' if len(trace) == 1 else 's'}"
    length = (max(one.end for one in trace.spans) - trace.spans[0].start).total_seconds() * 1000
    parts = [f"Trace {trace.spans[0].trace_id[:8]}", count, duration(length)]
    errors = sum(span.status == "ERROR" for span in trace.spans)
    parts += [f"{errors} with status ERROR"] if errors else []
    if orphans := len(trace.orphans):
        parts.append(f"{orphans} orphan{'' if orphans == 1 else 's'}")
    return " · ".join(parts)


def _text_tree(trace: Found, limit: int, repeated: Mapping[str, int]) -> list[str]:
    orphans = {span.span_id for span in trace.orphans}

    def label(span: SpanRecord) -> str:
        parts = [span.kind, span.name, *words(span)]
        parts += [_repeated(repeated[span.span_id])] if span.span_id in repeated else []
        if span.status != "UNSET":
            message = f": {_one_line(span.status_message)}" if span.status_message else ""
            parts.append(f"status {span.status}{message}")
        parts.append(duration(span.milliseconds))
        if span.span_id in orphans:
            parts.append(f"ORPHAN, its parent {span.parent_id} never arrived")
        lines = [" · ".join(parts)]
        lines += [
            f"{passage.title}: {_one_line(passage.text)}".rstrip(": ")
            for passage in passages(span)
            if passage.title != ATTRIBUTES
        ]
        return "\n".join(lines)

    return draw(trace.tops, trace.children, label, limit)


def _repeated(times: int) -> str:
    return f"same call, {times} times by now"


def _one_line(text: str, width: int = 80) -> str:
    line = " ".join(text[: 4 * width].split())
    if len(line) <= width + NOTE and len(text) <= 4 * width:
        return line
    line = line[:width]
    return f"{line}… {len(text) - len(line):,} characters more"


class _Page:
    """One view being written: it counts what it has room for."""

    def __init__(
        self,
        found: Found,
        link: Callable[[SpanRecord], Link] | None,
        repeated: Mapping[str, int],
    ) -> None:
        self.found = found
        self.link = link
        self.orphans = {span.span_id for span in found.orphans}
        self.repeated = repeated
        self.rows = 0
        self.characters = 0
        self.begin = 0.0
        self.length = 1.0

    def html(self) -> str:
        ids = self.found.trace_ids
        parts = [self._trace(trace_id) for trace_id in ids[:SHOWN_SIBLINGS]]
        if rest := ids[SHOWN_SIBLINGS:]:
            more = "".join(self._trace(trace_id) for trace_id in rest if self.rows < MAX_ROWS)
            parts.append(_fold(f"{len(rest):,} more traces", more))
        if (left_out := len(self.found) - self.rows) > 0:
            parts.append(f"<div>… and {left_out:,} more spans, in Phoenix.</div>")
        inside = "".join(parts) or "<div>No span.</div>"
        return f'<div style="line-height:1.5;max-width:72em">{inside}</div>'

    def _trace(self, trace_id: str) -> str:
        trace = Found(self.found.in_trace(trace_id))
        self.begin = trace.spans[0].start.timestamp()
        self.length = max(max(one.end.timestamp() for one in trace.spans) - self.begin, 1e-6)
        head = f'<span style="opacity:0.8">{html.escape(_headline(trace))}</span>'
        if self.link:
            url = html.escape(self.link(trace.spans[0]).url, quote=True)
            head += f' · <a href="{url}" target="_blank" rel="noopener">open in Phoenix</a>'
        return (
            f'<div style="margin:4px 0 10px 0"><div>{head}</div>'
            f"{self._siblings(trace.tops, 0, detailed=True)}</div>"
        )

    def _siblings(self, some: Sequence[SpanRecord], depth: int, detailed: bool) -> str:
        if depth > MAX_DEPTH:
            return '<div style="opacity:0.8">Deeper spans are in Phoenix.</div>'
        parts = [self._row(span, depth, detailed) for span in some[:SHOWN_SIBLINGS]]
        if rest := some[SHOWN_SIBLINGS:]:
            more = "".join(self._row(span, depth, False) for span in rest)
            parts.append(_fold(_summary(rest), more))
        return "".join(parts)

    def _row(self, span: SpanRecord, depth: int, detailed: bool) -> str:
        if self.rows >= MAX_ROWS:
            return ""
        self.rows += 1
        line = self._line(span)
        if detailed and self.rows <= MAX_DETAILED:
            body = "".join(self._passages(span))
            row = (
                f'<details><summary style="cursor:pointer;padding:1px 0">{line}</summary>'
                f'<div style="margin:2px 0 6px 1.1em">{body}</div></details>'
            )
        else:
            row = f'<div style="padding:1px 0 1px 1em">{line}</div>'
        children = self.found.children(span)
        if not children:
            return row
        below = self._siblings(children, depth + 1, detailed)
        return (
            f'{row}<div style="margin-left:5px;padding-left:14px;border-left:1px solid #80808060">'
            f"{below}</div>"
        )

    def _line(self, span: SpanRecord) -> str:
        colour = _COLOURS.get(span.kind, _GREY)
        left = (span.start.timestamp() - self.begin) / self.length * 100
        width = span.milliseconds / 1000 / self.length * 100
        left = min(max(left, 0.0), 99.0)
        bar = (
            '<span style="float:right;white-space:nowrap">'
            '<span style="display:inline-block;width:9em;height:7px;background:#80808030;'
            'border-radius:3px"><span style="display:block;height:7px;border-radius:3px;'
            f"background:{colour};margin-left:{left:.1f}%;"
            f'width:{min(max(width, 1.0), 100 - left):.1f}%"></span></span>'
            '<span style="display:inline-block;width:5.5em;text-align:right;font-size:90%">'
            f"{duration(span.milliseconds)}</span></span>"
        )
        parts = [bar, _badge(span.kind, colour), f" <b>{html.escape(span.name)}</b>"]
        if said := [*words(span), *filter(None, [gist(span)])]:
            parts.append(
                f' <span style="opacity:0.8;font-size:90%">{html.escape(" · ".join(said))}</span>'
            )
        if span.status != "UNSET":
            colour = _RED if span.status == "ERROR" else _GREY
            parts.append(" " + _badge(span.status, colour))
            if span.status_message:
                message = html.escape(_one_line(span.status_message))
                parts.append(f' <span style="font-size:90%">{message}</span>')
        if span.span_id in self.repeated:
            parts.append(" " + _badge(_repeated(self.repeated[span.span_id]), _RED))
        if span.span_id in self.orphans:
            said_of_it = f"ORPHAN: its parent {span.parent_id} never arrived"
            parts.append(" " + _badge(said_of_it, _RED, "dashed"))
        return "".join(parts)

    def _passages(self, span: SpanRecord) -> Iterator[str]:
        for passage in passages(span):
            yield self._passage(passage)
        yield (
            f'<div style="opacity:0.7;font-size:90%">span {html.escape(span.span_id)} · '
            f"status {html.escape(span.status)}</div>"
        )

    def _passage(self, passage: Passage) -> str:
        title = f'<div style="opacity:0.75;font-size:90%">{html.escape(passage.title)}</div>'
        if passage.title == ATTRIBUTES:
            count = passage.text.count("\n") + 1
            title = f"{count} attribute{'' if count == 1 else 's'}"
            return _fold(title, _pre(self._room(passage.text)))
        if len(passage.text) <= SHORT + NOTE:
            return title + (_pre(passage.text) if passage.text else "")
        rest = passage.text[SHORT:]
        more = f"… {len(rest):,} characters more"
        return title + _pre(passage.text[:SHORT]) + _fold(more, _pre(self._room(rest)))

    def _room(self, text: str) -> str:
        room = max(min(LONG, MAX_TEXT - self.characters), 0)
        self.characters += min(len(text), room)
        if len(text) <= room:
            return text
        return f"{text[:room]}\n… {len(text) - room:,} characters more, in Phoenix"


def _summary(folded: Sequence[SpanRecord]) -> str:
    names = Counter(span.name for span in folded).most_common(3)
    said = ", ".join(f"{count:,} {name}" for name, count in names)
    errors = sum(span.status == "ERROR" for span in folded)
    tail = f", {errors:,} with status ERROR" if errors else ""
    return f"{len(folded):,} more spans: {said}{tail}"


def _badge(words: str, colour: str, line: str = "solid") -> str:
    return (
        f'<span style="border:1px {line} {colour}b0;background:{colour}20;border-radius:4px;'
        f'padding:0 5px;font-size:75%;letter-spacing:0.03em">{html.escape(words)}</span>'
    )


def _fold(title: str, inside: str) -> str:
    return (
        '<details><summary style="cursor:pointer;opacity:0.8;font-size:90%">'
        f"{html.escape(title)}</summary>{inside}</details>"
    )


def _pre(text: str) -> str:
    return (
        '<pre style="margin:0 0 4px 0;padding:2px 8px;white-space:pre-wrap;'
        'word-break:normal;overflow-wrap:break-word;background:#80808014;border-radius:4px">'
        f"{html.escape(text)}</pre>"
    )
