"""Grades: of each student and exercise what was said, and what judging again says of it.

A verdict that a student's machine reported is believed; a pass that the traces in the class bear
out is proven. Both are told, each in columns of its own.
"""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Protocol
from unicodedata import normalize

from rag_tutorials.classroom.base.evidence import NotCarried, fingerprints_of, trace_ids_of
from rag_tutorials.classroom.base.wire import CHECK
from rag_tutorials.classroom.instructor.place import ClassPlace
from rag_tutorials.classroom.instructor.reading import Report, read_reports
from rag_tutorials.classroom.instructor.rejudging import (
    TRACES,
    UNKNOWN,
    WORD,
    Again,
    ClassTraces,
    judge_again,
)
from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import write_private
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.verdict import NOT_YET, PASSED
from rag_tutorials.course.traces.spans import SpanRecord

_MOST_PASSES = 5  # of one student and exercise; one that holds is enough
_SHOWN = 20
_FORMULA = ("=", "+", "-", "@")
OPEN = "open"
_WORTH = {"proven": TRACES, "by word": WORD, "open": OPEN}  # the columns
_IN_WORDS = {
    TRACES: "proven: judged again from the traces in the class, they pass",
    WORD: "by word: they pass again, on what the student's machine said alone",
    OPEN: "open: they cannot be judged again, or something is odd about their traces",
}


class Somebody(Protocol):
    """Who is in the class."""

    @property
    def slug(self) -> str:
        """What the class calls them."""
        ...

    @property
    def name(self) -> str:
        """What they call themselves; empty for a code that several share."""
        ...


@dataclass(frozen=True, slots=True)
class Grade:
    """One student's exercise.

    Attributes:
        exercise: The exercise's id.
        stored: The best verdict that was reported: passed once is passed.
        sentence: What that verdict said.
        attempts: How many checks judged it.
        again: What judging again says; ``None`` where nothing was to be judged.
        trace_ids: The traces of the report that was judged again.
        project: Where they are in the class.
    """

    exercise: str
    stored: str
    sentence: str
    attempts: int
    again: Again | None
    trace_ids: tuple[str, ...] = ()
    project: str = ""

    @property
    def proven(self) -> str:
        """What a pass that was reported is worth, in one word.

        ``traces``: judged again it passes, and would not without its traces. ``word``: it passes,
        on what the student's machine said alone. ``open``: it cannot be judged again, or something
        is odd about its traces. Empty where no pass is reported, or judging again denies it.
        """
        if self.stored != PASSED or self.again is None or self.again.state == NOT_YET:
            return ""
        if self.again.state == UNKNOWN or self.again.findings:
            return OPEN
        return self.again.rests_on

    @property
    def differs(self) -> bool:
        """Whether judging again says something else than the verdict that is stored."""
        again = self.again
        return again is not None and again.state != UNKNOWN and again.state != self.stored

    @property
    def cell(self) -> str:
        """The grade in a few letters: the stored verdict, then the other one if it differs."""
        if self.differs and self.again is not None:
            return f"{self.stored} / {self.again.state}"
        return f"{PASSED} / ?" if self.proven == OPEN else self.stored


@dataclass(frozen=True, slots=True)
class Student:
    """A student's grades, by exercise; those without a report are left out."""

    slug: str
    name: str
    grades: Mapping[str, Grade]

    def count(self, proven: str) -> int:
        """Return how many passes are ``traces``, ``word`` or ``open``."""
        return sum(one.proven == proven for one in self.counted)

    @property
    def counted(self) -> list[Grade]:
        """The grades of the course's exercises; what is for whoever likes belongs to no sum."""
        return [one for one in self.grades.values() if one.exercise in of_the_course()]

    @property
    def stored(self) -> int:
        """How many passes were reported."""
        return sum(one.stored == PASSED for one in self.counted)

    @property
    def differing(self) -> list[Grade]:
        """The grades whose two verdicts differ."""
        return [one for one in self.grades.values() if one.differs]


@cache
def of_the_course() -> tuple[str, ...]:
    """Return the ids of the course's exercises, in order."""
    return tuple(one.id for each in catalog.lessons() for one in catalog.of_lesson(each))


@dataclass(frozen=True, slots=True)
class Graded:
    """A class's grades; ``left_out`` are the names of those who reported and were removed."""

    students: Sequence[Student]
    left_out: Sequence[str] = ()


def grade_class(
    place: ClassPlace, progress: Callable[[int, int], None] = lambda done, of: None
) -> Graded:
    """Judge again what the students of a class have reported, those who were removed left out.

    Args:
        place: Where the class is kept.
        progress: Is told after each student how many are done, of how many.

    Raises:
        CourseError: the class was never served, or its Phoenix does not answer.
    """
    url, key = place.server().url, place.secrets().admin
    reports, removed = read_reports(url, key), place.removed()
    gone = {one.slug for one in removed}
    students = []
    for one, of in grade(place.people(), reports, ClassTraces(url, key), gone):
        students.append(one)
        progress(len(students), of)
    reported = {one.student for one in reports}
    return Graded(students, [one.name for one in removed if one.slug in reported])


