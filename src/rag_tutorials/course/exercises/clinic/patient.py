"""A patient: a small program whose tracing is broken, with all that belongs to it."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from rag_tutorials.course.equipment import Clinic
from rag_tutorials.course.equipment.clinic import Program, Ran
from rag_tutorials.course.judging.content import (
    Exercise,
    ExpectedSpan,
    Mistake,
    Prediction,
    Seen,
    Surroundings,
)
from rag_tutorials.course.judging.exercise import Look

LESSON = "14"
GROUPS = {  # the sections of the lesson, in order, each with what is said first
    "Nothing arrives": "The program works, Phoenix works, and the project stays empty. Ask in this "
    "order: was anything sent? Where to? What was the answer?",
    "A trace in pieces": "All spans are there, and they do not hang together. Ask of each span: "
    "which one was current when it began, and in which thread, task or process?",
    "A trace that lies": "What you see did not happen like this. Nothing in Phoenix is red, so "
    "look for what does not fit: a complaint, a hole in time, a request that is not yours.",
    "Numbers that lie": "The trace is right, and what is computed from it is not. Recompute one "
    "number by hand, from what the provider says.",
    "Secrets": "A secret is masked when it is nowhere. Look in every corner of a span: name, "
    "attributes, events, status.",
}
_MARK = "stays as it is"  # of a statement that belongs to somebody else
_LETTERS = "abcdefghijklmnopqrstuvwxyz"  # after z: aa, ab


@dataclass(frozen=True, slots=True, kw_only=True)
class Patient:
    """A program, its symptom, its cure, and the proof that it is cured.

    Args:
        title: What one sees, not what it comes from.
        group: The section of the lesson, one of ``GROUPS``.
        complaint: What its owner says (Markdown).
        threads: Where such complaints are found.
        taught: Lesson and heading that teach the cure.
        program: The source of ``def patient(phoenix, project)``. It is given Phoenix's base
            address and the project's name, as texts, and runs as a program of its own. A
            statement with the comment "it stays as it is", behind its first line or above it, has
            to be in the mended program as well; of a ``with``, what it enters.
        symptom: Whether a run shows what the complaint says; of the sick program it is true.
        diagnosis: What it has.
        because: Why, and what in the evidence says so.
        against: Other diagnoses, each with what in the evidence speaks against it.
        cure: The source of the mended program.
        prints: The lines that the program prints, sick or mended: its work must not suffer.
        code: Its exit code, sick or mended.
        expect: The traces that the mended program leaves in the project.
        without: Texts that must be nowhere in them.
        logs: Words that the mended program's log must not hold, with the sentence if it does.
        also: What no tree says.
        hints: From vague to concrete.
        minutes: What a first-time student takes, reading included.
    """

    title: str
    group: str
    complaint: str
    threads: str
    taught: tuple[str, str]
    program: str
    symptom: Callable[[Ran], bool]
    diagnosis: str
    because: str
    against: Mapping[str, str]
    cure: str
    prints: tuple[str, ...]
    expect: tuple[ExpectedSpan, ...]
    hints: tuple[str, str, str]
    code: int = 0
    without: tuple[str, ...] = ()
    logs: Mapping[str, str] = field(default_factory=dict)
    also: tuple[Look, ...] = ()
    minutes: int = 4

    @property
    def function(self) -> str:
        """The name of the program's function."""
        return self.program.partition("def ")[2].partition("(")[0]

    @property
    def choices(self) -> tuple[str, ...]:
        """The diagnoses to choose from, in an order that tells nothing."""
        return tuple(sorted((self.diagnosis, *self.against)))

    def exercise(self, number: int) -> Exercise:
        """Return the exercise that mends the patient with this number."""
        return Exercise(
            id=f"{LESSON}.{number}",
            title=self.title,
            minutes=self.minutes,
            run=_examine,
            elsewhere=_trace_ids,
            before=(self._unharmed, self._left_alone, _arrived),
            expect=self.expect,
            without=self.without,
            also=(*self.also, self._quiet),
            hints=self.hints,
        )

    def prediction(self, number: int) -> Prediction:
        """Return the diagnosis of the patient with this number, as a question."""
        return Prediction(
            id=f"{LESSON}.{_letters(number)}",
            title=self.title,
            truth=lambda _: self.diagnosis,
            answer=self.diagnosis,
            because=self.because,
            choices=self.choices,
            against=self.against,
        )

    def _unharmed(self, seen: Seen) -> Mistake | None:
        """Look at the program's work: how it ends, and what it prints."""
        ran = ran_of(seen)
        if ran.code == 0 != self.code:
            return Mistake(
                f"The program ends by itself; it should be ended from outside, with {self.code}.",
                "Lines that say *it stays as it is* belong to somebody else.",
            )
        if ran.code != self.code:
            return self._quiet(seen) or Mistake(f"The program ends with an error: {_error(ran)}")
        if (printed := tuple(ran.printed.splitlines())) != self.prints:
            return Mistake(
                f"The program prints {_lines(printed)}; it should print {_lines(self.prints)}.",
                "Mend the tracing; the application's work stays as it is.",
            )
        return None

    def _left_alone(self, seen: Seen) -> Mistake | None:
        """Look for what belongs to somebody else; comments and layout are free."""
        has = {text for one in _statements(ran_of(seen).text) for text in _texts(one)}
        for text in _marked(self.program):
            if text not in has:
                return Mistake(
                    f"`{text.splitlines()[0]}` is not as it came: it belongs to somebody else.",
                    "Put it back, and mend the lines that are yours.",
                )
        return None

    def _quiet(self, seen: Seen) -> Mistake | None:
        found = (each for words, each in self.logs.items() if words in seen.returned.log)
        return next(map(Mistake, found), None)


