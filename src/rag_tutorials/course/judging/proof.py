"""The proof that a notebook's exercises and predictions work, kept while CI runs it.

Where ``COURSE_PROVE_EXERCISES=1`` is set, as for the notebook tests, the check of an exercise must
fail on the starter and pass in the solution; a prediction must be asked, then revealed, in the
order of the lesson, and its answer must be what the trace says.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.answers import agrees
from rag_tutorials.course.judging.prediction import Prediction, Revealed
from rag_tutorials.course.judging.verdict import NOT_STARTED, NOT_YET, Verdict

PROVE_VARIABLE = "COURSE_PROVE_EXERCISES"

_red: set[str] = set()
_green: set[str] = set()
_solving: list[str] = []
_asked: list[str] = []
_revealed: list[str] = []


def proving() -> bool:
    """Say whether solutions are run and proven here, instead of left to the student."""
    return os.environ.get(PROVE_VARIABLE) == "1"


def note(verdict: Verdict) -> None:
    """Keep a verdict for the proof.

    Raises:
        AssertionError: the starter passes, the solution does not, or the check could not look.
    """
    exercise_id = verdict.exercise.id
    if exercise_id in _solving:
        assert verdict.passed, f"The solution of {exercise_id} does not pass its check.\n{verdict}"
        _green.add(exercise_id)
        return
    assert verdict.state in (NOT_YET, NOT_STARTED), (
        f"The check of {exercise_id} answers {verdict.state!r} on the starter; it should answer "
        f"'not yet'.\n{verdict}"
    )
    _red.add(exercise_id)


def note_asked(prediction: Prediction) -> None:
    """Keep for the proof that a prediction was asked."""
    _asked.append(prediction.id)


def note_revealed(revealed: Revealed) -> None:
    """Keep for the proof what was true of a prediction.

    Raises:
        AssertionError: it was not asked before, or its answer is not what is true.
    """
    prediction = revealed.prediction
    assert prediction.id in _asked, f"Prediction {prediction.id} is revealed before it was asked."
    same = agrees(prediction.answer, revealed.truth) and agrees(revealed.truth, prediction.answer)
    assert same, (
        f"The answer of prediction {prediction.id} is {prediction.answer!r}; true is "
        f"{revealed.truth!r}."
    )
    _revealed.append(prediction.id)


@contextmanager
def solving(exercise_id: str) -> Iterator[None]:
    """Hold verdicts on this exercise meanwhile for those of its solution.

    Raises:
        AssertionError: the check did not fail before, or was not called meanwhile.
    """
    assert exercise_id in _red, (
        f"The check of {exercise_id} did not run before its solution, so nothing shows that it "
        "fails on the starter."
    )
    _solving.append(exercise_id)
    try:
        yield
    finally:
        _solving.pop()
    assert exercise_id in _green, f"The solution of {exercise_id} does not call its check."


def require(lesson: str) -> None:
    """Require that all of a lesson was proven.

    Raises:
        AssertionError: some was not; the sentence lists it.
    """
    ids = [exercise.id for exercise in catalog.of_lesson(lesson)]
    missing = [each for each in ids if each not in _red or each not in _green]
    assert not missing, (
        f"Not proven in this notebook: {', '.join(missing)}; each exercise needs a check cell "
        "after its starter and a %%solution cell whose check passes."
    )
    wanted = [prediction.id for prediction in catalog.predictions_of(lesson)]
    for done, ids in (("asked", _asked), ("revealed", _revealed)):
        have = [each for each in dict.fromkeys(ids) if each[:2] == lesson]
        assert have == wanted, (
            f"The predictions of lesson {lesson} are {', '.join(wanted) or 'none'}; {done} were "
            f"{', '.join(have) or 'none'}."
        )