def grade(
    people: Iterable[Somebody],
    reports: Sequence[Report],
    traces: ClassTraces,
    removed: Collection[str] = (),
) -> Iterator[tuple[Student, int]]:
    """Judge again what students have reported: yield each, and how many there are.

    Args:
        people: Who is in the class; whoever reported nothing is told too.
        reports: All reports, in the order of storing.
        traces: The class's traces.
        removed: The names on the wire of those who get no grade. Their traces count as theirs.

    Raises:
        CourseError: the class's Phoenix does not answer.
    """
    names = {one.slug: one.name for one in people if one.name}
    for report in reports:
        if report.student not in removed:
            names.setdefault(report.student, report.student)
    checks = [one for one in reports if one.event == CHECK and one.exercise]
    of_student: dict[str, dict[str, list[Report]]] = defaultdict(lambda: defaultdict(list))
    for check in checks:
        of_student[check.student][check.exercise].append(check)
    judge = _Judge(traces, checks)
    for slug, name in sorted(names.items(), key=lambda each: (each[1].casefold(), each[0])):
        by_exercise = of_student[slug]
        judge.read([one for some in by_exercise.values() for one in _to_judge(some)])
        grades = {
            exercise: _grade(exercise, by_exercise[exercise], judge)
            for exercise in sorted(by_exercise, key=_order)
        }
        yield Student(slug, name, grades), len(names)


def _to_judge(reports: Sequence[Report]) -> list[Report]:
    """Return the passes, the latest first; without any, the last that is not one yet."""
    passes = [one for one in reports if one.state == PASSED]
    if passes:
        return passes[::-1][:_MOST_PASSES]
    return [one for one in reports if one.state == NOT_YET][-1:]


def _grade(exercise: str, reports: Sequence[Report], judge: _Judge) -> Grade:
    attempts = sum(one.state in (PASSED, NOT_YET) for one in reports)
    best: tuple[int, Report, Again] | None = None
    for one in _to_judge(reports):
        again = judge.again(one)
        rank = _rank(again)
        if best is None or rank < best[0]:
            best = rank, one, again
        if rank == 0:
            break
    if best is None:
        last = reports[-1]
        return Grade(exercise, last.state, last.sentence, attempts, None)
    _, report, again = best
    return Grade(
        exercise, report.state, report.sentence, attempts, again, report.trace_ids, report.project
    )


def _rank(again: Again) -> int:
    """Return how much a pass is borne out: 0 is most."""
    if again.state == PASSED:
        return (0 if again.rests_on == TRACES else 1) if not again.findings else 2
    return 3 if again.state == NOT_YET else 4


def _order(exercise: str) -> tuple[str, int, str]:
    lesson, _, number = exercise.partition(".")
    return lesson, int(number) if number.isdecimal() else 0, number


class _Judge:
    """Judges reports again, with the spans of a student's read at once."""

    def __init__(self, traces: ClassTraces, checks: Sequence[Report]) -> None:
        self._traces = traces
        self._looked_at = {one.span_id: _looked_at(one) for one in checks}
        self._claims: dict[str, set[str]] = defaultdict(set)  # the students who claim a span
        self._claimed: set[tuple[str, str]] = set()  # projects with traces that are claimed there
        for one in checks:
            trace_ids, span_ids = self._looked_at[one.span_id]
            self._claimed |= {(one.project, each) for each in trace_ids}
            for span_id in span_ids:
                self._claims[span_id].add(one.student)
        self.read(())

    def read(self, reports: Iterable[Report]) -> None:
        """Read the spans of these reports, and forget those of others."""
        wanted: dict[str, dict[str, None]] = defaultdict(dict)
        for one in reports:
            wanted[one.project].update(dict.fromkeys(self._looked_at[one.span_id][0]))
        self._spans: dict[tuple[str, str], list[SpanRecord]] = defaultdict(list)
        for project, ids in wanted.items():
            for span in self._traces.spans(project, ids) if project and ids else ():
                self._spans[project, span.trace_id].append(span)
        missing = {
            one: None
            for project, ids in wanted.items()
            for one in ids
            if (project, one) not in self._spans
        }
        self._elsewhere = self._traces.projects_of(list(missing))

    def again(self, report: Report) -> Again:
        """Judge a report again, and say what is odd about its traces."""
        trace_ids, span_ids = self._looked_at[report.span_id]
        found: list[SpanRecord] = []
        odd: list[str] = []
        if trace_ids and not report.project.startswith(f"{report.student}."):
            odd.append(f"The report names the project `{report.project}`, which is another's.")
        for one in trace_ids:
            other = self._elsewhere.get(one)
            if (here := self._spans.get((report.project, one))) or other is None:
                found += here or ()
                continue
            # Phoenix keeps a trace where it began: an id that a program makes up is everybody's.
            theirs = [span for span in self._traces.spans(other, [one]) if span.span_id in span_ids]
            found += theirs
            too = {name for span in theirs for name in self._claims[span.span_id]}
            if too - {report.student}:
                also = ", ".join(sorted(too - {report.student}))
                odd.append(f"The trace {one} is in the project `{other}`; {also} claims it too.")
            elif (other, one) not in self._claimed:
                odd.append(f"The trace {one} is in the project `{other}`.")
        again = judge_again(
            report.exercise, report.evidence, report.project, found, self._traces, self._claims
        )
        return replace(again, findings=(*again.findings, *odd))


