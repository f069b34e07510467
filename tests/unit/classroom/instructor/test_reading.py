"""Reports, read from a real Phoenix that asks for a key."""

from __future__ import annotations

import http.server
import re
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
from reporting import Server, report, serve, span

from rag_tutorials.classroom.instructor import reading
from rag_tutorials.classroom.instructor.reading import (
    Report,
    ReportReader,
    UnreachableError,
    read_reports,
    report_of,
)

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("class-phoenix")]
TRACE = "ab" * 16


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("class")) as started:
        yield started


def gather(reader: ReportReader, done: Callable[[list[Report]], bool]) -> list[Report]:
    """Read until it is enough: what was sent is stored a little later."""
    found: list[Report] = []
    deadline = time.monotonic() + 120
    while not done(found):
        assert time.monotonic() < deadline, found
        found += reader.read().reports
        time.sleep(0.05)
    return found


def of(found: list[Report], student: str) -> list[Report]:
    return [one for one in found if one.student == student]


def test_a_class_that_has_reported_nothing_is_empty(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading.wire, "REPORTS", "no.such.project")
    assert ReportReader(server.url, server.key).read().reports == []


def test_reports_are_read_as_they_were_sent(server: Server) -> None:
    when = datetime(2026, 3, 2, 10, 0, 0, 250_000, tzinfo=UTC)
    server.send(
        [
            report(
                "ada",
                "01.2",
                at=when,
                lesson="01_manual_spans",
                state="not yet",
                sentence="There is no span named `x`.",
                attempt=3,
                trace_ids=[TRACE, "cd" * 16],
                project="ada.01_manual_spans",
                evidence='{"returned": 1}',
                dropped=7,
            ),
            report("ada", "02.a", "prediction", right=False),
            report("ada", "entrance", "quiz", right=4, of=10, lesson="00_start_here"),
            report("ada", "opened", "opened", lesson="02_events_and_errors"),
        ]
    )
    reader = ReportReader(server.url, server.admin_secret, evidence=True)
    check, guess, quiz, opened = gather(reader, lambda found: len(of(found, "ada")) == 4)
    span_id = check.span_id
    assert check == Report(
        student="ada",
        event="check",
        lesson="01_manual_spans",
        name="01.2",
        state="not yet",
        sentence="There is no span named `x`.",
        attempt=3,
        trace_ids=(TRACE, "cd" * 16),
        project="ada.01_manual_spans",
        evidence='{"returned": 1}',
        right=None,
        of=None,
        dropped=7,
        when=when,
        heard=check.heard,
        span_id=span_id,
    )
    assert (guess.event, guess.name, guess.right) == ("prediction", "02.a", False)
    assert (quiz.name, quiz.right, quiz.of) == ("entrance", 4, 10)
    assert (opened.event, opened.exercise, opened.lesson) == ("opened", "", "02_events_and_errors")
    whole = of(read_reports(server.url, server.key), "ada")
    assert [one.evidence for one in whole] == ['{"returned": 1}', "", "", ""]
    short = of(list(ReportReader(server.url, server.key).read().reports), "ada")
    assert [one.evidence for one in short] == ["", "", "", ""]


def test_only_what_is_new_is_given_and_a_report_of_long_ago_is_not_missed(server: Server) -> None:
    reader = ReportReader(server.url, server.key, overlap_s=0)
    server.send([report("bob", "01.1", attempt=n) for n in (1, 2)])
    gather(reader, lambda found: len(of(found, "bob")) == 2)
    assert reader.read().reports == []
    server.send([report("bob", "01.1", at=datetime.now(UTC) - timedelta(days=3), attempt=9)])
    (late,) = gather(reader, bool)
    assert late.attempt == 9
    # It was told just now, whatever the student's clock says.
    assert datetime.now(UTC) - late.heard < timedelta(minutes=10)
    first = ReportReader(server.url, server.key).read().reports
    (late,) = (one for one in first if one.attempt == 9)
    assert late.heard == late.when


def test_what_appears_behind_the_newest_is_read_within_the_overlap(server: Server) -> None:
    """A row of PostgreSQL may appear after one with a higher number; here, it is put there."""
    now = [0.0]
    reader = ReportReader(server.url, server.key, overlap_s=60, clock=lambda: now[0])
    server.send([report("cyd", "01.1", attempt=n) for n in range(1, 4)])
    gather(reader, lambda found: len(of(found, "cyd")) == 3)
    everything = of(read_reports(server.url, server.key), "cyd")
    (hidden,) = (one for one in everything if one.attempt == 2)
    reader._known.remove(hidden.span_id)  # as if it had not been there
    now[0] = 59
    assert [one.span_id for one in reader.read().reports] == [hidden.span_id]
    now[0] = 61
    reader.read()
    now[0] = 122
    assert reader.read().reports == []


def test_pages_follow_each_other(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "_PAGE", 3)
    server.send([report("dan", "01.1", attempt=n) for n in range(1, 9)])
    reader = ReportReader(server.url, server.key)
    found = gather(reader, lambda found: len(of(found, "dan")) == 8)
    assert [one.attempt for one in of(found, "dan")] == list(range(1, 9))
    again = ReportReader(server.url, server.key, overlap_s=0)
    assert len(of(list(again.read().reports), "dan")) == 8
    assert again.read().reports == []


