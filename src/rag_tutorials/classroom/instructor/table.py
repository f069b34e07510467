"""The class as a table in a terminal: drawn once, or again and again until Ctrl-C.

Each state has a sign; colour comes on top, where a terminal shows any.
"""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import threading
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TextIO

from rag_tutorials.classroom.instructor.standing import (
    ABSENT,
    BEHIND,
    NOTHING,
    PASSED,
    SILENT,
    STUCK,
    TRIED,
    UNABLE,
    UNTOUCHED,
    Plan,
    Sign,
    Student,
)
from rag_tutorials.classroom.instructor.watching import Look, Watch
from rag_tutorials.course.base.errors import CourseError

EVERY_S = 2.0
ALL = "all"
_SIGNS = {PASSED: "✓", TRIED: "✗", STUCK: "!", UNTOUCHED: "○", UNABLE: "?", NOTHING: "·"}
_PLAIN = {PASSED: "+", TRIED: "x", STUCK: "!", UNTOUCHED: "o", UNABLE: "?", NOTHING: "."}
_COLOURS = {PASSED: "32", TRIED: "33", STUCK: "1;31", UNABLE: "35", UNTOUCHED: "2", NOTHING: "2"}
_NEED = {STUCK: 0, SILENT: 1, BEHIND: 2, ABSENT: 9}
_NAMES, _WORDS = (18, 32), 16
_HOME, _CLEAR_LINE, _CLEAR_BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
_HIDE_CURSOR, _SHOW_CURSOR = "\x1b[?25l", "\x1b[?25h"


@dataclass(frozen=True, slots=True)
class _Layout:
    """Columns of a terminal: of the name, of a cell, of the words at the end of a row."""

    name: int
    cell: int
    words: int


