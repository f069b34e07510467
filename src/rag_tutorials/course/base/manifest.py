"""``notebooks/course.toml``: the one list of the lessons."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import course_root


@dataclass(frozen=True, slots=True)
class Lesson:
    """One entry of the manifest; ``name`` is the notebook's file name without ``.ipynb``."""

    name: str
    part: str
    title: str
    why: str
    minutes: tuple[int, int]
    prerequisites: tuple[str, ...]
    objectives: tuple[str, ...]

    @property
    def number(self) -> str:
        """The two digits that the name begins with."""
        return self.name[:2]


def load_lessons(path: Path | None = None) -> tuple[Lesson, ...]:
    """Return the manifest, in the order of the lessons. A process reads it once.

    Raises:
        CourseError: the file is missing or an entry does not fit.
    """
    return _read(path or course_root() / "notebooks" / "course.toml")


@cache
def _read(path: Path) -> tuple[Lesson, ...]:
    try:
        entries = tomllib.loads(path.read_text(encoding="utf-8"))["lesson"]
        return tuple(
            Lesson(
                name=entry["name"],
                part=entry["part"],
                title=entry["title"],
                why=entry["why"],
                minutes=(int(entry["minutes"][0]), int(entry["minutes"][1])),
                prerequisites=tuple(entry["prerequisites"]),
                objectives=tuple(entry["objectives"]),
            )
            for entry in entries
        )
    except (OSError, tomllib.TOMLDecodeError, KeyError, TypeError, ValueError, IndexError) as error:
        raise CourseError(
            f"{path} cannot be read as the course's manifest ({sentence_of(error)}); "
            "restore it with `git checkout -- notebooks/course.toml`."
        ) from error


def find_lesson(wanted: str) -> Lesson:
    """Return the lesson with this number (``"01"``) or name.

    Raises:
        CourseError: there is none; the message lists what there is.
    """
    lessons = load_lessons()
    for lesson in lessons:
        if wanted in (lesson.number, lesson.name):
            return lesson
    known = ", ".join(lesson.number for lesson in lessons)
    raise CourseError(f"There is no lesson {wanted!r}; there are {known}.")
