"""The patients of lesson 14, one file each: ``p01_….py`` holds the ``PATIENT`` number 1.

Those of the notebook are here; the numbers go on in ``waiting_room``.
"""

from __future__ import annotations

import importlib
import re
from importlib import resources

from rag_tutorials.course.exercises.clinic.patient import Patient

_FILE = re.compile(r"p(\d\d)_\w+\.py")


def numbered(package: str = __name__) -> dict[int, Patient]:
    """Return the patients whose files are in a package, by number, in order."""
    files = sorted(file.name for file in resources.files(package).iterdir())
    return {
        int(match[1]): importlib.import_module(f"{package}.{match[0][:-3]}").PATIENT
        for match in map(_FILE.fullmatch, files)
        if match
    }


def patients() -> tuple[Patient, ...]:
    """Return the patients of the notebook in the order of their numbers."""
    return tuple(numbered().values())
