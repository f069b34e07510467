"""Reading traces back, when what Phoenix's port answers is not what the course knows."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.storage import Storage
from rag_tutorials.course.traces.reading import Traces

pytestmark = pytest.mark.slow  # Phoenix's client is imported

Answering = Callable[[int, bytes], Traces]


@pytest.fixture
def answering(tmp_path: Path) -> Iterator[Answering]:
    """A Phoenix that is ready, and gives one answer to whoever asks for spans."""
    answer: tuple[int, bytes] = (200, b"")
    others = {"/readyz": b"OK", "/arize_phoenix_version": b"20.26.0"}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            status, body = (200, others[path]) if path in others else answer
            self.send_response(status)
            self.send_header("x-phoenix-server-version", "20.26.0")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        phoenix = EmbeddedPhoenix(Storage.claim(tmp_path, "lesson"))
        phoenix.port = server.server_address[1]

        def give(status: int, body: bytes) -> Traces:
            nonlocal answer
            answer = (status, body)
            return Traces("lesson", phoenix)

        yield give
        server.shutdown()


@pytest.mark.parametrize(
    "body",
    [b"", b"<!DOCTYPE html>", b"[]", b"7", b'{"spans": []}', b'{"data": [{"name": "a"}]}'],
)
def test_an_answer_that_cannot_be_read_is_not_called_none(
    answering: Answering, body: bytes
) -> None:
    with pytest.raises(CourseError) as caught:
        answering(200, body).read_back("1" * 32, timeout=120)
    assert "answers cannot be read" in str(caught.value)
    assert "is it another version than the course's?" in str(caught.value)


def test_a_project_that_is_not_there_yet_has_no_spans(answering: Answering) -> None:
    assert answering(404, b"no such project").fetch() == []
