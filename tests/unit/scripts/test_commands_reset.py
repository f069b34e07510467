"""Progress and reset: what the commands clear, what they ask, when they refuse."""

from pathlib import Path

import _cli
import pytest
from _run import CommandError
from _setup import Checkout

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.base.manifest import find_lesson, load_lessons
from rag_tutorials.course.embedded.storage import Storage
from rag_tutorials.course.student import kept, reset

from .conftest import Run

FIRST, SECOND = (lesson.name for lesson in load_lessons()[:2])


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder with traces of two lessons, of a second kernel, and some progress."""
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path))
    for name in (FIRST, f"{FIRST}-2", SECOND, "doctor"):
        folder = tmp_path / "phoenix" / name
        (folder / "exports").mkdir(parents=True)
        (folder / "exports" / "kept.csv").write_text("x")
        (folder / "phoenix.db").write_bytes(bytes(1_000_000))
    (tmp_path / "phoenix" / "notes.txt").write_text("not a folder of traces")
    (tmp_path / "lab").mkdir()
    for one in ("00.1", "01.1", "01.2"):
        kept.remember(one)
    return tmp_path


def traces(state: Path) -> set[str]:
    return {file.parent.name for file in state.glob("phoenix/*/phoenix.db")}


def test_one_lesson_is_cleared_with_the_traces_of_all_its_kernels(
    state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert reset.main(["00", "--yes"]) == 0
    assert traces(state) == {SECOND, "doctor"}
    assert not list((state / "phoenix" / FIRST).glob("exports"))
    assert list(kept.passed()) == ["01.1", "01.2"]
    told = capsys.readouterr().out
    assert told == "Cleared: 2.0 MB of traces and 1 passed exercises of lesson 00.\n"


def test_all_is_cleared_but_what_is_neither_traces_nor_progress(state: Path) -> None:
    assert reset.main(["--yes"]) == 0
    assert traces(state) == set()
    assert kept.passed() == {}
    assert (state / "phoenix" / "notes.txt").exists()
    assert (state / "lab").is_dir()
    assert reset.main(["--yes"]) == 0  # nothing to clear is no failure


@pytest.mark.parametrize(
    ("answer", "cleared"),
    [("yes", True), ("no", False), ("", False), (EOFError, False), (KeyboardInterrupt, False)],
)
def test_it_asks_and_says_what_would_go(
    state: Path, monkeypatch: pytest.MonkeyPatch, answer: str | type, cleared: bool
) -> None:
    def reply(question: str) -> str:
        assert "Clear 1.0 MB of traces and 2 passed exercises of lesson 01?" in question
        if isinstance(answer, str):
            return answer
        raise answer

    monkeypatch.setattr("builtins.input", reply)
    assert reset.main([SECOND]) == (0 if cleared else 1)
    assert (SECOND not in traces(state)) == cleared
    assert ("01.1" not in kept.passed()) == cleared


@pytest.mark.parametrize("lesson", [[], [FIRST]])
def test_it_refuses_while_a_kernel_holds_the_traces(
    state: Path, capsys: pytest.CaptureFixture[str], lesson: list[str]
) -> None:
    kernel = Storage.claim(state / "phoenix", FIRST)
    before = traces(state)
    assert reset.main([*lesson, "--yes"]) == 1
    told = capsys.readouterr().err
    assert f"{FIRST} is open in a kernel" in told
    assert "Shut Down All Kernels" in told
    assert traces(state) == before
    assert len(kept.passed()) == 3
    assert reset.main([SECOND, "--yes"]) == 0  # another lesson is not in the way
    assert kernel.path == state / "phoenix" / FIRST


def test_a_kernel_can_claim_what_was_cleared(state: Path) -> None:
    assert reset.main(["--yes"]) == 0
    assert Storage.claim(state / "phoenix", FIRST).path == state / "phoenix" / FIRST


def test_an_unknown_lesson_is_told(state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reset.main(["77", "--yes"]) == 1
    assert "There is no lesson '77'; there are 00, 01," in capsys.readouterr().err
    with pytest.raises(CourseError):
        find_lesson("0")
    assert len(traces(state)) == 4


# as a person runs them


@pytest.mark.slow
def test_progress_prints_the_table_and_resets_after_asking(course: Checkout, run: Run) -> None:
    shown = run("progress")
    assert shown.returncode == 0, shown.stderr
    assert "Whole course: 0 of " in shown.stdout
    (course.state / "progress.json").write_text('{"passed": {"00.1": "", "01.1": ""}}')
    assert run("progress", "--reset", "00", said="no\n").returncode == 1
    assert "Whole course: 2 of " in run("progress").stdout
    assert run("progress", "--reset", "00", said="yes\n").returncode == 0
    assert "Whole course: 1 of " in run("progress").stdout
    assert run("progress", "--reset", "--yes").returncode == 0
    assert "Whole course: 0 of " in run("progress").stdout


@pytest.mark.slow
def test_reset_asks_on_the_terminal(course: Checkout, run: Run) -> None:
    folder = course.state / "phoenix" / FIRST
    folder.mkdir(parents=True)
    (folder / "phoenix.db").write_bytes(b"x")
    refused = run("reset")
    assert refused.returncode == 1
    assert refused.stdout.endswith("Nothing was changed.\n")
    assert (folder / "phoenix.db").exists()
    assert run("reset", "00", said="yes\n").returncode == 0
    assert not (folder / "phoenix.db").exists()


def test_without_an_environment_they_say_what_to_run(tmp_path: Path) -> None:
    for command in ("progress", "reset"):
        options = _cli._parser().parse_args([command])
        with pytest.raises(CommandError, match=r"there is none\. Run: python scripts/course\.py"):
            _cli.run_module(Checkout(tmp_path), options)
