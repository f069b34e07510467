"""Where the course's files are, and where it may write: folders and files of this user alone.

The umask stays the student's, for the files that a notebook writes. So whatever makes a file here
says that it is private. What libraries make in these folders later (Phoenix, JupyterLab) is behind
a closed folder at once, and closed itself at the next start.
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from rag_tutorials.course.base.errors import CourseError, sentence_of

STATE_VARIABLE = "COURSE_STATE_DIR"
PRIVATE = 0o600
# Whatever else lies in a folder that somebody chose for the state stays as it is.
_MADE = ("lab", "phoenix", "progress*", "setup.*")


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
    """Return the folder for traces and progress, private and made if need be.

    It is ``.course`` in the repository, or what ``COURSE_STATE_DIR`` says.

    Raises:
        CourseError: the folder cannot be written.
    """
    folder = Path(os.environ.get(STATE_VARIABLE) or course_root() / ".course").resolve()
    try:
        private_folder(folder)
        probe = folder / f".write-test-{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise CourseError(
            f"The course cannot write to {folder} ({sentence_of(error)}); free some space or "
            f"set {STATE_VARIABLE} to a folder you may write to, and restart the kernel."
        ) from error
    return folder


def private_folder(folder: Path) -> Path:
    """Return the folder, made if need be, with no way in for other users.

    Raises:
        OSError: it cannot be made.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _close(folder)
    return folder


def write_private(file: Path, text: str) -> None:
    """Write a file that only this user may read.

    Raises:
        OSError: it cannot be written.
    """
    with open(file, "w", encoding="utf-8", opener=_open_private) as opened:
        opened.write(text)
    _close(file)


def close_state() -> None:
    """Close what the course has made in its state folder: earlier versions left it open.

    Raises:
        CourseError: the folder cannot be written.
    """
    folder = state_dir()
    for pattern in _MADE:
        for found in folder.glob(pattern):
            close_to_others(found)


def close_to_others(path: Path) -> None:
    """Close a file, or a folder and all that is in it."""
    _close(path)
    for folder, folders, files in os.walk(path):
        for name in (*folders, *files):
            _close(Path(folder, name))


def _open_private(path: str, flags: int) -> int:
    return os.open(path, flags, PRIVATE)


def _close(path: Path) -> None:
    """Take away what group and others may do; links, and what is not ours, stay as they are."""
    if os.name != "posix":
        return  # Windows keeps a user's folders private by inherited rights
    with contextlib.suppress(OSError):
        mode = path.lstat().st_mode
        shared = mode & stat.S_ISVTX and mode & stat.S_IWOTH  # such as /tmp
        if mode & 0o077 and not shared and not stat.S_ISLNK(mode):
            path.chmod(stat.S_IMODE(mode) & 0o700)
