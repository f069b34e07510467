"""Solutions in the notebook: not run for a student, proven in CI.

A solution cell begins with ``%%solution 01.2``. In a student's kernel the magic says that it was
not run. Under the proof (:mod:`~rag_tutorials.course.judging.proof`) it runs the cell.
"""

from __future__ import annotations

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.judging import catalog, proof
from rag_tutorials.course.judging.cells import current_shell


def solution(line: str, cell: str) -> None:
    """Run a solution if it is to be proven, else say how to run it. The cell magic's body.

    Raises:
        CourseError: there is no such exercise.
        AssertionError: the proof fails.
    """
    exercise = catalog.find(line.strip())
    if not proof.proving():
        print(
            f"The solution of {exercise.id} was not run. To run it, delete the first line of this "
            "cell (%%solution …)."
        )
        return
    shell = current_shell()
    if shell is None:
        raise CourseError("%%solution works in IPython only.")
    with proof.solving(exercise.id):
        result = shell.run_cell(cell, store_history=False)
        error = result.error_before_exec or result.error_in_exec
        assert error is None, f"The solution of {exercise.id} raised {error!r}."


def register_magic() -> None:
    """Make ``%%solution`` known to IPython; outside IPython, do nothing."""
    shell = current_shell()
    if shell is not None:
        shell.register_magic_function(solution, magic_kind="cell", magic_name="solution")
