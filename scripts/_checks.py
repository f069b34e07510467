"""Run checks one after the other, and leave nothing running, however this ends.

``course.py`` starts this with the environment's Python and holds its stdin open. When stdin ends,
``course.py`` wants the checks stopped, or is gone itself, however it ended. A terminal's Ctrl-C
reaches this program through ``course.py`` alone: it runs in a session of its own, and each check in
a process group of its own.

What a check starts may leave that group (a Jupyter kernel begins a session) and outlive its parent.
It is found by a mark in its environment, which child processes inherit, and among the check's
descendants.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import psutil  # type: ignore[import-untyped]

MARK = "COURSE_CHECKS"
STOPPED = 130  # what a shell calls a program that Ctrl-C ended
TERMINATE_S = 5.0  # for what it left behind


def run_all(checks: dict[str, Sequence[str]], stop: threading.Event, grace: float) -> int:
    """Run every check, also after one failed; return 0 if all passed, else 1."""
    failed = []
    for name, command in checks.items():
        print(f"== {name}", flush=True)
        code = run_one(name, command, stop, grace)
        if stop.is_set():
            return STOPPED
        if code != 0:
            failed.append(name)
    if failed:
        print(f"Failed: {', '.join(failed)}", flush=True)
    return 1 if failed else 0


def run_one(name: str, command: Sequence[str], stop: threading.Event, grace: float) -> int:
    """Run a check until it ends or ``stop`` is set, end what it has left; return its status."""
    mark = secrets.token_hex(8)
    marks = [*filter(None, [os.environ.get(MARK)]), mark]  # a check may run checks itself
    process = subprocess.Popen(
        command,
        env=os.environ | {MARK: ":".join(marks)},
        stdin=subprocess.DEVNULL,
        **own_group(),
    )
    while process.poll() is None and not stop.wait(0.1):
        pass
    family: list[psutil.Process] = []
    if process.poll() is None:
        family = _descendants(process.pid)
        _interrupt(process)
        try:
            process.wait(timeout=grace)
        except subprocess.TimeoutExpired:
            process.kill()
    left = end_all(mark, family)
    if left and not stop.is_set():
        print(f"Ended what {name} had left running: {', '.join(sorted(left))}", flush=True)
    return process.wait()


def own_group(platform: str = sys.platform) -> dict[str, Any]:
    """Return the options of ``Popen`` that start a process group, to be interrupted as a whole."""
    if platform == "win32":
        return {"creationflags": getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200)}
    return {"process_group": 0}


def _interrupt(process: "subprocess.Popen[bytes]") -> None:
    """Do to a process group what Ctrl-C does."""
    with contextlib.suppress(ProcessLookupError, PermissionError):  # it has just ended
        if sys.platform == "win32":
            process.send_signal(signal.CTRL_BREAK_EVENT)
        else:
            os.killpg(process.pid, signal.SIGINT)


def end_all(mark: str, known: Iterable[psutil.Process] = ()) -> set[str]:
    """End the processes that are ``known`` or carry the mark; return the names of those that were.

    They have a moment to end by themselves: some only wait to see that their parent has gone.
    """
    _, alive = psutil.wait_procs({*known, *_marked(mark)}, timeout=1.0)
    names: set[str] = set()
    while alive:  # again, because one of them may have started another meanwhile
        for process in alive:
            names.add(_name(process))
            _try(process.terminate)
        _, stubborn = psutil.wait_procs(alive, timeout=TERMINATE_S)
        for process in stubborn:
            _try(process.kill)
        psutil.wait_procs(stubborn, timeout=TERMINATE_S)
        alive = _marked(mark)
    return names


def _marked(mark: str) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if mark in process.environ().get(MARK, "").split(":"):
                found.append(process)
        except (psutil.Error, OSError):  # another user's, or it has ended
            continue
    return [process for process in found if process.pid != os.getpid()]


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return list(psutil.Process(pid).children(recursive=True))
    except psutil.NoSuchProcess:
        return []


def _name(process: psutil.Process) -> str:
    try:
        return str(process.name())
    except psutil.Error:
        return "?"


def _try(act: Any) -> None:
    with contextlib.suppress(psutil.Error):  # it has ended meanwhile
        act()


def main(arguments: Sequence[str]) -> int:
    """Run the checks of a JSON object, name to command, with so many seconds to stop; see above."""
    stop = threading.Event()

    def follow_stdin() -> None:
        # Not sys.stdin: a daemon thread that holds its lock when Python ends is a fatal error.
        while os.read(0, 4096):
            pass
        stop.set()

    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), lambda *_: stop.set())
    threading.Thread(target=follow_stdin, daemon=True).start()
    checks, grace = arguments
    return run_all(json.loads(checks), stop, float(grace))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
