"""The exercises of lesson 07, backends and delivery."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rag_tutorials.course.judging.checks import Exercise, MistakeError, Rule
from rag_tutorials.course.traces.spans import SpanRecord, poll

if TYPE_CHECKING:
    from rag_tutorials.course.prepare import Course

Run = Callable[..., str]

PATIENCE_S = 1.5
PROJECT = "openinference.project.name"


def _read(course: Course, trace_id: str, expect: int) -> Sequence[SpanRecord]:
    return poll(lambda: course.fetch_trace(trace_id), expect, PATIENCE_S)


def _switch(course: Course, settings: Mapping[str, str], run: Any, copy: Path) -> dict[str, int]:
    copy.unlink(missing_ok=True)
    trace_id = run(settings).split()[-1]
    lines = copy.read_text(encoding="utf-8").splitlines() if copy.is_file() else []
    arrived = {"Phoenix": len(_read(course, trace_id, 2)), "the file": len(lines)}
    if not arrived["Phoenix"] and (other := _other_project(course, trace_id)):
        raise MistakeError(
            f"The trace is in this Phoenix, but in the project `{other}`; it should be in "
            f"`{course.project}`."
        )
    return arrived


def _other_project(course: Course, trace_id: str) -> str | None:
    """Return the name of the project that has a trace, of those that are not this notebook's."""
    names = [project["name"] for project in course.client.projects.list()]
    get_spans = course.client.spans.get_spans
    return next(
        (name for name in names if get_spans(project_identifier=name, trace_ids=[trace_id])), None
    )


# Around the student's program: what is printed tells the order of what happened.
SIGNALLED, RAN_ON = "(SIGTERM)", "(after SIGTERM)"
BEFORE = f"""
import signal

def raise_signal(number, really=signal.raise_signal):
    if number == signal.SIGTERM:
        print({SIGNALLED!r}, flush=True)
    really(number)

signal.raise_signal = raise_signal
"""
AFTER = f"""
print({RAN_ON!r}, flush=True)
"""


def _shift(course: Course, program: str, run: Run) -> list[str]:
    lines = run(
        BEFORE + program + AFTER,
        OTEL_TRACES_EXPORTER="otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT=course.phoenix_url,
        OTEL_RESOURCE_ATTRIBUTES=f"{PROJECT}={course.project}",
    ).splitlines()
    if SIGNALLED not in lines:
        raise MistakeError(
            "The program is not sent SIGTERM any more; its last line should stay."
            if RAN_ON in lines
            else "The program ends before its last line; `print(run(shift_program))` shows why."
        )
    if RAN_ON in lines:
        raise MistakeError(
            "The program runs on after SIGTERM, so the platform has to kill it some seconds later; "
            "the signal should end it."
        )
    trace_id = lines[lines.index(SIGNALLED) - 1]
    return sorted(span.name for span in _read(course, trace_id, 4))


EXERCISES = (
    Exercise(
        id="07.1",
        title="Switch the backend",
        run=_switch,
        given=dict,
        returns=Rule(
            "{'Phoenix': 2, 'the file': 2}, the number of spans that arrived in each",
            lambda arrived: arrived == {"Phoenix": 2, "the file": 2},
        ),
        hints=(
            "Run the program with the settings yourself and read what it prints; look for the "
            "trace in Phoenix's list of projects too.",
            "`OTEL_TRACES_EXPORTER` has to name two places, and the endpoint is a base address.",
            "`otlp,file:` and the path; `course.phoenix_url`; and the project stands in "
            "`OTEL_RESOURCE_ATTRIBUTES`, as `openinference.project.name=...`.",
        ),
    ),
    Exercise(
        id="07.2",
        title="Lose nothing at exit",
        run=_shift,
        given=str,
        returns=Rule(
            "['job', 'job', 'job', 'shift'], the spans that arrived",
            lambda arrived: arrived == ["job", "job", "job", "shift"],
        ),
        hints=(
            "Where are the four spans when the signal comes?",
            "In the queue. A normal end of Python empties it, and so does `provider.shutdown()`.",
            "Before the first span: `signal.signal(signal.SIGTERM, lambda number, frame: "
            "sys.exit(0))`.",
        ),
    ),
)
