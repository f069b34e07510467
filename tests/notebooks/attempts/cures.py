"""What is tried on the clinic's patients, those of the notebook and those of the waiting room."""

from attempts import Attempt, changed, tries
from rag_tutorials.course.exercises.clinic import patients
from rag_tutorials.course.exercises.clinic.waiting_room import waiting

_PATIENTS = {**dict(enumerate(patients(), start=1)), **waiting()}
_NUMBERS = {each.function: number for number, each in _PATIENTS.items()}
SICK = {each.function: each.program.strip() for each in _PATIENTS.values()}
CURED = {each.function: each.cure.strip() for each in _PATIENTS.values()}


def cures(
    name: str, starter: str, right: dict[str, str], wrong: dict[str, tuple[str, str]]
) -> list[Attempt]:
    """Return the attempts at a patient; its own cure is right, and as it came it is wrong."""
    return tries(
        f"14.{_NUMBERS[name]}",
        name,
        {"its own cure": CURED[name], **right},
        {"as it came": (SICK[name], starter), **wrong},
    )


def sick(name: str, *changes: tuple[str, str]) -> str:
    """Return a patient's program as it came, with parts replaced."""
    return changed(SICK[name], *changes)


def cured(name: str, *changes: tuple[str, str]) -> str:
    """Return a patient's own cure with parts replaced."""
    return changed(CURED[name], *changes)
