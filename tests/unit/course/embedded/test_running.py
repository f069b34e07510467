"""The page behind the launcher's tile: which Phoenixes it finds, and where it leads."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rag_tutorials import launcher
from rag_tutorials.course.embedded import running
from rag_tutorials.course.embedded.ports import free_port


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/readyz" else 404)
        self.send_header("x-phoenix-server-version", "20.26.1")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    """A server that says that it is ready, as Phoenix does."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.fixture
def lesson(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "01_lesson"
    folder.mkdir()
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    return folder


def test_a_phoenix_that_was_noted_and_answers_is_found(lesson: Path, port: int) -> None:
    running.note(port, lesson)
    assert list(running.running(lesson.parent)) == [("01_lesson", port)]


def test_one_that_does_not_answer_is_not(lesson: Path) -> None:
    running.note(free_port(), lesson)
    assert list(running.running(lesson.parent)) == []


def test_one_whose_kernel_has_ended_is_not_although_another_took_its_port_and_number(
    lesson: Path, port: int
) -> None:
    running.note(port, lesson)
    [file] = lesson.iterdir()
    said = json.loads(file.read_text())
    for changed in ({"started": said["started"] - 60}, {"pid": 2**22 + 1}, {"port": None}):
        file.write_text(json.dumps({**said, **changed}))
        assert list(running.running(lesson.parent)) == []
    file.write_text("{")
    assert list(running.running(lesson.parent)) == []


def test_a_note_that_cannot_be_written_is_done_without(lesson: Path) -> None:
    lesson.rmdir()
    running.note(1, lesson)
    assert not lesson.exists()


def test_the_page_leads_on_by_itself_only_where_there_is_one(lesson: Path) -> None:
    nothing, one, two = (
        running.page([(f"0{number}_x", 6006 + number) for number in range(count)])
        for count in range(3)
    )
    assert "run its first two cells" in nothing
    assert 'location.replace("http://localhost:6006/")' in one
    assert '<a href="http://localhost:6007/">01_x</a>' in two
    assert "<script>" not in two + nothing


def test_behind_a_hub_the_page_stays_under_the_users_prefix(
    lesson: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/")
    assert 'href="/user/ada/proxy/6006/"' in running.page([("x", 6006)])


def test_the_tile_starts_the_page() -> None:
    tile = launcher.phoenix()
    assert tile["command"][1:3] == ["-m", running.__name__]
    assert tile["command"][-1] == "{port}"
    assert tile["new_browser_tab"] is False
    assert Path(tile["launcher_entry"]["icon_path"]).read_text().startswith("<svg")
