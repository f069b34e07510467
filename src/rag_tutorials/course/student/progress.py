"""What a student has passed, remembered across kernels."""

from __future__ import annotations

import argparse
import html
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from filelock import FileLock

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.manifest import find_lesson, load_lessons
from rag_tutorials.course.base.places import state_dir
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.exercise import Exercise
from rag_tutorials.course.student.confirm import confirmed

_FILE = "progress.json"
_NUMBERING = 2
# Numbering 1 had seven lessons; these exercises have another number since.
_RENUMBERED = {
    "03.4": "09.1",
    "03.5": "03.4",
    "05.3": "06.1",
    "05.4": "06.2",
    "05.5": "06.3",
    "06.1": "07.1",
    "06.2": "07.2",
    "06.3": "08.1",
    "06.4": "08.2",
    "06.5": "08.3",
}


def passed() -> dict[str, str]:
    """Return the ids of the passed exercises, each with the moment (ISO 8601, UTC)."""
    folder = state_dir()
    with _lock(folder):
        return _read(folder / _FILE)


def remember(exercise_id: str) -> None:
    """Note that an exercise is passed; the first time counts.

    Where that cannot be written, one printed sentence says so.
    """
    try:
        folder = state_dir()
        with _lock(folder):
            known = _read(folder / _FILE)
            if exercise_id not in known:
                now = datetime.now(UTC).isoformat(timespec="seconds")
                _write(folder / _FILE, {**known, exercise_id: now})
    except (OSError, CourseError) as error:  # a lock that is not to be had is an OSError
        print(f"{exercise_id} is passed, but could not be remembered ({sentence_of(error)}).")


def reset(lesson: str | None = None) -> int:
    """Forget the passed exercises of a lesson (``"01"``), or all; return how many they were."""
    folder = state_dir()
    with _lock(folder):
        known = _read(folder / _FILE)
        kept = {key: when for key, when in known.items() if lesson and not key.startswith(lesson)}
        _write(folder / _FILE, kept)
    return len(known) - len(kept)


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / f"{_FILE}.lock", timeout=10)


def _read(path: Path) -> dict[str, str]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        known = {str(key): str(when) for key, when in data["passed"].items()}
        if data.get("numbering", 1) < _NUMBERING:
            return {_RENUMBERED.get(key, key): when for key, when in known.items()}
        return known
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, KeyError, AttributeError):
        aside = path.with_name(f"progress-unreadable-{datetime.now(UTC):%Y%m%dT%H%M%S}.json")
        path.replace(aside)
        print(f"The progress file could not be read; it is kept as {aside} and a new one begins.")
        return {}


def _write(path: Path, known: Mapping[str, str]) -> None:
    new = path.with_suffix(".new")
    new.write_text(
        json.dumps({"numbering": _NUMBERING, "passed": known}, indent=1) + "\n", encoding="utf-8"
    )
    new.replace(path)


class Table:
    """Exercises and whether they are passed; shows itself as HTML and as text."""

    def __init__(
        self, lessons: Sequence[tuple[str, Sequence[Exercise]]], known: Mapping[str, str]
    ) -> None:
        self.lessons = lessons
        self.known = known

    def _count(self, some: Sequence[Exercise]) -> str:
        return f"{sum(one.id in self.known for one in some)} of {len(some)} passed"

    @property
    def summary(self) -> str:
        """How many are passed, in words."""
        return self._count([one for _, some in self.lessons for one in some])

    def __repr__(self) -> str:
        lines = []
        for title, some in self.lessons:
            lines.append(f"{title}: {self._count(some)}" if some else f"{title}: no exercises")
            lines += [f"  {self._mark(one):<7} {one.id}  {one.title}" for one in some]
        if len(self.lessons) > 1:
            lines.append(f"Whole course: {self.summary}")
        return "\n".join(lines)

    def _mark(self, exercise: Exercise) -> str:
        return "passed" if exercise.id in self.known else "open"

    def _repr_html_(self) -> str:
        cell = 'style="text-align:left;padding:2px 16px 2px 0;vertical-align:top"'
        rows = []
        for title, some in self.lessons:
            count = self._count(some) if some else "no exercises"
            rows.append(
                f"<tr><th {cell}>{html.escape(title)}</th><th {cell}>{html.escape(count)}</th></tr>"
            )
            for one in some:
                mark = f"<b>{self._mark(one)}</b>" if one.id in self.known else self._mark(one)
                rows.append(
                    f"<tr><td {cell}>{one.id} {html.escape(one.title)}</td>"
                    f"<td {cell}>{mark}</td></tr>"
                )
        if len(self.lessons) > 1:
            rows.append(f"<tr><th {cell}>Whole course</th><th {cell}>{self.summary}</th></tr>")
        return f'<table style="margin:0">{"".join(rows)}</table>'


def table(lesson: str | None = None) -> Table:
    """Return the progress of a lesson (``"01"``), or of the whole course."""
    titles = {each.number: f"{each.number} {each.title}" for each in load_lessons()}
    numbers = [lesson] if lesson else sorted({*titles, *catalog.lessons()})
    return Table(
        [(titles.get(number, number), catalog.of_lesson(number)) for number in numbers], passed()
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the progress, or with ``--reset [LESSON]`` forget it after asking."""
    parser = argparse.ArgumentParser(prog="progress", description="What you have passed.")
    parser.add_argument(
        "--reset",
        nargs="?",
        const="all",
        metavar="LESSON",
        help="forget what was passed in a lesson (01), or in all",
    )
    parser.add_argument("--yes", action="store_true", help="reset without asking")
    options = parser.parse_args(arguments)
    if options.reset is None:
        print(table())
        return 0
    try:
        lesson = None if options.reset == "all" else find_lesson(options.reset).number
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    what = f"lesson {lesson}" if lesson else "all lessons"
    if not (options.yes or confirmed(f"Forget what you passed in {what}?")):
        return 1
    print(f"Forgotten: {reset(lesson)} passed in {what}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
