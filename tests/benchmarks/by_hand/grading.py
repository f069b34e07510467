"""What an instructor's commands cost after class: the table, judging again, exporting.

    python tests/benchmarks/by_hand/grading.py [--students 200] [--recording FILE]
        [--long 40] [--profile FILE]

Students have done lessons 01 and 03, the first of them (``--long``) lesson 09 as well: recorded
from the notebooks' run, sent to a real `class serve`, ids and evidence made each student's own, so
that judging again has all that it needs. Each command is a process of its own; of each, the
seconds, the seconds of CPU and the most memory are printed, and what it said. It is not one of the
benchmarks of ``course.py bench``: to fill the class takes minutes.
"""

from __future__ import annotations

import argparse
import contextlib
import gzip
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar
from uuid import uuid4

sys.path.insert(0, str(Path(__file__).parents[1]))

import httpx
import psutil
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from replay.measuring import Store
from replay.recording import Lesson, load
from replay.serving import Server, served
from replay.students import own_id

from rag_tutorials.classroom.base.evidence import fingerprint
from rag_tutorials.classroom.base.membership import Membership
from rag_tutorials.classroom.base.wire import (
    REPORTS,
    Report,
    move_to_class,
    project_of,
    report_request,
)
from rag_tutorials.classroom.instructor import commands
from rag_tutorials.classroom.instructor.rejudging import ClassTraces
from rag_tutorials.course.traces.spans import SpanRecord

LONG = "09_find_what_failed"
AT_ONCE = 400  # spans in a request
REPORTS_AT_ONCE = 50
LOOK_S = 0.1
FULL_S = 0.5  # to wait when the class is full
PATIENCE_S = 600.0
T = TypeVar("T")
_ID = re.compile(r"\b(?:[0-9a-f]{32}|[0-9a-f]{16})\b")


def fill(
    server: Server, members: Sequence[Membership], lessons: Sequence[Lesson], long: int
) -> None:
    """Send everything, and wait until it is stored."""
    sent = 0
    store = Store(server.url, server.admin)
    with httpx.Client(base_url=server.url, timeout=60, trust_env=False) as client:
        for number, member in enumerate(members):
            for lesson in _lessons_of(number, lessons, long):
                for some in _batched(_spans(lesson, member.slug), AT_ONCE):
                    _send(client, member, _together(some))
                    sent += len(some)
        stored, _ = store.wait(sent, PATIENCE_S, REPORTS)
        if stored < sent:
            raise RuntimeError(f"{stored} of {sent} spans are stored")
        originals = _originals(server, members[0], lessons)
        told = 0
        for number, member in enumerate(members):
            for lesson in _lessons_of(number, lessons, long):
                reports = [*_reports(lesson, member.slug, originals)]
                for some in _batched(reports, REPORTS_AT_ONCE):
                    request = report_request(((uuid4().hex, one) for one in some), 0)
                    _send(client, member, request)
                told += len(reports)
        deadline = time.monotonic() + PATIENCE_S
        while store.spans().get(REPORTS, 0) < told:
            if time.monotonic() > deadline:
                raise RuntimeError("the reports are not stored")
            time.sleep(1)
    print(f"  {sent} spans and {told} reports of {len(members)} students", flush=True)


def _lessons_of(number: int, lessons: Sequence[Lesson], long: int) -> list[Lesson]:
    return [one for one in lessons if one.name != LONG or number < long]


def _spans(lesson: Lesson, slug: str) -> Iterator[ExportTraceServiceRequest]:
    """Yield each span of a lesson with a student's own ids; its times stay as they were."""
    for event in (one for cell in lesson.cells for one in cell if one.spans):
        request = ExportTraceServiceRequest.FromString(event.spans)
        [resource] = request.resource_spans
        move_to_class(resource.resource, slug)
        for span in (one for scope in resource.scope_spans for one in scope.spans):
            for one in (span, *span.links):
                one.trace_id = bytes.fromhex(own_id(one.trace_id.hex(), slug))
                one.span_id = bytes.fromhex(own_id(one.span_id.hex(), slug))
            if span.parent_span_id:
                span.parent_span_id = bytes.fromhex(own_id(span.parent_span_id.hex(), slug))
        yield request


def _batched(some: Iterable[T], size: int) -> Iterator[list[T]]:
    left = iter(some)
    while batch := list(islice(left, size)):
        yield batch


def _together(some: Iterable[ExportTraceServiceRequest]) -> ExportTraceServiceRequest:
    together = ExportTraceServiceRequest()
    for one in some:
        together.MergeFrom(one)
    return together


def _send(client: httpx.Client, member: Membership, request: ExportTraceServiceRequest) -> None:
    headers = {
        "authorization": f"Bearer {member.key}",
        "content-type": "application/x-protobuf",
        "content-encoding": "gzip",
    }
    content = gzip.compress(request.SerializeToString(), 1)
    while True:
        answer = client.post("/v1/traces", content=content, headers=headers)
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            answer.raise_for_status()
            return
        time.sleep(FULL_S)


