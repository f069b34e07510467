"""Write the patients of lesson 14 into its notebook.

``python scripts/clinic.py``, in the course's environment, after a patient was added or changed. A
patient has four cells: its chart, its program, its check and its solution. Of those in the waiting
room there is a list, above what follows the patients.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from rag_tutorials.course.exercises.clinic import charts, patients
from rag_tutorials.course.exercises.clinic.patient import GROUPS, LESSON, Patient
from rag_tutorials.course.exercises.clinic.waiting_room import waiting

NOTEBOOK = Path(__file__).resolve().parent.parent / "notebooks" / "14_clinic.ipynb"
BEFORE = "ward"  # the cell that the patients follow
AFTER = "exit"  # the cell that follows them; the waiting room is above its own heading
WAITING_ROOM = """## The waiting room

More patients wait, for whenever you like; they count extra. Call one in a cell of your own:

```python
from rag_tutorials.course.exercises.clinic import waiting_room

waiting_room.call(13)
```

You see its chart, and its program comes into the next cell."""
PATIENTS = re.compile(rf"(chart|exercise|check|solution)-{LESSON}-\d+")


def cells_of(number: int, patient: Patient, first: bool) -> Iterator[dict[str, Any]]:
    """Yield the four cells of a patient, below its group's heading if it is the first one there."""
    place, check = f"{LESSON}-{number}", charts.check(number, patient)
    heading = f"## {patient.group}\n\n{GROUPS[patient.group]}\n\n" if first else ""
    solution = f"%%solution {patient.exercise(number).id}\n{patient.cure.strip()}\n\n{check}"
    yield cell(f"chart-{place}", heading + charts.chart(number, patient))
    yield cell(f"exercise-{place}", charts.program(number, patient), tags=["exercise"])
    yield cell(f"check-{place}", check, tags=["check"])
    yield cell(f"solution-{place}", solution, jupyter={"source_hidden": True}, tags=["solution"])


def who_waits() -> str:
    """Return the section on the waiting room, with its patients by group."""
    lines = ["| section | who waits |", "|---|---|"]
    for group in GROUPS:
        some = [f"{number} {one.title}" for number, one in waiting().items() if one.group == group]
        lines += [f"| {group} | {'; '.join(some)} |"] if some else []
    return "\n".join([WAITING_ROOM, "", *lines])


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
    after = cells[place]
    assert after["id"] == AFTER
    own = "".join(after["source"]).rpartition("## ")[2]
    after = {**after, "source": f"{who_waits()}\n\n## {own}".splitlines(keepends=True)}
    return {**notebook, "cells": [*cells[:place], *written(), after, *cells[place + 1 :]]}


def main() -> int:
    """Write the notebook."""
    notebook = placed(json.loads(NOTEBOOK.read_text(encoding="utf-8")))
    text = json.dumps(notebook, indent=1, ensure_ascii=False)
    NOTEBOOK.write_text(f"{text}\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
