"""Run All on an untouched notebook, as a student does: it runs, and nothing counts as solved."""

from __future__ import annotations

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.student import kept

FOLDER = Path(__file__).parents[2] / "notebooks"
LESSONS = [lesson.name for lesson in load_lessons() if catalog.of_lesson(lesson.number)]


@pytest.mark.parametrize("name", LESSONS)
def test_run_all(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path))
    monkeypatch.delenv("COURSE_PROVE_EXERCISES", raising=False)
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", 4)
    NotebookClient(notebook, timeout=120, resources={"metadata": {"path": FOLDER}}).execute()

    said = {"check": [], "solution": []}
    for cell in notebook.cells:
        for tag in said.keys() & set(cell.metadata.get("tags", [])):
            parts = [  # one text may arrive in two parts; an exporter's log is shown on purpose
                output.get("text") or output["data"]["text/plain"]
                for output in cell.outputs
                if output.get("name") != "stderr"
            ]
            said[tag] += ["".join(parts)] if parts else []
    number = len(catalog.of_lesson(name[:2]))
    assert len(said["check"]) == len(said["solution"]) == number
    for verdict in said["check"]:
        assert ": not yet." in verdict or ": not started." in verdict
    assert all("was not run" in text for text in said["solution"])
    assert kept.passed() == {}
