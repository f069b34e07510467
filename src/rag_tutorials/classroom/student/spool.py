"""What waits to be sent, on the student's disk: reports, and spans within a limit.

All kernels of a checkout share it. Each appends the requests of spans to a file of its own, which
it closes for sending (:meth:`Spool.seal`); a kernel that was killed leaves it, and another one
closes it. A report is a file; it stays until its annotation is written, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

from rag_tutorials.classroom.base.wire import Report
from rag_tutorials.classroom.student.segment import frame, pieces
from rag_tutorials.course.base.places import PRIVATE, private_folder, write_private

LIMIT = 50_000_000  # bytes of spans
_SEGMENT = 500_000  # bytes; then a new file begins
_OPEN, _SEALED, _NEW, _SENT = ".open", ".spans", ".report", ".judged"
_LOCK_S = 10.0


class Spool:
    """A folder of what waits; each kernel makes an object of its own.

    Raises:
        OSError: the folder cannot be used.
    """

    def __init__(self, folder: Path, limit: int = LIMIT) -> None:
        self.folder = private_folder(folder)
        self._limit = limit
        self._own = uuid.uuid4().hex[:12]
        self._writing = threading.Lock()
        self._segment: int | None = None
        self._path: Path | None = None
        self._size = 0
        # Held as long as this kernel lives, however it ends.
        self._life = FileLock(folder / f"{self._own}.life", mode=PRIVATE, thread_local=False)
        life = folder / f"{self._own}.life"
        self._life.acquire()
        while not life.exists():  # somebody took it for a dead kernel's, just before
            self._life.release()
            self._life.acquire()
        self._short = FileLock(
            folder / "counts.lock", mode=PRIVATE, timeout=_LOCK_S, thread_local=False
        )
        self.sending = FileLock(
            folder / "sending.lock", mode=PRIVATE, blocking=False, thread_local=False
        )
        self.adopt()

    # Spans

    def append(self, body: bytes, encoding: str, project: str | None) -> None:
        """Keep a request of spans: one write, after which a killed kernel does not lose it.

        Raises:
            OSError: there is no room, or the folder is gone.
        """
        with self._writing:
            if self._segment is None:
                self._path = self.folder / f"{time.time_ns():020d}-{self._own}{_OPEN}"
                flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
                self._segment = os.open(self._path, flags, PRIVATE)
                self._size = 0
            self._size += os.write(self._segment, frame(body, encoding, project))
            full = self._size >= _SEGMENT
        if full:
            self.seal()

    def seal(self) -> None:
        """Close this kernel's file for sending."""
        with self._writing:
            if self._segment is None or self._path is None:
                return
            os.close(self._segment)
            self._segment = None
            with contextlib.suppress(OSError):  # the folder is gone
                self._path.rename(self._path.with_suffix(_SEALED))

    def adopt(self) -> None:
        """Close the files of kernels that have ended."""
        for life in self.folder.glob("*.life"):
            if life.stem == self._own:
                continue
            try:
                with FileLock(life, mode=PRIVATE, blocking=False):
                    for file in self.folder.glob(f"*-{life.stem}{_OPEN}"):
                        with contextlib.suppress(OSError):
                            file.rename(file.with_suffix(_SEALED))
                    life.unlink(missing_ok=True)
            except OSError:
                continue  # it lives

    def segments(self) -> list[Path]:
        """Return the files to send, the oldest first."""
        return sorted(self.folder.glob(f"*{_SEALED}"))

    def keep_within(self) -> None:
        """Remove the oldest files of spans until all are within the limit, and count their spans.

        Raises:
            OSError: the count cannot be kept.
        """
        sizes = [(file, _size_of(file)) for file in self.segments()]
        excess = sum(size for _, size in sizes) - self._limit
        for file, size in sizes:
            if excess <= 0:
                return
            with contextlib.suppress(OSError):
                lost = sum(1 for _ in pieces(file))
                file.unlink()
                self.count_dropped(lost)
                excess -= size

    @property
    def next_bulk(self) -> float:
        """When any kernel may send the next batch that is not urgent (seconds since 1970)."""
        try:
            return (self.folder / "bulk.time").stat().st_mtime
        except OSError:
            return 0.0

    @next_bulk.setter
    def next_bulk(self, moment: float) -> None:
        file = self.folder / "bulk.time"
        file.touch(PRIVATE)
        os.utime(file, (moment, moment))

    # Reports

    def add_report(self, report: Report) -> None:
        """Keep a report.

        Raises:
            OSError: there is no room, or the folder is gone.
        """
        name = f"{time.time_ns():020d}-{uuid.uuid4().hex}"
        new = self.folder / f"{name}.new"
        write_private(new, report.to_json())
        new.rename(self.folder / f"{name}{_NEW}")

    def reports(self) -> list[tuple[Path, Report]]:
        """Return the reports to send, the oldest first."""
        return list(self._read(_NEW))

    def judged(self) -> list[tuple[Path, Report]]:
        """Return the reports that were sent and whose traces and annotations were not."""
        return list(self._read(_SENT))

    def sent(self, file: Path, whole: bool) -> None:
        """Note that a report was sent; the ``whole`` of it, or its annotation is still to come."""
        with contextlib.suppress(OSError):
            if whole:
                file.unlink()
            else:
                file.rename(file.with_suffix(_SENT))

    def set_aside(self, file: Path) -> None:
        """Keep a report that the class will never take out of the way."""
        with contextlib.suppress(OSError):
            file.rename(file.with_suffix(".refused"))

    @staticmethod
    def identity(file: Path) -> str:
        """Return the id of a report, 32 hexadecimal digits."""
        return file.stem.partition("-")[2]

    def _read(self, suffix: str) -> Iterator[tuple[Path, Report]]:
        for file in sorted(self.folder.glob(f"*{suffix}")):
            try:
                yield file, Report.from_json(file.read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue  # another kernel has just sent it
            except ValueError:
                with contextlib.suppress(OSError):
                    file.rename(file.with_suffix(".unreadable"))

    # Counts

    def attempt(self, exercise: str, another: bool) -> int:
        """Return which attempt at an exercise this is; ``another`` counts it.

        Each is a line of a file that only grows, so that kernels need not wait for each other.

        Raises:
            OSError: it cannot be counted.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        line = exercise.encode()
        file = os.open(self.folder / "attempts", flags, PRIVATE)
        try:
            if another:
                os.write(file, line + b"\n")
            end = os.lseek(file, 0, os.SEEK_CUR if another else os.SEEK_END)
            os.lseek(file, 0, os.SEEK_SET)
            return os.read(file, end).split(b"\n").count(line)
        finally:
            os.close(file)

    @property
    def dropped(self) -> int:
        """How many spans were dropped so far."""
        return int(self._read_counts().get("dropped", 0))

    def count_dropped(self, spans: int) -> None:
        """Count spans that nobody will get.

        Raises:
            OSError: the count cannot be kept.
        """
        with self._counts() as counts:
            counts["dropped"] = int(counts.get("dropped", 0)) + spans

    @property
    def trouble(self) -> str:
        """What stood in the way when something was sent last; empty when nothing did."""
        return str(self._read_counts().get("trouble", ""))

    def note_trouble(self, sentence: str) -> None:
        """Keep what stands in the way, for whoever asks; empty when nothing does."""
        with contextlib.suppress(OSError):
            if sentence != self.trouble:
                with self._counts() as counts:
                    counts["trouble"] = sentence

    def has_work(self) -> bool:
        """Say whether anything is there to send."""
        try:
            with os.scandir(self.folder) as entries:
                return any(entry.name.endswith((_SEALED, _NEW, _SENT)) for entry in entries)
        except FileNotFoundError:  # the student has left
            return False

    @property
    def exists(self) -> bool:
        """Whether this kernel's part of the folder is there; leaving a class removes it."""
        return (self.folder / f"{self._own}.life").exists()

    def waiting(self) -> tuple[int, int]:
        """Return how many reports wait, and how many bytes of spans."""
        return waiting_in(self.folder)

    @contextlib.contextmanager
    def _counts(self) -> Iterator[dict[str, Any]]:
        with self._short:
            counts = self._read_counts()
            yield counts
            new = self.folder / "counts.new"
            write_private(new, json.dumps(counts))
            new.replace(self.folder / "counts.json")

    def _read_counts(self) -> dict[str, Any]:
        try:
            found = json.loads((self.folder / "counts.json").read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        return found if isinstance(found, dict) else {}

    def close(self) -> None:
        """End this kernel's part; what waits stays for the next one."""
        self.seal()
        self._life.release()
        with contextlib.suppress(OSError):
            (self.folder / f"{self._own}.life").unlink(missing_ok=True)


def waiting_in(folder: Path) -> tuple[int, int]:
    """Return how many reports wait in a folder, or below it, and how many bytes of spans."""
    reports = sum(1 for _ in folder.rglob(f"*{_NEW}"))
    spans = [file for file in folder.rglob("*") if file.suffix in (_OPEN, _SEALED)]
    return reports, sum(map(_size_of, spans))


def _size_of(file: Path) -> int:
    try:
        return file.stat().st_size
    except OSError:
        return 0
