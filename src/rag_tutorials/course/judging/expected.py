"""The trace that an exercise expects, stated as a tree, and its first difference from one found.

span("rag-request", "CHAIN",
     span("retrieval", "RETRIEVER", attributes={"input.value": str}),
     span("generation", "LLM", status="OK"))
"""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from rag_tutorials.course.traces.annotations import Annotation
from rag_tutorials.course.traces.found import Found, draw
from rag_tutorials.course.traces.spans import SpanRecord, as_text

_TYPES = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
_LIMIT = 40  # spans in a drawing


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on an attribute's value, with the words that say it."""

    words: str
    holds: Callable[[Any], bool]


@dataclass(frozen=True, slots=True)
class ExpectedSpan:
    """A span that should be there. Made by :func:`span`."""

    name: str
    kind: str | None
    children: tuple[ExpectedSpan, ...]
    status: str | None
    attributes: Mapping[str, Any]
    events: Mapping[str, int | Mapping[str, Any]]
    links: tuple[str, ...]
    times: int | None
    ordered: bool
    exact: bool
    annotations: Mapping[str, int | Mapping[str, Any]] = field(default_factory=dict)


def span(
    name: str,
    kind: str | None = None,
    *children: ExpectedSpan,
    status: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    events: Mapping[str, int | Mapping[str, Any]] | None = None,
    links: Sequence[str] = (),
    times: int | None = 1,
    ordered: bool = True,
    exact: bool = False,
    annotations: Mapping[str, int | Mapping[str, Any]] | None = None,
) -> ExpectedSpan:
    """Say which span should be there. What is not said may be anything.

    Args:
        name: The span's name.
        kind: Its OpenInference kind, ``"RETRIEVER"``; ``"UNKNOWN"`` for a span without one.
        children: The spans directly under it, as trees.
        status: ``"OK"``, ``"ERROR"``, ``"UNSET"``, or ``"not ERROR"``.
        attributes: Key to what its value should be: ``...`` present, ``None`` absent, a type
            (``float`` takes whole numbers too), a :class:`Rule`, or the value itself.
        events: Event name to how many there should be (0: none), or to the attributes that one
            such event should have, said like those of the span.
        links: Names of the spans that it should link to.
        times: How many of these there should be; ``None``: one or more.
        ordered: The children start in the order given.
        exact: There are no other children.
        annotations: Annotation name to how many there should be (0: none), or to the fields that
            one such annotation should have (``label``, ``score``, ``explanation``, ``kind``,
            ``identifier``, ``source``), said like attributes. A note has the name ``note``.
    """
    return ExpectedSpan(
        name, kind, children, status, attributes or {}, events or {}, tuple(links), times,
        ordered, exact, annotations or {},
    )  # fmt: skip


