"""Find the exercises, one module a lesson: ``lesson_01.py`` holds ``EXERCISES`` of lesson 01."""

from __future__ import annotations

import importlib
import re
from importlib import resources

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.judging.exercise import Exercise

_PACKAGE = "rag_tutorials.course.exercises"  # found by name: nothing here imports upwards
_LESSON = re.compile(r"lesson_(\d\d)\.py")


def lessons() -> tuple[str, ...]:
    """Return the numbers of the lessons that have exercises, in order."""
    files = resources.files(_PACKAGE).iterdir()
    found = (_LESSON.fullmatch(file.name) for file in files)
    return tuple(sorted(match[1] for match in found if match))


def of_lesson(number: str) -> tuple[Exercise, ...]:
    """Return a lesson's exercises, in order; none for a lesson without."""
    if number not in lessons():
        return ()
    module = importlib.import_module(f"{_PACKAGE}.lesson_{number}")
    return tuple(module.EXERCISES)


def find(exercise_id: str) -> Exercise:
    """Return the exercise with this id, ``"01.1"``.

    Raises:
        CourseError: there is none; the sentence lists those of the lesson.
    """
    known = of_lesson(str(exercise_id)[:2])
    for exercise in known:
        if exercise.id == exercise_id:
            return exercise
    ids = ", ".join(exercise.id for exercise in known) or "no exercises"
    raise CourseError(
        f"There is no exercise {exercise_id!r}; lesson {str(exercise_id)[:2]} has {ids}."
    )
