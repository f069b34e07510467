"""Solutions in the notebook: not run for a student, proven in CI.

A solution cell begins with ``%%solution 01.2``. In a student's kernel the magic says that it was
not run. Where ``COURSE_PROVE_EXERCISES=1`` is set, as for the notebook tests, it proves the
exercise: its check must have failed on the starter, and must pass in the solution.
"""

from __future__ import annotations

import os
from typing import Any

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.verdict import NOT_STARTED, NOT_YET, Verdict

PROVE_VARIABLE = "COURSE_PROVE_EXERCISES"

_red: set[str] = set()
_green: set[str] = set()
_solving: list[str] = []


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


def require_proof(lesson: str) -> None:
    """Require that each exercise of a lesson failed unsolved and passed solved.

    Raises:
        AssertionError: some were not; the sentence lists them.
    """
    ids = [exercise.id for exercise in catalog.of_lesson(lesson)]
    missing = [each for each in ids if each not in _red or each not in _green]
    assert not missing, (
        f"Not proven in this notebook: {', '.join(missing)}; each exercise needs a check cell "
        "after its starter and a %%solution cell whose check passes."
    )


def solution(line: str, cell: str) -> None:
    """Run a solution if it is to be proven, else say how to run it. The cell magic's body.

    Raises:
        CourseError: there is no such exercise.
        AssertionError: the proof fails.
    """
    exercise = catalog.find(line.strip())
    if not proving():
        print(
            f"The solution of {exercise.id} was not run. To run it, delete the first line of this "
            "cell (%%solution …)."
        )
        return
    assert exercise.id in _red, (
        f"The check of {exercise.id} did not run before its solution, so nothing shows that it "
        "fails on the starter."
    )
    shell = _shell()
    if shell is None:
        raise CourseError("%%solution works in IPython only.")
    _solving.append(exercise.id)
    try:
        result = shell.run_cell(cell, store_history=False)
    finally:
        _solving.pop()
    error = result.error_before_exec or result.error_in_exec
    assert error is None, f"The solution of {exercise.id} raised {error!r}."
    assert exercise.id in _green, f"The solution of {exercise.id} does not call its check."


def register_magic() -> None:
    """Make ``%%solution`` known to IPython; outside IPython, do nothing."""
    shell = _shell()
    if shell is not None:
        shell.register_magic_function(solution, magic_kind="cell", magic_name="solution")


def _shell() -> Any:
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()
