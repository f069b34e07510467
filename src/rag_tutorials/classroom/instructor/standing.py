"""From reports to where everyone stands: nothing is asked, nothing is kept, no clock is read."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from statistics import median

from rag_tutorials.classroom.base.wire import CHECK, PREDICTION, QUIZ
from rag_tutorials.classroom.instructor.reading import Report
from rag_tutorials.course.judging import verdict

PASSED, UNTOUCHED, UNABLE = verdict.PASSED, verdict.NOT_STARTED, verdict.UNABLE
TRIED, NOTHING = "tried", ""
STUCK, SILENT, BEHIND, ABSENT = "stuck", "silent", "behind", "absent"
ALIKE = "alike"

# What a sentence quotes: of the student's program, or of the exercise.
_QUOTED = re.compile(
    r"`[^`]*`|(?<!\w)'[^']*'(?!\w)|\"[^\"]*\"|\b[0-9a-f]{16,32}\b|-?\d+(?:[.,]\d+)*"
)
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """From when on somebody counts as stuck, silent, behind. The sentences say these numbers."""

    stuck_tries: int = 4
    stuck_minutes: int = 5
    silent_minutes: int = 15
    away_minutes: int = 90
    behind_share: float = 0.5
    behind_by: int = 3
    alike_share: float = 1 / 3
    alike_students: int = 3

    @property
    def words(self) -> Mapping[str, str]:
        """What each word on the page means, in a sentence."""
        return {
            STUCK: (
                f"{self.stuck_tries} checks or more without a pass, {self.stuck_minutes} minutes "
                "or more since the first of them or since coming back, and no other exercise "
                "checked since"
            ),
            SILENT: (
                f"here in the last {self.away_minutes} minutes, not done with the class's lesson, "
                f"and nothing heard for {self.silent_minutes} minutes, while half of the class "
                "was heard"
            ),
            BEHIND: (
                f"passed at most {self.behind_share:.0%} of the class's median, and "
                f"{self.behind_by} exercises fewer or more than that"
            ),
            ABSENT: f"nothing heard in the last {self.away_minutes} minutes",
            ALIKE: (
                f"a third of those who are here, and {self.alike_students} or more, have not "
                "passed an exercise, and its newest check told them the same"
            ),
        }


@dataclass(frozen=True, slots=True)
class Task:
    """An exercise or a prediction of a lesson."""

    id: str
    title: str


@dataclass(frozen=True, slots=True)
class Plan:
    """A lesson: its number, its notebook's name, its title, and what there is to do."""

    number: str
    name: str
    title: str
    exercises: tuple[Task, ...]
    predictions: tuple[Task, ...] = ()


@dataclass(frozen=True, slots=True)
class Cell:
    """One student's work on one exercise.

    Attributes:
        state: ``passed``; else what the last check said: ``tried`` (not yet), ``not started`` or
            ``unable`` (the check could not look).
        tries: Checks until it passed, or until now.
        sentence: What the last check said.
        since: The first check that did not pass, by the student's clock; None without one.
        last: The newest check with a trace if there is one, else the newest.
    """

    state: str
    tries: int
    sentence: str
    since: datetime | None
    last: Report


