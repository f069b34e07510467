"""Phoenix made ready in this kernel: its environment, its import, the course's guards."""

from __future__ import annotations

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded import environment, launching, registering
from rag_tutorials.course.embedded.absence import give_up_at_once
from rag_tutorials.course.embedded.event_loops import mend_nest_asyncio
from rag_tutorials.course.embedded.importing import TESTED_PHOENIX, import_phoenix
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.whole_spans import keep_spans_whole


def make_ready(phoenix: EmbeddedPhoenix | None) -> None:
    """Set Phoenix's environment, import it, and put the course's guards around it.

    ``None``: before it is known which Phoenix it will be.

    Raises:
        CourseError: Phoenix is missing, does not import, or is another than the course needs.
    """
    mend_nest_asyncio()
    environment.keep_quiet()
    environment.remove_foreign()
    if phoenix is not None:
        phoenix.use_port(phoenix.port)
        phoenix.mishaps.listen()
    package = import_phoenix()
    try:
        keep_spans_whole(package)
        if phoenix is not None:
            give_up_at_once(package, phoenix)
        launching.guard(package, phoenix)
        registering.guard(package, phoenix)
    except AttributeError as error:
        raise CourseError(
            f"Phoenix {package.__version__} does not have what the course builds on "
            f"({error}); it was tested with {TESTED_PHOENIX}: run `python scripts/course.py lab` "
            "again, which installs it."
        ) from error
