"""The definition of an exercise: what a student makes, and how the check looks at it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rag_tutorials.course.judging.expected import ExpectedSpan, Rule
from rag_tutorials.course.traces.found import Found

Expectation = ExpectedSpan | tuple[ExpectedSpan, ...]
Fact = Callable[[Found], Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exercise:
    """What a student makes, and how the check looks at it. CONTRIBUTING.md has examples.

    Args:
        id: Lesson and number, ``"01.2"``.
        title: A few words.
        hints: Three, from vague to concrete; a try that fails shows the next one.
        run: ``run(course, *given)`` exercises what the student gave to the check; the traces that
            it makes are looked at. Without it, what was given are spans or trace ids.
        expect: The trace (or traces) that should be there, or a function that makes it of what
            ``run`` returned.
        facts: Of the traces found, the value that the student should have found out or
            predicted; or several, by key, for a prediction that is a dictionary.
        given: The type that the student's object should have; a function when ``run`` is there.
        returns: The type (or :class:`Rule`) of what ``run`` returns.
        raises: The error that should reach the caller of ``run``.
        session: Annotations that each session of the traces should have, stated like
            ``span(annotations=)``.
        annotated: Read annotations too, for ``facts``, ``also`` and ``without``; those that
            are expected are always read.
        without: Texts that must be nowhere in the traces.
        also: A last look: returns a sentence when something is wrong, else ``None``.
        more_traces: Other traces may be there too.
        patience: Seconds to wait for what other processes still add to the traces.
    """

    id: str
    title: str
    hints: tuple[str, str, str]
    run: Callable[..., Any] | None = None
    expect: Expectation | Callable[[Any], Expectation] = ()
    facts: Fact | Mapping[str, Fact] | None = None
    given: type | tuple[type, ...] | None = None
    returns: type | Rule | None = None
    raises: type[BaseException] | None = None
    session: Mapping[str, int | Mapping[str, Any]] = field(default_factory=dict)
    annotated: bool = False
    without: tuple[str, ...] = ()
    also: Callable[[Found], str | None] | None = None
    more_traces: bool = False
    patience: float = 0.3
