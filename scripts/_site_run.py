"""Run the lessons for the site, each with a kernel of its own, as the notebook tests do."""

import os
import subprocess
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import nbformat
from _run import CommandError
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

SETTINGS = ("OPENAI_", "COURSE_", "PHOENIX_", "OTEL_", "OPENINFERENCE_")
CELL_S = 300
WORKERS = 2


def run_lessons(files: Sequence[Path], state: Path) -> dict[Path, Any]:
    """Run notebooks, two at a time, and return them with their outputs.

    The stub answers, traces and progress are kept in ``state``, and exercises are proven: their
    solutions run. Those that run longest stand last in the course and are begun first.

    Raises:
        CommandError: a cell failed, or took longer than five minutes.

    """
    env = {name: value for name, value in os.environ.items() if not name.startswith(SETTINGS)}
    env |= {
        "COURSE_LLM": "stub",
        "COURSE_STATE_DIR": str(state),
        "COURSE_PROVE_EXERCISES": "1",
        "IPYTHONDIR": str(state / "ipython"),
    }
    with ThreadPoolExecutor(WORKERS) as workers:
        order = list(reversed(files))
        found = dict(zip(order, workers.map(lambda file: _run(file, env), order), strict=True))
    return {file: found[file] for file in files}


def _run(file: Path, env: Mapping[str, str]) -> Any:
    notebook = nbformat.read(file, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        notebook,
        timeout=CELL_S,
        kernel_name="python3",
        coalesce_streams=True,
        resources={"metadata": {"path": str(file.parent)}},
    )
    try:
        # A kernel's own log, of its sockets, is not for whoever builds the site.
        client.execute(env=dict(env), stderr=subprocess.DEVNULL)
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        raise CommandError(f"{file.name} did not run to its end.\n{error}") from error
    print(f"  ran {file.stem}", flush=True)
    return notebook
