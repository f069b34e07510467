"""The import of Phoenix, and which Phoenix it is."""

from __future__ import annotations

import re
from importlib import metadata
from typing import Any

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.embedded.fast_imports import fast_imports

TESTED_PHOENIX = "20.26"


def import_phoenix() -> Any:
    """Import Phoenix quickly and return the package.

    Raises:
        CourseError: Phoenix is missing or does not import.
    """
    try:
        version = metadata.version("arize-phoenix")
        with fast_imports(leave_out=version_remark(version) is None):
            import phoenix
            import phoenix.otel
            import phoenix.server.app
    except Exception as error:
        raise CourseError(
            f"Phoenix cannot be imported ({sentence_of(error)}); restart the kernel (menu Kernel, "
            "Restart Kernel), and if that does not help, close JupyterLab and run "
            "`python scripts/course.py lab` again, which repairs the environment."
        ) from error
    return phoenix


def version_remark(version: str) -> str | None:
    """Return a sentence if this Phoenix is older or newer than the tested one."""
    have, tested = _release(version), _release(TESTED_PHOENIX)
    if have[: len(tested)] == tested:
        return None
    age = "older" if have < tested else "newer"
    return (
        f"Phoenix {version} is {age} than {TESTED_PHOENIX}, with which the course was tested; if "
        "something looks different, run `python scripts/course.py lab`, which installs that one."
    )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])