def test_a_page_that_does_not_come_is_asked_for_again_and_the_others_are_not(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_PAGE", 2)
    server.send([report("gus", "01.1", attempt=n) for n in range(1, 8)])
    everybody = ReportReader(server.url, server.key)
    total = len(gather(everybody, lambda found: len(of(found, "gus")) == 7))
    reader = ReportReader(server.url, server.key, overlap_s=0)
    ask, asked = reader._ask, []

    def stumbling(project: str, query: Any) -> Any:
        asked.append(query.get("cursor"))
        if len(asked) == 3:
            raise UnreachableError("not now")
        return ask(project, query)

    monkeypatch.setattr(reader, "_ask", stumbling)
    first = reader.read().reports
    assert len(first) == 4
    rest = reader.read().reports
    assert len(first) + len(rest) == total
    assert len({one.span_id for one in (*first, *rest)}) == total
    assert asked.count(None) == 1  # it did not begin from the first once more
    # All of it was stored before the first reading was done.
    assert all(one.heard == one.when for one in rest)
    assert reader.read().reports == []


def test_pages_get_smaller_while_phoenix_takes_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(200, b"", silent=True) as url:
        monkeypatch.setattr(reading, "_TIMEOUT_S", 0.1)
        reader = ReportReader(url, "key")
        limits = []
        for _ in range(7):
            limits.append(reader._page)
            with pytest.raises(UnreachableError, match="ReadTimeout"):
                reader.read()
    assert limits == [1000, 500, 250, 125, 62, 50, 50]


def test_a_trace_has_arrived_when_something_of_it_is_there(server: Server) -> None:
    reader = ReportReader(server.url, server.key)
    assert not reader.has_trace("eve.01_manual_spans", TRACE)  # not even the project
    server.send([span("request", {}, trace_id=TRACE)], "eve.01_manual_spans")
    deadline = time.monotonic() + 120
    while not reader.has_trace("eve.01_manual_spans", TRACE):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert not reader.has_trace("eve.01_manual_spans", "cd" * 16)


def test_another_key_is_refused_and_is_in_no_sentence(server: Server) -> None:
    with pytest.raises(UnreachableError, match="refuses") as caught:
        ReportReader(server.url, "made-up-key").read()
    assert "made-up-key" not in str(caught.value)


def test_an_emptied_class_is_read_anew(server: Server) -> None:
    reader = ReportReader(server.url, server.key, overlap_s=0)
    server.send([report("eve", "01.1")])
    gather(reader, lambda found: bool(of(found, "eve")))
    httpx.delete(
        f"{server.url}/v1/projects/class.reports",
        headers={"authorization": f"Bearer {server.admin_secret}"},
        timeout=120,
        trust_env=False,
    ).raise_for_status()
    server.send([report("fay", "01.1")])
    deadline = time.monotonic() + 120
    found, afresh = [], False
    while not found:
        assert time.monotonic() < deadline
        news = reader.read()
        found, afresh = list(news.reports), afresh or news.afresh
    assert afresh
    assert [one.student for one in found] == ["fay"]


# What need not be real


@contextmanager
def answering(status: int, body: bytes, silent: bool = False) -> Iterator[str]:
    over = threading.Event()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if silent:
                over.wait(120)
                return
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        over.set()
        server.shutdown()


@pytest.mark.parametrize(
    ("status", "body", "sentence"),
    [
        (503, b"", "cannot tell just now (HTTP 503)"),
        (429, b"", "cannot tell just now (HTTP 429)"),
        (200, b"<html>", "is not the class's Phoenix"),
        (200, b'{"data": [{}], "next_cursor": null}', "is not the class's Phoenix"),
        (404, b"no such page", "cannot tell just now (HTTP 404)"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(status: int, body: bytes, sentence: str) -> None:
    with (
        answering(status, body) as url,
        pytest.raises(UnreachableError, match=re.escape(sentence)),
    ):
        ReportReader(url, "key").read()


def test_nobody_at_the_address_is_one_sentence() -> None:
    with pytest.raises(UnreachableError, match=r"does not answer \(ConnectError.*class serve"):
        ReportReader("http://127.0.0.1:9", "key").read()


def stored(**attributes: Any) -> dict[str, Any]:
    return {
        "name": "01.1",
        "context": {"span_id": "1" * 16},
        "start_time": "2026-03-02T10:00:00+00:00",
        "attributes": {"user.id": "ada", "class.event": "check", **attributes},
    }


@pytest.mark.parametrize(
    "broken",
    [
        {"user.id": ""},
        {"user.id": 7},
        {"class.event": "grade"},
        {"class.event": None},
        {"class.event": []},
    ],
)
def test_a_span_that_is_no_report_is_left_out(broken: dict[str, Any]) -> None:
    assert report_of(stored(), datetime.now(UTC)) is not None
    assert report_of(stored(**broken), datetime.now(UTC)) is None


def test_a_report_of_wrong_types_shows_what_can_be_shown() -> None:
    found = report_of(
        stored(
            **{
                "class.attempt": "3",
                "class.trace_ids": [TRACE, "javascript:alert(1)", 5],
                "class.sentence": "red \x1b[31m\x07 and \u202eback\n\x00 again " + "x" * 5000,
                "class.right": "yes",
                "class.dropped": -4,
                "class.of": True,
                "class.evidence": {"a": 1},
            }
        ),
        datetime.now(UTC),
    )
    assert found is not None
    assert (found.attempt, found.dropped, found.of, found.right) == (0, 0, None, None)
    assert found.trace_ids == (TRACE,)
    assert found.sentence.startswith("red [31m and back again xxx")
    assert len(found.sentence) <= 2000
    assert found.evidence == ""
