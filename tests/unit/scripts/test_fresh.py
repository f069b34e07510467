"""The newest dependencies, tried on a small project: packages in a folder, a break on purpose."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path

import _cli
import _fresh
import _quick
import pytest
from _run import CommandError, clean_environment, venv_python
from _setup import Checkout

ROOT = Path(__file__).resolve().parents[3]
UV = venv_python(Path(sys.prefix)).with_name("uv.exe" if os.name == "nt" else "uv")

PYPROJECT = """
[build-system]
requires = ["uv_build>=0.9,<0.14"]
build-backend = "uv_build"
[project]
name = "small"
version = "1"
requires-python = ">=3.11"
dependencies = ["alpha>=1,<2", "beta>=1,<2", "gamma[fast]>=1,<2 ; python_version >= '3.11'"]
[project.optional-dependencies]
test = ["delta"]
"""
LOCK = "".join(f"{name}==1.0\n" for name in ("alpha", "beta", "delta", "gamma"))
TESTS = {"first": "import alpha, delta", "second": "import beta", "third": "import gamma"}


def wheel(folder: Path, name: str, version: str, code: str = "", needs: str = "") -> None:
    """Write a package of one module."""
    info = f"{name}-{version}.dist-info"
    metadata = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\nProvides-Extra: fast\n"
    files = {
        f"{name}.py": code,
        f"{info}/METADATA": metadata + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{file},,\n" for file in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(folder / f"{name}-{version}-py3-none-any.whl", "w") as archive:
        for file, text in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(file, text)


@pytest.fixture
def packages(tmp_path: Path) -> Path:
    """A folder of packages, each in two versions that are fine."""
    folder = tmp_path / "packages"
    folder.mkdir()
    for name in ("alpha", "beta", "gamma", "delta"):
        wheel(folder, name, "1.0")
        wheel(folder, name, "1.1")
    return folder


@pytest.fixture
def fresh(tmp_path: Path, packages: Path) -> _fresh.Fresh:
    root, place = tmp_path / "project", tmp_path / "place"
    (root / "src" / "small").mkdir(parents=True)
    (root / "src" / "small" / "__init__.py").touch()
    place.mkdir()
    (root / "pyproject.toml").write_text(PYPROJECT, "utf-8")
    (root / "requirements.lock").write_text(LOCK, "utf-8")
    env = clean_environment(place / "venv") | {
        "UV_FIND_LINKS": str(packages),
        "UV_NO_INDEX": "1",
        "UV_CACHE_DIR": str(tmp_path / "cache"),
    }
    return _fresh.Fresh(root, UV, place, [root / "requirements.lock"], env)


def check(python: Path, tests: Sequence[str]) -> Collection[str]:
    """Run the small project's tests; return those that are broken."""
    assert subprocess.run([python, "-c", "import small"], check=False).returncode == 0
    return [
        name
        for name in (tests or TESTS)
        if subprocess.run([python, "-c", TESTS[name]], capture_output=True, check=False).returncode
    ]


