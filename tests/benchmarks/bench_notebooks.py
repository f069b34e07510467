"""All notebooks under nbmake as CI runs them, beside their plain runs one after the other.

    python tests/benchmarks/bench_notebooks.py [name …]

Plain means: a pytest of its own for each notebook, without the settings of this repository
(arize-phoenix-client's pytest plugin loads), and Phoenix imported as it is, before the course's
`prepare` could do it faster. Prints seconds and the ratio.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from rag_tutorials.course.base.manifest import load_lessons

ROOT = Path(__file__).parents[2]


def seconds(command: Sequence[str | Path], environment: Mapping[str, str]) -> float:
    """Run pytest and return its wall time; a red run ends the benchmark."""
    begin = time.perf_counter()
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "--nbmake", *command],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if run.returncode:
        sys.exit(run.stdout[-4000:] + run.stderr[-2000:])
    return time.perf_counter() - begin


def plain_copy(notebook: Path, folder: Path) -> Path:
    """Return a copy that imports Phoenix the plain way, first thing."""
    content = json.loads(notebook.read_text("utf-8"))
    first = next(cell for cell in content["cells"] if cell["cell_type"] == "code")
    first["source"] = ["import phoenix\n", *first["source"]]
    copy = folder / notebook.name
    copy.write_text(json.dumps(content), "utf-8")
    return copy


def main(names: Sequence[str]) -> None:
    """Measure and print."""
    notebooks = [
        ROOT / "notebooks" / f"{lesson.name}.ipynb"
        for lesson in load_lessons(ROOT / "notebooks" / "course.toml")
        if not names or lesson.name in names
    ]
    together = seconds(["-n", "2", "--dist", "loadgroup", *notebooks], {})
    print(f"{len(notebooks)} notebooks together, 2 workers: {together:6.1f} s", flush=True)
    total = 0.0
    with tempfile.TemporaryDirectory() as state:
        environment = {"COURSE_LLM": "stub", "COURSE_PROVE_EXERCISES": "1"}
        # Beside the originals, so that relative paths hold; removed at the end.
        with tempfile.TemporaryDirectory(dir=ROOT / "notebooks", prefix=".plain-") as folder:
            for notebook in notebooks:
                copy = plain_copy(notebook, Path(folder))
                alone = seconds(
                    ["--noconftest", "-c", os.devnull, copy],
                    {**environment, "COURSE_STATE_DIR": f"{state}/{notebook.stem}"},
                )
                print(f"  {notebook.stem:28} plain, alone: {alone:6.1f} s", flush=True)
                total += alone
    print(f"plain, one after the other: {total:6.1f} s; ratio {together / total:.2f}")


if __name__ == "__main__":
    main(sys.argv[1:])
