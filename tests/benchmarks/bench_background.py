"""How long the opening cells take, with and without the import in the background.

    python tests/benchmarks/bench_background.py [rounds]

Each round opens the course in fresh kernels with and without it, in alternating order: at once, and
after ten seconds of reading. It prints medians, the spread and the ratio of the pairs.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path

from jupyter_client.manager import KernelManager

ROOT = Path(__file__).parents[2]
STARTUP = ROOT / "scripts" / "lab" / "ipython"
ROUNDS = 5
READING_S = 10.0
OPENING = (
    'from rag_tutorials.course import prepare\ncourse = prepare("01_manual_spans")',
    """
import phoenix as px
from phoenix.otel import register
session = px.active_session() or px.launch_app(use_temp_dir=False)
tracer_provider = register(
    project_name=course.project, endpoint=course.otlp_endpoint, protocol="http/protobuf",
    verbose=False,
)
""",
)


def measure(state: str, background: bool, reading: float) -> tuple[float, float]:
    """Return what the student waits for the first cell and for both, in seconds."""
    profile = Path(state) / ("with" if background else "without")
    startup = profile / "profile_default" / "startup"
    if background and not startup.exists():
        shutil.copytree(STARTUP, startup)
    environment = {"COURSE_STATE_DIR": state, "COURSE_LLM": "stub", "IPYTHONDIR": str(profile)}
    manager = KernelManager(kernel_name="python3")
    manager.start_kernel(env={**os.environ, **environment}, cwd=str(ROOT / "notebooks"))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        time.sleep(reading)
        begin = time.perf_counter()
        seconds = []
        for cell in OPENING:
            reply = client.execute_interactive(cell, timeout=120, output_hook=lambda _: None)
            if reply["content"]["status"] != "ok":
                raise RuntimeError(f"{reply['content']['ename']}: {reply['content']['evalue']}")
            seconds.append(time.perf_counter() - begin)
        return seconds[0], seconds[1]
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def main(rounds: int = ROUNDS) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as state:
        measure(state, False, 0.0)  # one run unmeasured: files in the cache, a database to reuse
        for reading in (0.0, READING_S):
            found: dict[bool, list[tuple[float, float]]] = {True: [], False: []}
            for number in range(rounds):
                for background in (True, False) if number % 2 else (False, True):
                    found[background].append(measure(state, background, reading))
            print(f"after {reading:g} s of reading (median of {rounds} pairs, min to max)")
            for column, what in enumerate(("first cell", "both cells")):
                with_it = [run[column] for run in found[True]]
                without = [run[column] for run in found[False]]
                ratios = [ours / plain for ours, plain in zip(with_it, without, strict=True)]
                print(
                    f"  {what:12}with {statistics.median(with_it):5.1f} s "
                    f"({min(with_it):.1f} to {max(with_it):.1f})   "
                    f"without {statistics.median(without):5.1f} s "
                    f"({min(without):.1f} to {max(without):.1f})   "
                    f"ratio {statistics.median(ratios):.2f}"
                )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
