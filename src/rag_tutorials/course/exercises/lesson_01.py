"""The exercises of lesson 01, manual spans."""

from __future__ import annotations

from rag_tutorials.course.checks import Exercise

EXERCISES: tuple[Exercise, ...] = ()
