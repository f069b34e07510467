"""The progress file: remembered across kernels, reset."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rag_tutorials.course.student import kept


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path))
    return tmp_path


def test_the_first_pass_is_remembered(folder: Path) -> None:
    assert kept.passed() == {}
    kept.remember("01.1")
    first = kept.passed()
    kept.remember("01.1")
    kept.remember("01.2")
    assert list(kept.passed()) == ["01.1", "01.2"]
    assert kept.passed()["01.1"] == first["01.1"]


def test_what_was_passed_under_the_earlier_numbers_is_carried_over(folder: Path) -> None:
    earlier = {
        "00.1": "2026-01-01",
        "03.4": "2026-01-02",
        "03.5": "2026-01-03",
        "06.3": "2026-01-04",
    }
    (folder / "progress.json").write_text(json.dumps({"passed": earlier}))
    now = {"00.1": "2026-01-01", "09.1": "2026-01-02", "03.4": "2026-01-03", "08.1": "2026-01-04"}
    assert kept.passed() == now
    kept.remember("01.1")
    assert kept.passed().keys() == {*now, "01.1"}  # written once, not renumbered again


@pytest.mark.slow
def test_two_kernels_at_once_lose_nothing(folder: Path) -> None:
    code = (
        "import sys; from rag_tutorials.course.student import kept\n"
        "for n in range(25): kept.remember(f'0{sys.argv[1]}.{n}')"
    )
    kernels = [subprocess.Popen([sys.executable, "-c", code, str(n)]) for n in (1, 2)]
    assert [kernel.wait(120) for kernel in kernels] == [0, 0]
    assert len(kept.passed()) == 50
    assert not list(folder.glob("*.new"))


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"passed": 3}',
        '{"passed": {}, "predictions": {"01.a": 3}}',
        '{"passed": {}, "predictions": {"01.a": {"last": {}}}}',
        '{"passed": {}, "quizzes": {"exit": {"first": {}}}}',
        "\x00\xff",
        "",
    ],
)
def test_a_corrupt_file_is_kept_aside(
    folder: Path, content: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "progress.json").write_text(content, encoding="latin-1")
    assert kept.passed() == {}
    said = capsys.readouterr().out
    assert said.count("\n") == 1
    (aside,) = folder.glob("progress-unreadable-*.json")
    assert str(aside) in said
    assert aside.read_text(encoding="latin-1") == content
    kept.remember("01.1")
    assert list(kept.passed()) == ["01.1"]
    assert capsys.readouterr().out == ""


def test_a_folder_that_cannot_be_used_costs_no_traceback(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "progress.json").mkdir()
    kept.remember("01.1")
    assert "could not be remembered" in capsys.readouterr().out


def test_reset_of_one_lesson_and_of_all(folder: Path) -> None:
    for one in ("00.1", "01.1", "01.2"):
        kept.remember(one)
    assert kept.reset("01") == 2
    assert list(kept.passed()) == ["00.1"]
    assert kept.reset() == 1
    assert json.loads((folder / "progress.json").read_text()) == {
        "numbering": 2,
        "passed": {},
        "predictions": {},
        "quizzes": {},
    }


def test_the_first_guess_is_the_one_that_stood_when_the_answer_was_shown(folder: Path) -> None:
    kept.remember_guess("01.a", 3)
    kept.remember_guess("01.a", 4)
    before = kept.predictions()["01.a"]
    assert before["first"] == before["last"]
    assert before["first"]["guess"] == 4
    assert before["first"]["right"] is None
    kept.remember_right("01.a", False)
    kept.remember_guess("01.a", {"b", "a"})
    kept.remember_right("01.a", True)
    after = kept.predictions()["01.a"]
    assert (after["first"]["guess"], after["first"]["right"]) == (4, False)
    assert (after["last"]["guess"], after["last"]["right"]) == (["a", "b"], True)
    assert kept.passed() == {}


def test_an_answer_without_a_guess_leaves_nothing(folder: Path) -> None:
    kept.remember_right("01.a", True)
    assert kept.predictions() == {}


def test_a_reset_forgets_the_predictions_of_the_lesson_too(folder: Path) -> None:
    for one in ("01.a", "02.a"):
        kept.remember_guess(one, object())
    kept.remember("01.1")
    assert kept.reset("01") == 1
    assert list(kept.predictions()) == ["02.a"]