class Table:
    """Draws looks at a class.

    Args:
        watch: Whose lessons and limits these are.
        lesson: The lesson to show (``"03"``), ``"all"``, or None for the one that most are in.
        colours: Whether to colour.
        encoding: The terminal's; where it has no better signs, letters stand for the states.
    """

    def __init__(
        self,
        watch: Watch,
        lesson: str | None = None,
        *,
        colours: bool = False,
        encoding: str | None = "utf-8",
    ) -> None:
        self._watch = watch
        self._lesson = lesson
        self._colours = colours
        self._encoding = encoding or "ascii"
        self._signs = _SIGNS if self._fits("".join(_SIGNS.values())) else _PLAIN

    def lines(self, look: Look, width: int = 80, height: int | None = None) -> list[str]:
        """Return the table's lines, none wider than ``width``; with ``height``, no more than that.

        Those who need the instructor come first, then the others by name.
        """
        here = look.standing
        if look.trouble and look.read is None:  # nothing is known of anybody
            return _wrapped([look.trouble], width)
        chosen = self._lesson or here.lesson
        plan = next((one for one in self._watch.plans if one.number == chosen), None)
        signs: dict[str, list[Sign]] = {slug: [] for slug in here.students}
        for sign in here.signs:
            signs[sign.student].append(sign)
        order = sorted(
            here.students,
            key=lambda slug: (_need(signs[slug]), look.names[slug].casefold(), slug),
        )
        layout = self._layout(plan, width)
        head = [*_wrapped(self._head(look, plan), width), "", *self._columns(plan, layout)]
        foot = ["", *_wrapped(self._foot(look, plan), width)]
        room = len(order) if height is None else max(1, height - len(head) - len(foot) - 2)
        rows = [
            self._row(here.students[slug], look.names[slug], plan, signs[slug], layout)
            for slug in order[:room]
        ]
        if len(order) > room:
            rows.append(f"... and {len(order) - room} more; --once shows everybody")
        return [*map(self._bold, head), *rows, *foot]

    def _layout(self, plan: Plan | None, width: int) -> _Layout:
        """Share out a line: the cells first, then words if there is room, the name what is left."""
        columns = len(plan.exercises if plan else self._watch.plans)
        cell = next((some for some in (7, 6, 5) if _NAMES[0] + columns * some <= width), 4)
        left = width - columns * cell
        words = _WORDS if left >= _NAMES[0] + _WORDS else 0
        return _Layout(max(_NAMES[0], min(_NAMES[1], left - words)), cell, words)

    def _head(self, look: Look, plan: Plan | None) -> Iterator[str]:
        here = look.standing
        counts = ", ".join(
            f"{sum(sign.word == word for sign in here.signs)} {word}"
            for word in (STUCK, SILENT, BEHIND)
        )
        where = f"{plan.number} {plan.title}" if plan else "All lessons"
        when = look.read.astimezone().strftime("%H:%M:%S") if look.read else "-"
        yield f"{where}: {len(here.present)} of {len(here.students)} here; {counts}"
        yield f"As of {when}"
        if look.trouble:
            yield look.trouble

    def _columns(self, plan: Plan | None, layout: _Layout) -> list[str]:
        if plan is None:
            tops = [one.number for one in self._watch.plans]
            ends = [str(len(one.exercises)) for one in self._watch.plans]
            rows = [("Lesson", tops), ("Exercises", ends)]
        else:
            ids = [task.id for task in plan.exercises]
            short = [one if len(one) < layout.cell else one[2:] for one in ids]
            rows = [("Student", short)]
        return [
            _fill(title, layout.name) + "".join(f"{one:>{layout.cell}}" for one in row)
            for title, row in rows
        ]

    def _row(
        self, one: Student, name: str, plan: Plan | None, signs: Sequence[Sign], layout: _Layout
    ) -> str:
        stuck = next((sign.exercise for sign in signs if sign.word == STUCK), "")
        if plan is None:
            some = [self._tally(one, each, stuck) for each in self._watch.plans]
        else:
            some = [self._cell(one, task.id, plan.number, stuck) for task in plan.exercises]
        cells = "".join(self._painted(text, state, layout.cell) for text, state in some)
        words = [sign.word for sign in signs]
        words += [f"{one.dropped} dropped"] if one.dropped else []
        told = "  " + ", ".join(words) if words and layout.words else ""
        return _fill(self._clean(name), layout.name) + cells + _cut(told, layout.words)

    def _cell(self, one: Student, exercise: str, number: str, stuck: str) -> tuple[str, str]:
        cell = one.cells.get(exercise)
        if cell is None:
            state = UNTOUCHED if number in one.opened else NOTHING
            return self._signs[state], state
        state = STUCK if exercise == stuck else cell.state
        counted = state in (TRIED, STUCK) or (state == PASSED and cell.tries > 1)
        return f"{self._signs[state]}{cell.tries if counted else ''}", state

    def _tally(self, one: Student, plan: Plan, stuck: str) -> tuple[str, str]:
        ids = [task.id for task in plan.exercises]
        passed = sum(each in one.passed for each in ids)
        states = {one.cells[each].state for each in ids if each in one.cells}
        if passed == len(ids):
            return self._signs[PASSED], PASSED
        state = STUCK if stuck in ids else TRIED if TRIED in states else UNTOUCHED
        if state == UNTOUCHED and passed:
            return str(passed), state
        if state == UNTOUCHED and plan.number not in one.opened:
            state = NOTHING
        return f"{self._signs[state]}{passed or ''}", state

    def _foot(self, look: Look, plan: Plan | None) -> Iterator[str]:
        signs = self._signs
        yield (
            f"{signs[PASSED]} passed, {signs[TRIED]} not yet, {signs[STUCK]} stuck, "
            f"{signs[UNABLE]} cannot check, {signs[UNTOUCHED]} not started; the number: "
            + ("checks" if plan else "exercises passed")
        )
        for task in plan.exercises if plan else ():
            for said in look.said.get(task.id, ())[:1]:
                if said.now:
                    told = self._clean(said.example)
                    yield f"{task.id}, {len(said.now)} told now: {told}"
        yield f"Stuck: {self._watch.limits.words[STUCK]}."

    def _painted(self, text: str, state: str, width: int) -> str:
        space = " " * (width - _width(text))
        if not self._colours:
            return space + text
        return f"{space}\x1b[{_COLOURS[state]}m{text}\x1b[0m"

    def _bold(self, text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if self._colours else text

    def _fits(self, text: str) -> bool:
        try:
            text.encode(self._encoding)
        except (UnicodeEncodeError, LookupError):
            return False
        return True

    def _clean(self, text: str) -> str:
        return text.encode(self._encoding, "replace").decode(self._encoding)


def show(
    watch: Watch,
    lesson: str | None = None,
    *,
    once: bool = False,
    stream: TextIO | None = None,
    end: threading.Event | None = None,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> int:
    """Draw the class, on a terminal again and again until Ctrl-C; else, or with ``once``, once.

    Returns:
        0; or 1 if it was to be drawn once and the class's Phoenix did not tell.
    """
    out = stream or sys.stdout
    terminal = out.isatty()
    colours = terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    table = Table(watch, lesson, colours=colours, encoding=out.encoding)
    if once or not terminal:
        look = watch.look(now())
        width = shutil.get_terminal_size().columns if terminal else 200
        print("\n".join(table.lines(look, max(width, 80))), file=out)
        return 1 if look.trouble else 0
    if os.name == "nt":
        os.system("")  # makes its console understand these sequences
    end = end or threading.Event()
    out.write(_HIDE_CURSOR + _HOME + _CLEAR_BELOW)
    try:
        while True:
            size = shutil.get_terminal_size()
            lines = table.lines(watch.look(now()), size.columns, size.lines)
            # Written over what stands there: nothing flickers.
            out.write(_HOME + "".join(f"{line}{_CLEAR_LINE}\n" for line in lines[: size.lines - 1]))
            out.write(_CLEAR_BELOW)
            out.flush()
            if end.wait(EVERY_S):
                return 0
    except KeyboardInterrupt:
        return 0
    finally:
        out.write(_SHOW_CURSOR)
        out.flush()


def chosen(watch: Watch, lesson: str | None) -> str | None:
    """Return the number of the lesson that is meant by a number or a name.

    Raises:
        CourseError: no lesson with exercises is.
    """
    if lesson is None or lesson == ALL:
        return lesson
    for plan in watch.plans:
        if lesson in (plan.number, plan.name):
            return plan.number
    numbers = ", ".join(plan.number for plan in watch.plans)
    raise CourseError(f"There is no lesson {lesson!r}; there are {numbers}, and {ALL}.")


def _need(signs: Sequence[Sign]) -> int:
    return min((_NEED[sign.word] for sign in signs), default=5)


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(
        0
        if unicodedata.combining(one) or unicodedata.category(one) in ("Mn", "Me", "Cf")
        else 2
        if unicodedata.east_asian_width(one) in ("W", "F")
        else 1
        for one in text
    )


def _wrapped(lines: Iterable[str], width: int) -> list[str]:
    return [part for line in lines for part in textwrap.wrap(line, width)]


def _cut(text: str, width: int) -> str:
    """Return as much of a text as a width holds."""
    while _width(text) > width:
        text = text[:-1]
    return text


def _fill(text: str, width: int) -> str:
    """Return a text cut or filled to a width; what was cut is told by an ellipsis."""
    if _width(text) >= width:
        text = _cut(text, width - 4) + "..."
    return text + " " * (width - _width(text))
