"""Programs that a notebook starts beside its kernel, and that never outlive it."""

from __future__ import annotations

import atexit
import json
import os
import queue
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.loopback.stoppable import Stoppable

_STOP_S = 5.0
# `python -m module`, but for one import: a parser that jsonschema does without, and that takes
# two thirds of the time of importing Chroma.
_LAUNCH = (
    "import runpy, sys; sys.modules['rfc3987_syntax'] = None; "
    "runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)"
)
_running: dict[str, Process] = {}


class Process(Stoppable):
    """A Python module that runs as a process of its own. Made by :func:`start`.

    It ends when :meth:`stop` is called, when the kernel ends, and when the kernel is killed: the
    module reads its stdin, and that ends with the kernel (``rag_tutorials.services.lifeline``).
    """

    def __init__(self, module: str, arguments: tuple[str, ...]) -> None:
        self.module = module
        self._received: queue.SimpleQueue[dict[str, Any] | None] = queue.SimpleQueue()
        self._complaints: deque[str] = deque(maxlen=20)
        self._greeting: dict[str, Any] | None = None
        self._process = subprocess.Popen(
            [sys.executable, "-c", _LAUNCH, module, *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        for target in (self._read_messages, self._read_complaints):
            threading.Thread(target=target, name=f"{module} output", daemon=True).start()

    @property
    def pid(self) -> int:
        """The operating system's number for the process."""
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether the process is alive."""
        return self._process.poll() is None

    @property
    def url(self) -> str:
        """Where a service listens; waits until it does.

        Raises:
            CourseError: it ended, or took too long.
        """
        return str(self.wait_until_ready()["url"])

    def wait_until_ready(self, timeout: float = 60.0) -> Mapping[str, Any]:
        """Wait for the process's first message, which says that it is ready, and return it.

        Raises:
            CourseError: it ended, or took longer than ``timeout`` seconds.
        """
        if self._greeting is None:
            self._greeting = self._next(timeout)
        return self._greeting

    def put(self, message: Mapping[str, Any]) -> None:
        """Put a message, anything that JSON can hold, into the queue that the process reads.

        It waits there until the process takes it.

        Raises:
            CourseError: the process has ended.
        """
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(json.dumps(dict(message)).encode() + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError) as error:
            raise self._ended() from error

    def get(self, timeout: float = 60.0) -> dict[str, Any]:
        """Wait for the next message from the process and return it.

        Raises:
            CourseError: the process ended, or none came within ``timeout`` seconds.
        """
        self.wait_until_ready(timeout)
        return self._next(timeout)

    def stop(self) -> None:
        """Stop the process and wait for its end; a second call does nothing."""
        if _running.get(self.module) is self:
            del _running[self.module]
        self._close()
        try:
            self._process.wait(_STOP_S)
        except BaseException as error:  # too slow, or the student interrupts
            self._process.kill()
            self._process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise

    def _close(self) -> None:
        """Let the process end by itself."""
        assert self._process.stdin is not None
        with suppress(OSError):
            self._process.stdin.close()

    def __repr__(self) -> str:
        return f"<{self.module}, process {self.pid}, {'running' if self.running else 'stopped'}>"

    def _next(self, timeout: float) -> dict[str, Any]:
        try:
            message = self._received.get(timeout=timeout)
        except queue.Empty:
            raise CourseError(
                f"{self.module} said nothing for {timeout:g} s; run the cell that starts it again."
            ) from None
        if message is None:
            self._received.put(None)  # for the next caller
            raise self._ended()
        return message

    def _ended(self) -> CourseError:
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(1.0)
        said = f" ({self._complaints[-1]})" if self._complaints else ""
        return CourseError(
            f"{self.module} is not running{said}; run the cell that starts it again."
        )

    def _read_messages(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stdout:
            for line in stdout:
                with suppress(ValueError):
                    message = json.loads(line)
                    if isinstance(message, dict):
                        self._received.put(message)
        self._received.put(None)

    def _read_complaints(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as stderr:
            for line in stderr:
                if text := line.decode(errors="replace").strip():
                    self._complaints.append(text)


def start(module: str, *arguments: str | os.PathLike[str]) -> Process:
    """Start ``python -m module arguments`` and return at once; safe to call again.

    One that this kernel started earlier from the same module is stopped first. The environment is
    the kernel's, so that the process talks to the same LLM; keys never stand among the arguments.
    """
    if earlier := _running.get(module):
        earlier.stop()
    process = Process(module, tuple(os.fspath(argument) for argument in arguments))
    _running[module] = process
    return process


@atexit.register
def stop_all() -> None:
    """Stop every process that this kernel started."""
    processes = list(_running.values())
    for process in processes:
        process._close()  # all at once: each needs a moment
    for process in processes:
        process.stop()
