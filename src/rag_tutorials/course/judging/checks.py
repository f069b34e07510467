"""Exercises, judged by the trace that the student's code leaves in Phoenix."""

from __future__ import annotations

import dis
import linecache
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import SpanContext, format_span_id

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.embedded.asking import trouble
from rag_tutorials.course.judging.answers import agrees
from rag_tutorials.course.judging.exercise import Exercise, Fact
from rag_tutorials.course.judging.expected import (
    Comparison,
    ExpectedSpan,
    Rule,
    annotates,
    compare_annotations,
    compare_attributes,
    span,
)
from rag_tutorials.course.judging.recorder import Recording, record
from rag_tutorials.course.judging.verdict import NOT_STARTED, NOT_YET, PASSED, UNABLE, Verdict
from rag_tutorials.course.traces import spans
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.reading import Traces
from rag_tutorials.course.traces.spans import SpanRecord

__all__ = ["Exercise", "ExpectedSpan", "Found", "MistakeError", "Rule", "Verdict", "judge", "span"]

PATIENCE_S = 10.0  # of a busy machine's Phoenix

_failures: Counter[str] = Counter()


class MistakeError(Exception):
    """What an exercise's ``run`` raises when it sees what is wrong; its text is the sentence."""


def judge(course: Traces, exercise: Exercise, given: Sequence[Any]) -> Verdict:
    """Look at what the student gave, and say how the exercise stands.

    A student's mistake is a sentence in the verdict, never an error.
    """
    if not given or any(_unfinished(one) for one in given):
        return _not_started(exercise)
    if wrong := _wrong_type(exercise, given):
        return Verdict(exercise, NOT_YET, wrong, hint=_next_hint(exercise))
    if said := trouble(course.phoenix_url, PATIENCE_S):
        return Verdict(
            exercise,
            UNABLE,
            f"{said}; run the cells at the top of this notebook again, then this one.",
        )
    try:
        return _Judgement(course, exercise, given).verdict()
    except CourseError as error:
        return Verdict(exercise, UNABLE, str(error))


