"""The exercises of lesson 14, the clinic: each mends a patient, and asks for its diagnosis."""

from __future__ import annotations

from rag_tutorials.course.exercises.clinic import patients

EXERCISES = tuple(each.exercise(number) for number, each in enumerate(patients(), start=1))
PREDICTIONS = tuple(each.prediction(number) for number, each in enumerate(patients(), start=1))