def test_where_nothing_breaks_the_status_is_0(
    fresh: _fresh.Fresh, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _fresh.try_newest(fresh, check, beyond=False) == 0
    said = capsys.readouterr().out
    assert "4 of 4 packages are newer" in said
    assert "beta 1.0 -> 1.1" in said
    assert said.endswith("Nothing breaks.\n")


def test_a_break_on_purpose_names_the_package_and_what_it_breaks(
    fresh: _fresh.Fresh, packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel(packages, "beta", "1.2", "raise ImportError('on purpose')")
    assert _fresh.try_newest(fresh, check, beyond=False) == 1
    said = capsys.readouterr().out
    assert said.endswith("beta 1.0 -> 1.2 breaks:\n  second\n"), said
    assert said.count("== with the steps") <= _fresh.RUNS - 1


def test_two_breaks_and_a_test_that_is_broken_anyhow_are_told_apart(
    fresh: _fresh.Fresh,
    packages: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    wheel(packages, "beta", "1.2", "1 / 0")
    wheel(packages, "gamma", "1.3", "1 / 0")
    monkeypatch.setitem(TESTS, "fourth", "1 / 0")
    assert _fresh.try_newest(fresh, check, beyond=False) == 1
    said = capsys.readouterr().out
    assert "beta 1.0 -> 1.2 breaks:\n  second" in said
    assert "gamma 1.0 -> 1.3 breaks:\n  third" in said
    assert "Broken with the locked versions, too:\n  fourth" in said


def test_a_step_that_needs_another_is_taken_with_it(
    fresh: _fresh.Fresh, packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel(packages, "alpha", "1.2", "1 / 0", needs="gamma>=1.1")  # gamma comes first then
    assert _fresh.try_newest(fresh, check, beyond=False) == 1
    assert "alpha 1.0 -> 1.2 breaks:\n  first" in capsys.readouterr().out


@pytest.mark.parametrize(("beyond", "status"), [(False, 0), (True, 1)])
def test_upper_bounds_hold_unless_it_shall_look_beyond(
    beyond: bool,
    status: int,
    fresh: _fresh.Fresh,
    packages: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    wheel(packages, "gamma", "2.0", "1 / 0")
    assert _fresh.try_newest(fresh, check, beyond=beyond) == status
    assert ("gamma 1.0 -> 2.0 breaks:\n  third" in capsys.readouterr().out) is beyond


def test_what_only_a_newer_version_needs_is_there(
    fresh: _fresh.Fresh, packages: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    wheel(packages, "epsilon", "1.0")
    wheel(packages, "alpha", "1.2", "import epsilon", needs="epsilon")
    wheel(packages, "beta", "1.2", "1 / 0")
    assert _fresh.try_newest(fresh, check, beyond=False) == 1
    said = capsys.readouterr().out
    assert "beta 1.0 -> 1.2 breaks" in said
    assert "alpha 1.0 -> 1.2 breaks" not in said


def test_versions_that_do_not_go_together_are_one_sentence(
    fresh: _fresh.Fresh,
) -> None:
    fresh.wanted.append("delta>=9")
    with pytest.raises(CommandError, match=r"uv pip compile failed\.[\s\S]*delta"):
        fresh.newest(beyond=False)


@pytest.mark.parametrize(
    ("bound", "free"),
    [
        ("a>=1,<2", "a>=1"),
        ("a<2,>=1", "a>=1"),
        ("a[x,y]>=1.2.3, <2", "a[x,y]>=1.2.3"),
        ("a<=2", "a"),
        ("a>=1,<2,!=1.5", "a>=1,!=1.5"),
        ("a>=1,<2 ; python_version < '3.13'", "a>=1 ; python_version < '3.13'"),
        ("a", "a"),
    ],
)
def test_upper_bounds_are_taken_away_and_nothing_else(bound: str, free: str) -> None:
    assert _fresh.unbounded(bound) == free


def test_packages_take_their_steps_after_those_that_they_need() -> None:
    pins = dict.fromkeys(["a", "b", "c", "d"], "1")
    assert _fresh.order(pins, {"a": {"c"}, "c": {"b", "elsewhere"}}) == ["b", "c", "a", "d"]
    assert sorted(_fresh.order(pins, {"a": {"b"}, "b": {"a"}})) == ["a", "b", "c", "d"]


@pytest.mark.slow
def test_broken_tests_are_named_as_pytest_takes_them(tmp_path: Path) -> None:
    (tmp_path / "unit").mkdir()
    (tmp_path / "unit" / "test_a.py").write_text(
        "import pytest\n"
        "@pytest.mark.parametrize('x', ['a b', 'c::d'])\n"
        "def test_it(x): assert x == 'a b'\n"
        "class TestIt:\n"
        "    def test_that(self): assert False\n"
        "def test_fine(): pass\n"
    )
    (tmp_path / "unit" / "test_b.py").write_text("import no_such_module\n")
    (tmp_path / "c.ipynb").write_text(
        '{"cells": [{"cell_type": "code", "execution_count": null, "id": "x", "metadata": {},'
        ' "outputs": [], "source": "assert False"}], "metadata": {"kernelspec": {"name":'
        ' "python3", "display_name": "", "language": "python"}}, "nbformat": 4,'
        ' "nbformat_minor": 5}'
    )
    (tmp_path / "pytest.ini").write_text(
        "[pytest]\naddopts = --import-mode=importlib -p no:phoenix\n"
    )
    report = tmp_path / "report.xml"
    run = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--nbmake"]
    run.append("--continue-on-collection-errors")
    written = [f"--junitxml={report}", "-o", "junit_family=xunit1"]
    subprocess.run([*run, *written, "unit", "c.ipynb"], cwd=tmp_path, check=False)
    broken = _fresh.broken_in(report)
    assert broken == [
        "c.ipynb",
        "unit/test_a.py::TestIt::test_that",
        "unit/test_a.py::test_it[c::d]",
        "unit/test_b.py",
    ]
    again = subprocess.run(
        [*run, *broken], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert "3 failed, 1 error" in again.stdout, again.stdout


def quick_check(folder: Path) -> _fresh.Check:
    """Return the check of a course whose tests are in a folder."""
    (folder / "conftest.py").write_text("pytest_plugins = ['_quick']\n")
    env = os.environ | {"PYTHONPATH": str(ROOT / "scripts"), "PYTEST_ADDOPTS": "-p no:phoenix"}
    return _fresh.pytest_check(folder, env)


@pytest.mark.slow
def test_a_test_that_takes_long_is_not_broken_and_one_marked_slow_is_not_run(
    tmp_path: Path,
) -> None:
    (tmp_path / "test_some.py").write_text(
        "import time, pytest\n\n"
        f"@pytest.mark.parametrize('number', range({_quick.MANY}))\n"
        "def test_fine(number): pass\n\n"
        f"def test_long(): time.sleep({2 * _quick.FLOOR_S})\n\n"
        "@pytest.mark.slow\n"
        "def test_slow(): assert False\n\n"
        "@pytest.mark.locked\n"
        "def test_locked(): assert False\n"
    )
    check = quick_check(tmp_path)
    assert check(Path(sys.executable), ["test_some.py"]) == []
    (tmp_path / "test_other.py").write_text("def test_wrong(): assert False\n")
    assert check(Path(sys.executable), ["test_other.py"]) == ["test_other.py::test_wrong"]


@pytest.mark.slow
def test_a_test_that_is_whole_when_run_again_is_told_and_blamed_on_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_some.py").write_text(
        "import pathlib\n\n"
        "def test_unsteady():\n"
        "    before = pathlib.Path('before')\n"
        "    there = before.exists()\n"
        "    before.touch()\n"
        "    assert there\n\n"
        "def test_wrong(): assert False\n"
    )
    check = quick_check(tmp_path)
    assert check(Path(sys.executable), ["test_some.py"]) == ["test_some.py::test_wrong"]
    told = capsys.readouterr().out
    assert told.endswith("blamed for it:\n  test_some.py::test_unsteady\n"), told


def test_the_command_leads_to_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(Checkout, "ensure", lambda *_: None)
    monkeypatch.setattr(_fresh, "main", lambda _, beyond: asked.append(beyond) or 7)
    assert _cli.main(["fresh"]) == 7
    assert _cli.main(["fresh", "--beyond"]) == 7
    assert asked == [False, True]