class _Judgement:
    """One look at one exercise."""

    def __init__(self, course: Traces, exercise: Exercise, given: Sequence[Any]) -> None:
        self.course = course
        self.exercise = exercise
        self.given = given
        self.recording: Recording | None = None
        self.found = Found()
        self.expected: tuple[ExpectedSpan, ...] = ()

    def verdict(self) -> Verdict:
        exercise = self.exercise
        if exercise.run is not None:
            provider = trace.get_tracer_provider()
            if not isinstance(provider, TracerProvider):
                return Verdict(
                    exercise,
                    UNABLE,
                    "There is no tracer provider, so no span is recorded; run the cell with "
                    "register() at the top of this notebook, then this one.",
                )
            run = exercise.run
            self.recording = record(lambda: run(self.course, *self.given), provider)
            value, error = self.recording.value, self.recording.error
            silent = error is None and value is None and not self.recording.trace_ids
            untouched = value is ... or (silent and _empty(self.given[0]))
            if untouched or isinstance(error, NotImplementedError):
                return _not_started(exercise)
        sentence = next(self._mistakes(), None)
        link = self.course.link(self.found.trace_ids[0]) if self.found.trace_ids else None
        if sentence is None:
            _failures.pop(exercise.id, None)
            return Verdict(exercise, PASSED, link=link)
        expected, found = self._comparison().texts()
        return Verdict(
            exercise,
            NOT_YET,
            sentence,
            expected=expected,
            found="" if self._asks() else found or self._nothing(),
            hint=_next_hint(exercise),
            link=link,
        )

    def _mistakes(self) -> Iterator[str]:
        """Yield what is wrong, the first thing first; read the trace on the way."""
        exercise, recording = self.exercise, self.recording
        error = recording.error if recording else None
        odd_value = self._expect(recording)
        arrived = self._read()
        if isinstance(error, MistakeError):
            yield str(error)
        elif error is not None and not (exercise.raises and isinstance(error, exercise.raises)):
            yield f"Your code raised {sentence_of(error)}{_line_of(error, self.given)}."
        if exercise.raises and error is None:
            yield (
                f"The call returned as if all were well; the {exercise.raises.__name__} should "
                "reach the caller."
            )
        if recording and error is None and exercise.returns is not None:
            yield from _wrong_return(exercise.returns, recording.value)
        if recording and recording.unended and exercise.expect:
            yield (
                f"`{recording.unended[0]}` was started and never ended; only a span that has "
                "ended is exported: use `with`, or call its end()."
            )
        if recording and not recording.ended and (exercise.expect or exercise.also):
            yield "Your code ran, but it made no span."
        if not arrived:
            yield (
                "The spans were made but did not arrive in Phoenix; is the provider's endpoint "
                "course.otlp_endpoint? Run the cell with register() again."
                if recording
                else "Phoenix does not have this trace; run the cell that makes it again."
            )
        if odd_value:
            yield odd_value
        yield from self._differences()
        yield from self._facts()
        if exercise.also is not None:
            try:
                sentence = exercise.also(self.found)
            except Exception as missing:
                sentence = _lacks(missing)
            if sentence:
                yield sentence

    def _asks(self) -> bool:
        """Whether the student reads an answer off a trace; the verdict must not tell it."""
        return self.exercise.facts is not None and self.exercise.run is None

    def _nothing(self) -> str:
        """Say that there is no span, where spans are looked for."""
        return "(no span)" if self.exercise.expect or self.exercise.also else ""

    def _expect(self, recording: Recording | None) -> str | None:
        """Set what is expected; return a sentence if the returned value does not allow it."""
        expect = self.exercise.expect
        if callable(expect):
            if recording is None or recording.error is not None:
                return None
            try:
                expect = expect(recording.value)
            except Exception as error:
                return f"What your code returned does not fit ({sentence_of(error)})."
        self.expected = (expect,) if isinstance(expect, ExpectedSpan) else expect
        return None

    def _differences(self) -> Iterator[str]:
        """Yield what is not as expected in the traces, and in what is said of their sessions."""
        yield from self._comparison().differences()
        if self.exercise.session and not self.found.session_ids:
            yield "The spans belong to no session: they have no attribute `session.id`."
        for session_id in self.found.session_ids if self.exercise.session else ():
            said = [one for one in self.found.session_annotations if one.on == session_id]
            whose = f"The session `{session_id}`"
            yield from compare_annotations(self.exercise.session, said, whose)

    def _comparison(self) -> Comparison:
        links = self.recording.links if self.recording else _links_of(self.given)
        return Comparison(
            self.expected,
            self.found,
            links=lambda one: links.get(one.span_id, ()),
            more_traces=self.exercise.more_traces,
            without=self.exercise.without,
        )

    def _read(self) -> bool:
        """Read the traces back; say whether all that was made is there."""
        if self.recording is not None:
            trace_ids, span_ids = self.recording.trace_ids, self.recording.span_ids
        else:
            given = self.given[1:] if self.exercise.facts else self.given
            targets = list(_flat(given))
            trace_ids = tuple(dict.fromkeys(spans.trace_id_of(target) for target in targets))
            span_ids = frozenset(filter(None, (_span_id(target) for target in targets)))
            if not targets:  # a question about the whole project
                self.found = self._look()
                return True
        if not trace_ids:
            return True

        def complete() -> bool:
            have = {one.span_id for one in self.found.spans}
            return span_ids <= have and set(trace_ids) <= set(self.found.trace_ids)

        deadline = time.monotonic() + 10.0
        while True:
            self.found = self._look(trace_ids)
            if complete():
                # What another process adds may still be on its way.
                deadline = min(deadline, time.monotonic() + self.exercise.patience)
                if next(self._differences(), None) is None:
                    return True
            if time.monotonic() >= deadline:
                return complete()
            time.sleep(0.03)

    def _look(self, trace_ids: Sequence[str] = ()) -> Found:
        """Return what Phoenix has now of these traces, or of the project."""
        found = Found(_fetch(self.course, trace_ids))
        if not (self.exercise.annotated or self.exercise.session or annotates(self.expected)):
            return found
        with _reading():
            said = self.course.session_annotations(*found.session_ids)
            return Found(self.course.annotated(found.spans), said)

    def _facts(self) -> Iterator[str]:
        facts, answer = self.exercise.facts, self.given[0]
        try:
            if isinstance(facts, Mapping):
                wrong = [self._fact(answer, key, fact) for key, fact in facts.items()]
                yield from filter(None, wrong)
            elif facts is not None and not agrees(answer, truth := facts(self.found)):
                yield " ".join(_wrong_parts(answer, truth))
        except Exception as missing:
            yield _lacks(missing)

    def _fact(self, answer: Mapping[str, Any], key: str, fact: Fact) -> str | None:
        if key not in answer:
            return f"Your answer has no {key!r}."
        truth = fact(self.found)
        if agrees(answer[key], truth):
            return None
        if self._asks():
            return f"{answer[key]!r} for {key!r} is not what the trace says."
        return f"You said {answer[key]!r} for {key!r}; the trace says {truth!r}."


def _wrong_parts(answer: Any, truth: Any) -> list[str]:
    """Say of an answer that is wrong which of its parts are, and not what they should be."""
    wrong = []
    if isinstance(answer, Mapping) and isinstance(truth, Mapping):
        for key, value in truth.items():
            if key not in answer:
                wrong.append(f"Your answer has no {key!r}.")
            elif not agrees(answer[key], value):
                wrong.append(f"{answer[key]!r} for {key!r} is not what the trace says.")
    elif isinstance(answer, tuple) and isinstance(truth, tuple) and len(answer) == len(truth):
        for place, one, value in zip(("first", "second", "third"), answer, truth, strict=False):
            if not agrees(one, value):
                wrong.append(f"{one!r}, the {place} of your answers, is not what the trace says.")
    return wrong or [f"{answer!r} is not what the trace says."]


