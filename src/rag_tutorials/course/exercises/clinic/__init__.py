"""The patients of lesson 14, one file each: ``p01_….py`` holds the ``PATIENT`` number 1."""

from __future__ import annotations

import importlib
import re
from importlib import resources

from rag_tutorials.course.exercises.clinic.patient import Patient

_FILE = re.compile(r"(p\d\d_\w+)\.py")


def patients() -> tuple[Patient, ...]:
    """Return the patients in the order of their numbers."""
    files = (_FILE.fullmatch(file.name) for file in resources.files(__name__).iterdir())
    names = sorted(match[1] for match in files if match)
    return tuple(importlib.import_module(f"{__name__}.{name}").PATIENT for name in names)
