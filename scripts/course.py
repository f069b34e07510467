"""The course's commands; ``--help`` lists them. Needs Python alone.

This file keeps to syntax that every Python can read, so that an old one gets a sentence, not a
SyntaxError. The commands themselves are in _cli.py.
"""

import sys

NEEDED = "The course needs a 64-bit Python 3.11, 3.12, 3.13 or 3.14"

if not (3, 11) <= sys.version_info[:2] < (3, 15) or sys.maxsize < 2**32:
    sys.exit(
        NEEDED
        + "; this is "
        + sys.version.split()[0]
        + ("" if sys.maxsize > 2**32 else ", 32-bit")
        + " ("
        + sys.executable
        + ").\nInstall one and use it for the same command, as in: python3.12 scripts/course.py lab"
    )

from _cli import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
