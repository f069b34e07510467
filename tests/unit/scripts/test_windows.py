"""What Windows does otherwise than POSIX, as far as it can be simulated.

``course.py test`` has mypy look at all code as on Windows, too: what only POSIX has is an error.
"""

from __future__ import annotations

import importlib.util
import io
import json
import os
import re
import signal
import subprocess
import sys
import threading
from pathlib import Path, PureWindowsPath
from types import SimpleNamespace
from typing import Any

import _cli
import _lab
import _setup
import pytest
from _run import CommandError, stop_signals_interrupt, wait
from _setup import Checkout

ROOT = Path(__file__).resolve().parents[3]


class DeafProcess:
    """Waits as a process does on Windows: without an end, it hears no Ctrl-C until it has ended."""

    def __init__(self, steps: int, *, press: int | None = None) -> None:
        self.steps, self.press, self.stdin = steps, press, io.BytesIO()

    def wait(self, timeout: float | None = None) -> int:
        assert timeout is not None, "Ctrl-C is not heard"
        self.steps -= 1
        if self.steps == self.press:
            raise KeyboardInterrupt
        if self.steps > 0:
            raise subprocess.TimeoutExpired("x", timeout)
        return 3


def test_ctrl_c_is_heard_while_a_program_runs() -> None:
    assert wait(DeafProcess(5)) == 3  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        wait(DeafProcess(5, press=2))  # type: ignore[arg-type]


def test_ctrl_c_stops_the_checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = DeafProcess(5, press=3)
    monkeypatch.setattr(_cli.subprocess, "Popen", lambda *_, **__: process)
    with pytest.raises(KeyboardInterrupt):
        _cli.run_checks(Checkout(tmp_path), {"one": ["x"]}, {})
    assert process.stdin.closed  # by which the checks know that they are to end
    assert process.steps == 0  # and it was waited for


@pytest.mark.skipif(os.name == "nt", reason="sends the signal as POSIX does")
def test_a_closed_console_ends_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signal, "SIGBREAK", signal.SIGUSR1, raising=False)
    before = signal.getsignal(signal.SIGUSR1)

    def close_it() -> None:
        with stop_signals_interrupt():
            os.kill(os.getpid(), signal.SIGUSR1)
            threading.Event().wait(60)

    with pytest.raises(KeyboardInterrupt):
        close_it()
    assert signal.getsignal(signal.SIGUSR1) == before


def test_jupyters_runtime_folder_is_the_courses_however_long_its_path_is(tmp_path: Path) -> None:
    deep = tmp_path / ("a" * 100)
    assert _lab._short(deep, "nt") == deep  # there is no /tmp, and no socket in the folder
    assert len(os.fsencode(_lab._short(deep, "posix"))) < 40


def test_no_packages_path_is_longer_than_the_set_up_reckons_with() -> None:
    site = Checkout(ROOT).site if (ROOT / ".venv").exists() else Path(sys.prefix)
    temporary = len(".140234567890123")  # a compiled file has such an end while it is written
    longest = max(
        len(os.path.join(folder, name)) - len(str(site))  # noqa: PTH118  tens of thousands
        for folder, _, names in os.walk(site)
        for name in names
    )
    assert longest - 1 + temporary <= _setup.LONGEST_INSIDE


@pytest.mark.parametrize(
    ("folder", "short_by"),
    [
        (r"C:\course", 0),
        (r"C:\Users\Ada Lovelace\Documents\rag-tutorials", 0),
        ("C:\\" + "a" * 66, 0),
        ("C:\\" + "a" * 67, 1),
        ("C:\\" + "a" * 100, 34),
    ],
)
def test_a_folder_with_too_long_a_path_is_told_before_anything_is_installed(
    folder: str, short_by: int
) -> None:
    root: Any = PureWindowsPath(folder)
    if not short_by:
        _setup.check_length(root)
        return
    with pytest.raises(CommandError, match=rf"at least {short_by} characters shorter") as caught:
        _setup.check_length(root)
    assert "LongPathsEnabled" in str(caught.value)


