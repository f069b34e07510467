"""The folder of a notebook's traces: who holds it, and what is in it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded.storage import DATABASE, Storage, longest_path


@pytest.mark.slow
def test_a_kernel_that_died_frees_its_storage(tmp_path: Path) -> None:
    claim = (
        "import sys; from pathlib import Path\n"
        "from rag_tutorials.course.embedded.storage import Storage\n"
        "storage = Storage.claim(Path(sys.argv[1]), 'lesson')\n"
        "print(storage.path.name, flush=True)\n"
        "sys.stdin.read()"
    )

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", claim, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def name(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    first = start()
    assert name(first) == "lesson"
    second = start()
    assert name(second) == "lesson-2"
    first.kill()
    first.communicate()
    third = start()
    assert name(third) == "lesson"
    for process in (second, third):
        process.communicate("")


def test_a_storage_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CourseError, match=r"cannot be used .* set COURSE_STATE_DIR"):
        Storage.claim(tmp_path / "file", "lesson")


def test_a_path_that_no_database_can_have_is_one_sentence(tmp_path: Path) -> None:
    deep = tmp_path.joinpath(*["a" * 100] * 7)
    with pytest.raises(CourseError, match="set COURSE_STATE_DIR to a folder with a shorter path"):
        Storage.claim(deep, "lesson")


def test_a_database_set_aside_loses_nothing_and_can_be_put_back(tmp_path: Path) -> None:
    storage = Storage.claim(tmp_path, "lesson")
    for part in ("", "-wal"):
        (storage.path / f"phoenix.db{part}").write_text(f"old{part}")
    aside = storage.set_aside()
    assert aside.path.read_text() == "old"
    assert not list(storage.path.glob("phoenix.db*"))
    (storage.path / "phoenix.db").write_text("new")
    (storage.path / "phoenix.db-shm").write_text("new")
    aside.put_back()
    assert {file.name: file.read_text() for file in storage.path.glob("phoenix*")} == {
        "phoenix.db": "old",
        "phoenix.db-wal": "old-wal",
    }


def test_windows_takes_the_longest_path_with_all_that_sqlite_keeps_beside_it() -> None:
    assert longest_path("nt") + len("-journal") == 259
    assert longest_path("posix") == 500


@pytest.mark.parametrize("held", ["phoenix.db", "phoenix.db-wal", "phoenix.db-shm"])
def test_a_database_of_which_a_part_cannot_be_moved_stays_whole(
    held: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storage = Storage.claim(tmp_path, "lesson")
    parts = [f"{DATABASE}{part}" for part in ("", "-wal", "-shm")]
    for part in parts:
        (storage.path / part).write_text(part)
    rename = Path.rename

    def as_windows_does(self: Path, target: Path) -> Path:
        if self.name == held:
            raise PermissionError(13, "The process cannot access the file", str(self))
        return rename(self, target)

    monkeypatch.setattr(Path, "rename", as_windows_does)
    with pytest.raises(PermissionError):
        storage.set_aside()
    assert {file.name: file.read_text() for file in storage.path.glob("phoenix*")} == {
        part: part for part in parts
    }
