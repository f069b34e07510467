"""Write the patients of lesson 14 into its notebook.

``python scripts/clinic.py``, in the course's environment, after a patient was added or changed. A
patient has four cells: its chart, its program, its check and its solution.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag_tutorials.course.base.manifest import find_lesson
from rag_tutorials.course.exercises.clinic import patients
from rag_tutorials.course.exercises.clinic.patient import GROUPS, LESSON, Patient

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "14_clinic.ipynb"
BEFORE = "ward"  # the cell that the patients follow
PATIENTS = re.compile(rf"(chart|exercise|check|solution)-{LESSON}-\d+")


def chart(number: int, patient: Patient, first: bool) -> str:
    """Return what is known of a patient, below its group's heading if it is the first one there."""
    lesson, heading = patient.taught
    title = find_lesson(lesson).title
    parts = [f"## {patient.group}", GROUPS[patient.group]] if first else []
    parts += [
        f"### Patient {LESSON}.{number}: {patient.title}",
        f"> {patient.complaint}",
        "What does it have? One of:",
        "\n".join(f'- `"{choice}"`' for choice in patient.choices),
        "<details><summary>Where it is taught, and who asks</summary>",
        f"Taught in [{lesson[:2]} {title}]({lesson}.ipynb), *{heading}*. Asked in "
        f"{patient.threads}.",
        "</details>",
    ]
    return "\n\n".join(parts)


def cells_of(number: int, patient: Patient, first: bool) -> Iterator[dict[str, Any]]:
    """Yield the four cells of a patient."""
    exercise, diagnosis = patient.exercise(number), patient.prediction(number)
    name, place = patient.function, f"{LESSON}-{number}"
    check = f'course.check("{exercise.id}", {name})'
    program = (
        f'course.predict("{diagnosis.id}", ...)\n\n\n{patient.program.strip()}\n\n\n'
        f'course.reveal("{diagnosis.id}", clinic.run({name}))'
    )
    solution = f"%%solution {exercise.id}\n{patient.cure.strip()}\n\n{check}"
    yield cell(f"chart-{place}", chart(number, patient, first))
    yield cell(f"exercise-{place}", program, tags=["exercise"])
    yield cell(f"check-{place}", check, tags=["check"])
    yield cell(f"solution-{place}", solution, jupyter={"source_hidden": True}, tags=["solution"])


def cell(identity: str, source: str, **metadata: Any) -> dict[str, Any]:
    """Return a cell as a notebook's file has it; one with tags is code."""
    made: dict[str, Any] = {"id": identity, "metadata": metadata}
    made["source"] = source.splitlines(keepends=True)
    made["cell_type"] = "code" if metadata else "markdown"
    if metadata:
        made |= {"execution_count": None, "outputs": []}
    return dict(sorted(made.items()))


def written() -> list[dict[str, Any]]:
    """Return the cells of all patients."""
    found: list[dict[str, Any]] = []
    group = ""
    for number, patient in enumerate(patients(), start=1):
        found += cells_of(number, patient, first=patient.group != group)
        group = patient.group
    return found


def placed(notebook: dict[str, Any]) -> dict[str, Any]:
    """Return the notebook with the patients in their place; its other cells stay."""
    cells = [each for each in notebook["cells"] if not PATIENTS.fullmatch(each["id"])]
    place = [each["id"] for each in cells].index(BEFORE) + 1
    return {**notebook, "cells": [*cells[:place], *written(), *cells[place:]]}


def main() -> int:
    """Write the notebook."""
    notebook = placed(json.loads(NOTEBOOK.read_text(encoding="utf-8")))
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    NOTEBOOK.write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
