"""The doctor's look from inside the environment: memory, LLM, Phoenix.

Writes one JSON object a line to the file given as its argument; see `Finding` in _doctor.py.
"""

import json
import os
import sys
import time
from pathlib import Path

import psutil  # type: ignore[import-untyped]

from rag_tutorials.course import Course, CourseError, prepare

MEMORY_NEEDED = 10**9
MEMORY_A_NOTEBOOK = 5 * 10**8


def main(results: Path) -> None:
    """Look at each thing and write down what was found."""

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
    start = time.monotonic()
    try:
        course = prepare("doctor")
    except CourseError as error:
        report("Phoenix", False, "could not be prepared", str(error))
        return
    key = "a key is set" if course.llm.kind == "real" and _has_key() else "no key is needed"
    report("LLM", True, f"{course.llm.description}; {key}")
    try:
        trace_and_read_back(course)
    except Exception as error:
        first_line = (str(error).splitlines() or [""])[0]
        report(
            "Phoenix",
            False,
            f"{type(error).__name__}: {first_line}",
            "stop other notebooks and try again; if it stays, remove the folder .venv and run:"
            " python scripts/course.py lab",
        )
        return
    seconds = time.monotonic() - start
    report("Phoenix", True, f"started, took a span and gave it back in {seconds:.0f} s")


def trace_and_read_back(course: Course) -> None:
    """Do what a notebook does: launch Phoenix, make a span, read it back."""
    import phoenix as px
    from phoenix.otel import register

    px.launch_app(use_temp_dir=False)
    provider = register(
        project_name=course.project,
        endpoint=course.otlp_endpoint,
        protocol="http/protobuf",
        verbose=False,
    )
    with provider.get_tracer("doctor").start_as_current_span("doctor") as span:
        pass
    found = course.read_back(span)
    if [record.name for record in found] != ["doctor"]:
        raise CourseError("Phoenix gave back another span than it was sent")


def _has_key() -> bool:
    return os.environ.get("OPENAI_API_KEY", "") not in ("", "not-needed")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
    os._exit(0)  # Phoenix's threads hold nothing that must be saved
