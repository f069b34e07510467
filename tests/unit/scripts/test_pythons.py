"""Every Python at hand is tried in a copy of the course; what fails is told, and the rest is."""

from __future__ import annotations

import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import _cli
import _pythons
import pytest
from _setup import Checkout

ROOT = Path(__file__).resolve().parents[3]
README = (ROOT / "README.md").read_text("utf-8")
MINE = f"{sys.version_info.major}.{sys.version_info.minor}"


def test_the_python_of_these_tests_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    base = Path(sys._base_executable)  # type: ignore[attr-defined]
    monkeypatch.setenv("PATH", str(base.parent) + os.pathsep + os.environ["PATH"])
    found = _pythons.at_hand(MINE)
    assert found is not None
    said = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    assert said.startswith(f"Python {MINE}.")


@pytest.mark.skipif(os.name == "nt", reason="writes a shell script")
def test_a_python_that_pyenv_has_is_found_and_one_that_lies_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder, says in (("3.98.1", "3.98"), ("3.99.0", "3.11")):
        place = tmp_path / "versions" / folder / "bin"
        place.mkdir(parents=True)
        (place / "python").write_text(f"#!/bin/sh\necho {says}\necho /somewhere/{folder}\n")
        (place / "python").chmod(0o755)
    monkeypatch.setenv("PYENV_ROOT", str(tmp_path))
    assert _pythons.at_hand("3.98") == Path("/somewhere/3.98.1")
    assert _pythons.at_hand("3.99") is None
    assert _pythons.at_hand("3.97") is None


def test_a_copy_has_what_a_student_gets_and_neither_key_nor_environment(tmp_path: Path) -> None:
    root, copy = tmp_path / "course", tmp_path / "copy"
    for name in (*_pythons.COPIED, ".venv", ".git"):
        (root / name / "__pycache__").mkdir(parents=True)
        (root / name / "file").touch()
    for name in (".env", ".env.example", "pyproject.toml"):
        (root / name).touch()
    copy.mkdir()
    _pythons.copy_course(root, copy)
    made = {file.relative_to(copy).as_posix() for file in copy.rglob("*") if file.is_file()}
    assert made == {f"{name}/file" for name in _pythons.COPIED} | {".env.example", "pyproject.toml"}


def test_a_step_that_fails_is_told_and_after_the_set_up_nothing_is_tried(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "scripts").mkdir()
    command = tmp_path / "scripts" / "course.py"
    command.write_text(
        "import sys\nprint('what', sys.argv[1])\nsys.exit(sys.argv[1] == 'doctor')\n"
    )
    results = _pythons.try_python(Path(sys.executable), tmp_path)
    assert results == {
        "set-up": "ok",
        "doctor": "failed",
        "lesson 00": "failed",  # there is no environment
        "lesson 04": "failed",
    }
    assert "what doctor" in capsys.readouterr().out
    (tmp_path / ".course").mkdir()
    (tmp_path / ".course" / "setup.log").write_text("the last words")
    command.write_text("raise SystemExit('no disk')\n")
    results = _pythons.try_python(Path(sys.executable), tmp_path)
    assert list(results.values()) == ["failed", "-", "-", "-"]
    told = capsys.readouterr().out
    assert "no disk" in told
    assert "the last words" in told


@pytest.mark.parametrize(("outcome", "status"), [("ok", 0), ("failed", 1)])
def test_the_table_is_printed_and_the_status_tells(
    outcome: str, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(
        _pythons, "at_hand", lambda version: None if version == "3.14" else Path("python")
    )
    monkeypatch.setattr(_pythons, "copy_course", lambda *_: None)
    monkeypatch.setattr(
        _pythons,
        "try_python",
        lambda *_: {**dict.fromkeys(_pythons.STEPS, "ok"), "doctor": outcome},
    )
    assert _cli.main(["pythons", "3.13", "3.14"]) == status
    system = f"{platform.system()}, {platform.machine()}"
    assert capsys.readouterr().out.endswith(
        "| Python | system | set-up | doctor | lesson 00 | lesson 04 |\n"
        "|---|---|---|---|---|---|\n"
        f"| 3.13 | {system} | ok | {outcome} | ok | ok |\n"
        f"| 3.14 | {system} | not at hand | not at hand | not at hand | not at hand |\n"
    )


def test_the_readme_shows_the_commands_table() -> None:
    _, begun, rest = README.partition("<!-- pythons: python scripts/course.py pythons -->\n")
    shown, ended, _ = rest.partition("\n<!-- /pythons -->")
    assert begun
    assert ended
    head, line, *rows = shown.splitlines()
    assert [head, line] == _pythons.table([]).splitlines()
    assert tuple(row.split("|")[1].strip() for row in rows) == _pythons.VERSIONS
    for row in rows:
        assert re.fullmatch(r"\| 3\.1\d \| \w+, \w+ (?:\| (?:ok|failed|-|not at hand) ){4}\|", row)


def test_the_pythons_tried_are_those_that_the_project_allows() -> None:
    allowed = (ROOT / "scripts" / "course.py").read_text("utf-8")
    assert all(version in allowed for version in _pythons.VERSIONS)
    assert len(_pythons.VERSIONS) == 4
    assert Checkout(ROOT).root == ROOT
