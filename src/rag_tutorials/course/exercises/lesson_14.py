"""The exercises of lesson 14, the clinic: each mends a patient, and asks for its diagnosis."""

from __future__ import annotations

from rag_tutorials.course.exercises.clinic import numbered
from rag_tutorials.course.exercises.clinic.waiting_room import waiting
from rag_tutorials.course.judging.extra import Extra

EXERCISES = tuple(each.exercise(number) for number, each in numbered().items())
PREDICTIONS = tuple(each.prediction(number) for number, each in numbered().items())
EXTRA = Extra(
    "the waiting room",
    tuple(each.exercise(number) for number, each in waiting().items()),
    tuple(each.prediction(number) for number, each in waiting().items()),
)