def _lacks(error: Exception) -> str:
    return f"The trace lacks what this exercise looks at ({sentence_of(error)})."


def _fetch(course: Traces, trace_ids: Sequence[str] = ()) -> list[SpanRecord]:
    found: list[SpanRecord] = []
    with _reading():
        for start in range(0, max(len(trace_ids), 1), 50):
            some = list(trace_ids[start : start + 50])
            found += course.fetch(**({"trace_ids": some} if some else {}))
    return found


@contextmanager
def _reading() -> Iterator[None]:
    """Say what to do if Phoenix does not answer."""
    try:
        yield
    except CourseError:
        raise
    except Exception as error:
        raise CourseError(
            f"Phoenix does not answer ({sentence_of(error)}); run the cells at the top of this "
            "notebook again, then this one."
        ) from error


def _not_started(exercise: Exercise) -> Verdict:
    return Verdict(
        exercise,
        NOT_STARTED,
        "Write your part in the cell above, where the `...` is, run it, then run this cell again.",
    )


def _unfinished(given: Any) -> bool:
    if isinstance(given, Mapping):
        return any(_unfinished(value) for value in given.values())
    if isinstance(given, (list, tuple, set)):
        return any(_unfinished(value) for value in given)
    return given is ... or given is None


def _empty(given: Any) -> bool:
    """Say whether a function's body is only ``...``, ``pass`` or a docstring."""
    code = getattr(given, "__code__", None)
    if code is None:
        return False
    return all(
        step.opname in ("RESUME", "NOP", "LOAD_CONST", "RETURN_VALUE", "RETURN_CONST")
        for step in dis.get_instructions(code)
    )


def _wrong_type(exercise: Exercise, given: Sequence[Any]) -> str | None:
    wanted: Any = exercise.given
    if wanted is None:
        if isinstance(exercise.facts, Mapping):
            wanted = Mapping
        elif exercise.run is not None and exercise.facts is None:
            wanted = Callable
        else:
            wanted = object
    if not isinstance(given[0], wanted):
        words = {Callable: "a function", Mapping: "a dictionary"}.get(wanted)
        words = words or getattr(wanted, "__name__", str(wanted))
        return f"The check needs {words}, not {_a(type(given[0]).__name__)}."
    if exercise.run is None and exercise.facts is None:
        for one in _flat(given):
            try:
                spans.trace_id_of(one)
            except CourseError as error:
                return str(error)
    return None


def _wrong_return(wanted: type | Rule, value: Any) -> Iterator[str]:
    rule = wanted if isinstance(wanted, Rule) else None
    if rule is None:
        if not isinstance(value, wanted):  # type: ignore[arg-type]
            yield (
                f"Your code returned {_a(type(value).__name__)}; "
                f"it should return {_a(wanted.__name__)}."  # type: ignore[union-attr]
            )
    elif next(compare_attributes({"value": rule}, {"value": value}, ""), None):
        yield f"Your code returned {value!r}; it should return {rule.words}."


def _a(name: str) -> str:
    if name == "NoneType":
        return "nothing (None)"
    return f"{'an' if name[0] in 'aeiou' else 'a'} {name}"


def _line_of(error: BaseException, given: Sequence[Any]) -> str:
    """Return where in the student's own code an error arose, as words that end a sentence."""
    code = [getattr(getattr(one, "__code__", None), "co_filename", None) for one in given]
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in code
    ]
    if not frames:
        return ""
    frame = frames[-1]
    line = linecache.getline(frame.filename, frame.lineno or 0).strip()
    return f" in line {frame.lineno} of its cell" + (f" (`{line}`)" if line else "")


def _next_hint(exercise: Exercise) -> str:
    number = min(_failures[exercise.id], len(exercise.hints) - 1)
    _failures[exercise.id] += 1
    return exercise.hints[number]


def _flat(given: Any) -> Iterator[Any]:
    for one in given:
        if isinstance(one, (list, tuple, set)) and not isinstance(one, SpanContext):
            yield from _flat(one)
        else:
            yield one


def _span_id(target: Any) -> str | None:
    if isinstance(target, SpanRecord):
        return target.span_id
    if hasattr(target, "get_span_context"):
        target = target.get_span_context()
    return format_span_id(target.span_id) if isinstance(target, SpanContext) else None


def _links_of(given: Any) -> dict[str, Sequence[str]]:
    return {
        _span_id(one) or "": [format_span_id(link.context.span_id) for link in one.links]
        for one in _flat(given)
        if hasattr(one, "links")
    }
