"""course.py as a person types it, in a course that uses the environment of these tests."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from _setup import Checkout

ROOT = Path(__file__).resolve().parents[3]
# A borrowed environment was set up elsewhere.
COMMAND = """
import sys
from pathlib import Path
import _cli
from _setup import Checkout
Checkout.problem = lambda self: None
Checkout.__init__.__defaults__ = (Path(sys.argv[1]),)
sys.exit(_cli.main(sys.argv[2:]))
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def course(tmp_path: Path) -> Checkout:
    root = tmp_path / "my course"
    (root / "notebooks").mkdir(parents=True)
    shutil.copy(ROOT / "notebooks" / "course.toml", root / "notebooks")
    (root / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return Checkout(root)


@pytest.fixture
def run(course: Checkout) -> Run:
    """Run one of the course's commands, with ``said`` typed in."""

    def run_it(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        env = {name: value for name, value in os.environ.items() if name != "COURSE_STATE_DIR"}
        return subprocess.run(
            [sys.executable, "-c", COMMAND, str(course.root), *arguments],
            env=env | {"PYTHONPATH": str(ROOT / "scripts")},
            input=said,
            capture_output=True,
            text=True,
            check=False,
        )

    return run_it
