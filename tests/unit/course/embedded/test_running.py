"""The page behind the launcher's tile: which Phoenixes it finds, and where it leads."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from rag_tutorials import launcher
from rag_tutorials.course.embedded import running
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.ports import free_port
from rag_tutorials.course.embedded.running import Running
from rag_tutorials.course.embedded.storage import Storage


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
def phoenix(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> EmbeddedPhoenix:
    monkeypatch.delenv("JUPYTERHUB_SERVICE_PREFIX", raising=False)
    return EmbeddedPhoenix(Storage.claim(tmp_path, "01_lesson"))


@pytest.fixture
def lesson(phoenix: EmbeddedPhoenix) -> Path:
    return phoenix.folder


def test_a_phoenix_that_was_noted_and_answers_is_found(phoenix: EmbeddedPhoenix, port: int) -> None:
    phoenix.port = port
    running.note(phoenix)
    assert list(running.running(phoenix.folder.parent)) == [
        Running("01_lesson", port, f"http://localhost:{port}")
    ]


def test_where_the_lessons_port_is_anothers_a_phoenix_comes_back_to_its_last_one(
    phoenix: EmbeddedPhoenix, port: int
) -> None:
    assert running.noted_port(phoenix.folder) is None
    running.note(phoenix)
    again = EmbeddedPhoenix(phoenix.storage, port, running.noted_port(phoenix.folder))
    assert again.port == phoenix.port
    for wrong in ("{", "[]", '{"port": null}', '{"port": 0}'):
        (phoenix.folder / "running.json").write_text(wrong)
        assert running.noted_port(phoenix.folder) is None


def test_one_that_does_not_answer_is_not(phoenix: EmbeddedPhoenix) -> None:
    phoenix.port = free_port()
    running.note(phoenix)
    assert list(running.running(phoenix.folder.parent)) == []


def test_one_whose_kernel_has_ended_is_not_although_another_took_its_port_and_number(
    phoenix: EmbeddedPhoenix, lesson: Path, port: int
) -> None:
    phoenix.port = port
    running.note(phoenix)
    [file] = lesson.glob("*.json")
    said = json.loads(file.read_text())
    for changed in ({"started": said["started"] - 60}, {"pid": 2**22 + 1}, {"port": None}):
        file.write_text(json.dumps({**said, **changed}))
        assert list(running.running(lesson.parent)) == []
    file.write_text("{")
    assert list(running.running(lesson.parent)) == []


def test_a_note_that_cannot_be_written_is_done_without(
    phoenix: EmbeddedPhoenix, lesson: Path
) -> None:
    (lesson / "running.json").mkdir()
    running.note(phoenix)
    assert list(running.running(lesson.parent)) == []


def found(count: int) -> list[Running]:
    ports = range(6006, 6006 + count)
    return [
        Running(f"0{number}_x", port, f"http://localhost:{port}")
        for number, port in enumerate(ports)
    ]


def test_the_page_leads_on_by_itself_only_where_there_is_one() -> None:
    nothing, one, two = (running.page(found(count)) for count in range(3))
    assert "run its first two cells" in nothing
    assert 'location.replace("http://localhost:6006/")' in one
    assert '<a href="http://localhost:6007/">01_x</a>' in two
    assert "<script>" not in two + nothing


@pytest.mark.parametrize(
    ("name", "value", "address"),
    [
        ("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/", "/user/ada/proxy/{port}/"),
        ("COURSE_PROXY_URL", "https://host/o/1/{port}", "https://host/o/1/{port}/"),
    ],
)
def test_the_page_leads_where_the_notebook_that_knows_the_proxy_says(
    name: str,
    value: str,
    address: str,
    phoenix: EmbeddedPhoenix,
    port: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    phoenix.port = port
    with monkeypatch.context() as kernel:
        kernel.setenv(name, value)  # of the kernel, from .env perhaps: the page's server has none
        running.note(phoenix)
    page = running.page(list(running.running(phoenix.folder.parent)))
    assert f'href="{address.format(port=port)}"' in page


@pytest.mark.skipif(os.name == "nt", reason="Windows sends no Ctrl-C to one process.")
def test_the_tile_starts_the_page_which_ends_in_silence(tmp_path: Path) -> None:
    tile = launcher.phoenix()
    assert tile["new_browser_tab"] is False
    assert Path(tile["launcher_entry"]["icon_path"]).read_text().startswith("<svg")
    port = free_port()
    process = subprocess.Popen(
        [part.format(port=port) for part in tile["command"]],
        env=os.environ | {"COURSE_STATE_DIR": str(tmp_path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert "No notebook runs a Phoenix now." in asked(f"http://127.0.0.1:{port}/", process)
        process.send_signal(signal.SIGINT)  # Ctrl-C in JupyterLab's terminal reaches it as well
        assert process.communicate(timeout=120)[0] == ""
    finally:
        process.kill()
        process.wait()


def asked(url: str, process: subprocess.Popen[str]) -> str:
    """Return what the server answers once it listens."""
    end = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < end:
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(url, trust_env=False, timeout=120).text
        time.sleep(0.05)
    raise AssertionError(process.communicate()[0])
