"""A class on one Phoenix: when verdicts are seen, what is lost, what a span costs the server.

    python tests/benchmarks/bench_class.py [students …] [--minutes M] [--scene S]
        [--processes N] [--recording FILE]

Simulated students replay what real lessons send, recorded from their notebooks' run, through the
real uplink, into a real server, which the table's reader watches. Each scene has a new server:

lesson    Everybody works at the lessons' own pace, each at another place of another lesson.
burst     Everybody runs the query set of lesson 09 within ten seconds, and goes on with the lesson,
          a cell about every six seconds, checks included.
restarts  The same, and half of them restart their kernels meanwhile, which hurries what waits.

The server is kept on one core and all students on the others, where the system can do that: one
Phoenix cannot use more. While its main thread stands ready without a core, something else has it;
with much of that, the figures are the machine's and not the class's.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from replay.measuring import Cost, Meter, Store, Table, Verdict
from replay.recording import Event, Lesson, load
from replay.serving import served, several
from replay.students import Driver, Outcome, Plan

from rag_tutorials.classroom.base.wire import REPORTS

STUDENTS = [30]
MINUTES = 1.5  # of each scene
BURST_S = 10.0
GAP_S = (3.0, 9.0)  # between two cells, in the burst
LOOK_S = 2.0  # how often the table reads
STAMP_S = 1.0  # when an annotation was stored, Phoenix tells in whole seconds: the latest it can be
PATIENCE_S = 120.0


Agenda = Iterator[tuple[float, Event, str]]


def at_lesson_pace(lessons: Sequence[Lesson], dice: random.Random) -> Agenda:
    """Yield a lesson's events from a place in its midst on, its cells as far apart as planned."""
    lesson = dice.choice(lessons)
    gap = lesson.minutes * 60 / len(lesson.cells)
    first = dice.randrange(len(lesson.cells))
    at = dice.uniform(0, gap)
    for cell in (*lesson.cells[first:], *lesson.cells[:first]):
        for event in cell:
            yield at + event.offset, event, lesson.name
        at += gap * dice.uniform(0.5, 1.5)


def in_burst(lessons: Sequence[Lesson], dice: random.Random) -> Agenda:
    """Yield the events of the lesson with most spans, from the cell that makes them on."""
    lesson = max(lessons, key=lambda one: one.spans)
    at = dice.uniform(0, BURST_S)
    for cell in lesson.cells[lesson.burst :]:
        for event in cell:
            yield at + event.offset, event, lesson.name
        at += (cell[-1].offset if cell else 0.0) + dice.uniform(*GAP_S)


def with_restarts(lessons: Sequence[Lesson], dice: random.Random) -> Agenda:
    """Yield what :func:`in_burst` does; half of the students restart their kernels meanwhile."""
    yield from in_burst(lessons, dice)
    if dice.random() < 0.5:
        yield BURST_S + dice.uniform(20, 30), Event(0.0, restart=True), ""


SCENES: dict[str, Plan] = {"lesson": at_lesson_pace, "burst": in_burst, "restarts": with_restarts}


@dataclass(frozen=True, slots=True)
class Scene:
    """What was measured of one scene.

    Attributes:
        done: What the students did.
        stored: Spans that the server has of them, their reports left out.
        reports: Reports that it has.
        drained_s: How many seconds after the last request it had all.
        seen: How many seconds after a report the table had it.
        annotated: How many seconds after a check the verdict stood on its trace.
        reads: How many seconds each look of the table took.
        cost: What the server has cost.
        trouble: What the uplinks and the table said.
    """

    done: Outcome
    stored: int
    reports: int
    drained_s: float
    seen: Sequence[float]
    annotated: Sequence[float]
    reads: Sequence[float]
    cost: Cost
    trouble: Sequence[str]


