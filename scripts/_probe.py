"""The doctor's look from inside the environment: memory, LLM, the first notebook.

Its arguments are the file to which it writes one JSON object a line (see ``Finding`` in
_doctor.py), and the folder of traces to look at.
"""

import json
import os
import re
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import nbformat
import psutil  # type: ignore[import-untyped]
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

from rag_tutorials.course import CourseError
from rag_tutorials.course.base.places import course_root
from rag_tutorials.course.embedded.looking import look
from rag_tutorials.course.equipment.llm import choose_llm

NOTEBOOK = "00_start_here"
MEMORY_NEEDED = 10**9
MEMORY_A_NOTEBOOK = 5 * 10**8
CELL_TIMEOUT_S = 120
REPAIR = "remove the folder .venv and run: python scripts/course.py lab"
ROOM = "close other programs and notebooks, and try again"

# Run before the notebook's own cells: as on a machine whose network is off.
WITHOUT_NETWORK = """
import errno as _errno, sys as _sys

def _no_network(event, arguments):
    if event == "socket.connect" and isinstance(arguments[1], tuple):
        if arguments[1][0] not in ("127.0.0.1", "::1", "localhost"):
            raise OSError(_errno.ENETUNREACH, "the doctor lets nothing leave this machine")

_sys.addaudithook(_no_network)
"""
# Run after them: what Phoenix has of this notebook's traces.
READ_BACK = """
import json as _json

print(_json.dumps([[span.trace_id, span.kind] for span in course.fetch()]))
"""


class NotebookFailedError(Exception):
    """The notebook did not run; ``remedy`` says what to do."""

    def __init__(self, text: str, remedy: str) -> None:
        super().__init__(text)
        self.remedy = remedy


def main(results: Path, traces: Path) -> None:
    """Look at each thing and write down what was found; ``traces`` is the real folder of traces."""

    def report(name: str, ok: bool, text: str, remedy: str = "") -> None:
        finding = {"name": name, "ok": ok, "text": text, "remedy": remedy}
        with results.open("a", encoding="utf-8") as file:
            file.write(json.dumps(finding) + "\n")

    free = psutil.virtual_memory().available
    report(
        "memory",
        free >= MEMORY_NEEDED,
        f"{free / 1e9:.1f} GB available; each open notebook takes {MEMORY_A_NOTEBOOK / 1e9} GB",
        "close other programs",
    )
    try:
        llm = choose_llm(course_root())
    except CourseError as error:
        report("LLM", False, "could not be chosen", str(error))
    else:
        key = "a key is set" if llm.kind == "real" and _has_key() else "no key is needed"
        report("LLM", True, f"{llm.description}; {key}")

    for finding in look(traces, os.environ):
        report(finding.name, finding.ok, finding.text, finding.remedy)

    os.environ["COURSE_LLM"] = "stub"  # the notebook is run offline, whichever LLM is chosen
    os.environ.pop("COURSE_PROVE_EXERCISES", None)
    start = time.monotonic()
    try:
        spans = run_notebook(course_root() / "notebooks" / f"{NOTEBOOK}.ipynb")
    except NotebookFailedError as error:
        report("notebook", False, f"{NOTEBOOK} did not run: {error}", error.remedy)
        return
    seconds = time.monotonic() - start
    count = len({trace_id for trace_id, _ in spans})
    report(
        "notebook",
        True,
        f"{NOTEBOOK} ran offline with the stub; {len(spans)} spans of {count} traces read back"
        f" from its Phoenix; {seconds:.0f} s",
    )


def run_notebook(path: Path) -> Sequence[tuple[str, str]]:
    """Run a notebook in a kernel and return trace id and kind of the spans that Phoenix has.

    Raises:
        NotebookFailedError: a cell failed, the kernel died, or the spans are not in Phoenix.

    """
    try:
        notebook = nbformat.read(path, 4)  # type: ignore[no-untyped-call]
    except (OSError, ValueError) as error:
        raise NotebookFailedError(
            f"it cannot be read ({_first_line(error)})", f"get {path} anew"
        ) from error
    cell = nbformat.v4.new_code_cell
    before, after = cell(WITHOUT_NETWORK), cell(READ_BACK)  # type: ignore[no-untyped-call]
    notebook.cells = [before, *notebook.cells, after]
    client = NotebookClient(
        notebook,
        timeout=CELL_TIMEOUT_S,
        kernel_name="python3",
        resources={"metadata": {"path": str(path.parent)}},
    )
    try:
        client.execute()
    except CellExecutionError as error:
        remedy = "do what that sentence says" if error.ename == "CourseError" else REPAIR
        raise NotebookFailedError(
            f"its cell {_failed(notebook)} ended with {error.ename}: {_first_line(error.evalue)}",
            f"{remedy}; if you have changed the notebook, get it anew",
        ) from error
    except CellTimeoutError as error:
        raise NotebookFailedError(f"a cell took more than {CELL_TIMEOUT_S} s", ROOM) from error
    except DeadKernelError as error:
        raise NotebookFailedError("its kernel died, mostly for want of memory", ROOM) from error
    except Exception as error:  # no kernel could be started
        raise NotebookFailedError(
            f"{type(error).__name__}: {_first_line(error)}", REPAIR
        ) from error
    said = "".join(output.get("text", "") for output in after.outputs)
    spans: list[tuple[str, str]] = [(trace_id, kind) for trace_id, kind in json.loads(said)]
    if not {"RETRIEVER", "LLM"} <= {kind for _, kind in spans}:
        raise NotebookFailedError(f"Phoenix has {len(spans)} spans, not its trace", REPAIR)
    return spans


def _failed(notebook: Any) -> str:
    for cell in notebook.cells:
        if any(output.output_type == "error" for output in cell.get("outputs", [])):
            return f"`{cell.id}`"
    return "?"


def _first_line(error: object) -> str:
    lines = re.sub(r"\x1b\[[0-9;]*m", "", str(error)).strip().splitlines()
    return lines[0] if lines else "it gave no reason"


def _has_key() -> bool:
    return os.environ.get("OPENAI_API_KEY", "") not in ("", "not-needed")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
    os._exit(0)  # the stub's thread holds nothing that must be saved
