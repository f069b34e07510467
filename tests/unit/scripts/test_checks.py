"""The checks of one command: all are run, and nothing that they started lives on."""

import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import _checks
import _cli
import psutil
import pytest
from _setup import Checkout

ROOT = Path(__file__).resolve().parents[3]
PATIENCE_S = 120

# What a terminal runs: the checks as `course.py test` runs them.
COMMAND = """
import os, sys
from pathlib import Path
import _cli
from _run import stop_signals_interrupt
from _setup import Checkout
Checkout.python = Path(sys.executable)
root = Path(sys.argv[1])
checks = {
    "before": [sys.executable, "-c", "print('done')"],
    "pytest": [sys.executable, "-m", "pytest", "-q", "-n", "2", "-p", "no:phoenix", root],
    "after": [sys.executable, "-c", "open(%r, 'w')" % str(root / "went-on")],
}
try:
    with stop_signals_interrupt():
        sys.exit(_cli.run_checks(Checkout(root), checks, os.environ, grace_s=2.0))
except KeyboardInterrupt:
    sys.exit(_cli.STOPPED)
"""
# Two workers: one holds a real kernel that is busy, the other a program that no signal stops.
TESTS = """
import os, signal, subprocess, sys, time
from pathlib import Path

HERE = Path(__file__).parent

def note(*pids):
    for pid in pids:
        (HERE / f"{pid}.pid").touch()

def test_a_kernel():
    from jupyter_client import KernelManager
    manager = KernelManager()
    manager.start_kernel()
    client = manager.client()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    client.execute("while True: pass")
    note(os.getpid(), manager.provisioner.pid)
    try:
        time.sleep(600)
    finally:
        time.sleep(600)  # a kernel is not shut down when its test is interrupted

def test_a_stubborn_program():
    code = (
        "import signal, subprocess, sys, time;"
        "[signal.signal(one, signal.SIG_IGN) for one in (signal.SIGINT, signal.SIGTERM)];"
        "print('ready', flush=True); time.sleep(600)"
    )
    child = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True
    )
    child.stdout.readline()
    note(os.getpid(), child.pid)
    time.sleep(600)
"""


@contextlib.contextmanager
def load(loops: int) -> Iterator[None]:
    """Keep the machine busy, for two minutes at most."""
    code = "import time; end = time.monotonic() + 120\nwhile time.monotonic() < end: pass"
    started = [subprocess.Popen([sys.executable, "-c", code]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def wait_until(what: str, condition: object) -> None:
    assert callable(condition)
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f"never: {what}"
        time.sleep(0.05)


def gone(process: psutil.Process) -> bool:
    try:
        return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="stops by a POSIX signal")
@pytest.mark.parametrize(
    ("sent", "loops"),
    [
        (signal.SIGINT, 6),  # Ctrl-C
        (signal.SIGTERM, 0),
        (signal.SIGHUP, 0),  # the terminal was closed
        (signal.SIGKILL, 0),
    ],
    ids=["Ctrl-C on a busy machine", "SIGTERM", "a closed terminal", "SIGKILL"],
)
def test_nothing_lives_on_when_a_real_run_is_stopped(
    tmp_path: Path, sent: signal.Signals, loops: int
) -> None:
    (tmp_path / "test_long.py").write_text(TESTS)
    env = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    with load(loops):
        process = psutil.Popen(
            [sys.executable, "-c", COMMAND, str(tmp_path)],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # as in a terminal: a group of its own
        )
        try:
            wait_until("both tests run", lambda: len(list(tmp_path.glob("*.pid"))) == 4)
            family = process.children(recursive=True)
            started = [psutil.Process(int(file.stem)) for file in tmp_path.glob("*.pid")]
            assert len(family) >= 6  # the checks, pytest, two workers, a kernel, the program
            assert set(started) <= set(family)
            os.killpg(process.pid, sent)
            told, _ = process.communicate(timeout=PATIENCE_S)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        wait_until("all have ended", lambda: all(map(gone, family)))
    assert "Traceback (most recent call last)" not in told.partition("== pytest")[0]
    assert not (tmp_path / "went-on").exists()
    if sent != signal.SIGKILL:
        assert process.returncode == _cli.STOPPED
        assert "Stopping the checks" in told


@pytest.fixture
def course(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Checkout:
    monkeypatch.setattr(Checkout, "python", Path(sys.executable))
    return Checkout(tmp_path)


@pytest.mark.parametrize("exits", [[0, 0], [1, 0], [0, 5], [2, 1]])
def test_the_exit_status_is_that_of_all_checks(
    course: Checkout, capfd: pytest.CaptureFixture[str], exits: list[int]
) -> None:
    checks = {
        f"check {number}": [sys.executable, "-c", f"print('ran'); raise SystemExit({code})"]
        for number, code in enumerate(exits)
    }
    failed = [f"check {number}" for number, code in enumerate(exits) if code]
    assert _cli.run_checks(course, checks, os.environ) == (1 if failed else 0)
    told = capfd.readouterr().out.splitlines()
    assert told.count("ran") == 2  # each check runs, also after a failed one
    assert told[-1] == (f"Failed: {', '.join(failed)}" if failed else "ran")


@pytest.mark.slow
def test_what_a_check_leaves_running_is_ended_and_named(
    course: Checkout, capfd: pytest.CaptureFixture[str]
) -> None:
    code = textwrap.dedent("""
        import subprocess, sys
        child = subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"],
            start_new_session=True,
        )
        print(child.pid)
    """)
    checks = {"the leaky one": [sys.executable, "-c", code]}
    assert _cli.run_checks(course, checks, os.environ) == 0
    told = capfd.readouterr().out.splitlines()
    assert told[-1].startswith("Ended what the leaky one had left running: python")
    assert not psutil.pid_exists(int(told[1]))


def test_on_windows_a_check_has_a_process_group_of_its_own() -> None:
    assert _checks.own_group("win32") == {"creationflags": 0x200}
    assert _checks.own_group("linux") == _checks.own_group("darwin") == {"process_group": 0}