def _originals(
    server: Server, member: Membership, lessons: Sequence[Lesson]
) -> dict[str, SpanRecord]:
    """Return the spans of one student as Phoenix has them, with the ids that were recorded."""
    traces = ClassTraces(server.url, server.admin)
    have = {
        one.span_id: one
        for lesson in lessons
        for one in traces.spans(project_of(member.slug, lesson.name))
    }
    found: dict[str, SpanRecord] = {}
    for lesson in lessons:
        for event in (one for cell in lesson.cells for one in cell if one.spans):
            [resource] = ExportTraceServiceRequest.FromString(event.spans).resource_spans
            for span in (one for scope in resource.scope_spans for one in scope.spans):
                one = have[own_id(span.span_id.hex(), member.slug)]
                found[span.span_id.hex()] = replace(
                    one,
                    trace_id=span.trace_id.hex(),
                    parent_id=span.parent_span_id.hex() or None,
                )
    return found


def _reports(lesson: Lesson, slug: str, originals: dict[str, SpanRecord]) -> Iterator[Report]:
    """Yield a lesson's reports as a student's own, their evidence as well."""
    now = datetime.now(UTC)
    for event in (one for cell in lesson.cells for one in cell if one.report):
        report = Report.from_json(event.report)
        yield replace(
            report,
            student=slug,
            when=now,
            trace_ids=tuple(own_id(one, slug) for one in report.trace_ids),
            project=project_of(slug, lesson.name) if report.project else "",
            evidence=report.evidence and _own_evidence(report.evidence, slug, originals),
        )


def _own_evidence(evidence: str, slug: str, originals: dict[str, SpanRecord]) -> str:
    told = json.loads(evidence)
    known = {*originals, *(one.trace_id for one in originals.values())}
    own = {one: own_id(one, slug) for one in known}
    for some in told["found"].values():
        for span_id in some:
            span = originals[span_id]
            parent = own_id(span.parent_id, slug) if span.parent_id else None
            some[span_id] = fingerprint(replace(span, parent_id=parent))
    text = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
    return _ID.sub(lambda one: own.get(one[0], one[0]), text)


def command(name: str, folder: Path, profile: Path | None = None, **options: Any) -> str:
    """Run one of the class's commands, print what it took, and return what it said."""
    profiling = ["-m", "cProfile", "-o", str(profile)] if profile else []
    given = json.dumps({"folder": str(folder), **options})
    begin = time.monotonic()
    most, cpu = 0.0, 0.0
    with tempfile.TemporaryFile("w+") as out:
        process = subprocess.Popen(
            [sys.executable, *profiling, "-m", commands.__name__, name, given], stdout=out
        )
        watched = psutil.Process(process.pid)
        while process.poll() is None:
            with contextlib.suppress(psutil.Error):
                most = max(most, watched.memory_info().rss / 2**20)
                cpu = sum(watched.cpu_times()[:2])
            time.sleep(LOOK_S)
        took = time.monotonic() - begin
        out.seek(0)
        said = out.read()
    if process.returncode:
        raise RuntimeError(f"{name}: {process.returncode}\n{said}")
    print(f"  {name:8}{took:7.1f} s, {cpu:.1f} s CPU of its own, {most:.0f} MB", flush=True)
    return said


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--students", type=int, default=200)
    parser.add_argument("--long", type=int, default=40, help=f"so many have done {LONG} as well")
    parser.add_argument("--recording", type=Path, help="replay it; made if it is not there")
    parser.add_argument("--profile", type=Path, help="grade once more, profiled, into it")
    options = parser.parse_args()
    lessons = load(options.recording)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        folder = Path(name, "class")
        folder.mkdir()
        with served(folder, []) as server:
            begin = time.monotonic()
            fill(server, server.add(options.students), lessons, options.long)
            print(f"  filled in {time.monotonic() - begin:.0f} s", flush=True)
            server_process = psutil.Process(server.pids[0])

            def cpu() -> float:
                return sum(server_process.cpu_times()[:2])

            before = cpu()

            def measured(*arguments: Any, **more: Any) -> str:
                nonlocal before
                said = command(*arguments, **more)
                now = cpu()
                print(f"          and {now - before:.1f} s CPU of the server's", flush=True)
                before = now
                return said

            measured("show", folder, lesson=None, once=True)
            files = {"csv": str(Path(name, "grades.csv")), "details": str(Path(name, "d.csv"))}
            said = measured("grade", folder, **files)
            print("\n".join(said.splitlines()[:5]))
            if options.profile:
                measured("grade", folder, profile=options.profile, **files)
            said = measured("end", folder, to=str(Path(name, "export")), yes=True)
            print(said.splitlines()[0].partition(" into ")[0])


if __name__ == "__main__":
    main()
