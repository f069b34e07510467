"""A judgement is three steps in a row: read the traces, compare, say."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded.asking import trouble
from rag_tutorials.course.judging import attempt, cells
from rag_tutorials.course.judging.comparing import expected_of, mistakes_of, sentence_on
from rag_tutorials.course.judging.drawing import Drawing
from rag_tutorials.course.judging.exercise import Exercise
from rag_tutorials.course.judging.given import is_empty_function, is_unfinished, wrong_type
from rag_tutorials.course.judging.mistake import Mistake
from rag_tutorials.course.judging.seen import Seen
from rag_tutorials.course.judging.surroundings import Surroundings
from rag_tutorials.course.judging.verdict import NOT_STARTED, NOT_YET, PASSED, UNABLE, Verdict

_PATIENCE_S = 10.0  # of a busy machine's Phoenix
_FEW = 3  # traces that help to see a mistake where no tree is expected
_failures: Counter[str] = Counter()
_last: dict[str, str] = {}  # the mistake that an exercise's own hint was shown for


def judge(course: Surroundings, exercise: Exercise, given: Sequence[Any]) -> Verdict:
    """Look at what the student gave, and say how the exercise stands.

    A student's mistake is a sentence in the verdict, never an error.
    """
    if sentence := cells.stale():
        return Verdict(exercise, NOT_YET, sentence)
    if not given or any(is_unfinished(one) for one in given):
        return _not_started(exercise)
    if sentence := wrong_type(exercise, given):
        return _not_yet(exercise, [Mistake(sentence)], Seen(course, given))
    if said := trouble(course.phoenix_url, _PATIENCE_S):
        return Verdict(
            exercise,
            UNABLE,
            f"{said}; run the cells at the top of this notebook again, then this one.",
        )
    try:
        return _judge(course, exercise, given)
    except CourseError as error:
        return Verdict(exercise, UNABLE, str(error))


def _judge(course: Surroundings, exercise: Exercise, given: Sequence[Any]) -> Verdict:
    seen = Seen(course, given)
    if exercise.run is not None:
        provider = trace.get_tracer_provider()
        if not isinstance(provider, TracerProvider):
            return Verdict(
                exercise,
                UNABLE,
                "There is no tracer provider, so no span is recorded; run the cell with "
                "register() at the top of this notebook, then this one.",
            )
        seen = attempt.run(course, exercise, given, provider)
        if _is_untouched(seen):
            return _not_started(exercise)
    expected = expected_of(exercise, seen)
    attempt.read(seen, exercise, () if isinstance(expected, Mistake) else expected)
    mistakes = mistakes_of(exercise, seen, expected)
    if mistakes:
        drawn = None
        few = bool(expected) or len(seen.found.trace_ids) <= _FEW
        if exercise.facts is None and not isinstance(expected, Mistake) and few:
            drawn = Drawing(expected, seen.found, mistakes, seen.links)
        return _not_yet(exercise, mistakes, seen, drawn)
    for kept in (_failures, _last):
        kept.pop(exercise.id, None)
    return Verdict(exercise, PASSED, link=_link(seen), seen=seen)


def _is_untouched(seen: Seen) -> bool:
    silent = seen.error is None and seen.returned is None and not len(seen.made)
    return (
        seen.returned is ...
        or (silent and is_empty_function(seen.given[0]))
        or isinstance(seen.error, NotImplementedError)
    )


def _not_started(exercise: Exercise) -> Verdict:
    return Verdict(
        exercise,
        NOT_STARTED,
        "Write your part in the cell above, where the `...` is, run it, then run this cell again.",
    )


def _not_yet(
    exercise: Exercise, mistakes: Sequence[Mistake], seen: Seen, drawn: Drawing | None = None
) -> Verdict:
    first = mistakes[0]
    # A mistake's own hint comes first; seen again, the next general one joins it.
    general = ""
    if not first.hint or _last.get(exercise.id) == first.sentence:
        general = exercise.hints[min(_failures[exercise.id], len(exercise.hints) - 1)]
        _failures[exercise.id] += 1
    _last[exercise.id] = first.sentence
    looks = bool(exercise.expect or exercise.also)
    found = drawn.found(exercise.without) if drawn else ""
    return Verdict(
        exercise,
        NOT_YET,
        sentence_on(exercise, mistakes),
        expected=drawn.expected() if drawn else "",
        found=found or ("(no span)" if drawn and looks else ""),
        hint=first.hint,
        general_hint=general,
        link=_link(seen),
        seen=seen,
    )


def _link(seen: Seen) -> Any:
    return seen.course.link(seen.found.trace_ids[0]) if seen.found.trace_ids else None
