"""Where the course's files are, and where it may write."""

from __future__ import annotations

import os
from pathlib import Path

from rag_tutorials.course.base.errors import CourseError, sentence_of

STATE_VARIABLE = "COURSE_STATE_DIR"


def course_root() -> Path:
    """Return the folder that holds ``notebooks/course.toml``.

    Looked for from the working directory upwards, then beside the installed package (an editable
    install lies in the repository).

    Raises:
        CourseError: the course's folder is nowhere near.
    """
    here = Path.cwd()
    for folder in (here, *here.parents, *Path(__file__).resolve().parents):
        if (folder / "notebooks" / "course.toml").is_file():
            return folder
    raise CourseError(
        f"notebooks/course.toml was not found at or above {here}; start Jupyter with "
        "`python scripts/course.py lab` from the course's folder."
    )


def state_dir() -> Path:
    """Return the folder for traces and progress, made if need be.

    It is ``.course`` in the repository, or what ``COURSE_STATE_DIR`` says.

    Raises:
        CourseError: the folder cannot be written.
    """
    folder = Path(os.environ.get(STATE_VARIABLE) or course_root() / ".course").resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CourseError(
            f"The course cannot write to {folder} ({sentence_of(error)}); free some space or "
            f"set {STATE_VARIABLE} to a folder you may write to, and restart the kernel."
        ) from error
    return folder
