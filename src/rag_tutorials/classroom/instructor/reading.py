"""What the students' programs have reported, read from the class's Phoenix piece by piece.

Each report is a span of one project (:mod:`rag_tutorials.classroom.base.wire`). Phoenix gives the
spans of a project in the order in which it stored them, from any span on. So what is new is one
request, and a report that was sent hours after it happened is found as surely as any other: not
the student's clock decides, but the place in that order.

Two things about that order must be known. A row of PostgreSQL gets its number before its
transaction ends, so a lower number may appear after a higher one: each reading begins with what
was there a minute ago, and what was read before is left out. And a database may be another one,
or be emptied: then the span at which a reading begins is not there, and everything is read anew.
"""

from __future__ import annotations

import math
import re
import time
import unicodedata
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import quote, urlsplit

import httpx

from rag_tutorials.classroom.base import wire
from rag_tutorials.course.base.errors import CourseError, sentence_of

_PAGE, _SMALLEST_PAGE = 1000, 50  # the most that Phoenix gives at once
_OVERLAP_S = 60.0  # far longer than a transaction of 100 spans takes
_TIMEOUT_S = 20.0
_EVENTS = (wire.CHECK, wire.OPENED, wire.PREDICTION, wire.QUIZ)
_LONGEST = 2000  # characters of a sentence; a report is what somebody sent
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_TRACE_ID = re.compile(r"[0-9a-f]{32}")
_STEERING = set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")  # turn text around


