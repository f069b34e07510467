"""Every test run: offline, stubbed, with a state folder of its own.

The kernels that nbmake starts inherit this environment; fixtures do not reach notebook items.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

import pytest

# Run in environments of their own by tests/notebooks; run by lesson 13, against a Phoenix.
collect_ignore = ["notebooks/way_home", "notebooks/gate"]
pytest_plugins = ["_quick"]

_SETTINGS = ("OPENAI_", "COURSE_", "PHOENIX_", "OTEL_", "OPENINFERENCE_")


def pytest_configure(config: pytest.Config) -> None:
    """Clear what a developer's shell may hold, and set what the notebooks' kernels read."""
    if hasattr(config, "workerinput"):
        return  # xdist's workers inherit the environment set here by their controller
    for name in list(os.environ):
        if name.startswith(_SETTINGS):
            del os.environ[name]
    state = tempfile.mkdtemp(prefix="course-tests-")
    config.add_cleanup(lambda: _remove(Path(state)))
    os.environ.update(
        COURSE_LLM="stub",
        COURSE_STATE_DIR=state,
        COURSE_PROVE_EXERCISES="1",
        IPYTHONDIR=f"{state}/ipython",
        JUPYTER_PLATFORM_DIRS="1",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the last notebook: later lessons run longer, and no worker should end with one."""
    notebooks = [item for item in items if item.path.suffix == ".ipynb"]
    rest = [item for item in items if item.path.suffix != ".ipynb"]
    items[:] = [*reversed(notebooks), *rest]


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
