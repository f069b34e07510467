"""Find the content, one module a lesson: ``lesson_01.py`` holds ``EXERCISES`` of lesson 01.

Beside them a module may hold ``PREDICTIONS``, and ``EXTRA`` ones. ``quizzes.py`` holds ``QUIZZES``.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Sequence
from importlib import resources
from typing import Any, Protocol, TypeVar

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.judging.exercise import Exercise
from rag_tutorials.course.judging.extra import Extra
from rag_tutorials.course.judging.prediction import Prediction
from rag_tutorials.course.judging.quiz import Quiz

_PACKAGE = "rag_tutorials.course.exercises"  # found by name: nothing here imports upwards
_LESSON = re.compile(r"lesson_(\d\d)\.py")


class _Numbered(Protocol):
    @property
    def id(self) -> str: ...


Known = TypeVar("Known", bound=_Numbered)


def lessons() -> tuple[str, ...]:
    """Return the numbers of the lessons that have exercises, in order."""
    files = resources.files(_PACKAGE).iterdir()
    found = (_LESSON.fullmatch(file.name) for file in files)
    return tuple(sorted(match[1] for match in found if match))


def of_lesson(number: str) -> tuple[Exercise, ...]:
    """Return a lesson's exercises, in order; none for a lesson without."""
    return tuple(_content(number, "EXERCISES", ()))


def predictions_of(number: str) -> tuple[Prediction, ...]:
    """Return a lesson's predictions, in order; none for a lesson without."""
    return tuple(_content(number, "PREDICTIONS", ()))


def extra_of(number: str) -> Extra:
    """Return what a lesson has beside these, for whoever likes."""
    extra: Extra = _content(number, "EXTRA", Extra())
    return extra


def find(exercise_id: str) -> Exercise:
    """Return the exercise with this id, ``"01.1"``.

    Raises:
        CourseError: there is none; the sentence lists those of the lesson.
    """
    number = str(exercise_id)[:2]
    return _find("exercise", exercise_id, (*of_lesson(number), *extra_of(number).exercises))


def find_prediction(prediction_id: str) -> Prediction:
    """Return the prediction with this id, ``"01.a"``.

    Raises:
        CourseError: there is none; the sentence lists those of the lesson.
    """
    number = str(prediction_id)[:2]
    known = (*predictions_of(number), *extra_of(number).predictions)
    return _find("prediction", prediction_id, known)


def find_quiz(name: str) -> Quiz:
    """Return the quiz with this name, ``"entrance"``.

    Raises:
        CourseError: there is none; the sentence lists what there is.
    """
    known: Sequence[Quiz] = importlib.import_module(f"{_PACKAGE}.quizzes").QUIZZES
    for one in known:
        if one.name == name:
            return one
    names = ", ".join(one.name for one in known)
    raise CourseError(f"There is no quiz {name!r}; there are {names}.")


def _content(number: str, name: str, none: Any) -> Any:
    if number not in lessons():
        return none
    return getattr(importlib.import_module(f"{_PACKAGE}.lesson_{number}"), name, none)


def _find(what: str, wanted: str, known: Sequence[Known]) -> Known:
    for one in known:
        if one.id == wanted:
            return one
    ids = ", ".join(one.id for one in known) or f"no {what}s"
    raise CourseError(f"There is no {what} {wanted!r}; lesson {str(wanted)[:2]} has {ids}.")
