"""A look at the class as the page's script takes it: numbers, words and lists, no key."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

from rag_tutorials.classroom.instructor.standing import (
    NOTHING,
    STUCK,
    Limits,
    Plan,
    Standing,
    Student,
)
from rag_tutorials.classroom.instructor.watching import Look, Watch

_SENTENCES = 8  # of an exercise


def shown(look: Look, watch: Watch, numbers: Mapping[str, int]) -> dict[str, Any]:
    """Return what the page shows.

    Args:
        look: What is shown.
        watch: Whose lessons and limits these are.
        numbers: A number for each student, which stands for the name in addresses.
    """
    here = look.standing
    signs: dict[str, list[str]] = {slug: [] for slug in here.students}
    for sign in here.signs:
        signs[sign.student].append(sign.word)
    stuck_at = {sign.student: sign.exercise for sign in here.signs if sign.word == STUCK}
    return {
        "read": look.read.isoformat() if look.read else None,
        "trouble": look.trouble,
        "words": dict(watch.limits.words),
        "lesson": here.lesson,
        "present": len(here.present),
        "lessons": [_lesson(plan, look) for plan in watch.plans],
        "students": [
            {
                "number": numbers[slug],
                "name": look.names[slug],
                "lesson": one.lesson,
                "signs": signs[slug],
                "ago": None
                if one.heard is None
                else int((here.at - one.heard).total_seconds() / 60),
                "trace": one.newest is not None,
                "dropped": one.dropped,
                "opened": sorted(one.opened),
                "quizzes": {name: list(marks) for name, marks in one.quizzes.items()},
                "cells": {
                    exercise: [STUCK if exercise == stuck_at.get(slug) else cell.state, cell.tries]
                    for exercise, cell in one.cells.items()
                },
            }
            for slug, one in here.students.items()
        ],
        "signs": [
            {
                "word": one.word,
                "student": numbers[one.student],
                "exercise": one.exercise,
                "tries": one.tries,
                "minutes": one.minutes,
            }
            for one in here.signs
        ],
        "said": {
            exercise: [
                {
                    "text": one.example,
                    "students": [numbers[slug] for slug in one.students],
                    "now": len(one.now),
                    "checks": one.checks,
                }
                for one in some[:_SENTENCES]
            ]
            for exercise, some in look.said.items()
        },
        "alike": _alike(look, watch.limits),
        "quizzes": _quizzes(here),
    }


def cell_words(one: Student, exercise: str) -> dict[str, Any]:
    """Return what is known of one student's work on one exercise."""
    cell = one.cells.get(exercise)
    if cell is None:
        return {"state": NOTHING, "tries": 0, "sentence": "", "when": None}
    return {
        "state": cell.state,
        "tries": cell.tries,
        "sentence": cell.sentence,
        "when": cell.last.when.isoformat(),
    }


def _lesson(plan: Plan, look: Look) -> dict[str, Any]:
    everybody = look.standing.students.values()
    passed = {task.id: sum(task.id in one.passed for one in everybody) for task in plan.exercises}
    return {
        "number": plan.number,
        "title": plan.title,
        "here": sum(
            look.standing.students[slug].lesson == plan.number for slug in look.standing.present
        ),
        "exercises": [
            {"id": task.id, "title": task.title, "passed": passed[task.id]}
            for task in plan.exercises
        ],
        "predictions": [
            {
                "id": task.id,
                "title": task.title,
                "right": sum(one.guesses.get(task.id, False) for one in everybody),
                "made": sum(task.id in one.guesses for one in everybody),
            }
            for task in plan.predictions
        ],
    }


def _alike(look: Look, limits: Limits) -> list[dict[str, Any]]:
    """Return the exercises where many of those present were told the same and have not passed."""
    here, need = look.standing, limits.alike_students
    found = []
    for exercise, some in look.said.items():
        for one in some:
            now = here.present.intersection(one.now)
            if len(now) >= max(need, limits.alike_share * len(here.present)):
                found.append({"exercise": exercise, "students": len(now), "text": one.example})
    return sorted(found, key=lambda one: (-int(one["students"]), str(one["exercise"])))


def _quizzes(here: Standing) -> dict[str, dict[str, Any]]:
    """Return of each quiz how many did it, and the median of right answers."""
    marks: dict[str, list[tuple[int, int]]] = {}
    for one in here.students.values():
        for name, each in one.quizzes.items():
            marks.setdefault(name, []).append(each)
    return {
        name: {
            "students": len(some),
            "median": median(right for right, _ in some),
            "of": max(of for _, of in some),
        }
        for name, some in marks.items()
    }