def _looked_at(report: Report) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the ids of the traces and the spans that a check looked at."""
    try:
        return trace_ids_of(report.evidence), frozenset(fingerprints_of(report.evidence))
    except NotCarried:
        return report.trace_ids, frozenset()


# Files


def write_table(file: Path, students: Sequence[Student]) -> None:
    """Write one row a student, for a learning platform or a spreadsheet.

    Raises:
        CourseError: the file cannot be written.
    """
    exercises = of_the_course()
    heads = ["student", "name", "of", "passed", *_WORTH, "differing", *exercises]
    rows = (
        [
            one.slug,
            one.name,
            len(exercises),
            one.stored,
            *(one.count(each) for each in _WORTH.values()),
            len(one.differing),
            *(one.grades[each].cell if each in one.grades else "" for each in exercises),
        ]
        for one in students
    )
    _write(file, heads, rows)


def write_details(file: Path, students: Sequence[Student]) -> None:
    """Write one row a student and exercise, with the sentences and the traces.

    Raises:
        CourseError: the file cannot be written.
    """
    heads = [
        "student", "name", "exercise", "title", "attempts", "stored", "again", "pass rests on",
        "stored sentence", "again sentence", "findings", "project", "traces",
    ]  # fmt: skip
    rows = (
        [
            one.slug,
            one.name,
            each.exercise,
            _title(each.exercise),
            each.attempts,
            each.stored,
            each.again.state if each.again else "",
            each.proven,
            each.sentence,
            each.again.sentence if each.again else "",
            " ".join(each.again.findings) if each.again else "",
            each.project,
            " ".join(each.trace_ids),
        ]
        for one in students
        for each in one.grades.values()
    )
    _write(file, heads, rows)


def _title(exercise: str) -> str:
    try:
        return catalog.find(exercise).title
    except CourseError:
        return ""


def _write(file: Path, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write CSV that a spreadsheet reads as it is: UTF-8 with its mark, and no formula."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([_harmless(value) for value in row] for row in rows)
    try:
        write_private(file, f"\ufeff{text.getvalue()}")
    except OSError as error:
        raise CourseError(
            f"{file} cannot be written ({sentence_of(error)}); close it where it is open, or name "
            "another file."
        ) from error


def _harmless(value: object) -> object:
    """Return a value that no spreadsheet takes for a formula: names come from people."""
    if isinstance(value, str) and normalize("NFKC", value).lstrip().startswith(_FORMULA):
        return f"'{value}"
    return value


# In the terminal


def summary(students: Sequence[Student], left_out: Sequence[str] = ()) -> str:
    """Return what an instructor has to know first; ``left_out`` are names of who has no grade."""
    passed = sum(one.stored for one in students)
    lines = [
        f"{_count(len(students), 'student')}, {_count(passed, 'exercise')} reported as passed:",
        *(
            f"  {sum(one.count(worth) for one in students):5}  {words}"
            for worth, words in _IN_WORDS.items()
        ),
    ]
    differing = [(one, each) for one in students for each in one.differing]
    denied = sum(each.stored == PASSED for _, each in differing)
    lines.append(f"  {denied:5}  denied: judged again, they do not pass")
    told = [
        *(
            f"{one.name}, {each.exercise}: stored {each.stored}, judged again {each.again.state}"
            f"{_because(each.again)}"
            for one, each in differing
            if each.again
        ),
        *(
            f"{one.name}, {each.exercise}: stored passed. {_why(each.again)}"
            for one in students
            for each in one.grades.values()
            if each.proven == OPEN and each.again
        ),
    ]
    lines += ["", *told[:_SHOWN]] if told else []
    if more := len(told) - _SHOWN:
        lines += [f"... and {more:,} more"] if more > 0 else []
    if silent := [one.name for one in students if not one.grades]:
        lines += ["", f"Without a report: {', '.join(silent)}."]
    if left_out:
        lines += ["", f"Left out, for they were removed from the class: {', '.join(left_out)}."]
    return "\n".join(lines)


def _because(again: Again) -> str:
    return f": {again.sentence}" if again.sentence else "."


def _why(again: Again) -> str:
    return " ".join((*again.findings, *([again.sentence] if again.state == UNKNOWN else [])))


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}" + ("" if number == 1 else "s")