def play(
    plan: Plan, lessons: Sequence[Lesson], students: int, minutes: float, processes: int
) -> Scene:
    """Play one scene into a new server, or into several ``processes`` of Phoenix."""
    with contextlib.ExitStack() as open_here:
        folder = Path(open_here.enter_context(_folder()))
        (folder / "class").mkdir()
        cores, others = _cores()
        server = open_here.enter_context(
            several(folder / "class", processes, [*cores, *others])
            if processes
            else served(folder / "class", cores)
        )
        members = server.add(students)
        meter = Meter(server.pids)
        open_here.callback(meter.stop)
        driver = Driver(members, lessons, plan, folder / "spool", minutes * 60, others)
        driver.wait_until_ready()
        table, store = Table(server.url, server.admin, LOOK_S), Store(server.url, server.admin)
        before = meter.now()
        driver.start()
        done = driver.outcome(minutes * 60 + PATIENCE_S)
        stored, drained_s = store.wait(done.sent, PATIENCE_S, REPORTS)
        cost = meter.now() - before
        table.stop()
        made = store.annotated(_traces(done))
        return Scene(
            done,
            stored,
            store.spans().get(REPORTS, 0),
            drained_s,
            [table.seen[at] for one in done.reports if (at := one[:2]) in table.seen],
            [
                (made[verdict] - one.when).total_seconds() + STAMP_S
                for one in done.reports
                if (verdict := Verdict(one.trace_id, one.name, str(one.attempt))) in made
            ],
            table.reads,
            cost,
            sorted(done.trouble | table.trouble),
        )


def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory(ignore_cleanup_errors=True)


def _cores() -> tuple[list[int], list[int]]:
    """Return the cores for the server and for the rest; nothing where that cannot be set."""
    if not hasattr(os, "sched_getaffinity"):
        return [], []
    first, *others = sorted(os.sched_getaffinity(0))
    return ([first], others) if others else ([], [])


def _traces(done: Outcome) -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for one in done.reports:
        if one.trace_id:
            found[one.project].append(one.trace_id)
    return found


def tell(scene: Scene) -> None:
    """Print what was measured."""
    done, cost = scene.done, scene.cost
    told = len(done.reports)
    judged = sum(1 for one in done.reports if one.trace_id)
    spans = max(1, scene.stored + scene.reports)
    lost = max(0, done.sent - scene.stored)
    lost_reports = told - done.unsent - len(scene.seen)
    rows = {
        "report in the table": f"{_spread(scene.seen)}  {len(scene.seen)} of {told}",
        "verdict on its trace": f"{_spread(scene.annotated)}  {len(scene.annotated)} of {judged}",
        "a look at the table": _spread(scene.reads),
        "spans made": f"{done.taken}: sent {done.sent}, waiting {done.waiting}, "
        f"dropped {done.dropped}",
        "lost": f"{lost} spans, {lost_reports} reports; all stored {scene.drained_s:.0f} s after "
        "the end",
        "server, CPU": f"{cost.cpu / spans * 1000:.1f} ms a span of {spans}; {cost.cpu:.0f} s, and "
        f"{cost.queued:.0f} s ready without a core",
        "server, memory": f"{cost.megabytes:.0f} MB",
        "in the student's cell": f"a span {_ms(done.took)}; a report {_ms(done.told)}",
        "the student's sender": f"{done.cpu_of_senders / max(1, done.sent) * 1000:.2f} ms CPU a "
        "span sent",
        "students, together": f"{done.cpu:.0f} s CPU; late {_spread(done.late)}",
    }
    for what, text in rows.items():
        print(f"  {what:23}{text}")
    for one in scene.trouble:
        print(f"  said: {one}")
    print(flush=True)


def _spread(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    return (
        f"p50 {statistics.median(seconds):6.2f} s  p95 {_at(seconds, 0.95):6.2f} s  "
        f"most {max(seconds):6.2f} s"
    )


def _ms(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    return f"p50 {_at(seconds, 0.5) * 1e3:.2f} p95 {_at(seconds, 0.95) * 1e3:.2f} ms"


def _at(seconds: Sequence[float], share: float) -> float:
    return sorted(seconds)[min(len(seconds) - 1, int(share * len(seconds)))]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("students", nargs="*", type=int, default=STUDENTS)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="of each scene")
    parser.add_argument("--scene", choices=SCENES, action="append")
    parser.add_argument("--recording", type=Path, help="replay it; made if it is not there")
    parser.add_argument(
        "--processes",
        type=int,
        default=0,
        metavar="N",
        help="N Phoenix on PostgreSQL behind nginx, in place of `class serve`",
    )
    options = parser.parse_args()
    begin = time.monotonic()
    lessons = load(options.recording)
    print(f"recorded in {time.monotonic() - begin:.0f} s")
    for one in lessons:
        print(f"  {one.name:24}{one.spans:5} spans, {one.checks:3} verdicts, {one.minutes:g} min")
    for students in options.students:
        for name in options.scene or ("lesson", "burst"):
            busy = f", load before {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
            print(f"{students} students, {name}, {options.minutes:g} min{busy}", flush=True)
            tell(play(SCENES[name], lessons, students, options.minutes, options.processes))


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
