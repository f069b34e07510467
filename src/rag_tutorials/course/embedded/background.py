"""Import Phoenix while the student still reads, so that the opening cell is quick.

The JupyterLab that the course opens starts this in its kernels (``scripts/lab/ipython``). It prints
nothing and promises nothing: whatever is missing afterwards, ``prepare`` does in the foreground.
"""

from __future__ import annotations

import contextlib
import threading
import time

from rag_tutorials.course.embedded.environment import lent_folder
from rag_tutorials.course.embedded.opening import make_ready
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.storage import traces_dir
from rag_tutorials.course.embedded.work import Work

THREAD_NAME = "import-phoenix"
PATIENCE_S = 120.0


def import_phoenix() -> None:
    """Import Phoenix in the calling thread, whose name is ``THREAD_NAME``; failures are silent."""
    with contextlib.suppress(Exception), lent_folder(traces_dir() / "shared"):
        make_ready(None)


def import_now(phoenix: EmbeddedPhoenix) -> None:
    """Make Phoenix ready.

    An interrupt would leave a package half imported, which nothing but a new kernel mends. So it
    ends the waiting alone, and the next call waits for the same import.

    Raises:
        CourseError: as ``make_ready``.
    """
    join()
    Work(lambda: make_ready(phoenix), THREAD_NAME).wait()


def join(patience: float = PATIENCE_S) -> None:
    """Wait until an import that is under way, if there is one, has ended.

    Two threads that import at once can meet half-made modules.
    """
    deadline = time.monotonic() + patience
    for thread in threading.enumerate():
        if thread.name == THREAD_NAME and thread is not threading.current_thread():
            while thread.is_alive() and time.monotonic() < deadline:
                time.sleep(0.01)  # an interrupted join takes the thread for ended
