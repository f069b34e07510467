"""Compare an answer with the truth: strict in what it says, lenient in how it says it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

READING_ERROR = 0.01  # a fraction read off a screen is rounded, or cut, to two digits


def agrees(answer: Any, truth: Any) -> bool:
    """Say whether an answer says the same as the truth.

    The truth's type says what counts. In a tuple each place has its meaning; a list or a set is
    a collection, which may come in any order and container, one value standing for a collection of
    one. Text is compared without case and outer blanks, a fraction as far as two digits go.
    """
    if isinstance(truth, Mapping):
        return isinstance(answer, Mapping) and _same_entries(answer, truth)
    if isinstance(truth, tuple):
        places = None if isinstance(answer, (set, frozenset)) else _items(answer)
        return (
            places is not None
            and len(places) == len(truth)
            and all(agrees(one, other) for one, other in zip(places, truth, strict=True))
        )
    if isinstance(truth, (list, set, frozenset)):
        items = _items(answer)
        items = [answer] if items is None else items
        if isinstance(truth, list):
            return _same_items(items, truth)
        return all(any(agrees(one, other) for other in truth) for one in items) and all(
            any(agrees(one, other) for one in items) for other in truth
        )
    if isinstance(truth, str):
        return isinstance(answer, str) and _plain(answer) == _plain(truth)
    if isinstance(truth, bool) or isinstance(answer, bool):
        return answer is truth
    if isinstance(truth, float) and isinstance(answer, Real):
        return abs(float(answer) - truth) < READING_ERROR
    return bool(answer == truth)


def mistyped(answer: Any, truth: Any, which: str = "") -> str | None:
    """Return a sentence if an answer of this type cannot be right: text for a number, one for many.

    A single value may stand for a collection of one, so only text that lists several is told.
    ``which`` says which of several answers it is: ``" for 'root'"``.
    """
    if isinstance(truth, Real) and not isinstance(truth, bool) and isinstance(answer, str):
        return f"{answer!r}{which} is text; a number is needed here, without quotes."
    if isinstance(truth, str) and isinstance(answer, Real) and not isinstance(answer, bool):
        return f"{answer!r}{which} is a number; text is needed here, in quotes."
    texts = isinstance(truth, (list, tuple, set, frozenset)) and {type(one) for one in truth}
    if texts == {str} and isinstance(answer, Real) and not isinstance(answer, bool):
        return f"{answer!r}{which} is a number; a list of texts is needed here, each in quotes."
    if isinstance(truth, (Real, str)) and _items(answer) is not None:
        return f"{answer!r}{which} is a collection; one value is needed here."
    several = isinstance(truth, (list, tuple, set, frozenset)) and isinstance(answer, str)
    if several and "," in answer and not agrees(answer, truth):
        return (
            f"{answer!r}{which} is one text; a list is needed here, each entry in its own quotes."
        )
    return None


def in_words(value: Any) -> str:
    """Return a value as a sentence says it: text bare, a collection with commas."""
    if isinstance(value, str):
        return value
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {in_words(one)}" for key, one in value.items()) or "nothing"
    if isinstance(value, (set, frozenset)):
        return ", ".join(sorted(map(in_words, value))) or "none"
    if isinstance(value, (list, tuple)):
        return ", ".join(map(in_words, value)) or "none"
    return str(value)


def _items(answer: Any) -> list[Any] | None:
    """Return what a container holds, in its order; ``None`` for a single value."""
    if isinstance(answer, (str, bytes, Mapping)) or not isinstance(answer, Iterable):
        return None
    try:
        return list(answer)
    except TypeError:  # an array of no dimension
        return None


def _same_entries(answer: Mapping[Any, Any], truth: Mapping[Any, Any]) -> bool:
    given = {_plain(key): value for key, value in answer.items()}
    wanted = {_plain(key): value for key, value in truth.items()}
    return given.keys() == wanted.keys() and all(
        agrees(given[key], value) for key, value in wanted.items()
    )


def _same_items(answer: list[Any], truth: list[Any]) -> bool:
    left = list(truth)
    for one in answer:
        match = next((place for place, other in enumerate(left) if agrees(one, other)), None)
        if match is None:
            return False
        del left[match]
    return not left


def _plain(text: Any) -> Any:
    return " ".join(text.split()).casefold() if isinstance(text, str) else text
