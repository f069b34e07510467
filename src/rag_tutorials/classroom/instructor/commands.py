"""The commands behind ``course.py class``: ``python -m`` this module, a name, options as JSON.

``scripts/_class.py`` says what each takes. A function here imports what does the work when it is
called: a table needs no server.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rag_tutorials.course.base.errors import CourseError


def show(folder: str | None, lesson: str | None, once: bool) -> int:
    """Draw the class as a table."""
    from rag_tutorials.classroom.instructor import table, watching

    _, watch = watching.watch_class(folder)
    return table.show(watch, table.chosen(watch, lesson), once=once)


def page(folder: str | None, port: int) -> int:
    """Serve the class as a page."""
    from rag_tutorials.classroom.instructor import page, watching

    reader, watch = watching.watch_class(folder)
    return page.serve(reader, watch, port)


def grade(folder: str | None, csv: str | None, details: str | None) -> int:
    """Judge the class again, say how it went, and write tables."""
    from rag_tutorials.classroom.instructor import grading
    from rag_tutorials.classroom.instructor.place import ClassPlace

    place = ClassPlace(folder)
    students = grading.grade_class(place)
    print(grading.summary(students))
    for file, write in ((csv, grading.write_table), (details, grading.write_details)):
        if file:
            write(Path(file), students)
            print(f"\nWritten: {file}")
    return 0


COMMANDS: dict[str, Callable[..., int]] = {"show": show, "page": page, "grade": grade}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; what goes wrong is one sentence."""
    name, options = sys.argv[1:] if arguments is None else arguments
    try:
        return COMMANDS[name](**json.loads(options))
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    raise SystemExit(main())
