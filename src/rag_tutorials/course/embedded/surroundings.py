"""Settings of Python under which Phoenix cannot run: named, or taken out of the way."""

from __future__ import annotations

import socket
import sys
import warnings

from rag_tutorials.course.base.errors import CourseError


def make_fit() -> None:
    """Look at the Python that this kernel runs in.

    Warnings are no errors here, whatever ``PYTHONWARNINGS`` says: a library's would stop Phoenix.

    Raises:
        CourseError: it cannot run Phoenix; the sentence says what to do.
    """
    if sys.flags.optimize >= 2:
        raise CourseError(
            "Python runs without docstrings here, and Phoenix does not import without its own; "
            "remove PYTHONOPTIMIZE from the environment and start JupyterLab again."
        )
    if socket.socket.__module__.startswith("gevent"):
        raise CourseError(
            "gevent has put its own sockets and threads in the place of Python's, on which Phoenix "
            "hangs; restart the kernel (menu Kernel, Restart Kernel) and leave out "
            "monkey.patch_all()."
        )
    for one in list(warnings.filters):
        if one[0] == "error" and one[2] is Warning and one[1] is None and one[3] is None:
            warnings.filters.remove(one)  # type: ignore[attr-defined]
