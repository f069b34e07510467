"""Further patients, for whoever likes: called one at a time, in cells of the student's own.

They are files like those of the notebook, their numbers go on, and they count for nothing.
"""

from __future__ import annotations

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.exercises.clinic import charts, numbered
from rag_tutorials.course.exercises.clinic.patient import LESSON, Patient
from rag_tutorials.course.judging.cells import current_shell

__all__ = ["call", "cure", "waiting"]


class Page:
    """Markdown with code below it, folded where it can be; plain text elsewhere."""

    def __init__(self, text: str, label: str, code: str) -> None:
        self._text = text
        self._label = label
        self._code = code

    def __repr__(self) -> str:
        return f"{self._text}\n\n{self._label}:\n\n{self._code}"

    def _repr_markdown_(self) -> str:
        folded = f"```python\n{self._code}\n```\n\n</details>"
        return f"{self._text}\n\n<details><summary>{self._label}</summary>\n\n{folded}"


def waiting() -> dict[int, Patient]:
    """Return who waits, by number."""
    return numbered(__name__)


def call(number: int) -> Page:
    """Show a patient's chart, and put its program into a new cell below, where that can be done.

    Raises:
        CourseError: nobody with this number waits.
    """
    patient = _patient(number)
    program = charts.program(number, patient)
    shell = current_shell()
    if shell is not None:
        shell.set_next_input(program)
    work = (
        "Its program is in the next cell: run it, diagnose, mend. Then, in a cell of its own, "
        f"`{charts.check(number, patient)}`. `waiting_room.cure({number})` tells the solution."
    )
    text = f"{charts.chart(number, patient)}\n\n{work}"
    return Page(text, "No new cell below? Copy the program from here", program)


def cure(number: int) -> Page:
    """Show a patient's solution.

    Raises:
        CourseError: nobody with this number waits.
    """
    patient = _patient(number)
    code = f"{patient.cure.strip()}\n\n\n{charts.check(number, patient)}"
    return Page(f"**{LESSON}.{number} {patient.title}**", "Solution", code)


def _patient(number: int) -> Patient:
    known = waiting()
    if number not in known:
        raise CourseError(
            f"Nobody with the number {number!r} waits; call one of {min(known)} to {max(known)}."
        )
    return known[number]
