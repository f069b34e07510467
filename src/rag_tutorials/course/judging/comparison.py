"""The differences between the trace that an exercise expects and the one found."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, pairwise
from typing import Any

from rag_tutorials.course.judging.expected import TYPE_WORDS, ExpectedSpan, Rule, every
from rag_tutorials.course.judging.mistake import Mistake
from rag_tutorials.course.traces.annotations import Annotation
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.spans import Event, SpanRecord, as_text

_KIND_HINT = "The kind is the attribute `openinference.span.kind`, with the value `{}`."
_LATE_HINT = (
    "An attribute was set after the end of its span, and is lost: set it inside the `with` block."
)
_ENDS_HINT = "Open it with `with tracer.start_as_current_span(...)`: the block ends it."


@dataclass(slots=True)
class Comparison:
    """Expected trees against what was found.

    ``links`` gives a span's links as span ids: Phoenix does not keep them, the SDK's span does.
    ``late`` says that an attribute was set on a span that had ended, and so was lost.
    """

    expected: tuple[ExpectedSpan, ...]
    found: Found
    links: Callable[[SpanRecord], Sequence[str]] = lambda span: ()
    more_traces: bool = False
    without: tuple[str, ...] = ()
    late: bool = False
    _pairs: list[tuple[ExpectedSpan, SpanRecord]] = field(default_factory=list)

    def differences(self) -> Iterator[Mistake]:
        """Yield the differences: nesting first, then what the spans hold."""
        self._pairs.clear()
        if self.expected:
            for orphan in self.found.orphans:
                yield Mistake(
                    f"`{orphan.name}` is an orphan: it has a parent, but the parent is not in "
                    "Phoenix (it never ended, or was sent elsewhere).",
                    self._hint_of_its_parent(orphan) or _ENDS_HINT,
                    ((orphan.span_id, ""),),
                )
            yield from self._nesting(self.expected, None)
            yield from self._trace_count()
        for wanted, span in self._pairs:
            yield from self._content(wanted, span)
        yield from self._secrets()

    def _hint_of_its_parent(self, orphan: SpanRecord) -> str:
        """Return what is said of the expected parent, if that one is nowhere."""
        parents = (
            one
            for one in every(self.expected)
            if any(child.name == orphan.name for child in one.children)
        )
        return next((one.hint for one in parents if not self.found.named(one.name)), "")

    def _nesting(
        self,
        wanted: tuple[ExpectedSpan, ...],
        parent: SpanRecord | None,
        exact: bool = False,
        ordered: bool = True,
    ) -> Iterator[Mistake]:
        present = self.found.roots if parent is None else self.found.children(parent)
        under = f" under `{parent.name}`" if parent else ""
        pairs: list[tuple[ExpectedSpan, SpanRecord]] = []
        for name in dict.fromkeys(one.name for one in wanted):
            alike = [one for one in wanted if one.name == name]
            have = [span for span in present if span.name == name]
            any_number = any(one.times is None for one in alike)
            need = sum(1 if one.times is None else one.times for one in alike)
            if len(have) < need:
                yield self._missing(alike[0], parent, len(have), need)
            elif len(have) > need and not any_number:
                what = f"{_count(len(have), 'span')} `{name}`{under}"
                yield Mistake(
                    f"There {_are(len(have))} {what}; there should be {need or 'none'}.",
                    alike[0].hint,
                    ((alike[0], ""), *((span.span_id, "") for span in have)),
                )
            slots = [one for one in alike for _ in range(1 if one.times is None else one.times)]
            slots += [alike[-1]] * (len(have) - len(slots)) if any_number else []
            pairs += zip(slots, have, strict=False) if ordered else self._by_content(slots, have)
        if exact:
            names = {one.name for one in wanted}
            for span in present:
                if span.name not in names:
                    yield Mistake(
                        f"`{span.name}` is one span too many{under}.", marks=((span.span_id, ""),)
                    )
        self._pairs += pairs
        for one, span in pairs:
            yield from self._nesting(one.children, span, one.exact, one.ordered)
            if one.ordered:
                yield from self._order(one, span)

    def _by_content(
        self, slots: Sequence[ExpectedSpan], have: Sequence[SpanRecord]
    ) -> list[tuple[ExpectedSpan, SpanRecord]]:
        """Pair spans that may start in any order so that as many as can be fit their slot.

        A largest matching by augmenting paths (Kuhn); what fits nowhere fills up in order.
        """
        if len(set(map(id, slots))) < 2:
            return list(zip(slots, have, strict=False))
        holder: dict[int, int] = {}  # the place in `have`, and the slot that holds it

        def place(slot: int, tried: set[int]) -> bool:
            for at, span in enumerate(have):
                if at not in tried and self._is_right(slots[slot], span):
                    tried.add(at)
                    if at not in holder or place(holder[at], tried):
                        holder[at] = slot
                        return True
            return False

        for slot in range(len(slots)):
            place(slot, set())
        fitting = {slot: have[at] for at, slot in holder.items()}
        empty = [slot for slot in range(len(slots)) if slot not in fitting]
        over = [span for at, span in enumerate(have) if at not in holder]
        fitting |= dict(zip(empty, over, strict=False))
        return [(slots[slot], span) for slot, span in fitting.items()]

    def _is_right(self, wanted: ExpectedSpan, span: SpanRecord) -> bool:
        """Return whether a span and all below it are as wanted."""
        alone = replace(self, _pairs=[(wanted, span)])
        nesting = alone._nesting(wanted.children, span, wanted.exact, wanted.ordered)
        order = alone._order(wanted, span) if wanted.ordered else ()
        if any(True for _ in chain(nesting, order)):
            return False
        return not any(True for pair in alone._pairs for _ in alone._content(*pair))

    def _missing(
        self, wanted: ExpectedSpan, parent: SpanRecord | None, have: int, need: int
    ) -> Mistake:
        name = wanted.name
        place = f"a child of `{parent.name}`" if parent else "a root span"
        for span in self._misplaced(name):
            above = self.found.parent(span)
            if parent is not None and above is not None and above.name == parent.name:
                continue
            if above is None and parent is None:
                continue
            where = f"a child of `{above.name}`" if above else "a root span"
            if span in self.found.orphans:
                where = "an orphan"
            hint = (
                f"`{name}` has to be started while `{parent.name}` is current."
                if parent
                else (f"`{name}` has to be started while no other span is current.")
            )
            return Mistake(
                f"`{name}` is {where}; it should be {place}.",
                wanted.hint or hint,
                ((wanted, ""), (span.span_id, "")),
            )
        if self.found.named(name):
            under = f" under `{parent.name}`" if parent else ""
            what = f"{_count(have, 'span')} `{name}`{under}"
            return Mistake(
                f"There {_are(have)} {what}; there should be {need}.", wanted.hint, ((wanted, ""),)
            )
        meant = self._meant(wanted, parent)
        other = f"; did you mean it by `{meant.name}`?" if meant else "."
        marks = ((meant.span_id, ""),) if meant else ()
        return Mistake(
            f"There is no span named `{name}`{other}", wanted.hint, ((wanted, ""), *marks)
        )

    def _misplaced(self, name: str) -> Iterator[SpanRecord]:
        """Yield the spans of this name that are one too many where they are."""
        room = Counter(_places(self.expected, name))
        for span in self.found.named(name):
            above = self.found.parent(span)
            place = above.name if above else None
            if room[place] and span not in self.found.orphans:
                room[place] -= 1
            else:
                yield span

    def _meant(self, wanted: ExpectedSpan, parent: SpanRecord | None) -> SpanRecord | None:
        """Return the span that may be meant: nobody else's name, in this place or alike."""
        names = {one.name for one in every(self.expected)}
        free = [span for span in self.found.spans if span.name not in names]
        here = [span for span in free if parent and span.parent_id == parent.span_id]
        for some in (here, free):
            if close := difflib.get_close_matches(wanted.name, {span.name for span in some}, 1):
                return next(span for span in some if span.name == close[0])
        alike = [span for span in here if span.kind == wanted.kind]
        return alike[0] if len(alike) == 1 else None

    def _order(self, wanted: ExpectedSpan, parent: SpanRecord) -> Iterator[Mistake]:
        names = list(dict.fromkeys(child.name for child in wanted.children))
        first_of = {
            name: next((one for one in self.found.children(parent) if one.name == name), None)
            for name in names
        }
        for one, other in pairwise(names):
            first, second = first_of[one], first_of[other]
            if first and second and first.start > second.start:
                yield Mistake(
                    f"`{other}` starts before `{one}`; it should start after it.",
                    marks=((first.span_id, ""), (second.span_id, "")),
                )

    def _trace_count(self) -> Iterator[Mistake]:
        need = sum(1 if one.times is None else one.times for one in self.expected)
        open_ended = any(one.times is None for one in self.expected)
        have = len(self.found.trace_ids)
        if have <= need or self.more_traces or open_ended:
            return
        names = {one.name for one in self.expected}
        others = [root for root in self.found.roots if root.name not in names]
        extra = f": `{others[0].name}` has a trace of its own" if others else ""
        yield Mistake(
            f"There are {have} traces{extra}; there should be {need}.",
            marks=tuple((root.span_id, "") for root in others),
        )

    def _content(self, wanted: ExpectedSpan, span: SpanRecord) -> Iterator[Mistake]:
        def mistake(sentence: str, key: str, hint: str = "") -> Mistake:
            return Mistake(sentence, wanted.hint or hint, ((wanted, key), (span.span_id, key)))

        if wanted.kind is not None and span.kind != wanted.kind:
            yield mistake(
                f"`{span.name}` has the kind {span.kind}; it should be {wanted.kind}.",
                "",
                _KIND_HINT.format(wanted.kind),
            )
        if wanted.status == "not ERROR":
            if span.status == "ERROR":
                yield mistake(f"`{span.name}` has the status ERROR; it should not.", "")
        elif wanted.status is not None and span.status != wanted.status:
            yield mistake(
                f"`{span.name}` has the status {span.status}; it should be {wanted.status}.", ""
            )
        for sentence, key, hint in attribute_mistakes(
            wanted.attributes, span.attributes, f"`{span.name}`"
        ):
            lost = self.late and key not in span.attributes
            yield mistake(sentence, key, hint or (_LATE_HINT if lost else ""))
        yield from self._events(wanted, span, mistake)
        for sentence, key, hint in annotation_mistakes(
            wanted.annotations, span.annotations, f"`{span.name}`"
        ):
            yield mistake(sentence, key, hint)
        if wanted.links:
            targets = {one.span_id: one.name for one in self.found.spans}
            linked = [targets.get(span_id, "?") for span_id in self.links(span)]
            for name in wanted.links:
                if name not in linked:
                    yield mistake(f"`{span.name}` has no link to `{name}`.", f"link to {name}")

    def _events(
        self, wanted: ExpectedSpan, span: SpanRecord, mistake: Callable[..., Mistake]
    ) -> Iterator[Mistake]:
        for name, need in wanted.events.items():
            have = [event for event in span.events if event.name == name and _is_whole(event)]
            key = f"event {name}"
            if isinstance(need, int):
                if len(have) != need:
                    hint = ""
                    if name == "exception" and len(have) > need:
                        hint = (
                            "A `with` block records an exception that leaves it, and "
                            "`record_exception` records it once more."
                            if need
                            else "An exception that leaves the `with` block is recorded by it."
                        )
                    elif name == "exception":
                        hint = (
                            "An exception that leaves the span's `with` block is recorded by it; "
                            "one that is caught inside takes `span.record_exception(error)`."
                        )
                    yield mistake(
                        f"`{span.name}` has {_count(len(have), f'`{name}` event')}; "
                        f"it should have {need or 'none'}.",
                        key,
                        hint,
                    )
            elif not have:
                yield mistake(f"`{span.name}` has no `{name}` event.", key)
            else:
                where = f"The event `{name}` of `{span.name}`"
                wrong = [
                    next(attribute_mistakes(need, event.attributes, where), None) for event in have
                ]
                if all(wrong) and wrong[0] is not None:
                    yield mistake(wrong[0][0], key, wrong[0][2])

    def _secrets(self) -> Iterator[Mistake]:
        for secret in self.without:
            for span in self.found.spans:
                for place, key, text in _texts(span):
                    if secret in text:
                        yield Mistake(
                            f"The secret is still in {place} of `{span.name}`.",
                            marks=((span.span_id, key),),
                        )


