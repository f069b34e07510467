"""The definitions of the exercises fit the lessons, and CONTRIBUTING's examples work."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rag_tutorials.course import checks, exercises
from rag_tutorials.course.errors import CourseError
from rag_tutorials.course.expected import Rule
from rag_tutorials.course.manifest import load_lessons

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("lesson", exercises.lessons())
def test_a_lessons_definitions(lesson: str) -> None:
    assert lesson in {each.number for each in load_lessons()}
    some = exercises.of_lesson(lesson)
    assert [one.id for one in some] == [f"{lesson}.{number}" for number in range(1, len(some) + 1)]
    assert len({one.title for one in some}) == len(some)
    for one in some:
        assert exercises.find(one.id) is one
        assert len(set(one.hints)) == 3, f"{one.id} needs three different hints"
        asks = isinstance(one.returns, Rule)  # of another backend, say, than this Phoenix
        assert one.expect or one.facts or one.also or asks, f"{one.id} looks at nothing"
        assert one.run or not (one.raises or one.returns), f"{one.id} runs nothing"


def test_an_unknown_exercise_names_the_known_ones() -> None:
    known = ", ".join(one.id for one in exercises.of_lesson("01"))
    with pytest.raises(CourseError, match=re.escape(f"lesson 01 has {known}")):
        exercises.find("01.99")
    with pytest.raises(CourseError, match="lesson xx has no exercises"):
        exercises.find("xx")


def test_the_examples_in_contributing_run() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    module, tree = re.findall(r"```python\n(.*?)```", text, re.S)
    names: dict[str, object] = {}
    exec(module, names)
    made = names["EXERCISES"]
    assert isinstance(made, tuple)
    assert all(isinstance(one, checks.Exercise) for one in made)
    assert isinstance(eval(tree, names), checks.ExpectedSpan)
