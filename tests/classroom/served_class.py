"""A class that is really served, as an instructor serves it, and what its students send."""

from __future__ import annotations

import contextlib
import io
import json
import os
import queue
import secrets
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rag_tutorials.classroom.base.code import ClassCode
from rag_tutorials.classroom.instructor import commands
from rag_tutorials.classroom.instructor.place import ClassPlace
from rag_tutorials.course.embedded.ports import free_port

LAST_LINE = "Ctrl-C ends it"
PATIENCE_S = 120


class Program:
    """A program that says what it does, line by line; ended with the ``with`` block."""

    def __init__(self, command: list[str], env: Mapping[str, str] = os.environ) -> None:
        self.lines: list[str] = []
        self._arrived: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            env={**env, "PYTHONUTF8": "1", "PYTHONUNBUFFERED": "1"},
            creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
        )
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._arrived.put(line.rstrip())
        self._arrived.put(None)

    def wait_for(self, text: str) -> None:
        """Wait until a line with the text was printed."""
        end = time.monotonic() + PATIENCE_S
        while not any(text in line for line in self.lines):
            line = self._arrived.get(timeout=max(0.1, end - time.monotonic()))
            assert line is not None, "\n".join(self.lines)
            self.lines.append(line)

    def end(self, how: str = "SIGINT") -> int:
        """Send a signal (on Windows, what stands for it), wait, and return the exit status."""
        number = signal.CTRL_BREAK_EVENT if sys.platform == "win32" else getattr(signal, how)
        self.process.send_signal(number)
        status = self.process.wait(PATIENCE_S)
        while (line := self._arrived.get(timeout=PATIENCE_S)) is not None:
            self.lines.append(line)
        return status

    def __enter__(self) -> Program:
        return self

    def __exit__(self, *error: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(PATIENCE_S)


class Class:
    """A class in a folder: its commands, and what its students send."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self.place = ClassPlace(folder)
        self.pid = 0  # of the program that serves it

    def serve(self, **options: Any) -> Program:
        """Begin to serve it; options as ``commands.serve`` has them."""
        given = {"host": "127.0.0.1", "port": self.port, "database": None, "url": None}
        program = Program(self._command("serve", given | options))
        self.pid = self.pid or program.process.pid
        return program

    def run(self, name: str, /, **options: Any) -> subprocess.CompletedProcess[str]:
        """Run another command to its end, in this process, with nobody to answer."""
        out, err = io.StringIO(), io.StringIO()
        arguments = self._command(name, options)[-2:]
        stdin, sys.stdin = sys.stdin, io.StringIO()
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
                status = commands.main(arguments)
        finally:
            sys.stdin = stdin
        return subprocess.CompletedProcess(arguments, status, out.getvalue(), err.getvalue())

    def add(self, names: str, **options: Any) -> dict[str, ClassCode]:
        """Add people by the content of a file, and return the codes by what is printed before."""
        file = self.folder / f"{secrets.token_hex(4)}.txt"
        file.write_bytes(names.encode())
        done = self.run("add", file=str(file), shared=None, **({"csv": None} | options))
        assert done.returncode == 0, done.stderr
        return codes(done.stdout)

    def _command(self, name: str, options: Mapping[str, Any]) -> list[str]:
        given = json.dumps({"folder": str(self.folder), **options})
        return [sys.executable, "-m", commands.__name__, name, given]

    @property
    def admin(self) -> dict[str, str]:
        """The header with which Phoenix lets anything be done."""
        return {"authorization": f"Bearer {self.place.secrets().admin}"}

    def stored(self, project: str) -> int:
        """Return how many spans of a project are stored."""
        found = httpx.get(
            f"{self.place.server().url}/v1/projects/{project}/spans?limit=1000",
            headers=self.admin,
            timeout=PATIENCE_S,
        )
        return len(found.json()["data"]) if found.is_success else 0


def codes(printed: str) -> dict[str, ClassCode]:
    pairs = [line.split("\t") for line in printed.splitlines()]
    return {name: ClassCode.decode(code) for name, code in pairs}


def message(project: str, count: int, **attributes: str) -> ExportTraceServiceRequest:
    """Return a trace of so many spans, with whatever a span can have."""
    request = ExportTraceServiceRequest()
    resource = request.resource_spans.add()
    name = resource.resource.attributes.add(key="openinference.project.name")
    name.value.string_value = project
    scope = resource.scope_spans.add()
    trace, root = secrets.token_bytes(16), secrets.token_bytes(8)
    for number in range(count):
        start = 1_790_000_000_123_456_000 + number * 1_000_000
        span = scope.spans.add(
            trace_id=trace,
            span_id=secrets.token_bytes(8) if number else root,
            parent_span_id=root if number else b"",
            name=f"step {number} ✓",
            start_time_unix_nano=start,
            end_time_unix_nano=start + 500_000,
        )
        span.status.code = (1, 2, 0)[number % 3]  # type: ignore[assignment]
        span.status.message = "it failed" if number % 3 == 1 else ""
        event = span.events.add(name="exception", time_unix_nano=start + 1000)
        event.attributes.add(key="exception.message").value.string_value = "no"
        for key, text in {"openinference.span.kind": "CHAIN", **attributes}.items():
            span.attributes.add(key=key).value.string_value = text
        span.attributes.add(key="number").value.int_value = 2**53 + number
        span.attributes.add(key="share").value.double_value = 0.1 + number
        span.attributes.add(key="right").value.bool_value = number % 2 == 0
        values = span.attributes.add(key="names").value.array_value.values
        for one in ("a", "ü"):
            values.add().string_value = one
    return request


def send(code: ClassCode, request: ExportTraceServiceRequest) -> int:
    """Send a trace with a student's key, and return the HTTP status."""
    return httpx.post(
        f"{code.url}/v1/traces",
        content=request.SerializeToString(),
        headers={
            "authorization": f"Bearer {code.key}",
            "content-type": "application/x-protobuf",
        },
        timeout=PATIENCE_S,
    ).status_code


def eventually(holds: Callable[[], Any]) -> Any:
    """Wait until something holds, and return it."""
    end = time.monotonic() + PATIENCE_S
    while not (found := holds()):
        assert time.monotonic() < end
        time.sleep(0.1)
    return found
