"""The uplink: what goes first, what waits, and that nothing is lost while the class misbehaves."""

from __future__ import annotations

import gzip
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
from class_server import (
    KEY,
    LESSON,
    ClassServer,
    Fault,
    body_of,
    made,
    member_of,
    report,
    trace_id_of,
    until,
)

from rag_tutorials.classroom.base.membership import Membership
from rag_tutorials.classroom.student.uplink import Uplink

PROJECT = f"ada-lovelace.{LESSON}"


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Uplink]]:
    begun: list[Uplink] = []

    def start(member: Membership, **more: object) -> Uplink:
        begun.append(Uplink(member, tmp_path / "spool", **more))  # type: ignore[arg-type]
        return begun[-1]

    yield start
    for one in begun:
        one.close(0)


def test_spans_arrive_in_the_students_own_project(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    uplink = begin(member_of(server))
    uplink.take(body_of(made(["a", "b"])))
    uplink.take(gzip.compress(body_of(made(["c"], "handbook"))), "gzip")
    uplink.take(body_of(made(["d"])), "", "of-a-header")
    until(lambda: sum(len(one.spans) for one in server.arrived) == 4)
    assert [span.name for span in server.spans(PROJECT)] == ["a", "b"]
    assert [span.name for span in server.spans("ada-lovelace.handbook")] == ["c"]
    assert [span.name for span in server.spans("ada-lovelace.of-a-header")] == ["d"]
    assert server.keys == {f"Bearer {KEY}"}
    assert uplink.flush(60)
    assert uplink.status.bytes_of_spans == 0


def test_a_verdict_overtakes_its_trace_overtakes_the_rest(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    server.fault = Fault(503, headers={"Retry-After": "1"})
    uplink = begin(member_of(server, pace=50))
    spans = made([f"bulk {number}" for number in range(600)])
    for span in spans:
        uplink.take(body_of([span]))
    until(lambda: server.asked)  # it waits now
    uplink.report(report(trace_ids=[trace_id_of(spans[590])]))
    server.fault = None
    until(server.annotations)
    until(lambda: len(server.arrived) >= 4)
    first, second, third, fourth = server.arrived[:4]
    assert [span.name for _, span in first.spans] == ["01.2"]
    assert [span.name for _, span in second.spans] == ["bulk 590"]
    assert third.path == "/v1/trace_annotations?sync=true"
    assert fourth.spans[0][1].name == "bulk 0"
    assert server.annotations() == [
        {
            "trace_id": trace_id_of(spans[590]),
            "name": "01.2",
            "annotator_kind": "CODE",
            "identifier": "1",
            "result": {"label": "not yet", "explanation": "The span `b` is missing."},
            "metadata": {"attempt": 1, "student": "ada-lovelace"},
        }
    ]
    assert uplink.flush(60)
    names = [span.name for span in server.spans(PROJECT)]
    assert sorted(names) == sorted(span.name for span in spans)  # each once


def test_what_is_not_urgent_keeps_to_the_pace(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    uplink = begin(member_of(server, pace=2))
    uplink.take(body_of(made([f"{number}" for number in range(100)])))
    until(lambda: server.spans(PROJECT))
    begun = time.monotonic()
    uplink.report(report())
    until(server.reports)
    assert len(server.spans(PROJECT)) == 20  # ten seconds' worth
    if time.monotonic() - begun < 8:  # on a machine that is not asleep
        assert sum(len(one.spans) for one in server.arrived) == 21


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 502, 503])
def test_a_class_that_refuses_gets_everything_later(
    server: ClassServer, begin: Callable[..., Uplink], status: int
) -> None:
    server.fault = Fault(status)
    uplink = begin(member_of(server))
    spans = made(["a", "b"])
    uplink.take(body_of(spans))
    uplink.report(report(trace_ids=[trace_id_of(spans[0])]))
    until(lambda: uplink.status.trouble)
    assert f"HTTP {status}" in uplink.status.trouble
    assert uplink.status.reports == 1
    assert uplink.status.bytes_of_spans > 0
    server.fault = None
    until(server.annotations)
    until(lambda: len(server.spans(PROJECT)) == 2)
    assert server.reports() == ["01.2"]
    assert uplink.flush(60)
    status_now = uplink.status
    assert (status_now.reports, status_now.bytes_of_spans, status_now.trouble) == (0, 0, "")


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_is_honoured(
    server: ClassServer, begin: Callable[..., Uplink], as_date: bool
) -> None:
    moment = format_datetime(datetime.now(UTC) + timedelta(seconds=5), usegmt=True)
    server.fault = Fault(429, headers={"Retry-After": moment if as_date else "5"}, times=1)
    uplink = begin(member_of(server))
    uplink.report(report("01.1"))
    until(lambda: server.asked)
    uplink.report(report("01.2"))  # wakes the thread
    until(lambda: len(server.reports()) == 2)
    (refused, *_), (taken, *_) = server.asked[:2]
    assert taken - refused >= 3.5  # an HTTP date has whole seconds


def test_a_class_that_was_down_and_comes_back_gets_everything(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    server.stop()
    uplink = begin(member_of(server))
    uplink.take(body_of(made(["a"])))
    uplink.report(report())
    until(lambda: "nobody listens there" in uplink.status.trouble)
    again = ClassServer(server.port)
    try:
        until(lambda: again.reports() == ["01.2"] and len(again.spans(PROJECT)) == 1)
    finally:
        again.stop()


def test_a_page_of_a_network_that_asks_to_log_in_is_no_class(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    server.fault = Fault(200, headers={"Content-Type": "text/html"})
    uplink = begin(member_of(server))
    uplink.report(report())
    until(lambda: "no Phoenix" in uplink.status.trouble)
    assert uplink.status.reports == 1


def test_a_redirect_does_not_get_the_key(server: ClassServer, begin: Callable[..., Uplink]) -> None:
    other = ClassServer()
    server.fault = Fault(307, headers={"Location": f"{other.url}/v1/traces"})
    uplink = begin(member_of(server))
    uplink.report(report())
    until(lambda: "HTTP 307" in uplink.status.trouble)
    other.stop()
    assert not other.asked


def test_one_request_that_the_class_will_never_take_holds_nothing_up(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    def is_bad(request: object) -> bool:
        return b"poison" in request.SerializeToString()  # type: ignore[attr-defined]

    server.fault = Fault(413, fits=is_bad)
    uplink = begin(member_of(server))
    uplink.take(body_of(made(["a", "poison", "b", "c"])))
    uplink.report(report("01.1", sentence="poison"))
    uplink.report(report("01.2"))
    until(lambda: len(server.spans(PROJECT)) == 3 and server.reports() == ["01.2"])
    assert uplink.flush(60)
    assert uplink.status.dropped == 1


def test_an_annotation_waits_for_its_trace(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    server.fault = Fault(404, times=2, only="/v1/trace_annotations?sync")
    uplink = begin(member_of(server))
    [span] = made(["a"])
    uplink.take(body_of([span]))
    uplink.report(report(trace_ids=[trace_id_of(span)]))
    until(lambda: len(server.annotations()) == 2)
    asked = [(path[21:], status) for _, path, status in server.asked if "annotations" in path]
    # Phoenix waits for the trace, too; and is asked again, for its memory may be gone.
    assert asked == [("?sync=true", 404), ("", 200), ("?sync=true", 404), ("?sync=true", 200)]
    assert server.annotations()[0] == server.annotations()[1]
    assert len(server.spans(PROJECT)) == 1


def test_the_disk_holds_no_more_than_its_limit_and_what_is_dropped_is_counted(
    server: ClassServer, begin: Callable[..., Uplink], tmp_path: Path
) -> None:
    server.fault = Fault(503)
    uplink = begin(member_of(server), limit=100_000)
    uplink.report(report())
    names = [f"{number} " + "x" * 1000 for number in range(300)]
    for start in range(0, 300, 15):  # 20 files of 17 kB
        uplink.take(body_of(made(names[start : start + 15])))
        until(lambda: not list((tmp_path / "spool").glob("*.open")))
    until(lambda: uplink.status.bytes_of_spans <= 100_000)
    dropped = uplink.status.dropped
    assert 200 <= dropped <= 240  # four to six files are left
    server.fault = None
    until(lambda: len(server.spans(PROJECT)) == 300 - dropped)
    kept = [span.name for span in server.spans(PROJECT)]
    assert kept == names[dropped:]  # the oldest went
    assert server.reports() == ["01.2"]
    uplink.report(report("01.3"))
    until(lambda: len(server.reports()) == 2)
    last = server.spans("class.reports")[-1]
    counts = [one.value.int_value for one in last.attributes if one.key == "class.dropped"]
    assert counts == [dropped]


def test_with_verdicts_only_neither_spans_nor_evidence_leave(
    server: ClassServer, begin: Callable[..., Uplink], tmp_path: Path
) -> None:
    uplink = begin(member_of(server, verdicts_only=True))
    [span] = made(["a secret trace"])
    uplink.take(body_of([span]))
    uplink.report(report(trace_ids=[trace_id_of(span)]))
    assert uplink.flush(60)
    [one] = server.arrived
    [(_, sent)] = one.spans
    said = {each.key: each.value for each in sent.attributes}
    assert said["class.evidence"].string_value == ""
    assert said["class.project"].string_value == ""
    assert not said["class.trace_ids"].array_value.values
    assert said["class.sentence"].string_value == "The span `b` is missing."
    assert not list((tmp_path / "spool").glob("*.open"))


def test_a_sentence_that_no_database_takes_is_sent_all_the_same(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    uplink = begin(member_of(server))
    uplink.report(report(sentence="half \ud83d and NUL \0"))
    until(server.reports)
    [sent] = server.spans("class.reports")
    [sentence] = [one.value.string_value for one in sent.attributes if one.key == "class.sentence"]
    assert sentence == "half ? and NUL \N{REPLACEMENT CHARACTER}"


def test_evidence_that_is_too_long_stays_here(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    uplink = begin(member_of(server))
    uplink.report(report(evidence="x" * 64_001))
    until(server.reports)
    [sent] = server.spans("class.reports")
    assert [one.value.string_value for one in sent.attributes if one.key == "class.evidence"] == [
        ""
    ]


def test_two_kernels_of_one_student_send_each_thing_once(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    first, second = begin(member_of(server)), begin(member_of(server))
    for number in range(40):
        one = (first, second)[number % 2]
        one.take(body_of(made([f"span {number}"])))
        one.report(report(f"01.{number}"))
    assert first.flush(60)
    assert second.flush(60)
    assert sorted(server.reports()) == sorted(f"01.{number}" for number in range(40))
    names = [span.name for span in server.spans(PROJECT)]
    assert sorted(names) == sorted(f"span {number}" for number in range(40))


def test_attempts_are_counted_across_kernels(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    first, second = begin(member_of(server)), begin(member_of(server))
    assert first.attempt("01.1", another=True) == 1
    assert second.attempt("01.1", another=True) == 2
    assert second.attempt("01.1", another=False) == 2
    assert second.attempt("01.2", another=False) == 0


def _work_and_wait(url: str, folder: str, ready: object) -> None:
    uplink = Uplink(Membership(url, KEY, "Ada Lovelace", 1e6), Path(folder))
    uplink.take(body_of(made(["the last span"])))
    ready.set()  # type: ignore[attr-defined]
    time.sleep(PATIENCE)


PATIENCE = 300


@pytest.mark.skipif(sys.platform == "win32", reason="SIGKILL is POSIX's")
def test_what_a_killed_kernel_left_is_sent_by_the_next_one(
    server: ClassServer, begin: Callable[..., Uplink], tmp_path: Path
) -> None:
    server.fault = Fault(503)
    context = multiprocessing.get_context("spawn")
    ready = context.Event()
    kernel = context.Process(
        target=_work_and_wait, args=(server.url, str(tmp_path / "spool"), ready), daemon=True
    )
    kernel.start()
    assert ready.wait(120)
    assert kernel.pid is not None
    os.kill(kernel.pid, signal.SIGKILL)
    kernel.join()
    server.fault = None
    begin(member_of(server))
    until(lambda: len(server.spans(PROJECT)) == 1)


def test_an_end_sends_what_waits(server: ClassServer, begin: Callable[..., Uplink]) -> None:
    uplink = begin(member_of(server, pace=0.3))
    uplink.take(body_of(made([f"{number}" for number in range(50)])))
    uplink.report(report())
    uplink.close(60)
    assert server.reports() == ["01.2"]
    assert len(server.spans(PROJECT)) == 50


def test_an_end_waits_two_seconds_at_most_for_a_class_that_does_not_answer(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    server.fault = Fault(200, seconds=PATIENCE)
    uplink = begin(member_of(server))
    uplink.take(body_of(made(["a"])))
    uplink.report(report())
    time.sleep(0.5)
    begun = time.monotonic()
    uplink.close()
    assert time.monotonic() - begun < 4  # and as much again for a busy machine
    assert uplink.status.reports == 1


def test_who_is_no_member_any_more_sends_nothing(
    server: ClassServer, begin: Callable[..., Uplink]
) -> None:
    member = [True]
    uplink = begin(member_of(server), still=lambda: member[0])
    uplink.report(report("01.1"))
    until(server.reports)
    member.clear()
    member.append(False)
    uplink.take(body_of(made(["a"])))
    uplink.report(report("01.2"))
    until(lambda: not uplink._thread.is_alive())
    assert server.reports() == ["01.1"]
    assert not server.spans(PROJECT)


def test_the_key_is_in_nothing_that_is_shown_or_kept(
    server: ClassServer,
    begin: Callable[..., Uplink],
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
) -> None:
    caplog.set_level(0)
    member = member_of(server)
    uplink = begin(member)
    server.fault = Fault(401)
    uplink.take(body_of(made(["a"])))
    uplink.report(report())
    until(lambda: uplink.status.trouble)
    shown = f"{member!r} {member} {uplink!r} {uplink.status} {caplog.text} {capfd.readouterr()}"
    assert KEY not in shown
    for file in (tmp_path / "spool").iterdir():
        assert KEY.encode() not in file.read_bytes()
        if sys.platform != "win32":
            assert file.stat().st_mode & 0o077 == 0, file
