"""The thread that sends what waits: reports, judged traces, annotations, then the rest."""

from __future__ import annotations

import contextlib
import math
import os
import random
import threading
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from http.client import NOT_FOUND
from pathlib import Path
from typing import NamedTuple

from filelock import Timeout
from opentelemetry.context import _SUPPRESS_INSTRUMENTATION_KEY, attach, set_value
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

from rag_tutorials.classroom.base.door import PROTOBUF, Answer, Door, UnreachableError
from rag_tutorials.classroom.base.membership import Membership
from rag_tutorials.classroom.base.wire import (
    ANNOTATIONS,
    CHECK,
    LONGEST_EVIDENCE,
    TRACES,
    Report,
    annotation_of,
    move_to_class,
    report_request,
)
from rag_tutorials.classroom.student.segment import mentions, pieces, spans_in
from rag_tutorials.classroom.student.spool import LIMIT, Spool
from rag_tutorials.course.base.errors import sentence_of

ANSWER_S = 20.0  # a busy class answers late
END_S = 2.0  # what a kernel's end waits at most
_SEAL_S = 0.3
_LOOK_S = 2.0  # for what other kernels left, while something waits
_OTHERS_S = 0.2
_SHORTEST_S = 0.02
_BULK_S = 10.0  # between two batches of what is not urgent
_BATCH = 256  # spans
_BATCH_BYTES = 400_000
_PROMOTED = 100  # spans of a judged trace that overtake
_REPORTS = 50
_FIRST_WAIT_S, _LONGEST_WAIT_S, _LONGEST_ASKED_S = 1.0, 30.0, 600.0
_ANNOTATION_S = 0.5
_ANNOTATION_TRIES = 8  # a minute in all
_NEVER = (400, 413, 415, 422)  # sent again, it would be refused again


@dataclass(frozen=True, slots=True)
class Status:
    """How sending goes: what waits, what was dropped, what stands in the way (a clause, or "")."""

    reports: int
    bytes_of_spans: int
    dropped: int
    trouble: str


