"""A joined student's companion: what the course tells it becomes reports and spans to send."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from rag_tutorials.classroom.base import membership
from rag_tutorials.classroom.base.evidence import encode, without_secrets
from rag_tutorials.classroom.base.membership import Membership
from rag_tutorials.classroom.base.wire import CHECK, OPENED, PREDICTION, QUIZ, Report, project_of
from rag_tutorials.classroom.student.joining import LEAVE, amount, join_by_setting, spool_of
from rag_tutorials.classroom.student.spool import LIMIT
from rag_tutorials.classroom.student.uplink import Uplink
from rag_tutorials.course.base.companion import MEMBERSHIP
from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import state_dir
from rag_tutorials.course.judging.seen import Seen
from rag_tutorials.course.judging.verdict import NOT_YET, PASSED, Verdict

_ALONE = "The lesson goes on alone."
_current: list[ClassCompanion] = []


def companion(setting: str) -> ClassCompanion | None:
    """Return this kernel's companion; ``None`` where its class was left.

    Args:
        setting: What ``COURSE_CLASS`` says; empty: the membership's file counts.

    Raises:
        CourseError: there is a membership or a setting that cannot be used.
    """
    try:
        member = join_by_setting(setting) if setting else membership.read()
    except CourseError as error:
        raise CourseError(f"{error} {_ALONE}") from None
    if member is None:
        return None
    if not _current:
        _current.append(ClassCompanion())
    try:
        _current[0].renew()
    except OSError as error:
        raise CourseError(
            f"What the class is to get cannot be kept on this disk ({sentence_of(error)}). {_ALONE}"
        ) from error
    return _current[0]


class ClassCompanion:
    """Tells the class what happens, from a thread of its own (:class:`Uplink`).

    Whoever joins another class, joins again with a new code, or leaves, elsewhere or here, needs no
    new kernel.
    """

    def __init__(self) -> None:
        self.mishap = ""
        self._opened: set[tuple[str, str]] = set()
        self._file = state_dir() / MEMBERSHIP
        self._stamp: tuple[int, int] | None = None
        self._uplink: Uplink | None = None
        self._renewing = threading.Lock()
        atexit.register(self.close)

    def renew(self) -> Uplink | None:
        """Return the way to the class that the membership names now; ``None``: there is none.

        Raises:
            OSError: what is to be sent cannot be kept on the disk.
        """
        with self._renewing:
            stamp = self._look()
            if stamp != self._stamp:
                self._replace(_member())
                self._stamp = stamp
            return self._uplink

    def close(self) -> None:
        """Send what can be sent in two seconds, and end; the rest waits on the disk."""
        if self._uplink is not None:
            with suppress(OSError):
                self._uplink.close()

    def opened(self, lesson: str) -> str:
        """Report that a lesson was opened; return what is sent, and to whom."""
        self._tell(lambda uplink: self._report_opened(uplink, lesson))
        if self._uplink is None:
            return ""
        member, status = self._uplink.member, self._uplink.status
        sent = "checks and predictions" if member.verdicts_only else "checks and traces"
        line = f"Your {sent} go to the class at {member.url}, as {member.slug}. To end it: {LEAVE}"
        if status.trouble:
            waiting = amount(status.reports, status.bytes_of_spans)
            line += f"\nThe class did not get all yet: {status.trouble}; {waiting} wait."
        if status.dropped:
            line += f"\n{_dropped(status.dropped)}."
        return line

    def accepted(self, body: bytes, encoding: str, project: str | None) -> None:
        """Keep spans for sending."""
        self._tell(lambda uplink: uplink.take(body, encoding, project))

    def checked(self, lesson: str, verdict: Verdict) -> None:
        """Report a verdict, with what was looked at."""
        judged = verdict.state in (PASSED, NOT_YET)
        exercise = verdict.exercise.id
        self._tell(
            lambda uplink: uplink.report(
                _report(
                    uplink,
                    CHECK,
                    lesson,
                    exercise,
                    state=verdict.state,
                    sentence=without_secrets(verdict.sentence, (uplink.member.key,)),
                    attempt=uplink.attempt(exercise, judged),
                    trace_ids=_trace_ids(verdict.seen) if judged else (),
                    project=project_of(uplink.member.slug, lesson),
                    evidence=self._evidence(uplink.member, verdict.seen) if judged else "",
                )
            )
        )

    def predicted(self, lesson: str, prediction_id: str, right: bool | None) -> None:
        """Report a prediction."""
        self._tell(
            lambda uplink: uplink.report(
                _report(uplink, PREDICTION, lesson, prediction_id, right=right)
            )
        )

    def marked(self, lesson: str, quiz: str, right: int, of: int) -> None:
        """Report a quiz."""
        self._tell(
            lambda uplink: uplink.report(_report(uplink, QUIZ, lesson, quiz, right=right, of=of))
        )

    def finding(self) -> tuple[str, str]:
        """Say how sending goes, and what to do."""
        try:
            uplink = self.renew()
        except OSError as error:
            return f"what is to be sent cannot be kept ({sentence_of(error)})", "free some space"
        if uplink is None:
            return "you are in no class", ""
        where, status = f"the class at {uplink.member.url}", uplink.status
        waiting = amount(status.reports, status.bytes_of_spans)
        if not (status.trouble or status.dropped or self.mishap):
            return f"{where} gets what you do; {waiting} waits", ""
        parts = [f"{where}: {status.trouble}" if status.trouble else where]
        parts += [f"{waiting} wait and are sent later"] if waiting != "nothing" else []
        parts += [_dropped(status.dropped)] if status.dropped else []
        parts += [f"could not be told: {self.mishap}"] if self.mishap else []
        return "; ".join(parts), "tell your instructor; your lesson does not need the class"

    def _tell(self, tell: Callable[[Uplink], None]) -> None:
        """Tell the class of now; nothing that goes wrong reaches a cell, but :meth:`finding`."""
        try:
            uplink = self.renew()
            if uplink is not None:
                tell(uplink)
        except Exception as error:
            self.mishap = sentence_of(error)

    def _evidence(self, member: Membership, seen: Seen | None) -> str:
        """Return what was seen beside the traces: a report without it is better than none."""
        if seen is None or member.verdicts_only:
            return ""
        try:
            return encode(seen, hide=(member.key,))
        except Exception as error:
            self.mishap = sentence_of(error)
            return ""

    def _report_opened(self, uplink: Uplink, lesson: str) -> None:
        now = (lesson, uplink.member.digest)
        if now not in self._opened:
            self._opened.add(now)
            uplink.report(_report(uplink, OPENED, lesson, OPENED))

    def _replace(self, member: Membership | None) -> None:
        """Be in another class, or in none."""
        if self._uplink is not None:
            if member == self._uplink.member and self._uplink.alive:
                return
            self._uplink.close(0)
            self._uplink = None
        if member is not None:
            self._uplink = Uplink(member, spool_of(member), still=lambda: _member() == member)

    def _look(self) -> tuple[int, int] | None:
        """Return what changes when the membership does."""
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino


def _report(uplink: Uplink, event: str, lesson: str, name: str, **more: Any) -> Report:
    student, now = uplink.member.slug, datetime.now(UTC)
    return Report(student=student, event=event, lesson=lesson, name=name, when=now, **more)


def _member() -> Membership | None:
    try:
        return membership.read()
    except CourseError:
        return None


def _trace_ids(seen: Seen | None) -> tuple[str, ...]:
    """Return the traces that a check looked at, those in Phoenix if there are any."""
    if seen is None:
        return ()
    return tuple(seen.found.trace_ids or seen.made.trace_ids)


def _dropped(spans: int) -> str:
    return (
        f"{spans} spans will never be sent: more than {LIMIT / 1e6:.0f} MB waited for the class; "
        "your own Phoenix has them"
    )
