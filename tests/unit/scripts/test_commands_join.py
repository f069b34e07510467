"""Join and leave, as a person runs them: what they ask, and that the code is in no command line."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator

import _cli
import pytest
from _setup import Checkout
from class_server import KEY, ClassServer

from rag_tutorials.classroom.base.code import ClassCode

from .conftest import Run


@pytest.fixture
def server() -> Iterator[ClassServer]:
    found = ClassServer()
    yield found
    found.stop()


def test_a_code_and_a_name_are_asked_for(course: Checkout, run: Run, server: ClassServer) -> None:
    code = ClassCode(server.url, KEY).encode()
    done = run("join", "--verdicts-only", said=f"{code}\nAda Lovelace\n")
    assert done.returncode == 0, done.stderr
    assert "as Ada Lovelace (ada-lovelace)" in done.stdout
    assert "No trace leaves it." in done.stdout
    file = course.root / ".course" / "class.json"
    assert KEY in file.read_text("utf-8")
    assert KEY not in done.stdout + done.stderr
    assert "nothing is sent any more" in run("leave").stdout
    assert not file.exists()


def test_what_is_wrong_is_one_sentence_and_the_status_tells(run: Run, server: ClassServer) -> None:
    code = ClassCode(server.url, KEY).encode()
    done = run("join", code[:-1])
    assert done.returncode == 1
    assert done.stderr.startswith("The class code is cut off or mistyped")
    assert code[:-1] not in done.stdout + done.stderr
    assert run("join").returncode == 130  # nobody there to be asked
    nameless = run("join", code)
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
