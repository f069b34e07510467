"""The patients of lesson 14: whole, told apart, and in the notebook as their files have them.

Those of the waiting room too: called one at a time, and in no proof or sum.
"""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import clinic
import pytest

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.exercises.clinic import charts, numbered, patients, waiting_room
from rag_tutorials.course.exercises.clinic.patient import GROUPS, Patient
from rag_tutorials.course.exercises.clinic.waiting_room import waiting
from rag_tutorials.course.judging import catalog, cells
from rag_tutorials.course.judging.prediction import NO_GUESS, Revealed

NOTEBOOKS = Path(__file__).parents[4] / "notebooks"
LONGEST_PROGRAM = 19  # lines: what is above and below it makes 25
EVERYBODY = (*patients(), *waiting().values())
by_patient = pytest.mark.parametrize("patient", EVERYBODY, ids=lambda each: each.function)


def headings(lesson: str) -> list[str]:
    cells = json.loads((NOTEBOOKS / f"{lesson}.ipynb").read_text(encoding="utf-8"))["cells"]
    text = "\n".join("".join(each["source"]) for each in cells if each["cell_type"] == "markdown")
    return re.findall(r"(?m)^#{2,3} (.+)$", text)


def test_the_notebook_has_the_patients_as_their_files_say() -> None:
    notebook = json.loads(clinic.NOTEBOOK.read_text(encoding="utf-8"))
    assert clinic.placed(notebook) == notebook, "run `python scripts/clinic.py`"


def test_there_are_patients_of_all_five_groups_in_their_order() -> None:
    groups = [each.group for each in patients()]
    assert list(dict.fromkeys(groups)) == list(GROUPS)
    assert groups == sorted(groups, key=list(GROUPS).index)
    assert len(groups) >= 12
    assert len({each.function for each in EVERYBODY}) == len(EVERYBODY)


@by_patient
def test_a_patients_chart_leads_to_a_section_that_exists(patient: Patient) -> None:
    lesson, heading = patient.taught
    assert heading in headings(lesson)


@by_patient
def test_program_and_cure_are_one_function_that_differs(patient: Patient) -> None:
    for text in (patient.program, patient.cure):
        [function] = ast.parse(text).body
        assert isinstance(function, ast.FunctionDef)
        assert function.name == patient.function
        assert [each.arg for each in function.args.args] == ["phoenix", "project"]
    assert patient.program != patient.cure
    assert len(patient.program.strip().splitlines()) <= LONGEST_PROGRAM


@by_patient
def test_each_wrong_diagnosis_is_told_what_speaks_against_it(patient: Patient) -> None:
    prediction = patient.prediction(1)
    assert len(patient.choices) == len(patient.against) + 1 >= 4
    for choice in patient.choices:
        assert re.fullmatch(r"[\w., -]+", choice), "it stands in code, in Markdown"
        said = repr(Revealed(prediction, choice, patient.diagnosis))
        assert (patient.because in said) == (choice == patient.diagnosis)
        assert patient.against.get(choice, patient.because) in said
    untold = repr(Revealed(prediction, NO_GUESS, patient.diagnosis))
    assert patient.because not in untold
    assert all(choice in untold for choice in patient.choices)


def test_the_numbers_go_on_in_the_waiting_room() -> None:
    assert list(numbered()) == list(range(1, len(patients()) + 1))
    assert list(waiting()) == list(range(len(patients()) + 1, len(EVERYBODY) + 1))
    assert len({each.title for each in EVERYBODY}) == len(EVERYBODY)


def test_who_waits_is_found_by_id_and_is_no_part_of_the_lesson() -> None:
    extra = catalog.extra_of("14")
    assert len(extra.exercises) == len(extra.predictions) == len(waiting())
    ids = [one.id for one in (*extra.exercises, *extra.predictions)]
    assert len(set(ids)) == len(ids)
    for exercise in extra.exercises:
        assert catalog.find(exercise.id) is exercise
        assert exercise not in catalog.of_lesson("14")
    for prediction in extra.predictions:
        assert catalog.find_prediction(prediction.id) is prediction
        assert prediction not in catalog.predictions_of("14")
    assert not catalog.extra_of("01").exercises


class Shell:
    """The part of IPython that is asked for a new cell."""

    def __init__(self) -> None:
        self.cells: list[str] = []

    def set_next_input(self, text: str, replace: bool = False) -> None:
        assert not replace, "the cell that calls would be lost"
        self.cells.append(text)


@pytest.mark.parametrize(("number", "patient"), waiting().items())
def test_a_call_shows_the_chart_and_makes_a_cell_of_the_program(
    number: int, patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    shell = Shell()
    monkeypatch.setattr(waiting_room, "current_shell", lambda: shell)
    page = waiting_room.call(number)
    [cell] = shell.cells
    assert cell == charts.program(number, patient)
    compile(cell, "cell", "exec")
    for shown in (repr(page), page._repr_markdown_()):
        assert patient.complaint in shown
        assert all(choice in shown for choice in patient.choices)
        assert f'course.check("14.{number}", {patient.function})' in shown
        assert cell in shown
        assert patient.because not in shown
        assert patient.cure.strip() not in shown


def test_without_a_shell_the_program_is_in_what_is_printed() -> None:
    assert cells.current_shell() is None
    [number, *_], [patient, *_] = waiting(), waiting().values()
    assert patient.program.strip() in repr(waiting_room.call(number))


@pytest.mark.parametrize(("number", "patient"), waiting().items())
def test_a_cure_is_told_on_demand_and_folded(number: int, patient: Patient) -> None:
    page = waiting_room.cure(number)
    assert patient.cure.strip() in repr(page)
    shown, folded = page._repr_markdown_().split("<details>")
    assert "def " not in shown
    assert patient.cure.strip() in folded


@pytest.mark.parametrize("number", [1, 0, 99, "13", None])
def test_whoever_does_not_wait_cannot_be_called(number: object) -> None:
    known = f"one of {min(waiting())} to {max(waiting())}"
    with pytest.raises(CourseError, match=known):
        waiting_room.call(number)  # type: ignore[arg-type]
    with pytest.raises(CourseError, match=known):
        waiting_room.cure(number)  # type: ignore[arg-type]
