"""The definition of an exercise: what a student makes, and how the check looks at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rag_tutorials.course.judging.expected import ExpectedSpan, Rule
from rag_tutorials.course.judging.mistake import Mistake
from rag_tutorials.course.judging.seen import Seen

Expectation = ExpectedSpan | tuple[ExpectedSpan, ...]
Fact = Callable[[Seen], Any]
Look = Callable[[Seen], Mistake | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """What a student makes, and how the check looks at it. CONTRIBUTING.md has examples.

    Args:
        id: Lesson and number, ``"01.2"``.
        title: A few words.
        minutes: What a first-time student takes for it, reading the task included.
        hints: Three general ones, from vague to concrete; a mistake that has a hint of its own
            shows that first.
        run: ``run(course, *given)`` exercises what the student gave to the check; the traces that
            it makes are looked at. Without it, what was given are spans or trace ids.
        elsewhere: Of what was seen, the ids of the traces that ``run`` made in another process.
        watch: Functions whose calls are noted meanwhile, or their names in the notebook.
        together: How many requests or watched calls should be under way side by side.
        expect: The trace (or traces) that should be there, or a function that makes it of what
            was seen so far (everything but ``found``).
        facts: Of what was seen, the value that the student should have found out or predicted;
            or several, by key, for an answer that is a dictionary. The verdict never tells it.
        given: The type that the student's object should have; a function when ``run`` is there.
        returns: The type (or :class:`Rule`) of what ``run`` returns.
        raises: The error that should reach the caller of ``run``.
        session: Annotations that each session of the traces should have, stated like
            ``span(annotations=)``.
        annotated: Read annotations too, for ``facts``, ``also`` and ``without``; those that
            are expected are always read.
        without: Texts that must be nowhere in the traces.
        before: Looks that come before the comparison: a cause whose effect it would name.
        also: Further looks, see :mod:`rag_tutorials.course.judging.looks`; each returns a mistake
            or ``None``.
        holds: Looks at what Phoenix holds beside traces: datasets, experiments, prompts (see
            :mod:`rag_tutorials.course.judging.holdings`). Without ``run``, what was given is then
            whatever the student made, and no trace is read.
        more_traces: Other traces may be there too.
        patience: Seconds to wait for the spans that other processes add to the traces.
    """

    id: str
    title: str
    minutes: int
    hints: tuple[str, str, str]
    run: Callable[..., Any] | None = None
    elsewhere: Callable[[Seen], Sequence[str]] | None = None
    watch: tuple[Callable[..., Any] | str, ...] = ()
    together: int = 1
    expect: Expectation | Callable[[Seen], Expectation] = ()
    facts: Fact | Mapping[str, Fact] | None = None
    given: type | tuple[type, ...] | None = None
    returns: type | Rule | None = None
    raises: type[BaseException] | None = None
    session: Mapping[str, int | Mapping[str, Any]] = field(default_factory=dict)
    annotated: bool = False
    without: tuple[str, ...] = ()
    before: tuple[Look, ...] = ()
    also: tuple[Look, ...] = ()
    holds: tuple[Look, ...] = ()
    more_traces: bool = False
    patience: float = 0.0
