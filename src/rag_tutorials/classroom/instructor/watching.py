"""A class that is watched: what is known of it, brought up to date by each look."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from rag_tutorials.classroom.base.wire import CHECK
from rag_tutorials.classroom.instructor.place import ClassPlace
from rag_tutorials.classroom.instructor.reading import (
    News,
    Report,
    ReportReader,
    UnreachableError,
)
from rag_tutorials.classroom.instructor.standing import (
    Limits,
    Plan,
    Said,
    Standing,
    Student,
    Task,
    said_of,
    stand,
    student_of,
)
from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.judging import catalog


class Reader(Protocol):
    """Where reports come from."""

    def read(self) -> News:
        """Return what is new."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a look at the class gave.

    Attributes:
        standing: Where everyone stands; of the last reading that succeeded.
        names: What each student is called, by the name on the wire; of two alike, with it.
        said: By exercise, what its checks say.
        trouble: Why this reading did not succeed, as a sentence; empty if it did.
        read: When the last reading succeeded; None if none has.
    """

    standing: Standing
    names: Mapping[str, str]
    said: Mapping[str, Sequence[Said]]
    trouble: str
    read: datetime | None


class Watch:
    """Keeps what was reported, and tells where everyone stands.

    Args:
        reader: Where reports come from, a ``ReportReader``.
        names: Gives the class's list, name by name on the wire; asked at each look, for students
            are added while the class runs.
        plans: The lessons.
        limits: From when on somebody counts as stuck, silent or behind.
        removed: Gives the names on the wire of those who are not shown, whatever they reported;
            asked at each look, too.
    """

    def __init__(
        self,
        reader: Reader,
        names: Callable[[], Mapping[str, str]],
        plans: Sequence[Plan],
        limits: Limits | None = None,
        removed: Callable[[], Collection[str]] = tuple,
    ) -> None:
        self.plans = plans
        self.limits = limits or Limits()
        self._reader = reader
        self._names = names
        self._removed = removed
        self._gone: frozenset[str] = frozenset()
        self._forget()
        self._read: datetime | None = None

    def look(self, now: datetime | None = None) -> Look:
        """Read what is new and tell where everyone stands; trouble with reading is told, too."""
        trouble = ""
        try:
            self._take(self._reader.read())
            self._read = now or datetime.now(UTC)
        except UnreachableError as error:
            trouble = str(error)
        self._leave_out(frozenset(self._removed()))
        listed = self._names()
        everybody = {slug: self._students.get(slug, Student(slug)) for slug in listed}
        everybody |= {slug: one for slug, one in self._students.items() if slug not in self._gone}
        names = {slug: listed.get(slug) or slug for slug in everybody}
        often = Counter(names.values())
        names = {
            slug: f"{name} ({slug})" if often[name] > 1 else name for slug, name in names.items()
        }
        # While nothing can be read, time stands still: nobody falls silent by our own deafness.
        at = (now or datetime.now(UTC)) if not trouble else self._read or datetime.now(UTC)
        standing = stand(everybody, self.plans, at, self.limits)
        return Look(standing, names, dict(self._said), trouble, self._read)

    def reports_of(self, student: str) -> Sequence[Report]:
        """Return what a student has reported, as it came."""
        return tuple(self._of_student.get(student, ()))

    def _forget(self) -> None:
        self._of_student: dict[str, list[Report]] = defaultdict(list)
        self._of_exercise: dict[str, list[Report]] = defaultdict(list)
        self._students: dict[str, Student] = {}
        self._said: dict[str, Sequence[Said]] = {}

    def _take(self, news: News) -> None:
        if news.afresh:
            self._forget()
        for one in news.reports:
            self._of_student[one.student].append(one)
            self._of_exercise[one.exercise].append(one)
        for slug in {one.student for one in news.reports}:
            self._students[slug] = student_of(slug, self._of_student[slug], self.limits)
        self._say_anew({one.exercise for one in news.reports if one.event == CHECK})

    def _leave_out(self, removed: frozenset[str]) -> None:
        if removed != self._gone:
            self._gone = removed
            self._say_anew(self._said)

    def _say_anew(self, exercises: Iterable[str]) -> None:
        for exercise in tuple(exercises):
            told = [one for one in self._of_exercise[exercise] if one.student not in self._gone]
            self._said[exercise] = said_of(told, self._students)


def watch_class(folder: str | None) -> tuple[ReportReader, Watch]:
    """Return what reads the class that is kept in ``folder`` (None: the usual one) and watches it.

    Raises:
        CourseError: no class was served from there, or the course's lessons cannot be read.
    """
    place = ClassPlace(folder)
    reader = ReportReader(place.server().url, place.secrets().admin)
    # A person without a name is a code that many share.
    return reader, Watch(
        reader,
        lambda: {one.slug: one.name for one in place.people() if one.name},
        load_plans(),
        removed=lambda: {one.slug for one in place.removed()},
    )


def load_plans() -> tuple[Plan, ...]:
    """Return the course's lessons that have exercises.

    Raises:
        CourseError: the course's manifest cannot be read.
    """
    return tuple(
        Plan(
            lesson.number,
            lesson.name,
            lesson.title,
            tuple(Task(one.id, one.title) for one in catalog.of_lesson(lesson.number)),
            tuple(Task(one.id, one.title) for one in catalog.predictions_of(lesson.number)),
        )
        for lesson in load_lessons()
        if catalog.of_lesson(lesson.number)
    )
