"""The guard around ``launch_app``, as far as it goes without Phoenix."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded import launching
from rag_tutorials.course.embedded.launching import _Launcher, launched
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.storage import Storage


@pytest.fixture
def phoenix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedPhoenix:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    monkeypatch.setattr(launching, "_warm_up", lambda _: None)  # there is no Phoenix
    return EmbeddedPhoenix(Storage.claim(tmp_path, "lesson"))


def test_a_launch_that_returns_none_or_raises_is_an_error_with_a_remedy(
    phoenix: EmbeddedPhoenix,
) -> None:
    def silent() -> None:
        return None

    def slow() -> None:
        raise RuntimeError("server took too long to start")

    for launch, cause in ((silent, "it gave no reason"), (slow, "server took too long")):
        with pytest.raises(CourseError, match=rf"did not start \(.*{cause}.*\); run this cell"):
            launched(launch, lambda: None, phoenix)


def test_a_launch_that_was_only_slow_succeeds_the_second_time(phoenix: EmbeddedPhoenix) -> None:
    session, calls = object(), []

    def launch() -> Any:
        calls.append(os.environ["PHOENIX_PORT"])
        if len(calls) == 1:
            raise RuntimeError("server took too long to start")
        return session

    assert launched(launch, lambda: None, phoenix) is session


def test_a_launch_before_prepare_says_what_to_run_first() -> None:
    with pytest.raises(CourseError, match=r"run the cell with prepare\(\) above first"):
        _Launcher(lambda: object(), None, None).launch_app()


def test_a_port_taken_after_prepare_is_named(
    phoenix: EmbeddedPhoenix, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        announced = other.getsockname()[1]
        phoenix.use_port(announced)
        launched(lambda: object(), lambda: None, phoenix)
    assert phoenix.port != announced
    assert os.environ["PHOENIX_PORT"] == str(phoenix.port)
    said = capsys.readouterr().out
    assert said.startswith(f"Port {announced} was taken meanwhile; Phoenix is at http://localhost:")


class PhoenixMigrationError(Exception):
    """Phoenix's own has this name, and is raised whatever keeps the database from its use."""


def test_a_full_disk_is_named_and_the_database_stays(
    phoenix: EmbeddedPhoenix, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(phoenix.folder)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage._replace(free=1000))
    database = phoenix.folder / "phoenix.db"
    database.write_text("traces", "utf-8")

    def launch() -> None:
        raise PhoenixMigrationError("database or disk is full")

    with pytest.raises(CourseError, match=r"disk that holds .* is full; free some space") as caught:
        launched(launch, lambda: None, phoenix)
    assert str(phoenix.folder) in str(caught.value)
    assert [file.name for file in phoenix.folder.glob("phoenix*")] == ["phoenix.db"]
