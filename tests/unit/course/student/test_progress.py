"""Progress: remembered across kernels, shown, reset."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.checks import Exercise
from rag_tutorials.course.student import progress

HINTS = ("a", "b", "c")
FAKE = {
    "00": (Exercise(id="00.1", title="Read <b>", hints=HINTS, facts=len),),
    "01": (
        Exercise(id="01.1", title="Write", hints=HINTS, facts=len),
        Exercise(id="01.2", title="Repair", hints=HINTS, facts=len),
    ),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(catalog, "of_lesson", lambda number: FAKE.get(number, ()))
    return tmp_path


def test_the_first_pass_is_remembered(folder: Path) -> None:
    assert progress.passed() == {}
    progress.remember("01.1")
    first = progress.passed()
    progress.remember("01.1")
    progress.remember("01.2")
    assert list(progress.passed()) == ["01.1", "01.2"]
    assert progress.passed()["01.1"] == first["01.1"]


def test_what_was_passed_under_the_earlier_numbers_is_carried_over(folder: Path) -> None:
    earlier = {
        "00.1": "2026-01-01",
        "03.4": "2026-01-02",
        "03.5": "2026-01-03",
        "06.3": "2026-01-04",
    }
    (folder / "progress.json").write_text(json.dumps({"passed": earlier}))
    now = {"00.1": "2026-01-01", "09.1": "2026-01-02", "03.4": "2026-01-03", "08.1": "2026-01-04"}
    assert progress.passed() == now
    progress.remember("01.1")
    assert progress.passed().keys() == {*now, "01.1"}  # written once, not renumbered again


def test_two_kernels_at_once_lose_nothing(folder: Path) -> None:
    code = (
        "import sys; from rag_tutorials.course.student import progress\n"
        "for n in range(25): progress.remember(f'0{sys.argv[1]}.{n}')"
    )
    kernels = [subprocess.Popen([sys.executable, "-c", code, str(n)]) for n in (1, 2)]
    assert [kernel.wait(120) for kernel in kernels] == [0, 0]
    assert len(progress.passed()) == 50
    assert not list(folder.glob("*.new"))


@pytest.mark.parametrize("content", ["{", "[]", '{"passed": 3}', "\x00\xff", ""])
def test_a_corrupt_file_is_kept_aside(
    folder: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "progress.json").write_text(content, encoding="latin-1")
    assert progress.passed() == {}
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    (aside,) = folder.glob("progress-unreadable-*.json")
    assert str(aside) in said
    assert aside.read_text(encoding="latin-1") == content
    progress.remember("01.1")
    assert list(progress.passed()) == ["01.1"]
    assert capsys.readouterr().out == ""


def test_a_folder_that_cannot_be_used_costs_no_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "progress.json").mkdir()
    progress.remember("01.1")
    assert "could not be remembered" in capsys.readouterr().out


def test_the_table_as_text_and_html(folder: Path) -> None:
    progress.remember("01.2")
    text = repr(progress.table("01"))
    assert text.splitlines()[1:] == ["  open    01.1  Write", "  passed  01.2  Repair"]
    assert text.splitlines()[0].endswith("1 of 2 passed")
    whole = progress.table()
    assert repr(whole).splitlines()[-1] == "Whole course: 1 of 3 passed"
    page = whole._repr_html_()
    assert "Read &lt;b&gt;" in page
    assert "1 of 3 passed" in page
    for lesson in load_lessons():
        assert lesson.number in repr(whole)


def test_reset_of_one_lesson_and_of_all(folder: Path) -> None:
    for one in ("00.1", "01.1", "01.2"):
        progress.remember(one)
    assert progress.reset("01") == 2
    assert list(progress.passed()) == ["00.1"]
    assert progress.reset() == 1
    assert json.loads((folder / "progress.json").read_text()) == {"numbering": 2, "passed": {}}


@pytest.mark.parametrize(
    ("answer", "left"), [("yes", 0), ("y", 0), ("no", 1), ("", 1), (EOFError, 1)]
)
def test_the_command_asks_before_it_resets(
    folder: Path, monkeypatch: pytest.MonkeyPatch, answer: str | type, left: int
) -> None:
    progress.remember("01.1")

    def reply(question: str) -> str:
        assert "lesson 01" in question
        if isinstance(answer, str):
            return answer
        raise answer

    monkeypatch.setattr("builtins.input", reply)
    assert progress.main(["--reset", "01"]) == (0 if left == 0 else 1)
    assert len(progress.passed()) == left


def test_the_command_resets_unasked_with_yes_and_knows_its_lessons(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    progress.remember("00.1")
    assert progress.main(["--reset", "77"]) == 2
    assert "77" in capsys.readouterr().err
    assert progress.main(["--reset", "--yes"]) == 0
    assert progress.passed() == {}
    assert progress.main([]) == 0
    assert "0 of 3 passed" in capsys.readouterr().out


def test_the_module_runs_as_a_command(tmp_path: Path) -> None:
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-m", "rag_tutorials.course.student.progress"],
        env={**__import__("os").environ, "COURSE_STATE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Whole course: 0 of" in ran.stdout
    assert ran.stderr == ""
