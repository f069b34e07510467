"""Join and leave, as a person runs them: what they ask, and that the code is in no command line."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import _cli
import pytest
from _setup import Checkout
from class_server import KEY, ClassServer

from rag_tutorials.classroom.base.code import ClassCode

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def server() -> Iterator[ClassServer]:
    found = ClassServer()
    yield found
    found.stop()


@pytest.fixture
def course(tmp_path: Path) -> Checkout:
    """A course that uses the environment these tests run in."""
    root = tmp_path / "my course"
    (root / "notebooks").mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / "course.toml", root / "notebooks")
    (root / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return Checkout(root)


def run(course: Checkout, *arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
    """Run the command for `course` with `said` typed in."""
    code = (
        "import sys; from pathlib import Path; import _cli; from _setup import Checkout;"
        "course = Checkout(Path(sys.argv[1]));"
        "Checkout.problem = lambda self: None;"  # a borrowed environment was set up elsewhere
        "sys.exit(_cli.run_membership(course, _cli._parser().parse_args(sys.argv[2:])))"
    )
    env = {k: v for k, v in os.environ.items() if k != "COURSE_STATE_DIR"}
    return subprocess.run(
        [sys.executable, "-c", code, str(course.root), *arguments],
        env=env | {"PYTHONPATH": str(ROOT / "scripts")},
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_code_and_a_name_are_asked_for(course: Checkout, server: ClassServer) -> None:
    code = ClassCode(server.url, KEY).encode()
    done = run(course, "join", "--verdicts-only", said=f"{code}\nAda Lovelace\n")
    assert done.returncode == 0, done.stderr
    assert "as Ada Lovelace (ada-lovelace)" in done.stdout
    assert "No trace leaves it." in done.stdout
    file = course.root / ".course" / "class.json"
    assert KEY in file.read_text("utf-8")
    assert KEY not in done.stdout + done.stderr
    assert "nothing is sent any more" in run(course, "leave").stdout
    assert not file.exists()


def test_what_is_wrong_is_one_sentence_and_the_status_tells(
    course: Checkout, server: ClassServer
) -> None:
    code = ClassCode(server.url, KEY).encode()
    done = run(course, "join", code[:-1])
    assert done.returncode == 1
    assert done.stderr.startswith("The class code is cut off or mistyped")
    assert code[:-1] not in done.stdout + done.stderr
    assert run(course, "join").returncode == 130  # nobody there to be asked
    nameless = run(course, "join", code)
    assert nameless.returncode == 1
    assert "does not say who you are" in nameless.stderr


def test_the_code_is_in_no_command_line(course: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[list[str], dict[str, str]]] = []

    def note(command: list[str], **more: object) -> subprocess.CompletedProcess[str]:
        seen.append((list(map(str, command)), dict(more["env"])))  # type: ignore[call-overload]
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(Checkout, "problem", lambda self: None)
    monkeypatch.setattr(subprocess, "run", note)
    options = _cli._parser().parse_args(["join", "class1_CODE", "--name", "Ada"])
    assert _cli.run_membership(course, options) == 0
    [(command, env)] = seen
    assert "class1_CODE" not in " ".join(command)
    assert command[-2:] == ["join", "--name=Ada"]
    assert env["COURSE_CLASS"] == "class1_CODE"
