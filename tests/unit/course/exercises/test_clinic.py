"""The patients of lesson 14: whole, told apart, and in the notebook as their files have them."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path

import clinic
import pytest

from rag_tutorials.course.exercises.clinic import patients
from rag_tutorials.course.exercises.clinic.patient import GROUPS, Patient
from rag_tutorials.course.judging.prediction import NO_GUESS, Revealed

NOTEBOOKS = Path(__file__).parents[4] / "notebooks"
LONGEST_PROGRAM = 19  # lines: what is above and below it makes 25
by_patient = pytest.mark.parametrize("patient", patients(), ids=lambda each: each.function)


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
    assert len({each.function for each in patients()}) == len(groups)


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
