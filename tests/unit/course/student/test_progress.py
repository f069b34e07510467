"""The command that shows the progress and forgets it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.student import kept, progress


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path))
    return tmp_path


@pytest.mark.parametrize(
    ("answer", "left"), [("yes", 0), ("y", 0), ("no", 1), ("", 1), (EOFError, 1)]
)
def test_the_command_asks_before_it_resets(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str | type, left: int
) -> None:
    kept.remember("01.1")

    def reply(question: str) -> str:
        assert "lesson 01" in question
        if isinstance(answer, str):
            return answer
        raise answer

    monkeypatch.setattr("builtins.input", reply)
    assert progress.main(["--reset", "01"]) == (0 if left == 0 else 1)
    assert len(kept.passed()) == left


def test_the_command_resets_unasked_with_yes_and_knows_its_lessons(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kept.remember("00.1")
    assert progress.main(["--reset", "77"]) == 2
    assert "77" in capsys.readouterr().err
    assert progress.main(["--reset", "--yes"]) == 0
    assert kept.passed() == {}
    assert progress.main([]) == 0
    first, *_ = load_lessons()
    shortest, longest = first.minutes
    assert (
        f"{first.number} {first.title}, {shortest} to {longest} minutes: "
        f"0 of {len(catalog.of_lesson(first.number))} passed"
    ) in capsys.readouterr().out


@pytest.mark.slow
def test_the_module_runs_as_a_command(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "rag_tutorials.course.student.progress"],
        env={**os.environ, "COURSE_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Whole course: 0 of" in ran.stdout
    assert ran.stderr == ""