class Uplink:
    """Sends one student's work to a class, from a thread of its own.

    Nothing here waits for the class but :meth:`flush` and :meth:`close`.
    """

    def __init__(
        self,
        member: Membership,
        folder: Path,
        *,
        limit: int = LIMIT,
        still: Callable[[], bool] = lambda: True,
        answer_s: float = ANSWER_S,
    ) -> None:
        """Begin to send what waits in the folder, and what comes.

        Args:
            member: Who sends, and where to.
            folder: Where it waits; kernels of one student may share it.
            limit: How many bytes of spans may wait there.
            still: Whether this student is still a member; asked now and then. If not, nothing is
                sent any more.
            answer_s: How many seconds the class has to answer.

        Raises:
            OSError: the folder cannot be used.
        """
        self.member = member
        self._spool = Spool(folder, limit)
        self._still = still
        self._door = Door(member.url, member.key, answer_s)
        self._wake = threading.Event()
        self._changed = threading.Condition()
        self._ending = False
        self._hurry = False
        self._held: list[Report] = []  # for which the disk has no room
        self._lost = 0  # spans that it had no room for
        self._fresh = False  # spans that are not closed for sending
        self._not_before = 0.0
        self._wait = _FIRST_WAIT_S
        self._due: dict[Path, tuple[float, int]] = {}  # of an annotation: when, and which try
        self._ahead: list[str] = []  # further traces that were judged
        self._sent: dict[Path, set[bytes]] = {}  # spans that overtook the rest of their file
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="class-uplink", daemon=True)
        self._thread.start()

    # What a caller does, without waiting

    def take(self, body: bytes, encoding: str = "", project: str | None = None) -> None:
        """Keep a request of spans (OTLP, protobuf) for sending.

        Args:
            body: The request as it came.
            encoding: ``gzip``, ``deflate``, or empty.
            project: The project that a header of the request named.
        """
        if self.member.verdicts_only:
            return
        try:
            self._spool.append(body, encoding, project)
        except OSError:
            self._lost += spans_in(body, encoding)
            return
        if not self._fresh:
            self._fresh = True
            self._wake.set()

    def report(self, report: Report) -> None:
        """Keep a report for sending, before all spans.

        Of a check, the spans of its first trace follow at once, then the verdict as an annotation
        on it. With ``verdicts_only``, traces and evidence are taken out of it.
        """
        if self.member.verdicts_only:
            report = replace(report, trace_ids=(), project="", evidence="")
        if len(report.evidence.encode()) > LONGEST_EVIDENCE:
            report = replace(report, evidence="")
        if report.trace_ids:
            self._spool.seal()
        try:
            self._spool.add_report(report)
        except OSError:
            self._held.append(report)
        self._wake.set()

    def attempt(self, exercise: str, another: bool) -> int:
        """Return which attempt at an exercise this is; ``another`` counts one more.

        It is 0 where the count cannot be kept.
        """
        try:
            return self._spool.attempt(exercise, another)
        except OSError:
            return 0

    @property
    def alive(self) -> bool:
        """Whether this still sends: neither ended, nor did the student leave the class."""
        return self._thread.is_alive() and self._spool.exists

    @property
    def status(self) -> Status:
        """How sending goes, as far as it is known; the class is not asked."""
        reports, bytes_of_spans = self._spool.waiting()
        return Status(
            reports + len(self._held),
            bytes_of_spans,
            self._spool.dropped + self._lost,
            self._spool.trouble,
        )

    # What waits for the class

    def flush(self, timeout: float) -> bool:
        """Send all now, whatever the pace; return whether all was sent within ``timeout`` s."""
        deadline = time.monotonic() + timeout
        self._hurry = True
        self._wake.set()
        try:
            with self._changed:
                while self._fresh or self._held or self._spool.has_work():
                    left = deadline - time.monotonic()
                    if left <= 0 or not self._thread.is_alive():
                        return False
                    self._changed.wait(min(left, 0.1))
            return True
        finally:
            self._hurry = False

    def close(self, timeout: float = END_S) -> None:
        """Try once more to send what waits, for ``timeout`` seconds at most; then end.

        What was not sent stays in the folder, for the next one.
        """
        if self._ending or os.getpid() != self._pid:
            return
        begun = time.monotonic()
        self._spool.seal()
        if self._not_before < begun + timeout:
            self.flush(timeout * 0.8)
        self._ending = True
        self._wake.set()
        self._thread.join(max(0.0, timeout - (time.monotonic() - begun)))
        self._spool.close()

    # The thread

    def _run(self) -> None:
        # What a lesson instruments makes no span of this.
        attach(set_value(_SUPPRESS_INSTRUMENTATION_KEY, True))
        while not self._ending:
            self._wake.wait(self._pause())
            self._wake.clear()
            try:
                if self._ending or not self._still():
                    break
                if self._fresh:
                    if not self._hurry:
                        time.sleep(_SEAL_S)  # what follows goes along
                    self._fresh = False
                    self._spool.seal()
                    self._spool.keep_within()
                self._keep_held()
                self._round()
            except OSError as error:  # no room, or the folder is gone
                self._pause_after(f"the disk does not take what waits: {sentence_of(error)}")
            except Exception as error:  # the next round tries again
                self._pause_after(f"it cannot be sent: {sentence_of(error)}")
            with self._changed:
                self._changed.notify_all()

    def _pause_after(self, trouble: str) -> None:
        self._not_before = time.monotonic() + _LOOK_S
        self._spool.note_trouble(trouble)

    def _keep_held(self) -> None:
        """Keep on the disk what it had no room for before.

        Raises:
            OSError: it still has none.
        """
        while self._held:
            self._spool.add_report(self._held[0])
            del self._held[0]
        if self._lost:
            self._spool.count_dropped(self._lost)
            self._lost = 0

    def _pause(self) -> float | None:
        """Return for how many seconds there is nothing to do, unless somebody wakes the thread."""
        if not (self._held or self._spool.has_work()):
            return None
        now = time.monotonic()
        if self._not_before > now:
            return self._not_before - now
        if self._hurry:
            return _SHORTEST_S
        due = min([now + _LOOK_S, *(when for when, _ in self._due.values())])
        return max(_SHORTEST_S, due - now)

    def _round(self) -> None:
        """Send what is due, while no other kernel of this student sends."""
        if time.monotonic() < self._not_before:
            return
        try:
            with self._spool.sending:
                self._spool.adopt()
                self._reports()
                self._judged()
                self._bulk()
        except Timeout:
            self._not_before = time.monotonic() + _OTHERS_S
        except _BlockedError:
            pass  # the next round begins where this one ended

    def _reports(self) -> None:
        while waiting := self._spool.reports()[:_REPORTS]:
            self._send_reports(waiting)

    def _send_reports(self, some: Sequence[tuple[Path, Report]]) -> None:
        named = [(self._spool.identity(file), report) for file, report in some]
        try:
            self._post(report_request(named, self._spool.dropped))
        except _RefusedError:
            if len(some) > 1:
                for one in some:
                    self._send_reports([one])
                return
            self._spool.set_aside(some[0][0])
            return
        for file, report in some:
            self._spool.sent(file, whole=report.event != CHECK or not report.trace_ids)

    def _judged(self) -> None:
        """Send the first judged trace of each report, and then its annotation."""
        now = time.monotonic()
        for file, report in self._spool.judged():
            when, tries = self._due.get(file, (0.0, 0))
            if when > now and not self._hurry:
                continue
            if tries == 0:
                first, *others = report.trace_ids
                self._ahead += [one for one in others if one not in self._ahead]
                self._send_spans(list(self._pieces([first], _PROMOTED)))
            if self._annotate(report, tries):
                self._due.pop(file, None)
                self._spool.sent(file, whole=True)
            else:
                self._due[file] = (now + _ANNOTATION_S * 2 ** min(tries, 6), tries + 1)

    def _annotate(self, report: Report, tries: int) -> bool:
        """Return whether this is done; else the trace is not stored yet.

        Phoenix is then left to wait for the trace itself, in its memory; the further tries are for
        one that was ended meanwhile. Written twice, an annotation is there once.
        """
        content = {"data": [annotation_of(report)]}

        def ask(path: str) -> Answer:
            return self._ask(lambda: self._door.post_json(path, content), (*_NEVER, NOT_FOUND))

        if ask(f"{ANNOTATIONS}?sync=true").status != NOT_FOUND:
            return True
        last = tries >= _ANNOTATION_TRIES
        if tries == 0 or last:
            ask(ANNOTATIONS)
        return last

    def _bulk(self) -> None:
        """Send a batch of the rest when it is time; in a hurry, all."""
        while self._hurry or time.time() >= self._spool.next_bulk:
            if self._hurry:
                most = _BATCH
            else:
                most = min(_BATCH, max(1, math.ceil(self.member.pace * _BULK_S)))
            batch = list(self._pieces(self._ahead, most)) if self._ahead else []
            if not batch:
                self._ahead.clear()
                batch = list(self._pieces(None, most))
            if not batch:
                return
            pause = len(batch) / self.member.pace * random.uniform(0.9, 1.1)
            self._spool.next_bulk = time.time() + pause
            self._send_spans(batch)

    def _pieces(self, trace_ids: Collection[str] | None, most: int) -> Iterator[_Waiting]:
        """Yield spans that were not sent yet, of these traces or of all, the oldest first."""
        size = 0
        for file in self._spool.segments():
            if trace_ids is not None and not mentions(file, trace_ids):
                continue
            sent = self._sent.setdefault(file, set())
            whole = True
            for piece in pieces(file):
                if piece.key in sent:
                    continue
                whole = False
                if trace_ids is not None and piece.trace_id not in trace_ids:
                    continue
                move_to_class(piece.span.resource, self.member.slug, piece.project)
                yield _Waiting(piece.key, piece.span, file)
                size += piece.span.ByteSize()
                most -= 1
                if most <= 0 or size >= _BATCH_BYTES:
                    return
            if whole:
                self._done(file)

    def _send_spans(self, some: Sequence[_Waiting]) -> None:
        """Send spans, and remove the files of which all were sent."""
        if not some:
            return
        try:
            self._post(ExportTraceServiceRequest(resource_spans=[one.span for one in some]))
        except _RefusedError:
            if len(some) > 1:
                half = len(some) // 2
                self._send_spans(some[:half])
                self._send_spans(some[half:])
                return
            self._spool.count_dropped(1)
        for one in some:
            self._sent.setdefault(one.file, set()).add(one.key)
        for file in {one.file for one in some}:
            if all(piece.key in self._sent[file] for piece in pieces(file)):
                self._done(file)

    def _done(self, file: Path) -> None:
        with contextlib.suppress(OSError):  # on Windows, while somebody reads it
            file.unlink(missing_ok=True)
            self._sent.pop(file, None)

    def _post(self, request: ExportTraceServiceRequest) -> None:
        """Send spans.

        Raises:
            _RefusedError: the class will never take these.
            _BlockedError: something is in the way now.
        """
        body = request.SerializeToString()
        if not self._ask(lambda: self._door.post(TRACES, body, PROTOBUF), _NEVER).understood:
            raise _RefusedError

    def _ask(self, ask: Callable[[], Answer], final: Collection[int]) -> Answer:
        """Return what the class answers to a request: it took it, or the status is a final one.

        Raises:
            _BlockedError: something is in the way now.
        """
        try:
            answer = ask()
        except UnreachableError as error:
            trouble, wait = f"it is not reached: {error}", None
        else:
            if answer.understood or answer.status in final:
                self._wait = _FIRST_WAIT_S
                self._spool.note_trouble("")
                return answer
            trouble, wait = _trouble(answer), answer.retry_after
        self._spool.note_trouble(trouble)
        if wait is None:
            wait = self._wait * random.uniform(0.8, 1.2)  # not all students at once
            self._wait = min(2 * self._wait, _LONGEST_WAIT_S)
        self._not_before = time.monotonic() + min(wait, _LONGEST_ASKED_S)
        raise _BlockedError


class _Waiting(NamedTuple):
    """A span to send, with the class's project, and the file that it waits in."""

    key: bytes
    span: ResourceSpans
    file: Path


class _BlockedError(Exception):
    """The class does not take anything now."""


class _RefusedError(Exception):
    """The class will never take this."""


def _trouble(answer: Answer) -> str:
    if answer.status in (401, 403):
        return f"it refuses the key (HTTP {answer.status}); ask your instructor for a new code"
    if answer.status in (429, 503):
        return f"it asks to wait (HTTP {answer.status})"
    if answer.fine:
        return "what answers there is no Phoenix"
    return f"it answers with HTTP {answer.status}"