def _places(
    wanted: Sequence[ExpectedSpan], name: str, parent: str | None = None, times: int = 1
) -> Iterator[str | None]:
    """Yield the name of the parent for each span of this name that is wanted (a root: None)."""
    for one in wanted:
        number = times * (1 if one.times is None else one.times)
        if one.name == name:
            yield from [parent] * number
        yield from _places(one.children, name, one.name, number)


def annotation_mistakes(
    wanted: Mapping[str, int | Mapping[str, Any]], have: Sequence[Annotation], whose: str
) -> Iterator[tuple[str, str, str]]:
    """Yield a sentence, the key and a hint for each annotation that is not as wanted."""
    first = whose[0].upper() + whose[1:]  # where a sentence begins with it
    for name, need in wanted.items():
        key = f"annotation {name}"
        alike = [one.fields for one in have if one.name == name]
        if isinstance(need, int):
            if len(alike) != need:
                yield (
                    f"{first} has {_count(len(alike), 'annotation')} `{name}`; "
                    f"it should have {need or 'none'}.",
                    key,
                    "",
                )
        elif not alike:
            close = difflib.get_close_matches(name, {one.name for one in have}, 1, 0.8)
            other = f"; did you mean it by `{close[0]}`?" if close else "."
            yield f"{first} has no annotation `{name}`{other}", key, ""
        else:
            where = f"The annotation `{name}` of {whose}"
            wrong = [next(attribute_mistakes(need, one, where, "field"), None) for one in alike]
            if all(wrong) and wrong[0] is not None:
                yield wrong[0][0], key, wrong[0][2]