@dataclass(frozen=True, slots=True)
class Student:
    """All that one student has reported.

    Attributes:
        slug: The student's name on the wire.
        cells: By exercise.
        lesson: The lesson of the newest report (``"03"``); empty without any.
        exercise: The exercise that was checked last; empty without any.
        heard: When the last report came, by the instructor's clock.
        when: When the newest report was made, by the student's clock.
        back: When the first report after the last long pause was made; likewise.
        newest: The newest report that leads to a trace.
        opened: Numbers of the lessons that were opened.
        guesses: Of each prediction, whether the first that was compared was right.
        quizzes: Of each quiz, right answers and questions, the first time.
        dropped: Spans that the student's program had to drop.
    """

    slug: str
    cells: Mapping[str, Cell] = field(default_factory=dict)
    lesson: str = ""
    exercise: str = ""
    heard: datetime | None = None
    when: datetime | None = None
    back: datetime | None = None
    newest: Report | None = None
    opened: frozenset[str] = frozenset()
    guesses: Mapping[str, bool] = field(default_factory=dict)
    quizzes: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    dropped: int = 0

    @property
    def passed(self) -> frozenset[str]:
        """The exercises that are passed."""
        return frozenset(one for one, cell in self.cells.items() if cell.state == PASSED)


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence that checks say, with what it quotes taken out to count it.

    Attributes:
        example: The sentence as most were told it.
        now: Those whom the newest check of the exercise told it: they have not passed.
        students: All who were told it, those of ``now`` first.
        checks: How often it was said.
    """

    example: str
    now: tuple[str, ...]
    students: tuple[str, ...]
    checks: int


@dataclass(frozen=True, slots=True)
class Sign:
    """Something to look at: a word of :class:`Limits`, who, at which exercise, for how long."""

    word: str
    student: str
    exercise: str = ""
    tries: int = 0
    minutes: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a class stands at a moment.

    Attributes:
        at: The moment.
        lesson: The number of the lesson that most of those present are in.
        students: Everybody, by name on the wire.
        present: Who was heard lately.
        signs: What to look at: who is stuck, silent, behind or absent.
    """

    at: datetime
    lesson: str
    students: Mapping[str, Student]
    present: frozenset[str]
    signs: Sequence[Sign]


def student_of(slug: str, reports: Iterable[Report], limits: Limits | None = None) -> Student:
    """Tell from all the reports of one student where this one stands.

    They may come in any order, and more than once.
    """
    away = timedelta(minutes=(limits or Limits()).away_minutes)
    ordered = sorted(
        {one.span_id: one for one in reports}.values(),
        key=lambda one: (one.when, one.attempt, one.heard, one.span_id),
    )
    if not ordered:
        return Student(slug)
    checks: dict[str, list[Report]] = defaultdict(list)
    guesses: dict[str, bool] = {}
    quizzes: dict[str, tuple[int, int]] = {}
    exercise, newest, back = "", None, ordered[0]
    for before, one in zip([ordered[0], *ordered], ordered, strict=False):
        if one.when - before.when > away:
            back = one
        if one.event == CHECK:
            checks[one.exercise].append(one)
            exercise = one.exercise
        elif one.event == PREDICTION and isinstance(one.right, bool):
            guesses.setdefault(one.name, one.right)
        elif one.event == QUIZ and one.of and one.right is not None:
            quizzes.setdefault(one.name, (int(one.right), one.of))
        newest = one if one.trace_ids else newest
    return Student(
        slug,
        {one: _cell(some) for one, some in checks.items()},
        lesson=ordered[-1].lesson[:2],
        exercise=exercise,
        heard=max(one.heard for one in ordered),
        when=ordered[-1].when,
        back=back.when,
        newest=newest,
        opened=frozenset(one.lesson[:2] for one in ordered),
        guesses=guesses,
        quizzes=quizzes,
        dropped=max(one.dropped for one in ordered),
    )


def stand(
    students: Mapping[str, Student],
    plans: Sequence[Plan],
    now: datetime,
    limits: Limits | None = None,
) -> Standing:
    """Tell where a class stands ``now``."""
    limits = limits or Limits()
    present = frozenset(
        slug
        for slug, one in students.items()
        if one.heard and now - one.heard <= timedelta(minutes=limits.away_minutes)
    )
    lesson = _lesson_of_most([students[slug] for slug in present or students], plans)
    here = Standing(now, lesson, students, present, ())
    signs = [
        *_stuck(here, limits),
        *_silent(here, plans, limits),
        *_behind(here, plans, limits),
        *(Sign(ABSENT, slug) for slug in students if slug not in present),
    ]
    return replace(here, signs=signs)


def said_of(reports: Iterable[Report], students: Mapping[str, Student]) -> list[Said]:
    """Count what the checks of one exercise say to those whom they do not pass.

    What stands in back-ticks or quotes and numbers are taken out, for each student's differ. First
    comes what the most students were told last.
    """
    told: dict[str, list[Report]] = defaultdict(list)
    for one in reports:
        if one.event == CHECK and one.state == verdict.NOT_YET and one.sentence:
            told[kind_of(one.sentence)].append(one)
    return sorted(
        (_said(kind, some, students) for kind, some in told.items()),
        key=lambda said: (-len(said.now), -len(said.students), -said.checks, said.example),
    )


