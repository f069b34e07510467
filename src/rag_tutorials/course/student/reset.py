"""Begin anew: clear the traces and the progress of one lesson, or of all."""

from __future__ import annotations

import argparse
import contextlib
import re
import shutil
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from filelock import FileLock, Timeout

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.manifest import Lesson, find_lesson
from rag_tutorials.course.base.places import PRIVATE
from rag_tutorials.course.embedded.storage import LOCK, traces_dir
from rag_tutorials.course.student import kept
from rag_tutorials.course.student.confirm import confirmed


@contextlib.contextmanager
def held(lesson: Lesson | None) -> Iterator[list[Path]]:
    """Hold the traces' folders of a lesson, or all, as a kernel does, and give their paths.

    Raises:
        CourseError: a kernel holds one of them, or a folder cannot be used; none is held then.
    """
    parent = traces_dir()
    folders = sorted(folder for folder in parent.glob("*") if folder.is_dir())
    if lesson is not None:  # a second kernel of the lesson has a folder NAME-2
        name = re.compile(rf"{re.escape(lesson.name)}(-\d+)?")
        folders = [folder for folder in folders if name.fullmatch(folder.name)]
    busy = []
    with contextlib.ExitStack() as stack:
        for folder in folders:
            try:
                stack.enter_context(FileLock(folder / LOCK, mode=PRIVATE, blocking=False))
            except Timeout:
                busy.append(folder.name)
            except OSError as error:
                raise CourseError(
                    f"The traces' folder {folder} cannot be used ({sentence_of(error)}); make it "
                    "yours, or remove it by hand."
                ) from error
        if busy:
            raise CourseError(
                f"{' and '.join(busy)} {'is' if len(busy) == 1 else 'are'} open in a kernel, which "
                "holds the traces; close it (JupyterLab: menu Kernel, Shut Down All Kernels) and "
                "run the same command again. Nothing was changed."
            )
        yield folders


def size_of(folder: Path) -> int:
    """Return how many bytes the traces in a folder take."""
    return sum(
        file.stat().st_size for file in folder.rglob("*") if file.is_file() and file.name != LOCK
    )


def clear(folder: Path) -> None:
    """Remove all that a held folder has but its lock, so that nobody locks a ghost.

    Raises:
        CourseError: a file cannot be removed.
    """
    for entry in folder.iterdir():
        try:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            elif entry.name != LOCK:
                entry.unlink()
        except OSError as error:
            raise CourseError(
                f"{entry} cannot be removed ({sentence_of(error)}); close the program that uses it "
                "and run the same command again."
            ) from error


def main(arguments: Sequence[str] | None = None) -> int:
    """Clear traces and progress after asking; return the exit status."""
    parser = argparse.ArgumentParser(prog="reset", description=(__doc__ or "").strip())
    parser.add_argument("lesson", nargs="?", help="a lesson, such as 01; without it, all")
    parser.add_argument("--yes", action="store_true", help="clear without asking")
    options = parser.parse_args(arguments)
    try:
        lesson = find_lesson(options.lesson) if options.lesson else None
        number = lesson.number if lesson else ""
        what = f"lesson {number}" if lesson else "all lessons"
        with held(lesson) as folders:
            megabytes = sum(map(size_of, folders)) / 1e6
            passed = sum(one.startswith(number) for one in kept.passed())
            found = f"{megabytes:.1f} MB of traces and {passed} passed exercises of {what}"
            question = f"Clear {found}? Your notebooks stay as they are."
            if not (options.yes or confirmed(question)):
                return 1
            for folder in folders:
                clear(folder)
            kept.reset(number or None)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    print(f"Cleared: {found}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