def attribute_mistakes(
    wanted: Mapping[str, Any], have: Mapping[str, Any], where: str, word: str = "attribute"
) -> Iterator[tuple[str, str, str]]:
    """Yield a sentence, the key and a hint for each attribute that is not as wanted."""
    for key, want in wanted.items():
        hint = want.hint if isinstance(want, Rule) else ""
        if want is None:
            if key in have:
                yield f"{where} has the {word} `{key}`; it should not.", key, hint
        elif key not in have:
            close = difflib.get_close_matches(key, list(have), 1, 0.8)
            other = f"; did you mean it by `{close[0]}`?" if close else "."
            yield f"{where} has no {word} `{key}`{other}", key, hint
        elif not _fits(want, have[key]):
            yield (
                f"{where} has `{key}` = {_said(want, have[key])}; it should be {_words(want)}.",
                key,
                hint or _type_hint(want, have[key]),
            )


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
    return (type(value) is type(want) and bool(value == want)) or _same_number(want, value)


def _same_number(want: Any, value: Any) -> bool:
    numbers = (int, float)
    if isinstance(want, bool) or isinstance(value, bool):
        return False
    return isinstance(want, numbers) and isinstance(value, numbers) and want == value


def _said(want: Any, value: Any) -> str:
    """Return a value as found; its type too, where that is what is wrong."""
    text = as_text(value)
    text = text if len(text) <= 60 else f"{text[:60]}…"
    kind = want if isinstance(want, type) else type(want)
    if isinstance(want, Rule) or (isinstance(value, kind) and not isinstance(value, bool)):
        return text
    return f"{text} ({_type_words(value)})"


