"""Traces to diagnose by choice: what a quiz is made of, and how answers are marked.

A quiz is sent to Phoenix as spans with times of their own, so it takes no application and no model.
What is true of each trace is no table beside it: every finding has a rule, and the rules are held
against the traces as Phoenix has them.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from string import ascii_uppercase
from typing import Any

from openinference.semconv.resource import ResourceAttributes
from openinference.semconv.trace import SpanAttributes
from opentelemetry.context import Context
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Status, StatusCode, Tracer, format_trace_id, set_span_in_context

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.reading import Traces
from rag_tutorials.course.traces.spans import poll

PATIENCE = 30.0  # seconds until all of a quiz is readable
_MILLISECOND = 1_000_000  # in nanoseconds


@dataclass(frozen=True, slots=True)
class Step:
    """A span to send; ``start`` and ``end`` are milliseconds since its case began.

    ``error`` is the message of an exception that it records; its status is ``status``.
    """

    name: str
    kind: str
    start: int
    end: int
    children: tuple[Step, ...] = ()
    attributes: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    status: str = "OK"

    @property
    def size(self) -> int:
        """How many spans it and all below it are."""
        return 1 + sum(child.size for child in self.children)


@dataclass(frozen=True, slots=True)
class Case:
    """What one request left: a trace, or several, and the words that a right answer holds."""

    traces: tuple[Step, ...]
    fact: str = ""

    @property
    def size(self) -> int:
        """How many spans it has."""
        return sum(step.size for step in self.traces)


@dataclass(frozen=True, slots=True)
class Finding:
    """A diagnosis to choose: how it is written, its words, when it is true, where it is taught."""

    id: str
    words: str
    holds: Callable[[Found, Case], bool]
    lesson: str = ""


@dataclass(frozen=True, slots=True)
class Quiz:
    """Cases to diagnose, by letter."""

    name: str
    cases: Mapping[str, Case]
    findings: tuple[Finding, ...]

    @property
    def project(self) -> str:
        """The project in Phoenix that its traces are sent to."""
        return f"quiz-{self.name}"


def quiz(name: str, cases: Sequence[Case], findings: tuple[Finding, ...]) -> Quiz:
    """Return a quiz with its cases lettered from A on."""
    return Quiz(name, dict(zip(ascii_uppercase, cases, strict=False)), findings)


def send(one: Quiz, traces: Traces) -> dict[str, Found]:
    """Send a quiz to Phoenix and read it back: what Phoenix has of each case, by letter.

    Raises:
        CourseError: not all of it arrived.
    """
    # A notebook without a quiz does not wait for this import.
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

    provider = TracerProvider(
        resource=Resource({ResourceAttributes.PROJECT_NAME: one.project}), shutdown_on_exit=False
    )
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(traces.otlp_endpoint)))
    tracer = provider.get_tracer("quiz")
    sent = {letter: _record(tracer, case) for letter, case in one.cases.items()}
    provider.shutdown()  # sends what waits
    reader = Traces(one.project, traces.phoenix)
    ids = [each for some in sent.values() for each in some]
    need = sum(case.size for case in one.cases.values())
    spans = poll(lambda: reader.fetch(trace_ids=ids), need, PATIENCE)
    if len(spans) < need:
        raise CourseError(
            f"Phoenix has {len(spans)} of the {need} spans of this quiz; run the cell again. "
            "If it stays so, course.doctor() says why."
        )
    return {
        letter: Found(span for span in spans if span.trace_id in some)
        for letter, some in sent.items()
    }


def truths(one: Quiz, found: Mapping[str, Found]) -> dict[str, str]:
    """Return the id of the finding that is true of each case.

    Raises:
        LookupError: of some case not exactly one is.
    """
    truth = {}
    for letter, case in one.cases.items():
        true = [each.id for each in one.findings if each.holds(found[letter], case)]
        if len(true) != 1:
            raise LookupError(f"case {letter} of {one.name} has the findings {true}")
        truth[letter] = true[0]
    return truth


def refusal(one: Quiz, answers: Mapping[str, Any]) -> str | None:
    """Return a sentence if these cannot be answers to the quiz."""
    if not isinstance(answers, Mapping):
        return f"the answers are a dictionary from letter to finding, as in {{'A': '{_any(one)}'}}."
    if unknown := [letter for letter in answers if letter not in one.cases]:
        return f"there is no trace {unknown[0]!r}; there are {', '.join(one.cases)}."
    ids = [each.id for each in one.findings]
    for letter, answer in answers.items():
        if answer is not ... and answer not in ids:
            return f"{answer!r} (trace {letter}) is no finding; there are {', '.join(ids)}."
    return None


def _any(one: Quiz) -> str:
    return one.findings[0].id


def _record(tracer: Tracer, case: Case) -> list[str]:
    """Record a case that ends about now, and return its traces' ids."""
    begin = time.time_ns() - max(step.end for step in case.traces) * _MILLISECOND

    def record(one: Step, around: Context) -> str:
        span = tracer.start_span(
            one.name,
            context=around,
            start_time=begin + one.start * _MILLISECOND,
            attributes={SpanAttributes.OPENINFERENCE_SPAN_KIND: one.kind, **one.attributes},
        )
        for child in one.children:
            record(child, set_span_in_context(span, around))
        end = begin + one.end * _MILLISECOND
        if one.error:
            exception = {"exception.type": "ConnectionError", "exception.message": one.error}
            span.add_event("exception", exception, timestamp=end)
        code = StatusCode[one.status]
        span.set_status(Status(code, one.error if code is StatusCode.ERROR else None))
        span.end(end)
        return format_trace_id(span.get_span_context().trace_id)

    # An empty context: whatever is current in the notebook has no part in it.
    return [record(step, Context()) for step in case.traces]
