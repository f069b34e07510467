"""What a class gets of a lesson's run, cell by cell: recorded once, kept as a small file.

The notebook runs in a kernel of its own that has joined a class. What answers for the class is the
course's receiver, so that what is recorded is what the student's side really sends: the spans that
the embedded Phoenix took, and the reports of the checks.
"""

from __future__ import annotations

import base64
import gzip
import json
import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from jupyter_client.manager import KernelManager
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from rag_tutorials.classroom.base.code import ClassCode
from rag_tutorials.classroom.base.wire import PROJECT_NAME, REPORTS, Report, project_of
from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.equipment.receiver import Receiver

ROOT = Path(__file__).parents[3]
LESSONS = ("01_manual_spans", "03_wrappers", "09_find_what_failed")
STUDENT = "recorded"
_CELL_S = 120.0
_ARRIVED_S = 60.0
_END = "class-load-recorded"  # a span after all others


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that a cell does: a request of spans at its Phoenix, or a report.

    ``offset`` is in seconds from the cell's start. Of the others, one is given; a ``restart`` of
    the kernel is never recorded.
    """

    offset: float
    spans: bytes = b""
    report: str = ""
    restart: bool = False


@dataclass(frozen=True, slots=True)
class Lesson:
    """A lesson's code cells in order, with what each does, and the minutes it is meant to take."""

    name: str
    minutes: float
    cells: Sequence[Sequence[Event]]

    @property
    def spans(self) -> int:
        """How many spans the lesson makes."""
        return sum(1 for cell in self.cells for event in cell if event.spans)

    @property
    def checks(self) -> int:
        """How many verdicts it gives."""
        return sum('"check"' in event.report for cell in self.cells for event in cell)

    @property
    def burst(self) -> int:
        """The cell that makes most spans."""
        return max(range(len(self.cells)), key=lambda number: _spans_of(self.cells[number]))


def load(file: Path | None, names: Sequence[str] = LESSONS) -> list[Lesson]:
    """Return the lessons of a file, which is made if it is not there; without one, record."""
    if file and file.exists():
        return [_lesson(one) for one in json.loads(gzip.decompress(file.read_bytes()))]
    lessons = [record(name) for name in names]
    if file:
        content = json.dumps([_plain(one) for one in lessons])
        file.write_bytes(gzip.compress(content.encode(), 9, mtime=0))
    return lessons


def record(name: str) -> Lesson:
    """Run a lesson's notebook, its solutions included, and return what the class got.

    Raises:
        RuntimeError: a cell failed, or not all arrived.
    """
    notebook = json.loads((ROOT / "notebooks" / f"{name}.ipynb").read_text("utf-8"))
    cells = ["".join(one["source"]) for one in notebook["cells"] if one["cell_type"] == "code"]
    [minutes] = [one.minutes for one in load_lessons() if one.name == name]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as state, Receiver.start() as got:
        environment = {
            "COURSE_CLASS": ClassCode(got.url, "recorded", STUDENT, 10_000).encode(),
            "COURSE_LLM": "stub",
            "COURSE_PROVE_EXERCISES": "1",
            "COURSE_STATE_DIR": state,
        }
        started = _run(cells, environment, got)
        events = sorted(_events(got.requests), key=lambda one: one[0])
    found: list[list[Event]] = [[] for _ in cells]
    for when, spans, report in events:
        number = max((i for i, begin in enumerate(started) if begin <= when), default=0)
        found[number].append(Event(max(0.0, when - started[number]), spans, report))
    return Lesson(name, sum(minutes) / 2, found)


def _run(cells: Sequence[str], environment: dict[str, str], got: Receiver) -> list[float]:
    """Run the cells in a kernel; return when each began, once all has arrived."""
    started: list[float] = []
    last = f"tracer_provider.get_tracer('bench').start_span({_END!r}).end()"
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**os.environ, **environment}, cwd=str(ROOT / "notebooks"))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=_CELL_S)
        for cell in (*cells, last):
            started.append(time.time())
            reply = client.execute_interactive(cell, timeout=_CELL_S, output_hook=lambda _: None)
            if reply["content"]["status"] != "ok":
                raise RuntimeError(f"{reply['content']['ename']}: {reply['content']['evalue']}")
        deadline = time.monotonic() + _ARRIVED_S
        while not any(span.name == _END for span in got.spans):
            if time.monotonic() > deadline:
                raise RuntimeError("the spans of the lesson did not arrive")
            time.sleep(0.2)
        return started[:-1]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def _events(
    requests: Sequence[ExportTraceServiceRequest],
) -> Iterator[tuple[float, bytes, str]]:
    """Yield when a span or a report was made, and the one or the other; each once."""
    known = set()
    for request in requests:
        for resource in request.resource_spans:
            of_class = any(
                one.value.string_value == REPORTS for one in resource.resource.attributes
            )
            for scope in resource.scope_spans:
                for span in scope.spans:
                    if span.span_id in known or span.name == _END:
                        continue
                    known.add(span.span_id)
                    if of_class:
                        report = _report(span)
                        yield report.when.timestamp(), b"", report.to_json()
                        continue
                    alone = ExportTraceServiceRequest()
                    one = alone.resource_spans.add(resource=resource.resource)
                    for attribute in one.resource.attributes:
                        if attribute.key == PROJECT_NAME:  # as the student's own Phoenix had it
                            attribute.value.string_value = (
                                attribute.value.string_value.removeprefix(
                                    project_of(STUDENT, "x")[:-1]
                                )
                            )
                    one.scope_spans.add(scope=scope.scope).spans.append(span)
                    yield span.end_time_unix_nano / 1e9, alone.SerializeToString(), ""


def _report(span: Any) -> Report:
    attributes = {one.key: _value(one.value) for one in span.attributes}
    when = datetime.fromtimestamp(span.start_time_unix_nano / 1e9, UTC)
    return Report.of_span(span.name, when, attributes)


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None


def _spans_of(cell: Sequence[Event]) -> int:
    return sum(1 for event in cell if event.spans)


def _plain(lesson: Lesson) -> dict[str, Any]:
    cells = [
        [[one.offset, base64.b64encode(one.spans).decode(), one.report] for one in cell]
        for cell in lesson.cells
    ]
    return {"name": lesson.name, "minutes": lesson.minutes, "cells": cells}


def _lesson(plain: dict[str, Any]) -> Lesson:
    cells = [
        [Event(offset, base64.b64decode(spans), report) for offset, spans, report in cell]
        for cell in plain["cells"]
    ]
    return Lesson(plain["name"], plain["minutes"], cells)
