"""Expected and found traces as text; the lines that differ end with an arrow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from rag_tutorials.course.judging.expected import TYPE_WORDS, ExpectedSpan, Rule, every
from rag_tutorials.course.judging.mistake import Mistake
from rag_tutorials.course.traces.found import Found, draw
from rag_tutorials.course.traces.spans import SpanRecord, as_text

MARK = "  ←"
_LIMIT = 40  # spans in a drawing
_WIDTH = 40


class Drawing:
    """Both sides of a comparison, with the mistakes marked."""

    def __init__(
        self,
        expected: Sequence[ExpectedSpan],
        found: Found,
        mistakes: Iterable[Mistake] = (),
        links: Mapping[str, Sequence[str]] = MappingProxyType({}),
    ) -> None:
        self._wanted = tuple(expected)
        self._found = found
        self._links = links  # by span id; Phoenix does not keep them
        marks = [mark for mistake in mistakes for mark in mistake.marks]
        self._marks = {(one if isinstance(one, str) else id(one), key) for one, key in marks}

    def expected(self) -> str:
        """Return the expected trees, one line a span and one for what is asked of it."""
        return "\n".join(draw(self._wanted, lambda one: one.children, self._wish, _LIMIT))

    def found(self, without: Sequence[str] = ()) -> str:
        """Return the found trees, with what was asked of the spans, and no text of ``without``."""

        def label(span: SpanRecord) -> str:
            return self._state(span, without)

        return "\n".join(draw(self._found.tops, self._found.children, label, _LIMIT))

    def _wish(self, one: ExpectedSpan) -> str:
        head = [one.name if one.times == 1 else f"{one.name} ({one.times or '1 or more'} times)"]
        head += [one.kind] if one.kind else []
        head += [f"status {one.status}"] if one.status else []
        lines = [("", "  ".join(head))]
        for key, want in one.attributes.items():
            lines.append((key, f"no {key}" if want is None else key + _brief(want)))
        for what, named in (("event", one.events), ("annotation", one.annotations)):
            for name, need in named.items():
                key = f"{what} {name}"
                times = _times(need) if isinstance(need, int) else ""
                lines.append((key, f"no {key}" if need == 0 else f"{key}{times}"))
        lines += [(f"link to {name}", f"link to {name}") for name in one.links]
        return self._marked(id(one), lines)

    def _state(self, span: SpanRecord, without: Sequence[str]) -> str:
        head = [span.name, span.kind]
        head += [f"status {span.status}"] if span.status != "UNSET" else []
        head += ["(orphan)"] if span in self._found.orphans else []
        lines = [("", "  ".join(head))]
        alike = [one for one in every(self._wanted) if one.name == span.name]
        for key in dict.fromkeys(key for one in alike for key in one.attributes):
            if key in span.attributes:
                value = as_text(span.attributes[key])
                for secret in without:
                    value = value.replace(secret, "[secret]")
                lines.append((key, f"{key} = {_short(value)}"))
        for name, count in Counter(event.name for event in span.events).items():
            lines.append((f"event {name}", f"event {name}{_times(count)}"))
        for name, count in Counter(one.name for one in span.annotations).items():
            lines.append((f"annotation {name}", f"annotation {name}{_times(count)}"))
        names = {one.span_id: one.name for one in self._found.spans}
        for target in dict.fromkeys(self._links.get(span.span_id, ())):
            link = f"link to {names.get(target, '?')}"
            lines.append((link, link))
        text = self._marked(span.span_id, lines)
        for secret in without:
            text = text.replace(secret, "[secret]")
        return text

    def _marked(self, one: Any, lines: Sequence[tuple[str, str]]) -> str:
        return "\n".join(text + (MARK if (one, key) in self._marks else "") for key, text in lines)


def _brief(want: Any) -> str:
    if want is ...:
        return ""
    if isinstance(want, Rule):
        return f": {' '.join(want.words.split())}"
    if isinstance(want, type):
        return f": {TYPE_WORDS.get(want, want.__name__)}"
    return f" = {_short(want)}"


def _short(value: Any) -> str:
    text = " ".join(as_text(value).split())
    return f"{text[:_WIDTH]}{'…' if len(text) > _WIDTH else ''}"


def _times(number: int) -> str:
    return "" if number == 1 else f" ({number} times)"