def _examine(course: Surroundings, program: Program) -> Ran:
    return Clinic(course).examine(program)


def _statements(source: str) -> list[ast.stmt]:
    return [one for one in ast.walk(ast.parse(source)) if isinstance(one, ast.stmt)]


def _marked(program: str) -> Iterator[str]:
    statements = _statements(program)
    for number, line in enumerate(program.splitlines(), start=1):
        if _MARK in line:
            first = number + line.lstrip().startswith("#")
            [statement] = [one for one in statements if one.lineno == first]
            yield from _texts(statement)


def _texts(statement: ast.stmt) -> list[str]:
    """Return a statement in one layout, without comments; of a ``with`` what it enters."""
    if isinstance(statement, ast.With):
        return [ast.unparse(item) for item in statement.items]
    return [ast.unparse(statement)]


def _letters(number: int) -> str:
    before, last = divmod(number - 1, len(_LETTERS))
    return (_LETTERS[before - 1] if before else "") + _LETTERS[last]


def _trace_ids(seen: Seen) -> tuple[str, ...]:
    some = ran_of(seen).spans.get(seen.course.project, ())
    return tuple(dict.fromkeys(span["context"]["trace_id"] for span in some))


def _arrived(seen: Seen) -> Mistake | None:
    """Look where the spans are: in Phoenix, and in the project."""
    ran, project = ran_of(seen), seen.course.project
    if not ran.spans and not ran.requests:
        return Mistake("No span is in Phoenix, and the program sent it no request.")
    if not ran.spans:
        return Mistake(f"No span is in Phoenix; what the program sent was {ran.requests[0]}.")
    for name in ran.spans:
        if name != project:
            return Mistake(
                f"Spans are in this Phoenix, but in the project `{name}`; they should be in "
                f"`{project}`.",
                "The project is `openinference.project.name` of the provider's resource; where the "
                "provider is not yours, it is the exporter's header `x-project-name`.",
            )
    return None


def _error(ran: Ran) -> str:
    """Return what was raised last; exit handlers may log something after it."""
    _, found, after = ran.log.rpartition("Traceback (most recent call last):\n")
    said = [line for line in after.splitlines() if line.strip() and not line[0].isspace()]
    return (said[0] if found else said[-1]) if said else f"exit code {ran.code}"


def _lines(lines: tuple[str, ...]) -> str:
    return " / ".join(f"`{line}`" for line in lines) or "nothing"


def ran_of(seen: Seen) -> Any:
    """Return what the program did, for a look."""
    return seen.returned
