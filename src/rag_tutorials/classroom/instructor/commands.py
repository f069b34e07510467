"""The commands behind ``course.py class``: ``python -m`` this module, a name, options as JSON.

``scripts/_class.py`` says what each takes. A function here imports what does the work when it is
called: a table needs no server.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Sequence

from rag_tutorials.course.base.errors import CourseError

COMMANDS: dict[str, Callable[..., int]] = {}


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
