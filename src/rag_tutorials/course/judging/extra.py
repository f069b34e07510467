"""What a lesson has for whoever likes: it is judged as all else, and belongs to no proof or sum."""

from __future__ import annotations

from dataclasses import dataclass

from rag_tutorials.course.judging.exercise import Exercise
from rag_tutorials.course.judging.prediction import Prediction


@dataclass(frozen=True, slots=True)
class Extra:
    """Exercises and predictions beside those of a lesson, under a name; their numbers go on."""

    name: str = ""
    exercises: tuple[Exercise, ...] = ()
    predictions: tuple[Prediction, ...] = ()
