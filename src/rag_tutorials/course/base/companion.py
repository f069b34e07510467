"""Somebody who accompanies a student's work: the class that this checkout has joined, if any.

The course knows nothing of a class but this. Without a membership nothing of it is imported.
"""

from __future__ import annotations

import importlib
import os
from typing import Any, Protocol

from rag_tutorials.course.base.places import state_dir

MEMBERSHIP = "class.json"  # in the state folder
VARIABLE = "COURSE_CLASS"
_MODULE = "rag_tutorials.classroom.student.companion"  # found by name: nothing imports upwards


class Companion(Protocol):
    """What it is told, each at once and without an error, whatever happens to it."""

    def opened(self, lesson: str) -> str:
        """A lesson was opened. Return a line that says what is sent, and to whom."""

    def accepted(self, body: bytes, encoding: str, project: str | None) -> None:
        """The embedded Phoenix took a request of spans (OTLP, protobuf).

        ``encoding`` is the body's (``gzip``, ``deflate`` or empty), ``project`` what a header
        named.
        """

    def checked(self, lesson: str, verdict: Any) -> None:
        """A check gave a verdict (:class:`rag_tutorials.course.judging.verdict.Verdict`)."""

    def predicted(self, lesson: str, prediction_id: str, right: bool | None) -> None:
        """A prediction was kept (``None``), or compared with the truth."""

    def marked(self, lesson: str, quiz: str, right: int, of: int) -> None:
        """The answers to a quiz were marked, and the number kept."""

    def finding(self) -> tuple[str, str]:
        """Say how sending goes, and what can be done where it does not go."""


def find() -> Companion | None:
    """Return this checkout's companion: there is a membership's file, or ``COURSE_CLASS`` is set.

    The variable is taken away: what a notebook starts must not inherit it.

    Raises:
        CourseError: there is one that cannot come along; the sentence says why.
    """
    code = os.environ.pop(VARIABLE, "").strip()
    if not code and not (state_dir() / MEMBERSHIP).is_file():
        return None
    found: Companion | None = importlib.import_module(_MODULE).companion(code)
    return found
