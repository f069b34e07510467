"""What being in a class costs a student's cells.

    python tests/benchmarks/bench_in_class.py [--rounds 60] [--kind KIND …]

One process with its own embedded Phoenix runs the same cell with and without a class, in pairs that
alternate in order: spans that are sent one by one, as a lesson's are, and a check. The class is a
server that takes everything at once, one that answers after five seconds, one that says 503, and
an address where nobody listens. Prints the median time of a cell alone, the median of the pairs'
ratios and its quartiles. For a machine too busy for that, it also prints which share of a cell
waits while a verdict is told, and exits with 1 where that is above the goal. (Spans are told when
their sender has its answer.)
"""

from __future__ import annotations

import argparse
import gc
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
GOAL = 1.01
SPANS = 20
LESSON = "01_manual_spans"
KINDS = ("quick", "slow", "503", "dead")
SERVER = """
import sys
from class_server import ClassServer, Fault
server = ClassServer()
if sys.argv[1] != "quick":
    server.fault = Fault(503) if sys.argv[1] == "503" else Fault(200, seconds=5)
print(server.url, flush=True)
sys.stdin.read()
"""


@contextmanager
def serving(kind: str) -> Iterator[str]:
    """Give the address of a class that behaves in this way, in a process of its own."""
    if kind == "dead":
        yield "http://127.0.0.1:9"
        return
    path = os.pathsep.join([str(HERE.parent / "classroom"), *sys.path])
    process = subprocess.Popen(
        [sys.executable, "-c", SERVER, kind],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": path},
    )
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.stdin.close()
        process.wait()


def ratios(cell: Callable[[], None], course: Any, accompanied: Any, rounds: int) -> list[float]:
    """Return the ratios of the pairs, with to without, and print them."""
    found, alone = [], []
    for number in range(rounds + 2):
        took = {}
        for there in (True, False) if number % 2 else (False, True):
            course.companion = accompanied if there else None
            course.phoenix.listeners[:] = [accompanied.accepted] if there else []
            gc.collect()
            begun = time.perf_counter()
            cell()
            took[there] = time.perf_counter() - begun
        if number >= 2:  # the first ones are slower on both sides
            found.append(took[True] / took[False])
            alone.append(took[False])
    low, middle, high = statistics.quantiles(found, n=4)
    print(
        f"  alone {statistics.median(alone) * 1e3:7.1f} ms   "
        f"ratio {middle:.3f} ({low:.3f} to {high:.3f})",
        flush=True,
    )
    return found


def share(course: Any, companion: Any, cell: Callable[[], None], times: int) -> float:
    """Return which part of a cell with a check is spent in telling the verdict, and print it."""
    tell = companion.checked
    spent = [0.0]

    def timed(*arguments: Any) -> None:
        begun = time.perf_counter()
        tell(*arguments)
        spent[0] += time.perf_counter() - begun

    shares = []
    companion.checked = timed
    course.companion = companion
    course.phoenix.listeners[:] = [companion.accepted]
    try:
        for _ in range(times):
            spent[0] = 0.0
            begun = time.perf_counter()
            cell()
            shares.append(spent[0] / (time.perf_counter() - begun))
    finally:
        del companion.checked
    middle = statistics.median(shares)
    print(f"  waits for the companion: {middle:.2%}", flush=True)
    return middle


def main() -> int:
    """Measure, print, and return 1 where the goal is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--kind", choices=KINDS, action="append", help="of class; else all")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as state:
        os.environ |= {"COURSE_STATE_DIR": state, "COURSE_LLM": "stub"}
        os.environ.pop("COURSE_CLASS", None)
        return measure(options.rounds, options.kind or KINDS)


def measure(rounds: int, kinds: Sequence[str]) -> int:
    """Measure with each of these kinds of class."""
    import phoenix as px

    from rag_tutorials.classroom import join, leave
    from rag_tutorials.classroom.base.code import ClassCode
    from rag_tutorials.course import prepare

    with redirect_stdout(StringIO()):
        course = prepare(LESSON)
        px.launch_app(use_temp_dir=False)
    from phoenix.otel import register

    provider = register(
        project_name=course.project,
        endpoint=course.otlp_endpoint,
        protocol="http/protobuf",
        verbose=False,
    )
    tracer = provider.get_tracer("bench")

    def spans() -> None:
        for _ in range(SPANS):
            with tracer.start_as_current_span("step"):
                pass

    def answer(question: str) -> str:
        with tracer.start_as_current_span("ask"), tracer.start_as_current_span("retrieve"):
            return question

    def check() -> None:
        course.check("01.2", answer)

    missed = False
    for kind in kinds:
        with serving(kind) as url:
            with redirect_stdout(StringIO()):
                join(ClassCode(url, "made.up.key", "Ada", 1000).encode())
            companion: Any = course.companion
            print(f"{kind} class, {SPANS} spans", flush=True)
            ratios(spans, course, companion, rounds)
            print(f"{kind} class, a check", flush=True)
            ratios(check, course, companion, rounds)
            missed = share(course, companion, check, rounds) > GOAL - 1 or missed
            with redirect_stdout(StringIO()):
                leave()
    return int(missed)


if __name__ == "__main__":
    sys.exit(main())
