"""The spans that were found, as trees: parents, children, roots and orphans."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

from rag_tutorials.course.traces.annotations import Annotation
from rag_tutorials.course.traces.spans import SpanRecord

Node = TypeVar("Node")


class Found:
    """Spans of one or more traces, in order of start, with their nesting.

    An orphan is a span whose parent is not among the spans: it was never ended, was exported
    elsewhere, or belongs to a trace that was not asked for. Annotations of spans are with the
    spans; those of sessions are here, where they were asked for.
    """

    def __init__(
        self, spans: Iterable[SpanRecord] = (), session_annotations: Iterable[Annotation] = ()
    ) -> None:
        self.spans: tuple[SpanRecord, ...] = tuple(sorted(spans, key=lambda span: span.start))
        self.session_annotations: tuple[Annotation, ...] = tuple(session_annotations)
        self._by_id = {span.span_id: span for span in self.spans}
        self._children: dict[str, list[SpanRecord]] = {}
        for span in self.spans:
            if span.parent_id is not None:
                self._children.setdefault(span.parent_id, []).append(span)

    @property
    def roots(self) -> tuple[SpanRecord, ...]:
        """The spans that have no parent: one a trace, when all is well."""
        return tuple(span for span in self.spans if span.parent_id is None)

    @property
    def orphans(self) -> tuple[SpanRecord, ...]:
        """The spans whose parent is not here."""
        return tuple(
            span
            for span in self.spans
            if span.parent_id is not None and span.parent_id not in self._by_id
        )

    @property
    def tops(self) -> tuple[SpanRecord, ...]:
        """Roots and orphans: where a drawing begins."""
        return tuple(
            span
            for span in self.spans
            if span.parent_id is None or span.parent_id not in self._by_id
        )

    @property
    def trace_ids(self) -> tuple[str, ...]:
        """The ids of the traces, in order of start."""
        return tuple(dict.fromkeys(span.trace_id for span in self.spans))

    @property
    def session_ids(self) -> tuple[str, ...]:
        """The ids of the sessions that the spans belong to, in order of start."""
        ids = (span.attributes.get("session.id") for span in self.spans)
        return tuple(dict.fromkeys(str(one) for one in ids if one))

    def named(self, name: str) -> tuple[SpanRecord, ...]:
        """Return the spans with this name."""
        return tuple(span for span in self.spans if span.name == name)

    def of_kind(self, kind: str) -> tuple[SpanRecord, ...]:
        """Return the spans of this OpenInference kind."""
        return tuple(span for span in self.spans if span.kind == kind)

    def in_trace(self, trace_id: str) -> tuple[SpanRecord, ...]:
        """Return the spans of one trace."""
        return tuple(span for span in self.spans if span.trace_id == trace_id)

    def with_id(self, span_id: str) -> SpanRecord | None:
        """Return the span with this id, or ``None``."""
        return self._by_id.get(span_id)

    def children(self, span: SpanRecord) -> Sequence[SpanRecord]:
        """Return the span's children."""
        return self._children.get(span.span_id, ())

    def parent(self, span: SpanRecord) -> SpanRecord | None:
        """Return the span's parent; ``None`` for a root and for an orphan."""
        return self._by_id.get(span.parent_id or "")

    def above(self, span: SpanRecord) -> Iterator[SpanRecord]:
        """Yield the span's parent, the parent's parent, up to the top."""
        seen = {span.span_id}
        parent = self.parent(span)
        while parent is not None and parent.span_id not in seen:
            yield parent
            seen.add(parent.span_id)
            parent = self.parent(parent)

    def __len__(self) -> int:
        return len(self.spans)


def draw(
    tops: Sequence[Node],
    children: Callable[[Node], Sequence[Node]],
    label: Callable[[Node], str],
    limit: int = 60,
) -> list[str]:
    """Draw trees as lines of text, ``limit`` nodes at most; a last line counts the others.

    A label of several lines is one node.
    """
    lines: list[str] = []
    shown = 0
    waiting = [(node, "", "") for node in reversed(tops)]
    while waiting:
        node, before, below = waiting.pop()
        nodes = children(node)
        if shown < limit:
            first, *further = label(node).splitlines()
            lines.append(f"{before}{first}")
            lines += [f"{below}{'│  ' if nodes else '   '}{line}" for line in further]
        shown += 1
        for number, child in reversed(list(enumerate(nodes, start=1))):
            last = number == len(nodes)
            branch, stem = ("└─ ", "   ") if last else ("├─ ", "│  ")
            waiting.append((child, below + branch, below + stem))
    if shown > limit:
        lines.append(f"… and {shown - limit:,} more")
    return lines
