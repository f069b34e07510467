"""The command that shows what a student has passed, or forgets it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.base.manifest import find_lesson
from rag_tutorials.course.student.confirm import confirmed
from rag_tutorials.course.student.kept import reset
from rag_tutorials.course.student.table import table


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the progress, or with ``--reset [LESSON]`` forget it after asking."""
    parser = argparse.ArgumentParser(prog="progress", description="What you have passed.")
    parser.add_argument(
        "--reset",
        nargs="?",
        const="all",
        metavar="LESSON",
        help="forget what was passed in a lesson (01), or in all",
    )
    parser.add_argument("--yes", action="store_true", help="reset without asking")
    options = parser.parse_args(arguments)
    if options.reset is None:
        print(table())
        return 0
    try:
        lesson = None if options.reset == "all" else find_lesson(options.reset).number
    except CourseError as error:
        print(error, file=sys.stderr)
        return 2
    what = f"lesson {lesson}" if lesson else "all lessons"
    if not (options.yes or confirmed(f"Forget what you passed in {what}?")):
        return 1
    print(f"Forgotten: {reset(lesson)} passed in {what}.")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