def kind_of(sentence: str) -> str:
    """Return a sentence without what it quotes."""
    return _QUOTED.sub("…", sentence)


def _said(kind: str, some: Sequence[Report], students: Mapping[str, Student]) -> Said:
    wordings: dict[str, set[str]] = defaultdict(set)
    for one in some:
        wordings[one.sentence].add(one.student)
    example = max(sorted(wordings), key=lambda text: len(wordings[text]))
    told = {one.student for one in some}
    cells = {slug: students[slug].cells[some[0].exercise] for slug in told}
    now = {
        slug
        for slug, cell in cells.items()
        if cell.state != PASSED and kind_of(cell.sentence) == kind
    }
    return Said(example, tuple(sorted(now)), (*sorted(now), *sorted(told - now)), len(some))


def _cell(checks: Sequence[Report]) -> Cell:
    """Tell how an exercise stands from its checks, in order."""
    failed = [one for one in checks if one.state == verdict.NOT_YET]
    passed = next((one for one in checks if one.state == verdict.PASSED), None)
    last = passed or checks[-1]
    states = {verdict.NOT_YET: TRIED, verdict.NOT_STARTED: UNTOUCHED}
    until = checks[: checks.index(passed) + 1] if passed else failed
    counted = [one for one in until if one.state in (verdict.NOT_YET, verdict.PASSED)]
    traced = [
        one for one in checks if one.trace_ids and (not passed or one.state == verdict.PASSED)
    ]
    return Cell(
        state=PASSED if passed else states.get(last.state, UNABLE),
        tries=max(len(counted), max((one.attempt for one in counted), default=0)),
        sentence=last.sentence,
        since=min((one.when for one in failed), default=None),
        last=traced[-1] if traced else last,
    )


def _lesson_of_most(students: Iterable[Student], plans: Sequence[Plan]) -> str:
    known = {plan.number for plan in plans}
    where = Counter(one.lesson for one in students if one.lesson in known)
    if not where:
        return plans[0].number if plans else ""
    return max(where, key=lambda number: (where[number], number))


def _stuck(here: Standing, limits: Limits) -> list[Sign]:
    found = []
    for slug in here.present:
        one = here.students[slug]
        cell = one.cells.get(one.exercise)
        if cell is None or cell.state == PASSED or cell.since is None:
            continue
        if one.heard is None or one.when is None or one.back is None:
            continue
        # Each difference is one clock's: a student's may be wrong, and reports may come late.
        spent = (one.when - max(cell.since, one.back)) + (here.at - one.heard)
        minutes = int(spent / timedelta(minutes=1))
        if cell.tries >= limits.stuck_tries and minutes >= limits.stuck_minutes:
            found.append(Sign(STUCK, slug, one.exercise, cell.tries, minutes))
    return sorted(found, key=lambda sign: (-sign.minutes, sign.student))


def _silent(here: Standing, plans: Sequence[Plan], limits: Limits) -> list[Sign]:
    todo = {task.id for plan in plans if plan.number == here.lesson for task in plan.exercises}
    ago = {
        slug: int((here.at - (here.students[slug].heard or _LONG_AGO)) / timedelta(minutes=1))
        for slug in here.present
    }
    quiet = {slug: minutes for slug, minutes in ago.items() if minutes >= limits.silent_minutes}
    if len(ago) - len(quiet) < len(ago) / 2:
        return []  # a break, or somebody explains
    found = [
        Sign(SILENT, slug, here.students[slug].exercise, minutes=minutes)
        for slug, minutes in quiet.items()
        if not todo <= here.students[slug].passed
    ]
    return sorted(found, key=lambda sign: (-sign.minutes, sign.student))


def _behind(here: Standing, plans: Sequence[Plan], limits: Limits) -> list[Sign]:
    counted = {task.id for plan in plans for task in plan.exercises}  # not what is extra
    passed = {slug: len(here.students[slug].passed & counted) for slug in here.present}
    if not passed:
        return []
    middle = median(passed.values())
    return [
        Sign(BEHIND, slug, here.students[slug].exercise)
        for slug in sorted(passed, key=lambda slug: (passed[slug], slug))
        if passed[slug] <= limits.behind_share * middle
        and middle - passed[slug] >= limits.behind_by
    ]
