"""Simulated students: each replays lessons through the real uplink, many in one process.

Nothing of the student's side is simulated but the student: spans and reports go into the spool on
disk as a kernel's would, and an uplink's own thread sends them.
"""

from __future__ import annotations

import hashlib
import heapq
import multiprocessing
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rag_tutorials.classroom.base.membership import Membership
from rag_tutorials.classroom.base.wire import Report, project_of
from rag_tutorials.classroom.student.uplink import Uplink
from replay.recording import Event, Lesson

Plan = Callable[[Sequence[Lesson], random.Random], Iterator[tuple[float, Event, str]]]


class Told(NamedTuple):
    """A report that was handed over; ``trace_id`` is the first judged trace, if there is one."""

    student: str
    when: datetime
    name: str
    attempt: int
    project: str
    trace_id: str


@dataclass(slots=True)
class Outcome:
    """What a process of students did and what it cost there.

    Attributes:
        taken: Spans that were handed to an uplink.
        sent: Of these, spans that the server has accepted.
        dropped: Of these, spans that an uplink dropped.
        reports: The reports that were handed over.
        unsent: Reports that were not sent at the end.
        took: Seconds that each span's hand-over took.
        told: Seconds that each report's hand-over took.
        late: How many seconds after its time each event came: the driver is too slow.
        cpu: Seconds of CPU of the process.
        cpu_of_cells: Of these, of the thread that hands over, as a student's cell would.
        cpu_of_making: Of these, for making the spans to hand over, which no student's kernel does.
        trouble: What the uplinks said, each once.
    """

    taken: int = 0
    sent: int = 0
    dropped: int = 0
    reports: list[Told] = field(default_factory=list)
    unsent: int = 0
    took: list[float] = field(default_factory=list)
    told: list[float] = field(default_factory=list)
    late: list[float] = field(default_factory=list)
    cpu: float = 0.0
    cpu_of_cells: float = 0.0
    cpu_of_making: float = 0.0
    trouble: set[str] = field(default_factory=set)

    @property
    def waiting(self) -> int:
        """Spans that wait on the disk at the end."""
        return self.taken - self.sent - self.dropped

    @property
    def cpu_of_senders(self) -> float:
        """Seconds of CPU of the uplinks' threads."""
        return self.cpu - self.cpu_of_cells - self.cpu_of_making


class _Noting(Uplink):
    """An uplink that notes which spans the server has accepted."""

    def __init__(self, member: Membership, folder: Path, accepted: set[bytes]) -> None:
        self.accepted = accepted
        super().__init__(member, folder)

    def _send_spans(self, some: Sequence[Any]) -> None:
        super()._send_spans(some)
        self.accepted.update(one.key for one in some)


class Driver:
    """A process full of students."""

    def __init__(
        self,
        members: Sequence[Membership],
        lessons: Sequence[Lesson],
        plan: Plan,
        folder: Path,
        seconds: float,
        cores: Sequence[int] = (),
    ) -> None:
        """Prepare; :meth:`start` begins.

        Args:
            members: The students.
            lessons: What they replay.
            plan: For one student, when (in seconds) which event of which lesson comes.
            folder: For their spools.
            seconds: When to stop handing over.
            cores: Where to run, if not everywhere.
        """
        context = multiprocessing.get_context("spawn")
        self._results: Any = context.Queue()
        self._go: Any = context.Event()
        self._ready: Any = context.Event()
        self._process = context.Process(
            target=_drive,
            args=(members, lessons, plan, folder, seconds, cores),
            kwargs={"results": self._results, "go": self._go, "ready": self._ready},
            daemon=True,
        )
        self._process.start()

    def wait_until_ready(self) -> None:
        """Wait until its students sit at their desks."""
        if not self._ready.wait(120):
            raise RuntimeError("the students' process did not start")

    def start(self) -> None:
        """Let them begin."""
        self._go.set()

    def outcome(self, timeout: float) -> Outcome:
        """Wait for the end and return what happened."""
        found = self._results.get(timeout=timeout)
        self._process.join(10)
        if isinstance(found, str):
            raise RuntimeError(found)
        assert isinstance(found, Outcome)
        return found


