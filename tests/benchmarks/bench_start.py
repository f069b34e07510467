"""From kernel start to the first span readable in Phoenix: the course's opening, the plain recipe.

    python tests/benchmarks/bench_start.py [rounds]

Each round starts both in fresh kernels, in alternating order, on this machine. The course's kernels
have the start-up file that `course.py lab` gives them, and nobody reads first: the opening is
run as soon as the kernel answers. It prints medians, the spread and the ratio of seconds, and the
same for the kernel's resident memory.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import psutil
from jupyter_client.manager import KernelManager

from rag_tutorials.course.embedded.ports import free_port

ROOT = Path(__file__).parents[2]
NOTEBOOKS = ROOT / "notebooks"
STARTUP = ROOT / "scripts" / "lab" / "ipython" / "00_import_phoenix.py"
ROUNDS = 5

SPAN = """
with tracer_provider.get_tracer("bench").start_as_current_span("first"):
    pass
"""
COURSE = [
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
    SPAN,
]
PLAIN = [
    """
import phoenix as px
from phoenix.otel import register
session = px.launch_app()
tracer_provider = register(
    project_name="01_manual_spans", endpoint=session.url + "v1/traces", protocol="http/protobuf",
    verbose=False,
)
""",
    SPAN,
]
# The same for both: ask until the span is there.
READ = """
import time
from phoenix.client import Client
client = Client(base_url=session.url)
while True:
    try:
        if client.spans.get_spans(project_identifier="01_manual_spans", name="first"):
            break
    except Exception:
        pass
    time.sleep(0.02)
"""


def measure(cells: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """Return seconds from kernel start to the span read back, and resident megabytes then."""
    manager = KernelManager(kernel_name="python3")
    begin = time.perf_counter()
    manager.start_kernel(env={**os.environ, **environment}, cwd=str(NOTEBOOKS))
    client = manager.client()
    client.start_channels()
    try:
        client.wait_for_ready(timeout=60)
        for cell in [*cells, READ]:
            reply = client.execute_interactive(cell, timeout=120, output_hook=lambda _: None)
            if reply["content"]["status"] != "ok":
                raise RuntimeError(f"{reply['content']['ename']}: {reply['content']['evalue']}")
        seconds = time.perf_counter() - begin
        process = psutil.Process(manager.provisioner.process.pid)
        return seconds, process.memory_info().rss / 2**20
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


def main(rounds: int = ROUNDS) -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as state:
        startup = Path(state, "ipython", "profile_default", "startup")
        startup.mkdir(parents=True)
        shutil.copy(STARTUP, startup)
        course = {
            "COURSE_STATE_DIR": state,
            "COURSE_LLM": "stub",
            "IPYTHONDIR": f"{state}/ipython",
        }
        measure(COURSE, course)  # one run unmeasured: files in the cache, a database to reuse
        results: dict[str, list[tuple[float, float]]] = {"course": [], "plain": []}
        for number in range(rounds):
            kinds = ["course", "plain"] if number % 2 else ["plain", "course"]
            for kind in kinds:
                if kind == "course":
                    results[kind].append(measure(COURSE, course))
                else:
                    ports = {
                        "PHOENIX_PORT": str(free_port()),
                        "PHOENIX_GRPC_PORT": str(free_port()),
                        "PHOENIX_WORKING_DIR": f"{state}/plain",
                        # Without it a machine with no internet fails to start at all.
                        "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
                    }
                    results[kind].append(measure(PLAIN, ports))
    print(f"{'':28}{'course':>10}{'plain':>10}{'ratio':>8}   (median of {rounds}, min to max)")
    for column, what in enumerate(("seconds to the first span", "resident memory, MB")):
        values = {kind: [run[column] for run in runs] for kind, runs in results.items()}
        ratios = [
            ours / plain for ours, plain in zip(values["course"], values["plain"], strict=True)
        ]
        print(
            f"{what:28}{statistics.median(values['course']):10.1f}"
            f"{statistics.median(values['plain']):10.1f}{statistics.median(ratios):8.2f}   "
            f"course {min(values['course']):.1f} to {max(values['course']):.1f}, "
            f"plain {min(values['plain']):.1f} to {max(values['plain']):.1f}"
        )


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:2]))
