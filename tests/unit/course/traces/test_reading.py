"""Reading traces back, when what Phoenix's port answers is not what the course knows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.storage import Storage
from rag_tutorials.course.traces.reading import Traces

from ..conftest import Answer, answering

pytestmark = pytest.mark.slow  # Phoenix's client is imported

Giving = Callable[[int, bytes], Traces]


@pytest.fixture
def giving(tmp_path: Path) -> Iterator[Giving]:
    """A Phoenix that is ready, and gives one answer to whoever asks for spans."""
    answer: tuple[int, bytes] = (200, b"")
    others = {"/readyz": b"OK", "/arize_phoenix_version": b"20.26.0"}

    def phoenix(path: str, _: bytes) -> Answer:
        path = path.partition("?")[0]
        status, body = (200, others[path]) if path in others else answer
        return status, body, {"x-phoenix-server-version": "20.26.0"}

    with answering(phoenix) as url:
        ours = EmbeddedPhoenix(Storage.claim(tmp_path, "lesson"))
        ours.port = int(url.rpartition(":")[2])

        def give(status: int, body: bytes) -> Traces:
            nonlocal answer
            answer = (status, body)
            return Traces("lesson", ours)

        yield give


@pytest.mark.parametrize(
    "body",
    [b"", b"<!DOCTYPE html>", b"[]", b"7", b'{"spans": []}', b'{"data": [{"name": "a"}]}'],
)
def test_an_answer_that_cannot_be_read_is_not_called_none(giving: Giving, body: bytes) -> None:
    with pytest.raises(CourseError) as caught:
        giving(200, body).read_back("1" * 32, timeout=120)
    assert "answers cannot be read" in str(caught.value)
    assert "is it another version than the course's?" in str(caught.value)


def test_a_project_that_is_not_there_yet_has_no_spans(giving: Giving) -> None:
    assert giving(404, b"no such project").fetch() == []