@dataclass(slots=True)
class Comparison:
    """Expected trees against what was found.

    ``links`` gives a span's links as span ids: Phoenix does not keep them, the SDK's span does.
    """

    expected: tuple[ExpectedSpan, ...]
    found: Found
    links: Callable[[SpanRecord], Sequence[str]] = lambda span: ()
    more_traces: bool = False
    without: tuple[str, ...] = ()
    _pairs: list[tuple[ExpectedSpan, SpanRecord]] = field(default_factory=list)

    def differences(self) -> Iterator[str]:
        """Yield the differences as sentences: nesting first, then what the spans hold."""
        self._pairs.clear()
        if self.expected:
            for orphan in self.found.orphans:
                yield (
                    f"`{orphan.name}` is an orphan: it has a parent, but the parent is not in "
                    "Phoenix (it never ended, or was sent elsewhere)."
                )
            yield from self._nesting(self.expected, None)
            yield from self._trace_count()
        for wanted, span in self._pairs:
            yield from self._content(wanted, span)
        yield from self._secrets()

    def _nesting(
        self, wanted: tuple[ExpectedSpan, ...], parent: SpanRecord | None, exact: bool = False
    ) -> Iterator[str]:
        present = self.found.roots if parent is None else self.found.children(parent)
        under = f" under `{parent.name}`" if parent else ""
        pairs: list[tuple[ExpectedSpan, SpanRecord]] = []
        for name in dict.fromkeys(one.name for one in wanted):
            alike = [one for one in wanted if one.name == name]
            have = [span for span in present if span.name == name]
            any_number = any(one.times is None for one in alike)
            need = sum(1 if one.times is None else one.times for one in alike)
            if len(have) < need:
                yield self._missing(name, parent, len(have), need)
            elif len(have) > need and not any_number:
                what = f"{_count(len(have), 'span')} `{name}`{under}"
                yield f"There {_are(len(have))} {what}; there should be {need or 'none'}."
            slots = [one for one in alike for _ in range(one.times or 1)]
            slots += [alike[-1]] * (len(have) - len(slots)) if any_number else []
            pairs += zip(slots, have, strict=False)
        if exact:
            names = {one.name for one in wanted}
            for span in present:
                if span.name not in names:
                    yield f"`{span.name}` is one span too many{under}."
        self._pairs += pairs
        for one, span in pairs:
            yield from self._nesting(one.children, span, one.exact)
            if one.ordered:
                yield from self._order(one, span)

    def _missing(self, name: str, parent: SpanRecord | None, have: int, need: int) -> str:
        place = f"a child of `{parent.name}`" if parent else "a root span"
        for span in self.found.named(name):
            above = self.found.parent(span)
            if parent is not None and above is not None and above.name == parent.name:
                continue
            if above is None and parent is None:
                continue
            where = f"a child of `{above.name}`" if above else "a root span"
            if span in self.found.orphans:
                where = "an orphan"
            return f"`{name}` is {where}; it should be {place}."
        if have:
            under = f" under `{parent.name}`" if parent else ""
            what = f"{_count(have, 'span')} `{name}`{under}"
            return f"There {_are(have)} {what}; there should be {need}."
        close = difflib.get_close_matches(name, {span.name for span in self.found.spans}, 1)
        other = f"; did you mean it by `{close[0]}`?" if close and close[0] != name else "."
        return f"There is no span named `{name}`{other}"

    def _order(self, wanted: ExpectedSpan, parent: SpanRecord) -> Iterator[str]:
        names = list(dict.fromkeys(child.name for child in wanted.children))
        starts = {
            name: [span.start for span in self.found.children(parent) if span.name == name]
            for name in names
        }
        for first, second in pairwise(names):
            if starts[first] and starts[second] and min(starts[first]) > min(starts[second]):
                yield f"`{second}` starts before `{first}`; it should start after it."

    def _trace_count(self) -> Iterator[str]:
        need = sum(one.times or 1 for one in self.expected)
        open_ended = any(one.times is None for one in self.expected)
        have = len(self.found.trace_ids)
        if have <= need or self.more_traces or open_ended:
            return
        names = {one.name for one in self.expected}
        others = [root.name for root in self.found.roots if root.name not in names]
        extra = f": `{others[0]}` has a trace of its own" if others else ""
        yield f"There are {have} traces{extra}; there should be {need}."

    def _content(self, wanted: ExpectedSpan, span: SpanRecord) -> Iterator[str]:
        if wanted.kind is not None and span.kind != wanted.kind:
            yield f"`{span.name}` has the kind {span.kind}; it should be {wanted.kind}."
        if wanted.status == "not ERROR":
            if span.status == "ERROR":
                yield f"`{span.name}` has the status ERROR; it should not."
        elif wanted.status is not None and span.status != wanted.status:
            yield f"`{span.name}` has the status {span.status}; it should be {wanted.status}."
        yield from compare_attributes(wanted.attributes, span.attributes, f"`{span.name}`")
        yield from self._events(wanted, span)
        yield from self._annotations(wanted, span)
        if wanted.links:
            targets = {one.span_id: one.name for one in self.found.spans}
            linked = [targets.get(span_id, "?") for span_id in self.links(span)]
            for name in wanted.links:
                if name not in linked:
                    yield f"`{span.name}` has no link to `{name}`."

    def _events(self, wanted: ExpectedSpan, span: SpanRecord) -> Iterator[str]:
        have = [(event.name, event.attributes) for event in span.events]
        yield from compare_named(wanted.events, have, "event", f"`{span.name}`")

    def _annotations(self, wanted: ExpectedSpan, span: SpanRecord) -> Iterator[str]:
        yield from compare_annotations(wanted.annotations, span.annotations, f"`{span.name}`")

    def _secrets(self) -> Iterator[str]:
        for secret in self.without:
            for span in self.found.spans:
                for place, text in _texts(span):
                    if secret in text:
                        yield f"The secret is still in {place} of `{span.name}`."

    def texts(self) -> tuple[str, str]:
        """Draw the expected and the found trees as text, the latter with what was asked of it."""
        return expected_text(self.expected), "\n".join(
            draw(self.found.tops, self.found.children, self._found_label, _LIMIT)
        )

    def _found_label(self, span: SpanRecord) -> str:
        parts = [span.name, span.kind]
        parts += [f"status {span.status}"] if span.status != "UNSET" else []
        parts += ["(orphan)"] if span in self.found.orphans else []
        lines = ["  ".join(parts)]
        alike = [one for one in _every(self.expected) if one.name == span.name]
        for key in dict.fromkeys(key for one in alike for key in one.attributes):
            if key in span.attributes:
                value = " ".join(as_text(span.attributes[key]).split())
                for secret in self.without:
                    value = value.replace(secret, "[secret]")
                lines.append(f"{key} = {value[:40]}{'…' if len(value) > 40 else ''}")
        for name, count in Counter(event.name for event in span.events).items():
            lines.append(f"event {name}{_times(count)}")
        for name, count in Counter(one.name for one in span.annotations).items():
            lines.append(f"annotation {name}{_times(count)}")
        return "\n".join(lines)


def annotates(expected: Sequence[ExpectedSpan]) -> bool:
    """Say whether an annotation is expected, or expected not to be there."""
    return any(one.annotations for one in _every(expected))