def _drive(
    members: Sequence[Membership],
    lessons: Sequence[Lesson],
    plan: Plan,
    folder: Path,
    seconds: float,
    cores: Sequence[int],
    *,
    results: Any,
    go: Any,
    ready: Any,
) -> None:
    if cores:
        os.sched_setaffinity(0, cores)
    try:
        accepted: set[bytes] = set()
        uplinks = [_Noting(one, folder / one.slug, accepted) for one in members]
        agenda: list[tuple[float, int, int, Event, str]] = []
        for number, member in enumerate(members):
            dice = random.Random(member.slug)
            for order, (at, event, lesson) in enumerate(plan(lessons, dice)):
                if at < seconds:
                    agenda.append((at, number, order, event, lesson))
        heapq.heapify(agenda)
        outcome = Outcome()
        ready.set()
        go.wait()
        cpu = time.process_time()
        _replay(agenda, members, uplinks, folder, seconds, outcome)
        _end(uplinks)
        outcome.cpu = time.process_time() - cpu
        outcome.sent = len(accepted)
        outcome.unsent = sum(1 for _ in folder.glob("*/*.report"))
        outcome.dropped = sum(one.status.dropped for one in uplinks)
        outcome.trouble = {one.status.trouble for one in uplinks} - {""}
        results.put(outcome)
    except Exception as error:
        results.put(f"{type(error).__name__}: {error}")
        raise


def _replay(
    agenda: list[tuple[float, int, int, Event, str]],
    members: Sequence[Membership],
    uplinks: list[_Noting],
    folder: Path,
    seconds: float,
    outcome: Outcome,
) -> None:
    ends: list[threading.Thread] = []
    begin = time.monotonic()
    own = time.thread_time()
    while agenda:
        at, number, _, event, lesson = heapq.heappop(agenda)
        pause = begin + at - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        outcome.late.append(max(0.0, -pause))
        member, uplink = members[number], uplinks[number]
        if event.restart:
            # As a kernel ends and another begins; its own thread, for nobody else waits for it.
            ends.append(threading.Thread(target=uplink.close))
            ends[-1].start()
            uplinks[number] = _Noting(member, folder / member.slug, uplink.accepted)
        elif event.spans:
            making = time.thread_time()
            body = _own_spans(event.spans, member.slug)
            outcome.cpu_of_making += time.thread_time() - making
            before = time.perf_counter()
            uplink.take(body)
            outcome.took.append(time.perf_counter() - before)
            outcome.taken += 1
        else:
            report = _own_report(event.report, member.slug, lesson, uplink)
            first = report.trace_ids[0] if report.trace_ids else ""
            before = time.perf_counter()
            uplink.report(report)
            outcome.told.append(time.perf_counter() - before)
            outcome.reports.append(
                Told(
                    member.slug,
                    report.when,
                    report.name,
                    report.attempt,
                    report.project,
                    first,
                )
            )
    for end in ends:
        end.join()
    time.sleep(max(0.0, begin + seconds - time.monotonic()))
    outcome.cpu_of_cells = time.thread_time() - own - outcome.cpu_of_making


def _end(uplinks: Sequence[Uplink]) -> None:
    """End all uplinks, without a hurry for what waits."""
    for one in uplinks:
        one.close(0)
    for one in uplinks:
        one._thread.join(60)  # a request under way is counted as what it becomes


def own_id(text: str, slug: str) -> str:
    """Return a student's own id for one that was recorded, of the same length."""
    return hashlib.blake2b(f"{slug} {text}".encode(), digest_size=len(text) // 2).hexdigest()


def _own_spans(body: bytes, slug: str) -> bytes:
    """Return a recorded request as this student's, now: other ids, other times."""
    request = ExportTraceServiceRequest.FromString(body)
    [resource] = request.resource_spans
    [scope] = resource.scope_spans
    [span] = scope.spans
    shift = time.time_ns() - span.end_time_unix_nano
    span.trace_id = bytes.fromhex(own_id(span.trace_id.hex(), slug))
    for one in (span, *span.links):
        if one is not span:
            one.trace_id = bytes.fromhex(own_id(one.trace_id.hex(), slug))
        one.span_id = bytes.fromhex(own_id(one.span_id.hex(), slug))
    if span.parent_span_id:
        span.parent_span_id = bytes.fromhex(own_id(span.parent_span_id.hex(), slug))
    span.start_time_unix_nano += shift
    span.end_time_unix_nano += shift
    for event in span.events:
        event.time_unix_nano += shift
    return bytes(request.SerializeToString())


def _own_report(text: str, slug: str, lesson: str, uplink: Uplink) -> Report:
    report = Report.from_json(text)
    attempt = uplink.attempt(report.name, another=True) if report.exercise else 0
    return replace(
        report,
        student=slug,
        when=datetime.now(UTC),
        attempt=attempt,
        trace_ids=tuple(own_id(one, slug) for one in report.trace_ids),
        project=project_of(slug, lesson) if report.trace_ids else report.project,
    )
