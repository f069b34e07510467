"""The commands behind ``course.py class``: ``python -m`` this module, a name, options as JSON.

``scripts/_class.py`` says what each takes. A function here imports what does the work when it is
called: a table needs no server.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rag_tutorials.classroom.instructor.place import ClassPlace
from rag_tutorials.course.base.errors import CourseError


def serve(folder: str | None, host: str, port: int, database: str | None, url: str | None) -> int:
    """Run the class's Phoenix until it is ended."""
    from rag_tutorials.classroom.instructor import server

    return server.serve(ClassPlace(folder), host, port, database, url)


def add(folder: str | None, file: str | None, shared: int | None, csv: str | None) -> int:
    """Make users and keys, and print their codes."""
    from rag_tutorials.classroom.instructor import people

    place, table = ClassPlace(folder), Path(csv) if csv else None
    if shared is not None:
        return people.add_shared(place, shared, table)
    return people.add(place, Path(file) if file else None, table)


def code(folder: str | None, name: str) -> int:
    """Print a new code for somebody; the old one ends."""
    from rag_tutorials.classroom.instructor import people

    return people.renew(ClassPlace(folder), name)


def remove(folder: str | None, name: str) -> int:
    """End somebody's code and user; what they sent stays."""
    from rag_tutorials.classroom.instructor import people

    return people.remove(ClassPlace(folder), name)


def show(folder: str | None, lesson: str | None, once: bool) -> int:
    """Draw the class as a table."""
    from rag_tutorials.classroom.instructor import table, watching

    _, watch = watching.watch_class(folder)
    return table.show(watch, table.chosen(watch, lesson), once=once)


def page(folder: str | None, port: int) -> int:
    """Serve the class as a page."""
    from rag_tutorials.classroom.instructor import page, watching

    reader, watch = watching.watch_class(folder)
    seen = ClassPlace(folder).server().seen
    # On a hub it is a path below the hub, where this page is not.
    return page.serve(reader, watch, port, seen=seen if "://" in seen else "")


def grade(folder: str | None, csv: str | None, details: str | None) -> int:
    """Judge the class again, say how it went, and write tables."""
    from rag_tutorials.classroom.instructor import grading

    def tell(done: int, of: int) -> None:
        end = "\n\n" if done == of else "\r"
        print(f"Judged again: {done} of {of} students", end=end, file=sys.stderr, flush=True)

    progress = [tell] if sys.stderr.isatty() else []
    if progress:
        print("Judging again ...", end="\r", file=sys.stderr, flush=True)
    graded = grading.grade_class(ClassPlace(folder), *progress)
    print(grading.summary(graded.students, graded.left_out))
    for file, write in ((csv, grading.write_table), (details, grading.write_details)):
        if file:
            write(Path(file), graded.students)
            print(f"\nWritten: {file}")
    return 0


def end(folder: str | None, to: str | None, yes: bool, here: str = ".") -> int:
    """Export everything, then delete users, keys and projects, after asking."""
    from rag_tutorials.classroom.instructor import ending

    return ending.end(ClassPlace(folder), Path(to) if to else None, Path(here), ask=not yes)


COMMANDS: dict[str, Callable[..., int]] = {
    "serve": serve,
    "add": add,
    "code": code,
    "remove": remove,
    "show": show,
    "page": page,
    "grade": grade,
    "end": end,
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; what goes wrong is one sentence."""
    name, options = sys.argv[1:] if arguments is None else arguments
    try:
        status = COMMANDS[name](**json.loads(options))
        sys.stdout.flush()
        return status
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `class show --once | head`: who reads has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == "__main__":
    raise SystemExit(main())
