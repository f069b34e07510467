"""Reports as students' programs send them, for tests of what reads them; and their server."""

from __future__ import annotations

import gzip
import os
import random
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import httpx
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from rag_tutorials.classroom.base import wire
from rag_tutorials.classroom.instructor.reading import Report
from rag_tutorials.course.equipment import processes

MODULE = "rag_tutorials.course.equipment.second_phoenix"
NOW = datetime(2026, 3, 2, 10, tzinfo=UTC)
_numbers = count(1)


@dataclass(frozen=True)
class Server:
    """A class's Phoenix."""

    url: str
    key: str
    admin_secret: str
    process: processes.Process

    def send(self, spans: Iterable[Span], project: str = wire.REPORTS) -> None:
        """Send spans into a project, as one request."""
        some = list(spans)
        resource = ResourceSpans(scope_spans=[ScopeSpans(spans=some)])
        resource.resource.attributes.append(_pair(wire.PROJECT_NAME, project))
        request = ExportTraceServiceRequest(resource_spans=[resource])
        httpx.post(
            f"{self.url}/v1/traces",
            content=gzip.compress(request.SerializeToString()),
            headers={
                "authorization": f"Bearer {self.key}",
                "content-type": "application/x-protobuf",
                "content-encoding": "gzip",
            },
            timeout=120,
            trust_env=False,
        ).raise_for_status()


@contextmanager
def serve(folder: Path) -> Iterator[Server]:
    """Run a Phoenix with authentication."""
    folder.mkdir(parents=True, exist_ok=True)
    process = processes.Process(MODULE, ("--folder", os.fspath(folder / "phoenix")))
    try:
        said = process.wait_until_ready(120)
        yield Server(said["url"], said["api_key"], said["admin_secret"], process)
    finally:
        process.stop()


def report(
    student: str,
    name: str,
    event: str = wire.CHECK,
    at: datetime | float | None = None,
    **fields: Any,
) -> Span:
    """Return a report as a student's program sends it; ``at`` in seconds ago, or a moment."""
    given = {"lesson": f"{name[:2]}_lesson", "when": NOW, **fields}
    if event == wire.CHECK:
        given = {"state": "not yet", "attempt": 1, **given}
    sent = wire.Report(student=student, name=name, event=event, **given)
    return span(name, sent.attributes(), at)


def span(
    name: str,
    attributes: Mapping[str, Any],
    at: datetime | float | None = None,
    trace_id: str | None = None,
) -> Span:
    """Return a span of no duration."""
    if not isinstance(at, datetime):
        moment = time.time_ns() - int((at or 0.0) * 1e9)
    else:
        moment = int((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1e6) * 1000
    return Span(
        trace_id=bytes.fromhex(trace_id) if trace_id else random.randbytes(16),
        span_id=random.randbytes(8),
        name=name,
        start_time_unix_nano=moment,
        end_time_unix_nano=moment,
        attributes=[_pair(key, value) for key, value in attributes.items()],
    )


def _pair(key: str, value: Any) -> KeyValue:
    return KeyValue(key=key, value=_value(value))


def _value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, (list, tuple)):
        return AnyValue(array_value=ArrayValue(values=[_value(one) for one in value]))
    return AnyValue(string_value=str(value))


def made(
    student: str = "ada",
    name: str = "01.1",
    state: str = "not yet",
    ago: float = 0,
    **more: Any,
) -> Report:
    """Return a report as it is when it was read; ``ago`` in minutes before ``NOW``."""
    when = NOW - timedelta(minutes=ago)
    given: dict[str, Any] = {
        "event": wire.CHECK,
        "lesson": f"{name[:2]}_lesson",
        "when": when,
        "heard": when,
        "span_id": f"{next(_numbers):016x}",
        **more,
    }
    return Report(student=student, name=name, state=state, **given)
