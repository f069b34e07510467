"""The commands ``join`` and ``leave``: ``python -m`` this module, the name, what follows it.

The code comes in ``COURSE_CLASS``, not among the arguments, which every user of the machine reads.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from rag_tutorials.classroom.student.joining import enter, leave, parser
from rag_tutorials.course.base.companion import VARIABLE
from rag_tutorials.course.base.errors import CourseError

_OPEN_ALREADY = (
    "A notebook that is open already joins at the latest when its cell with `prepare` runs again."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status; what goes wrong is one sentence."""
    command, *rest = sys.argv[1:] if arguments is None else arguments
    try:
        if command == "leave":
            leave()
            return 0
        options = parser().parse_args(rest)
        code = options.code or os.environ.pop(VARIABLE, "") or input("Your class code: ")
        enter(code, options.name, options.verdicts_only)
        print(_OPEN_ALREADY)
    except CourseError as error:
        print(error, file=sys.stderr)
        return 1
    except (EOFError, KeyboardInterrupt):
        print("\nNothing was changed.", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