def compare_annotations(
    wanted: Mapping[str, int | Mapping[str, Any]], have: Sequence[Annotation], whose: str
) -> Iterator[str]:
    """Yield a sentence for each annotation that is not as wanted."""
    yield from compare_named(wanted, [(one.name, one.fields) for one in have], "annotation", whose)


def compare_named(
    wanted: Mapping[str, int | Mapping[str, Any]],
    have: Sequence[tuple[str, Mapping[str, Any]]],
    what: str,
    whose: str,
) -> Iterator[str]:
    """Yield a sentence for each name whose events or annotations are not as wanted."""
    word = "field" if what == "annotation" else "attribute"
    for name, need in wanted.items():
        alike = [attributes for one, attributes in have if one == name]
        if isinstance(need, int):
            if len(alike) != need:
                yield (
                    f"{whose} has {_count(len(alike), what)} `{name}`; "
                    f"it should have {need or 'none'}."
                )
        elif not alike:
            close = difflib.get_close_matches(name, {one for one, _ in have}, 1, 0.8)
            other = f"; did you mean it by `{close[0]}`?" if close else "."
            yield f"{whose} has no {what} `{name}`{other}"
        else:
            where = f"The {what} `{name}` of {whose}"
            wrong = [next(compare_attributes(need, one, where, word), None) for one in alike]
            if all(wrong) and wrong[0] is not None:
                yield wrong[0]


def compare_attributes(
    wanted: Mapping[str, Any], have: Mapping[str, Any], where: str, word: str = "attribute"
) -> Iterator[str]:
    """Yield a sentence for each attribute that is not as wanted; ``where`` begins it."""
    for key, want in wanted.items():
        if want is None:
            if key in have:
                yield f"{where} has the {word} `{key}`; it should not."
        elif key not in have:
            close = difflib.get_close_matches(key, list(have), 1, 0.8)
            yield f"{where} has no {word} `{key}`" + (
                f"; did you mean it by `{close[0]}`?" if close else "."
            )
        elif not _fits(want, have[key]):
            value = as_text(have[key])
            value = value if len(value) <= 60 else f"{value[:60]}…"
            kind = f" ({type(have[key]).__name__})" if isinstance(want, type) else ""
            yield f"{where} has `{key}` = {value}{kind}; it should be {_words(want)}."


def _fits(want: Any, value: Any) -> bool:
    if want is ...:
        return True
    if isinstance(want, Rule):
        try:
            return want.holds(value)
        except Exception:
            return False
    if isinstance(want, type):
        if isinstance(value, bool):
            return want is bool
        return isinstance(value, (int, float) if want is float else want)
    if isinstance(want, (list, tuple)) and isinstance(value, (list, tuple)):
        return list(value) == list(want)
    return bool(value == want)


def _words(want: Any) -> str:
    if isinstance(want, Rule):
        return want.words
    if isinstance(want, type):
        return _TYPES.get(want, want.__name__)
    return as_text(want)


def _texts(span: SpanRecord) -> Iterator[tuple[str, str]]:
    yield "the name", span.name
    yield "the status message", span.status_message
    for key, value in span.attributes.items():
        yield f"the attribute `{key}`", as_text(value)
    for event in span.events:
        yield "the name of an event", event.name
        for key, value in event.attributes.items():
            yield f"the event `{event.name}` (`{key}`)", as_text(value)
    for annotation in span.annotations:
        for key, value in annotation.fields.items():
            yield f"the annotation `{annotation.name}` (`{key}`)", as_text(value)


def expected_text(expected: Sequence[ExpectedSpan]) -> str:
    """Draw expected trees as text, one line a span."""
    return "\n".join(draw(tuple(expected), lambda one: one.children, _label, _LIMIT))


def _label(one: ExpectedSpan) -> str:
    parts = [one.name if one.times == 1 else f"{one.name} ({one.times or '1 or more'} times)"]
    parts += [one.kind] if one.kind else []
    parts += [f"status {one.status}"] if one.status else []
    lines = ["  ".join(parts)]
    for key, want in one.attributes.items():
        lines.append(f"no {key}" if want is None else key + _brief(want))
    for what, named in (("event", one.events), ("annotation", one.annotations)):
        for name, need in named.items():
            if need == 0:
                lines.append(f"no {what} {name}")
            else:
                lines.append(f"{what} {name}" + (_times(need) if isinstance(need, int) else ""))
    lines += [f"link to {name}" for name in one.links]
    return "\n".join(lines)


def _every(expected: Sequence[ExpectedSpan]) -> Iterator[ExpectedSpan]:
    for one in expected:
        yield one
        yield from _every(one.children)


def _brief(want: Any) -> str:
    if want is ...:
        return ""
    if isinstance(want, (type, Rule)):
        return f": {_words(want)}"
    text = " ".join(as_text(want).split())
    return f" = {text[:40]}{'…' if len(text) > 40 else ''}"


def _times(number: int) -> str:
    return "" if number == 1 else f" ({number} times)"


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}" + ("" if number == 1 else "s")


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
