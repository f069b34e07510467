"""Import Phoenix while the student still reads, so that the opening cell is quick.

The JupyterLab that the course opens starts this in its kernels (``scripts/lab/ipython``). It prints
nothing and promises nothing: whatever is missing afterwards, ``prepare`` does in the foreground.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Iterator

from rag_tutorials.course.base.places import state_dir
from rag_tutorials.course.embedded import phoenix_server

THREAD_NAME = "import-phoenix"
PATIENCE_S = 120.0


def import_phoenix() -> None:
    """Import Phoenix in the calling thread, whose name is ``THREAD_NAME``; failures are silent."""
    with contextlib.suppress(Exception), _working_folder():
        phoenix_server.keep_quiet()
        phoenix_server.import_phoenix()


def join(patience: float = PATIENCE_S) -> None:
    """Wait until the import in the background, if there is one, has ended.

    Two threads that import at once can meet half-made modules. In short steps, because on Windows
    nothing interrupts a long one.
    """
    deadline = time.monotonic() + patience
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME and thread is not threading.current_thread():
            while thread.is_alive() and time.monotonic() < deadline:
                thread.join(0.1)


@contextlib.contextmanager
def _working_folder() -> Iterator[None]:
    """Lend Phoenix a folder, which its import makes: in the home folder unless told otherwise."""
    if phoenix_server.WORKING_DIR in os.environ:
        yield
        return
    os.environ[phoenix_server.WORKING_DIR] = str(state_dir() / "phoenix" / "shared")
    try:
        yield
    finally:
        del os.environ[phoenix_server.WORKING_DIR]
