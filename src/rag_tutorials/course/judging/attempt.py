"""Step one of a judgement: run what the student gave, and read its traces back from Phoenix."""

from __future__ import annotations

import inspect
import linecache
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from opentelemetry.sdk.trace import TracerProvider

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.judging.exercise import Exercise
from rag_tutorials.course.judging.expected import ExpectedSpan, every, said_of, size_of
from rag_tutorials.course.judging.given import flat, links_of, span_id_of
from rag_tutorials.course.judging.recorder import record
from rag_tutorials.course.judging.seen import Seen, in_notebook
from rag_tutorials.course.judging.surroundings import Surroundings
from rag_tutorials.course.judging.watching import Watch
from rag_tutorials.course.traces import spans
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.spans import SpanRecord, from_sdk

_ARRIVAL_S = 10.0
_PAUSE_S = 0.03
_TRACES_AT_ONCE = 50  # ids in one address


def run(
    course: Surroundings, exercise: Exercise, given: Sequence[Any], provider: TracerProvider
) -> Seen:
    """Exercise what was given, and note all that it does."""
    watch = Watch(tuple(_watched(exercise)), exercise.together)

    def call() -> Any:
        assert exercise.run is not None
        return exercise.run(course, *given)

    with watch.watching():
        recording = record(call, provider)
    return Seen(
        course,
        given,
        returned=recording.value,
        error=recording.error,
        where=_line_of(recording.error, given),
        made=Found(from_sdk(span) for span in recording.ended),
        links=recording.links,
        unended=recording.unended,
        left=recording.left,
        late=recording.late,
        deeds=watch.deeds,
    )


def read(seen: Seen, exercise: Exercise, expected: Sequence[ExpectedSpan]) -> None:
    """Read the traces back into ``seen.found``; ``seen.arrived`` says whether all are there."""
    course = seen.course
    if exercise.run is not None:
        trace_ids = seen.made.trace_ids
        if exercise.elsewhere is not None and seen.error is None:
            trace_ids = (*trace_ids, *exercise.elsewhere(seen))
        span_ids = frozenset(span.span_id for span in seen.made.spans)
    elif exercise.holds:
        return
    else:
        targets = list(flat(seen.given[1:] if exercise.facts else seen.given))
        if not targets:  # a question about the whole project
            seen.found = _look(course, exercise, expected, ())
            return
        trace_ids = tuple(dict.fromkeys(spans.trace_id_of(target) for target in targets))
        span_ids = frozenset(filter(None, map(span_id_of, targets)))
        seen.links = links_of(seen.given)
    if not trace_ids:
        return
    # Another process may still add to the traces; ours are complete when they are there.
    number = size_of(expected) if exercise.patience else 0
    wanted = [exercise.session, *(one.annotations for one in every(expected))]
    said = sum(map(said_of, wanted))
    names = {name for each in wanted for name in each}
    deadline = time.monotonic() + _ARRIVAL_S
    seen.arrived = False
    while True:
        seen.found = _look(course, exercise, expected, trace_ids)
        have = {span.span_id for span in seen.found.spans}
        if not seen.arrived and span_ids <= have and set(trace_ids) <= set(seen.found.trace_ids):
            seen.arrived = True
            deadline = min(deadline, time.monotonic() + exercise.patience)
        whole = len(have) >= number and _said(seen.found, names) >= said
        if (seen.arrived and whole) or time.monotonic() >= deadline:
            return
        time.sleep(_PAUSE_S)


def _watched(exercise: Exercise) -> Iterator[Callable[..., Any]]:
    """Yield the functions to watch; a name is looked up below its decorators."""
    for each in exercise.watch:
        function = in_notebook(each) if isinstance(each, str) else each
        if callable(function):
            yield inspect.unwrap(function)


def _line_of(error: BaseException | None, given: Sequence[Any]) -> str:
    """Return where in the student's own code an error arose, as words that end a sentence."""
    if error is None:
        return ""
    code = [getattr(getattr(one, "__code__", None), "co_filename", None) for one in given]
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename in code
    ]
    if not frames:
        return ""
    frame = frames[-1]
    line = linecache.getline(frame.filename, frame.lineno or 0).strip()
    return f" (line {frame.lineno} of its cell" + (f": `{line}`)" if line else ")")


def _said(found: Found, names: Collection[str]) -> int:
    """Count the annotations of these names; others may have been there before."""
    of_spans = [one for span in found.spans for one in span.annotations]
    return sum(one.name in names for one in (*found.session_annotations, *of_spans))


def _look(
    course: Surroundings,
    exercise: Exercise,
    expected: Sequence[ExpectedSpan],
    trace_ids: Sequence[str],
) -> Found:
    """Return what Phoenix has now of these traces, or of the project."""
    spans: list[SpanRecord] = []
    try:
        if not trace_ids:
            spans += course.fetch()
        for start in range(0, len(trace_ids), _TRACES_AT_ONCE):
            spans += course.fetch(trace_ids=list(trace_ids[start : start + _TRACES_AT_ONCE]))
        if (
            exercise.annotated
            or exercise.session
            or any(one.annotations for one in every(expected))
        ):
            said = course.session_annotations(*Found(spans).session_ids)
            return Found(course.annotated(spans), said)
    except CourseError:
        raise
    except Exception as error:
        raise CourseError(
            f"Phoenix could not be read ({sentence_of(error)}); run the cells at the top of this "
            "notebook again, then this one."
        ) from error
    return Found(spans)
