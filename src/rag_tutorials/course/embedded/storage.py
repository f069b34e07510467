"""The folder of a notebook's traces, held by one kernel at a time."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock, Timeout

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import PRIVATE, private_folder, state_dir

LOCK = "kernel.lock"
DATABASE = "phoenix.db"
_PARTS = ("", "-wal", "-shm", "-journal")  # what SQLite keeps beside a database
_COPIES = 20


def traces_dir() -> Path:
    """Return the folder that holds a folder of traces for each notebook."""
    return private_folder(state_dir() / "phoenix")


def longest_path(system: str = os.name) -> int:
    """Return how many bytes the path of a database may have.

    SQLite takes 500 and a few. Windows takes 259, those of what SQLite keeps beside it included.
    """
    return 500 if system == "posix" else 259 - max(map(len, _PARTS))


class Storage:
    """One folder of traces, held by one kernel for as long as it lives."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def claim(cls, parent: Path, name: str) -> Storage:
        """Take ``parent/name``, or ``name-2``, ``name-3`` … while other kernels hold them.

        The lock is the operating system's: it ends with the kernel, however that ends.

        Raises:
            CourseError: too many kernels hold this notebook, or the folder cannot be written.
        """
        for number in range(1, _COPIES + 1):
            path = parent / (name if number == 1 else f"{name}-{number}")
            length, most = len(os.fsencode(path / DATABASE)), longest_path()
            if length > most:
                raise CourseError(
                    f"The path of the traces' folder has {length} bytes, and a database's may have "
                    f"{most}; set COURSE_STATE_DIR to a folder with a shorter path and restart "
                    f"the kernel. The folder is {path}"
                )
            try:
                private_folder(path)
                lock = FileLock(path / LOCK, mode=PRIVATE, blocking=False)
                lock.acquire()
            except Timeout:
                continue
            except OSError as error:
                raise CourseError(
                    f"The traces' folder {path} cannot be used ({sentence_of(error)}); free some "
                    "space or set COURSE_STATE_DIR to a folder you may write to, and restart the "
                    "kernel."
                ) from error
            return cls(path, lock)
        raise CourseError(
            f"{_COPIES} kernels already run {name}; shut some down (menu Kernel, "
            "Shut Down All Kernels) and run this cell again."
        )

    def set_aside(self) -> SetAside:
        """Move the database out of the way, under another name beside it; nothing is lost."""
        moment = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}"
        return SetAside(self.path / DATABASE, self.path / f"phoenix-unusable-{moment}.db")


class SetAside:
    """A database that was moved out of the way."""

    def __init__(self, place: Path, aside: Path) -> None:
        self.place = place
        self.path = aside
        _move(place, aside)

    def put_back(self) -> None:
        """Undo it; what was made in its place meanwhile is removed."""
        for part in _PARTS:
            Path(f"{self.place}{part}").unlink(missing_ok=True)
        _move(self.path, self.place)


def _move(database: Path, target: Path) -> None:
    """Move a database, all its parts or none: on Windows, a part that is open cannot be moved."""
    moved: list[tuple[Path, Path]] = []
    try:
        for part in _PARTS:
            if os.path.lexists(f"{database}{part}"):
                here, there = Path(f"{database}{part}"), Path(f"{target}{part}")
                here.rename(there)
                moved.append((here, there))
    except OSError:
        for here, there in reversed(moved):
            there.rename(here)
        raise
