"""Questions to Phoenix's port: who is there, and what spans cost."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest

from rag_tutorials.course.embedded import asking
from rag_tutorials.course.embedded.ports import free_port

from ..conftest import Answer, answering

IDS = ("a" * 16, "b" * 16, "c" * 16)


def web(status: int, body: bytes, **headers: str) -> AbstractContextManager[str]:
    """A program that gives one answer to everything."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return answering(lambda path, asked: (status, body, named))


@contextmanager
def mute(answer: bytes) -> Iterator[str]:
    """A program that speaks no HTTP: it says this to whoever connects, or nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            kept = []
            while True:
                try:
                    connection = server.accept()[0]
                except OSError:
                    return
                kept.append(connection)
                if answer:
                    connection.recv(1000)
                    connection.sendall(answer)
                    connection.close()

        threading.Thread(target=serve, daemon=True).start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


def test_phoenix_is_told_from_other_programs_and_from_none() -> None:
    with web(200, b"", x_phoenix_server_version="20.26.1") as url:
        assert asking.answers(url)
    with web(503, b"", x_phoenix_server_version="20.26.1") as url:
        assert asking.trouble(url) == f"Phoenix at {url} is not ready (HTTP 503)"
    for status in (200, 404, 500):
        with web(status, b'{"data": []}') as url:
            assert asking.trouble(url) == f"The program at {url} is not Phoenix"
    url = f"http://127.0.0.1:{free_port()}"
    assert str(asking.trouble(url)).startswith(f"Nothing listens at {url}")
    with mute(b"220 mail.example.org ESMTP\r\n") as url:
        assert asking.trouble(url) == f"The program at {url} is not Phoenix: it speaks no HTTP"


def test_a_program_that_is_silent_is_waited_for_no_longer_than_said() -> None:
    with mute(b"") as url:
        began = time.monotonic()
        assert asking.trouble(url, 0.2) == f"What listens at {url} does not answer within 0.2 s"
        assert asking.costs(url, IDS, 0.2) == {}
        assert time.monotonic() - began < 60


@pytest.mark.parametrize("nothing", [None, {"costSummary": None}, {"costSummary": {"total": None}}])
def test_a_span_without_a_cost_hides_no_other(nothing: object) -> None:
    cost = {"costSummary": {"total": {"cost": 0.25}}}
    body = json.dumps({"data": {"c0": cost, "c1": nothing, "c2": cost}}).encode()
    with web(200, body) as url:
        assert asking.costs(url, IDS) == {IDS[0]: 0.25, IDS[2]: 0.25}


@pytest.mark.parametrize("body", [b"[]", b"{}", b'{"data": null}', b'{"data": [1]}', b"<html>"])
def test_an_answer_of_another_program_is_no_cost(body: bytes) -> None:
    with web(200, body) as url:
        assert asking.costs(url, IDS) == {}


def test_many_spans_are_asked_for_in_queries_that_phoenix_takes() -> None:
    asked: list[int] = []

    def phoenix(_: str, body: bytes) -> Answer:
        ids = re.findall(r'(c\d+): getSpanByOtelId\(spanId: "(\w+)"', json.loads(body)["query"])
        asked.append(len(ids))
        data = {alias: {"costSummary": {"total": {"cost": int(one)}}} for alias, one in ids}
        refused = len(ids) > 50  # as Phoenix 20.26 does
        return 200, json.dumps({"data": None if refused else data}).encode(), {}

    ids = [f"{number:016}" for number in range(120)]
    with answering(phoenix) as url:
        found = asking.costs(url, ids)
    assert found == {one: float(one) for one in ids}
    assert sum(asked) == len(ids)


def test_annotations_are_read_page_by_page() -> None:
    pages = [{"data": [{"name": "a"}], "next_cursor": "b"}, {"data": [], "next_cursor": None}]
    asked: list[str] = []

    def phoenix(path: str, _: bytes) -> Answer:
        asked.append(path)
        return 200, json.dumps(pages[len(asked) - 1]).encode(), {}

    with answering(phoenix) as url:
        assert asking.annotations_of(url, "a project", "session", ["s 1"]) == [{"name": "a"}]
    first = "/v1/projects/a%20project/session_annotations?session_ids=s+1&limit=1000"
    assert asked == [first, f"{first}&cursor=b"]


def test_what_a_project_does_not_have_has_no_annotations() -> None:
    with web(404, b"None of the supplied span_ids exist in this project") as url:
        assert asking.annotations_of(url, "project", "span", IDS) == []