def _type_words(value: Any) -> str:
    return {**TYPE_WORDS, list: "a list", tuple: "a list"}.get(type(value), type(value).__name__)


def _type_hint(want: Any, value: Any) -> str:
    kind = want if isinstance(want, type) else type(want)
    if kind in (int, float) and isinstance(value, str):
        return "An attribute keeps the type that it was given: set the number itself, not its text."
    return ""


def _words(want: Any) -> str:
    if isinstance(want, Rule):
        return want.words
    if isinstance(want, type):
        return TYPE_WORDS.get(want, want.__name__)
    text = as_text(want)
    if isinstance(want, str):
        return f"`{text}`" if "`" not in text else text
    return f"the number {text}" if isinstance(want, (int, float)) else text


def _is_whole(event: Event) -> bool:
    """An ``exception`` event without a type was put there by hand, and tells nothing."""
    return event.name != "exception" or "exception.type" in event.attributes


def _texts(span: SpanRecord) -> Iterator[tuple[str, str, str]]:
    yield "the name", "", span.name
    yield "the status message", "", span.status_message
    for key, value in sorted(span.attributes.items()):  # Phoenix has them in any order
        yield f"the attribute `{key}`", key, as_text(value)
    for event in span.events:
        yield "the name of an event", f"event {event.name}", event.name
        for key, value in event.attributes.items():
            yield f"the event `{event.name}` (`{key}`)", f"event {event.name}", as_text(value)
    for one in span.annotations:
        for key, value in one.fields.items():
            yield f"the annotation `{one.name}` (`{key}`)", f"annotation {one.name}", as_text(value)


def _count(number: int, word: str) -> str:
    return f"{number or 'no'} {word}" + ("" if number == 1 else "s")


def _are(number: int) -> str:
    return "is" if number == 1 else "are"
