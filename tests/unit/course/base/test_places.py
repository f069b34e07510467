"""What the course writes is for its own user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_tutorials.course.base.places import (
    STATE_VARIABLE,
    close_state,
    private_folder,
    state_dir,
    write_private,
)
from rag_tutorials.course.embedded import running
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.storage import Storage, traces_dir
from rag_tutorials.course.student import kept

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes are POSIX")


@pytest.fixture(autouse=True, params=[0o000, 0o022, 0o077])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    assert os.umask(before) == request.param


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "above" / "state"
    monkeypatch.setenv(STATE_VARIABLE, str(folder))
    return folder


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o7777


def everything(folder: Path) -> list[Path]:
    return [folder, *folder.rglob("*")]


def test_all_that_the_course_writes_is_private_from_the_start(state: Path) -> None:
    kept.remember("00.1")
    running.note(EmbeddedPhoenix(Storage.claim(traces_dir(), "lesson")))
    made = everything(state)
    assert len(made) >= 6
    assert {path: mode(path) for path in made} == {
        path: 0o700 if path.is_dir() else 0o600 for path in made
    }


def test_what_an_earlier_version_left_open_is_closed_at_the_next_start(state: Path) -> None:
    traces = state / "phoenix" / "lesson" / "exports"
    for folder in (traces, state / "lab" / "workspaces"):
        folder.mkdir(parents=True)
    for file in (traces / "spans.csv", traces.parent / "phoenix.db", state / "progress.json"):
        file.touch()
    for path in everything(state):
        path.chmod(0o755 if path.is_dir() else 0o644)
    close_state()
    assert {mode(path) for path in everything(state)} == {0o700, 0o600}


def test_files_of_others_in_a_chosen_folder_stay_as_they_are(state: Path) -> None:
    own = state / "thesis" / "chapter.txt"
    outside = state.parent / "outside.txt"
    own.parent.mkdir(parents=True)
    (state / "phoenix").mkdir()
    (state / "phoenix" / "link").symlink_to(outside)
    for path in (own, outside):
        path.touch()
        path.chmod(0o644)
    close_state()
    assert (mode(own), mode(outside)) == (0o644, 0o644)


def test_a_folder_for_everybody_stays_open(state: Path) -> None:
    state.mkdir(parents=True)
    state.chmod(0o1777)
    assert mode(state_dir()) == 0o1777
    assert mode(traces_dir()) == 0o700


def test_a_file_that_was_open_is_closed_when_it_is_written_again(tmp_path: Path) -> None:
    file = private_folder(tmp_path / "new") / "file"
    file.touch()
    file.chmod(0o644)
    write_private(file, "text")
    assert (file.read_text(), mode(file)) == ("text", 0o600)