def test_the_set_up_asks_for_the_length_where_long_paths_are_off(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = tmp_path / ("a" * 200)
    deep.mkdir()
    monkeypatch.setattr(_setup, "long_paths", lambda: False)
    with pytest.raises(CommandError, match="too long a path"):
        Checkout(deep).ensure("lab")
    assert not (deep / ".venv").exists()


@pytest.mark.parametrize("encoding", ["cp1252", "cp437", "ascii"])
def test_a_console_that_cannot_show_a_folders_name_gets_the_rest(
    encoding: str, tmp_path: Path
) -> None:
    folder = tmp_path / "курс 课程"
    (folder / "scripts").mkdir(parents=True)
    for file in (ROOT / "scripts").glob("*.py"):
        (folder / "scripts" / file.name).write_bytes(file.read_bytes())
    run = subprocess.run(
        [sys.executable, "-X", "utf8=0", folder / "scripts" / "course.py", "progress"],
        env=os.environ | {"PYTHONIOENCODING": encoding, "COURSE_STATE_DIR": ""},
        capture_output=True,
        check=False,
    )
    assert run.returncode == 1
    assert b"Run: python scripts/course.py setup" in run.stderr
    assert b"Traceback" not in run.stderr


# What asyncio's loops on Windows lack, and what mypy sees in no notebook.
POSIX_ALONE = re.compile(
    r"\b(?:add_signal_handler|create_subprocess_\w+|add_reader|add_writer|create_unix_\w+|os\.fork"
    r"|signal\.SIG(?:KILL|HUP|USR\d|ALRM)|AF_UNIX|/dev/null|/tmp/)\b"
)


def test_nothing_asks_an_event_loop_for_what_it_lacks_on_windows() -> None:
    texts = {file: file.read_text("utf-8") for file in (ROOT / "src").rglob("*.py")}
    for file in (ROOT / "notebooks").rglob("*.ipynb"):
        cells = json.loads(file.read_text("utf-8"))["cells"]
        code = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        texts[file] = "\n".join(code)
    assert len(texts) > 100
    assert {str(file): POSIX_ALONE.findall(text) for file, text in texts.items()} == {
        str(file): [] for file in texts
    }


@pytest.fixture
def as_on_windows(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The set-up's module, loaded as on Windows; its calls of the system are noted."""
    noted = SimpleNamespace(locked=[], held=False, registry=None)

    class Key:
        def __enter__(self) -> Key:
            if noted.registry is None:
                raise FileNotFoundError(2, "no such key")
            return self

        def __exit__(self, *_: object) -> None:
            pass

    def locking(descriptor: int, mode: int, count: int) -> None:
        noted.locked.append((os.lseek(descriptor, 0, os.SEEK_CUR), mode, count))
        if noted.held:
            raise PermissionError(13, "Permission denied")

    for name, content in (
        ("msvcrt", {"locking": locking, "LK_NBLCK": 2}),
        (
            "winreg",
            {
                "HKEY_LOCAL_MACHINE": 1,
                "OpenKey": lambda *_: Key(),
                "QueryValueEx": lambda *_: (noted.registry, 4),
            },
        ),
    ):
        monkeypatch.setitem(sys.modules, name, SimpleNamespace(**content))  # type: ignore[arg-type]
    spec = importlib.util.spec_from_file_location("setup_as_on_windows", _setup.__file__)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    with monkeypatch.context() as windows:
        windows.setattr(sys, "platform", "win32")
        spec.loader.exec_module(module)
    return SimpleNamespace(module=module, noted=noted)


def test_windows_locks_the_first_byte_and_says_who_else_sets_up(
    as_on_windows: Any, tmp_path: Path
) -> None:
    course = as_on_windows.module.Checkout(tmp_path)
    course.state.mkdir()
    (course.state / "setup.lock").write_bytes(b"an earlier text")  # it is opened at its end
    with course._alone():
        pass
    as_on_windows.noted.held = True
    with pytest.raises(CommandError, match="Another command is setting up"), course._alone():
        pass
    assert as_on_windows.noted.locked == [(0, 2, 1), (0, 2, 1)]


@pytest.mark.parametrize(("registry", "allowed"), [(1, True), (0, False), (None, False)])
def test_windows_is_asked_whether_it_takes_long_paths(
    registry: int | None, allowed: bool, as_on_windows: Any
) -> None:
    as_on_windows.noted.registry = registry
    assert as_on_windows.module.long_paths() is allowed
