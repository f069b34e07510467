"""A joined student's companion: what the course tells it becomes reports and spans to send."""

from __future__ import annotations

import atexit
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Concatenate, ParamSpec

from rag_tutorials.classroom.base import membership
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
Told = ParamSpec("Told")


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
    if _current and _current[0].member != member:
        _current.pop().close()
    if member is not None and not _current:
        try:
            _current.append(ClassCompanion(member))
        except OSError as error:
            raise CourseError(
                f"What the class is to get cannot be kept on this disk ({sentence_of(error)}). "
                f"{_ALONE}"
            ) from error
    return _current[0] if _current else None


def _never_an_error(
    tell: Callable[Concatenate[ClassCompanion, Told], None],
) -> Callable[Concatenate[ClassCompanion, Told], None]:
    """Let nothing that goes wrong here reach a cell; it is kept for :meth:`finding`."""

    def told(self: ClassCompanion, /, *args: Told.args, **kwargs: Told.kwargs) -> None:
        try:
            tell(self, *args, **kwargs)
        except Exception as error:
            self.mishap = sentence_of(error)

    told.__doc__ = tell.__doc__
    return told


class ClassCompanion:
    """Tells the class what happens, from a thread of its own (:class:`Uplink`)."""

    def __init__(self, member: Membership) -> None:
        """Begin to accompany.

        Raises:
            OSError: what is to be sent cannot be kept on the disk.
        """
        self.member = member
        self.mishap = ""
        self._opened: set[str] = set()
        self._file = state_dir() / MEMBERSHIP
        self._seen_file = self._stamp()
        self._uplink = Uplink(member, spool_of(member), still=self._is_member)
        atexit.register(self.close)

    def close(self) -> None:
        """Send what can be sent in two seconds, and end; the rest waits on the disk."""
        atexit.unregister(self.close)
        with suppress(OSError):
            self._uplink.close()

    def opened(self, lesson: str) -> str:
        """Report that a lesson was opened; return what is sent, and to whom."""
        self._report_opened(lesson)
        sent = "checks and predictions" if self.member.verdicts_only else "checks and traces"
        line = (
            f"Your {sent} go to the class at {self.member.url}, as {self.member.slug}. "
            f"To end that: {LEAVE}"
        )
        with suppress(OSError):
            status = self._uplink.status
            if status.trouble:
                line += (
                    f"\nThe class did not get all yet: {status.trouble}; "
                    f"{amount(status.reports, status.bytes_of_spans)} wait."
                )
            if status.dropped:
                line += f"\n{_dropped(status.dropped)}"
        return line

    @_never_an_error
    def _report_opened(self, lesson: str) -> None:
        if lesson not in self._opened:
            self._opened.add(lesson)
            self._report(OPENED, lesson, OPENED)

    @_never_an_error
    def accepted(self, body: bytes, encoding: str, project: str | None) -> None:
        """Keep spans for sending."""
        self._uplink.take(body, encoding, project)

    @_never_an_error
    def checked(self, lesson: str, verdict: Verdict) -> None:
        """Report a verdict, with what was looked at."""
        exercise = verdict.exercise.id
        judged = verdict.state in (PASSED, NOT_YET)
        self._report(
            CHECK,
            lesson,
            exercise,
            state=verdict.state,
            sentence=verdict.sentence,
            attempt=self._uplink.attempt(exercise, judged),
            trace_ids=_trace_ids(verdict.seen) if judged else (),
            project=project_of(self.member.slug, lesson),
        )

    @_never_an_error
    def predicted(self, lesson: str, prediction_id: str, right: bool | None) -> None:
        """Report a prediction."""
        self._report(PREDICTION, lesson, prediction_id, right=right)

    @_never_an_error
    def marked(self, lesson: str, quiz: str, right: int, of: int) -> None:
        """Report a quiz."""
        self._report(QUIZ, lesson, quiz, right=right, of=of)

    def finding(self) -> tuple[str, str]:
        """Say how sending goes, and what to do."""
        try:
            status = self._uplink.status
        except OSError as error:
            return f"what is to be sent cannot be kept ({sentence_of(error)})", "free some space"
        where = f"the class at {self.member.url}"
        if not self._is_member():
            return f"you have left {where}", ""
        waiting = amount(status.reports, status.bytes_of_spans)
        if status.trouble or status.dropped or self.mishap:
            parts = [f"{where}: {status.trouble}"] if status.trouble else [where]
            parts += [f"{waiting} wait and are sent later"] if waiting != "nothing" else []
            parts += [_dropped(status.dropped)] if status.dropped else []
            parts += [f"could not be kept: {self.mishap}"] if self.mishap else []
            return "; ".join(parts), "tell your instructor; your lesson does not need the class"
        return f"{where} gets what you do; {waiting} waits", ""

    def _report(self, event: str, lesson: str, name: str, **more: Any) -> None:
        self._uplink.report(
            Report(
                student=self.member.slug,
                event=event,
                lesson=lesson,
                name=name,
                when=datetime.now(UTC),
                **more,
            )
        )

    def _is_member(self) -> bool:
        """Say whether the membership is still this one; a command may end it at any time."""
        stamp = self._stamp()
        if stamp != self._seen_file:
            try:
                if membership.read() != self.member:
                    return False
            except CourseError:
                return False
            self._seen_file = stamp
        return stamp is not None

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self._file.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_ino


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
