"""What a student gave to a check: whether it is there, and of the right type."""

from __future__ import annotations

import dis
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from opentelemetry.trace import SpanContext, format_span_id

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.judging.exercise import Exercise
from rag_tutorials.course.traces import spans
from rag_tutorials.course.traces.spans import SpanRecord

_TYPES: Mapping[Any, str] = {
    Callable: "a function",
    Mapping: "a dictionary",
    dict: "a dictionary",
    str: "text",
    int: "a whole number",
    float: "a number",
    bool: "True or False",
    list: "a list",
    tuple: "a pair in round brackets",
    set: "a set",
    type(None): "nothing (None)",
}


def is_unfinished(given: Any) -> bool:
    """Say whether this is, or holds, the ``...`` of a starter; nothing at all counts too."""
    return given is None or _has_dots(given)


def is_empty_function(given: Any) -> bool:
    """Say whether a function's body is only ``...``, ``pass`` or a docstring."""
    code = getattr(given, "__code__", None)
    if code is None:
        return False
    return all(
        step.opname in ("RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST")
        for step in dis.get_instructions(code)
    )


def wrong_type(exercise: Exercise, given: Sequence[Any]) -> str | None:
    """Return a sentence if what was given first is not of the type that the check needs."""
    wanted: Any = exercise.given
    if wanted is None:
        if isinstance(exercise.facts, Mapping):
            wanted = Mapping
        elif exercise.run is not None and exercise.facts is None:
            wanted = Callable
        else:
            wanted = object
    if not isinstance(given[0], wanted):
        first = wanted[0] if isinstance(wanted, tuple) else wanted
        return f"The check needs {type_in_words(first)}, not {type_in_words(type(given[0]))}."
    if exercise.run is None and exercise.facts is None and not exercise.holds:
        for one in flat(given):
            try:
                spans.trace_id_of(one)
            except CourseError as error:
                return str(error)
    return None


def type_in_words(kind: Any) -> str:
    """Return a type as a sentence names it: ``a whole number``, ``a RetrievalResult``."""
    if kind in _TYPES:
        return _TYPES[kind]
    if kind.__name__ in ("function", "method", "coroutine"):
        return f"a {kind.__name__}"
    return f"{'an' if kind.__name__[0] in 'aeiouAEIOU' else 'a'} {kind.__name__}"


def flat(given: Any) -> Iterator[Any]:
    """Yield what lists, tuples and sets hold."""
    for one in given:
        if isinstance(one, (list, tuple, set)) and not isinstance(one, SpanContext):
            yield from flat(one)
        else:
            yield one


def span_id_of(target: Any) -> str | None:
    """Return the id of a span; ``None`` for a trace id."""
    if isinstance(target, SpanRecord):
        return target.span_id
    if hasattr(target, "get_span_context"):
        target = target.get_span_context()
    return format_span_id(target.span_id) if isinstance(target, SpanContext) else None


def links_of(given: Any) -> dict[str, Sequence[str]]:
    """Return the span ids that each given span links to."""
    return {
        span_id_of(one) or "": [format_span_id(link.context.span_id) for link in one.links]
        for one in flat(given)
        if hasattr(one, "links")
    }


def _has_dots(given: Any) -> bool:
    if isinstance(given, Mapping):
        return any(_has_dots(value) for value in given.values())
    if isinstance(given, (list, tuple, set)):
        return any(is_unfinished(value) for value in given)
    return given is ...