class UnreachableError(CourseError):
    """The class's Phoenix did not tell; the next try may."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report(wire.Report):
    """A report as it was read.

    Attributes:
        heard: When the instructor's program learned of it, by its own clock (UTC). Of what was
            stored before the first reading: when it happened, and not later than then.
        span_id: The span that carried it.
    """

    heard: datetime
    span_id: str


@dataclass(frozen=True, slots=True)
class News:
    """What a reading found. With ``afresh``, all that was read before is no longer so."""

    reports: Sequence[Report]
    afresh: bool = False


@dataclass(frozen=True, slots=True)
class _Place:
    """A stored span: its number as Phoenix writes it, and its own id, to know it again."""

    cursor: str
    span_id: str


class ReportReader:
    """Reads the reports of a class; :meth:`read` gives those that no earlier call has given.

    Args:
        url: Where the class's Phoenix is.
        key: A key, or the admin secret, that may read it.
        evidence: Whether reports keep their evidence, which may be 64 kB each.
        overlap_s: How long a row may take from getting its number to being seen, in seconds.
        clock: Seconds that only grow.
    """

    def __init__(
        self,
        url: str,
        key: str,
        *,
        evidence: bool = False,
        overlap_s: float = _OVERLAP_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.url = url.rstrip("/")
        self._evidence = evidence
        self._overlap_s = overlap_s
        self._clock = clock
        self._client = httpx.Client(
            headers={"authorization": f"Bearer {key}"},
            timeout=_TIMEOUT_S,
            trust_env=urlsplit(self.url).hostname not in _LOOPBACK,
        )
        self._known: set[str] = set()
        self._marks: deque[tuple[float, _Place | None]] = deque()
        self._begun = False
        self._page = _PAGE
        self._forget()

    def read(self) -> News:
        """Return what is new; the first time, all there is.

        Raises:
            UnreachableError: Phoenix does not answer, or refuses. Nothing is lost: the next call
                gives it.
        """
        asked = self._clock()
        while len(self._marks) > 1 and self._marks[1][0] <= asked - self._overlap_s:
            self._marks.popleft()
        place = self._marks[0][1]
        spans, whole = self._spans(place)
        there = {span["context"]["span_id"] for span in spans}
        gone = place.span_id not in there if place else whole and not self._known <= there
        if place and gone:
            spans, whole = self._spans(None)
        if gone:  # only now: had Phoenix not answered, the next call would have to find it, too
            self._forget()
        now = datetime.now(UTC)
        new = [span for span in spans if span["context"]["span_id"] not in self._known]
        self._known.update(span["context"]["span_id"] for span in new)
        reports = [report_of(span, now, self._begun, self._evidence) for span in new]
        if len(spans) > _PAGE:  # a minute ago is not known, but a page is more than a minute
            self._marks.append((asked - self._overlap_s, _place_of(spans[-_PAGE])))
        if spans:
            self._marks.append((asked, _place_of(spans[-1])))
        self._begun = self._begun or whole
        return News([one for one in reports if one is not None], gone)

    def has_trace(self, project: str, trace_id: str) -> bool:
        """Say whether something of a trace has arrived in a project.

        Raises:
            UnreachableError: Phoenix does not answer, or refuses.
        """
        found = self._ask(project, {"trace_id": trace_id, "limit": 1})
        return bool(found and found["data"])

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def _forget(self) -> None:
        self._known = set()
        self._marks = deque([(-math.inf, None)])
        self._begun = False

    def _spans(self, start: _Place | None) -> tuple[list[dict[str, Any]], bool]:
        """Return the stored spans from a place on (None: from the first), in order.

        A page that does not come ends them, unless it is the first: what was read is not read
        twice. The flag says whether these are all.
        """
        spans: list[dict[str, Any]] = []
        query: dict[str, Any] = {"sort": "id", "order": "asc"}
        if start:
            query["cursor"] = start.cursor
        while True:
            try:
                page = self._ask(wire.REPORTS, {**query, "limit": self._page})
            except UnreachableError:
                if not spans:
                    raise
                return spans, False
            spans += page["data"] if page else []
            if not page or not page["next_cursor"]:
                return spans, True
            query["cursor"] = page["next_cursor"]

    def _ask(self, project: str, query: Mapping[str, Any]) -> Any:
        """Return a page of a project's spans; None if there is no such project (yet)."""
        path = f"{self.url}/v1/projects/{quote(project, safe='')}/spans"
        try:
            answer = self._client.get(path, params=query)
            if answer.status_code == HTTPStatus.NOT_FOUND and "roject" in answer.text:
                return None
            answer.raise_for_status()
            page = answer.json()
            _ = page["next_cursor"], [_place_of(span) for span in page["data"]]
        except httpx.HTTPStatusError as error:
            raise UnreachableError(self._refused(error.response.status_code)) from None
        except httpx.HTTPError as error:
            if isinstance(error, httpx.ReadTimeout):  # evidence may make a page 64 MB
                self._page = max(_SMALLEST_PAGE, self._page // 2)
            raise UnreachableError(
                f"The class's server at {self.url} does not answer ({sentence_of(error)}); start "
                "it again with `python scripts/course.py class serve`."
            ) from None
        except (ValueError, TypeError, KeyError) as error:
            raise UnreachableError(
                f"What answers at {self.url} is not the class's Phoenix ({sentence_of(error)}); "
                "look at its address."
            ) from None
        return page

    def _refused(self, status: int) -> str:
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            return (
                f"The class's server at {self.url} refuses the instructor's key (HTTP {status}): "
                "it is another class's; start this one's with `python scripts/course.py class "
                "serve`."
            )
        return (
            f"The class's server at {self.url} cannot tell just now (HTTP {status}); "
            "it is asked again."
        )


def read_reports(url: str, key: str) -> list[Report]:
    """Return all that a class has reported, with evidence, in the order of storing.

    Raises:
        UnreachableError: Phoenix does not answer, or refuses.
    """
    reader = ReportReader(url, key, evidence=True)
    try:
        return list(reader.read().reports)
    finally:
        reader.close()


def report_of(
    span: Mapping[str, Any], now: datetime, live: bool = True, evidence: bool = True
) -> Report | None:
    """Make a report of a span as Phoenix's REST interface writes it; None if it is none.

    What a student's key sends may be anything: types are checked, texts are cut to what a table
    can show, and what steers a terminal is taken out.
    """
    fields: Mapping[str, Any] = span.get("attributes") or {}
    student, event = _text(fields.get(wire.STUDENT), 200), fields.get(wire.EVENT)
    try:
        when = datetime.fromisoformat(span["start_time"]).astimezone(UTC)
    except (KeyError, TypeError, ValueError):
        return None
    if not student or event not in _EVENTS:
        return None
    right, seen = fields.get(wire.RIGHT), fields.get(wire.EVIDENCE)
    judged = fields.get(wire.TRACE_IDS)
    return Report(
        student=student,
        event=event,
        lesson=_text(fields.get(wire.LESSON), 80),
        name=_text(span.get("name"), 40),
        when=when,
        state=_text(fields.get(wire.STATE), 40),
        sentence=_text(fields.get(wire.SENTENCE), _LONGEST),
        attempt=_number(fields.get(wire.ATTEMPT)),
        trace_ids=tuple(
            one for one in (judged if isinstance(judged, list) else ()) if _is_trace_id(one)
        ),
        project=_text(fields.get(wire.PROJECT), 300),
        evidence=seen if evidence and isinstance(seen, str) else "",
        right=right if isinstance(right, (bool, int)) else None,
        of=_number(fields.get(wire.OF)) or None,
        dropped=_number(fields.get(wire.DROPPED)),
        heard=now if live else min(when, now),
        span_id=span["context"]["span_id"],
    )


def _place_of(span: Mapping[str, Any]) -> _Place:
    return _Place(str(span["id"]), str(span["context"]["span_id"]))


def _is_trace_id(value: Any) -> bool:
    return isinstance(value, str) and _TRACE_ID.fullmatch(value) is not None


def _number(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _text(value: Any, longest: int) -> str:
    if not isinstance(value, str):
        return ""
    kept = (
        " " if unicodedata.category(one) == "Cc" or one in _STEERING else one
        for one in value[:longest]
    )
    return " ".join("".join(kept).split())
