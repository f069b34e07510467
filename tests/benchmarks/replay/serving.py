"""The class's server as an instructor starts it, or as deploy/ has it, and students in it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from rag_tutorials.classroom.base.code import ClassCode
from rag_tutorials.classroom.base.membership import Membership
from rag_tutorials.classroom.instructor.place import ClassPlace
from rag_tutorials.course.embedded.asking import answers
from rag_tutorials.course.embedded.ports import free_port

_MODULE = "rag_tutorials.classroom.instructor.commands"
_START_S = 120.0
_END_S = 120.0
BULK = 45.0  # spans a second for each process, as `class add` has it


class Server(Protocol):
    """A class's server: where it is, what may do everything there, and its processes."""

    url: str
    admin: str
    pids: Sequence[int]

    def add(self, students: int) -> list[Membership]:
        """Add students."""


@dataclass(slots=True)
class _Served:
    url: str
    admin: str
    pids: Sequence[int]
    folder: Path

    def add(self, students: int) -> list[Membership]:
        names, codes = self.folder / "names.txt", self.folder / "codes.csv"
        names.write_text("".join(f"Student {number}\n" for number in range(1, students + 1)))
        asked = {"folder": str(self.folder), "file": str(names), "shared": None, "csv": str(codes)}
        subprocess.run(_command("add", asked), check=True, stdout=subprocess.DEVNULL)
        with codes.open(encoding="utf-8-sig", newline="") as file:
            return [Membership.of(ClassCode.decode(row["code"])) for row in csv.DictReader(file)]


@contextmanager
def served(folder: Path, cores: Sequence[int]) -> Iterator[Server]:
    """Run ``class serve`` in a new folder, on these cores if any are given.

    Raises:
        RuntimeError: it does not start.
    """
    port = free_port()
    asked = {
        "folder": str(folder),
        "host": "127.0.0.1",
        "port": port,
        "database": None,
        "url": None,
    }
    process = subprocess.Popen(
        [*_pinned(cores), *_command("serve", asked)], stdout=subprocess.DEVNULL
    )
    try:
        url = f"http://127.0.0.1:{port}"
        deadline = time.monotonic() + _START_S
        while not answers(url):
            if process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("the class's server did not start")
            time.sleep(0.1)
        yield _Served(url, ClassPlace(folder).secrets().admin, [process.pid], folder)
    finally:
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


@dataclass(slots=True)
class _Several:
    url: str
    admin: str
    pids: Sequence[int]
    key: str

    def add(self, students: int) -> list[Membership]:
        pace = BULK * len(self.pids) / students
        return [Membership(self.url, self.key, f"Student {one}", pace) for one in range(students)]


@contextmanager
def several(folder: Path, processes: int, cores: Sequence[int]) -> Iterator[Server]:
    """Run Phoenix processes on one PostgreSQL behind nginx, with the files of deploy/.

    Each process has one of the cores, in turn, if any are given.
    """
    sys.path.append(str(Path(__file__).parents[2] / "system"))
    from several_phoenix import backend

    pins = [[cores[number % len(cores)]] for number in range(processes)] if cores else []
    with backend(folder, processes, pins=pins) as started:
        pids = [one.process.pid for one in started.phoenixes]
        yield _Several(started.url, started.admin_secret, pids, started.make_key("class"))


def _pinned(cores: Sequence[int]) -> list[str]:
    return ["taskset", "-c", ",".join(map(str, cores))] if cores and shutil.which("taskset") else []


def _command(name: str, options: dict[str, Any]) -> list[str]:
    return [sys.executable, "-m", _MODULE, name, json.dumps(options)]
