"""A green run means that the traces landed: each of these sabotages must turn it red."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag_tutorials.course.embedded.ports import free_port

ROOT = Path(__file__).parents[2]
SABOTAGE = {
    "every span loses its parent": (
        """
import opentelemetry.sdk.trace as sdk
from opentelemetry.context import Context

start_span = sdk.Tracer.start_span
sdk.Tracer.start_span = lambda self, name, context=None, **more: start_span(
    self, name, context=Context(), **more
)
""",
        "Phoenix has 1 of the 4 spans expected",
    ),
    "the exporter is lost": (
        """
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

tracer_provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
""",
        "Phoenix has 0 of the 4 spans expected",
    ),
    "Phoenix is gone": (
        """
import os

os.environ["OTEL_EXPORTER_OTLP_TIMEOUT"] = "1"  # each lost span would cost seconds
register(project_name=course.project, verbose=False)
px.close_app()
""",
        "Nothing listens at http://127.0.0.1:",
    ),
}


@pytest.mark.parametrize("sabotage", SABOTAGE)
def test_a_sabotaged_notebook_turns_the_run_red(sabotage: str, tmp_path: Path) -> None:
    code, reason = SABOTAGE[sabotage]
    notebook = json.loads((ROOT / "notebooks" / "00_start_here.ipynb").read_text("utf-8"))
    where = [cell["id"] for cell in notebook["cells"]].index("launch") + 1
    cell = {**notebook["cells"][where - 1], "id": "sabotage", "source": code}
    # Without the cells that only show, the run goes on to the notebook's own proof.
    shown = ("show-first", "view-first", "check-00-1", "solution-00-1")
    cells = [*notebook["cells"][:where], cell, *notebook["cells"][where:]]
    notebook["cells"] = [
        cell if cell["id"] != "wrong-answer" else {**cell, "source": "complaint_root = root"}
        for cell in cells
        if cell["id"] not in shown
    ]
    copy = tmp_path / "notebooks" / "00_start_here.ipynb"
    copy.parent.mkdir()
    copy.write_text(json.dumps(notebook), "utf-8")
    for name in ("notebooks/course.toml", "data/handbook_manual.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())

    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:phoenix", "-q", "--nbmake", str(copy)],
        env={
            **os.environ,
            "COURSE_STATE_DIR": str(tmp_path / "state"),
            "PHOENIX_PORT": str(free_port()),  # where no other test's Phoenix answers instead
            "NO_COLOR": "1",
        },
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 1, run.stdout + run.stderr
    assert "1 failed" in run.stdout
    assert reason in run.stdout
