"""What is passed and predicted of a lesson, or of the whole course, as a table."""

from __future__ import annotations

import html
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.exercise import Exercise
from rag_tutorials.course.judging.extra import Extra
from rag_tutorials.course.judging.prediction import Prediction
from rag_tutorials.course.student import kept

_CELL = 'style="text-align:left;padding:2px 16px 2px 0;vertical-align:top"'


@dataclass(frozen=True, slots=True)
class Row:
    """A lesson in the table; ``part`` and ``minutes`` are empty for one without an entry."""

    title: str
    part: str
    minutes: str
    exercises: Sequence[Exercise]
    predictions: Sequence[Prediction]
    extra: Extra = field(default_factory=Extra)


class Table:
    """Lessons by part, and how they stand; shows itself as HTML and as text."""

    def __init__(
        self,
        rows: Sequence[Row],
        passed: Mapping[str, str],
        guesses: Mapping[str, Any],
        marks: Mapping[str, Any],
    ) -> None:
        self.rows = rows
        self.passed = passed
        self.guesses = guesses
        self.marks = marks

    @property
    def summary(self) -> str:
        """How many exercises are passed, and of the predictions made how many were right."""
        return self._standing(self.rows)

    @property
    def diagnoses(self) -> str:
        """How many of ten traces were diagnosed rightly before and after the course, in words."""
        said = {"entrance": "before lesson 01", "exit": "after the last lesson"}
        words = []
        for name, when in said.items():
            first = self.marks.get(name, {}).get("first")
            words.append(f"{first['right']} of {first['of']} {when}" if first else f"open {when}")
        return "; ".join(words)

    def _standing(self, rows: Sequence[Row]) -> str:
        exercises = [one for row in rows for one in row.exercises]
        predictions = [one for row in rows for one in row.predictions]
        done = sum(one.id in self.passed for one in exercises)
        words = [f"{done} of {len(exercises)} passed" if exercises else "no exercises"]
        if predictions:
            made = self._made(predictions)
            said = [f"{sum(made)} of {len(made)} as the trace said"] if made else []
            left = len(predictions) - len(made)
            said += [f"{left} not made"] if left else []
            words.append(f"predictions: {', '.join(said)}")
        return "; ".join(words)

    def _made(self, predictions: Sequence[Prediction]) -> list[bool]:
        """Return of those that were made whether they were right."""
        first = [self.guesses.get(one.id, {}).get("first", {}) for one in predictions]
        return [one["right"] for one in first if one.get("right") is not None]

    def _extra(self, extra: Extra) -> str:
        """Say what is done of the extra ones, which are in no other sum; nobody has to."""
        done = [one.id for one in extra.exercises if one.id in self.passed]
        which = f" ({', '.join(done)})" if done else ""
        words = [f"extra, {extra.name}: {len(done)} of {len(extra.exercises)} passed{which}"]
        if made := self._made(extra.predictions):
            words.append(f"predictions: {sum(made)} of {len(made)} as the trace said")
        return "; ".join(words)

    def _parts(self) -> Iterator[tuple[str, Sequence[Row]]]:
        for part, rows in groupby(self.rows, key=lambda row: row.part):
            yield part, list(rows)

    def _mark(self, exercise: Exercise) -> str:
        return "passed" if exercise.id in self.passed else "open"

    def __repr__(self) -> str:
        lines = []
        for part, rows in self._parts():
            lines += [part] if part else []
            for row in rows:
                minutes = f", {row.minutes} minutes" if row.minutes else ""
                lines.append(f"{row.title}{minutes}: {self._standing([row])}")
                lines += [f"  {self._mark(one):<7} {one.id}  {one.title}" for one in row.exercises]
                lines += [f"  {self._extra(row.extra)}"] if row.extra.exercises else []
        if len(self.rows) > 1:
            lines.append(f"Whole course: {self.summary}")
            lines.append(f"Right diagnoses: {self.diagnoses}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        lines = []
        for part, rows in self._parts():
            if part:
                lines.append(f'<th {_CELL} colspan="3">{html.escape(part)}</th>')
            for row in rows:
                minutes = f"{row.minutes} minutes" if row.minutes else ""
                lines.append(
                    f"<th {_CELL}>{html.escape(row.title)}</th><td {_CELL}>{minutes}</td>"
                    f"<th {_CELL}>{html.escape(self._standing([row]))}</th>"
                )
                for one in row.exercises:
                    mark = self._mark(one)
                    mark = f"<b>{mark}</b>" if one.id in self.passed else mark
                    lines.append(
                        f"<td {_CELL}>{one.id} {html.escape(one.title)}</td><td {_CELL}></td>"
                        f"<td {_CELL}>{mark}</td>"
                    )
                if row.extra.exercises:
                    said = html.escape(self._extra(row.extra))
                    lines.append(f'<td {_CELL} colspan="3">{said}</td>')
        if len(self.rows) > 1:
            lines.append(
                f"<th {_CELL}>Whole course</th><td {_CELL}></td><th {_CELL}>{self.summary}</th>"
            )
            lines.append(
                f"<th {_CELL}>Right diagnoses</th><td {_CELL}></td>"
                f"<th {_CELL}>{self.diagnoses}</th>"
            )
        inside = "".join(f"<tr>{line}</tr>" for line in lines)
        return f'<table style="margin:0">{inside}</table>'


def table(lesson: str | None = None) -> Table:
    """Return the progress of a lesson (``"01"``), or of the whole course."""
    known = {each.number: each for each in load_lessons()}
    rows = []
    for number in [lesson] if lesson else sorted({*known, *catalog.lessons()}):
        each = known.get(number)
        rows.append(
            Row(
                f"{number} {each.title}" if each else number,
                each.part if each else "",
                f"{each.minutes[0]} to {each.minutes[1]}" if each else "",
                catalog.of_lesson(number),
                catalog.predictions_of(number),
                catalog.extra_of(number),
            )
        )
    return Table(rows, kept.passed(), kept.predictions(), kept.quizzes())
