"""The definitions of the exercises fit the lessons, and CONTRIBUTING's examples work."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.comparing import mistakes_of, wrong_parts
from rag_tutorials.course.judging.exercise import Exercise
from rag_tutorials.course.judging.expected import ExpectedSpan, Rule
from rag_tutorials.course.judging.prediction import Prediction
from rag_tutorials.course.judging.seen import Seen

ROOT = Path(__file__).parents[4]


@pytest.mark.parametrize("lesson", catalog.lessons())
def test_a_lessons_definitions(lesson: str) -> None:
    assert lesson in {each.number for each in load_lessons()}
    some = catalog.of_lesson(lesson)
    assert [one.id for one in some] == [f"{lesson}.{number}" for number in range(1, len(some) + 1)]
    assert len({one.title for one in some}) == len(some)
    for one in some:
        assert catalog.find(one.id) is one
        assert len(set(one.hints)) == 3, f"{one.id} needs three different hints"
        asks = isinstance(one.returns, Rule)  # of another backend, say, than this Phoenix
        looks = one.expect or one.facts or one.also or one.holds or asks
        assert looks or one.id == "08.3", f"{one.id} looks at nothing"  # whose run looks
        assert 1 <= one.minutes <= 15
        assert one.run or not (one.raises or one.returns), f"{one.id} runs nothing"


def test_an_unknown_exercise_names_the_known_ones() -> None:
    known = ", ".join(one.id for one in catalog.of_lesson("01"))
    with pytest.raises(CourseError, match=re.escape(f"lesson 01 has {known}")):
        catalog.find("01.99")
    with pytest.raises(CourseError, match="lesson xx has no exercises"):
        catalog.find("xx")


@pytest.mark.parametrize(
    ("answer", "truth", "wrong"),
    [
        (("a", "x"), ("a", "b"), ["'x', the second of your answers"]),
        (("x", "y"), ("a", "b"), ["'x', the first of your answers", "'y', the second"]),
        ({"lost": [3], "ratio": 0.3}, {"lost": [3], "ratio": 0.4}, ["0.3 for 'ratio'"]),
        ({"lost": [3]}, {"lost": [3], "ratio": 0.4}, ["Your answer has no 'ratio'"]),
        (("a",), ("a", "b"), ["('a',) is not what the trace says"]),
        ((1, 2, 3, 5), (1, 2, 3, 4), ["(1, 2, 3, 5) is not what the trace says"]),
        ({"lost": [3], "found": 1}, {"lost": [3]}, ["{'lost': [3], 'found': 1} is not what"]),
        (3, 4, ["3 is not what the trace says"]),
        ([2], 2, ["[2] is a collection; one value is needed"]),
        ({"a"}, "a", ["{'a'} is a collection; one value is needed"]),
        ("a, b", ["a", "b"], ["'a, b' is one text; a list is needed here"]),
        ("a", ["a", "b"], ["'a' is not what the trace says"]),  # one may stand for one
        ("a, c", {"a, b"}, ["'a, c' is one text; a list is needed here"]),
        ({"root": "3"}, {"root": 3}, ["'3' for 'root' is text; a number is needed here"]),
    ],
)
def test_the_part_that_is_wrong_is_named(answer: Any, truth: Any, wrong: list[str]) -> None:
    said = wrong_parts(answer, truth)
    assert len(said) == len(wrong)
    for sentence, beginning in zip(said, wrong, strict=True):
        assert sentence.startswith(beginning)


class MuteError(Exception):
    """Its text cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    ("error", "where", "said"),
    [
        (ValueError("no such section."), "", "ValueError: no such section."),
        (ValueError("no such section ..."), " in line 3", "ValueError: no such section in line 3."),
        (ValueError("which section?"), "", "ValueError: which section?"),
        (ValueError("which section?"), " in line 3", "ValueError: which section? in line 3."),
        (ValueError("first\nsecond"), "", "ValueError: first."),
        (KeyError(), "", "KeyError."),
        (MuteError(), " in line 3", "MuteError in line 3."),
    ],
)
def test_an_error_is_told_in_a_sentence_with_one_mark_at_its_end(
    error: Exception, where: str, said: str
) -> None:
    course: Any = None
    seen = Seen(course, (), error=error, where=where)
    first, *_ = mistakes_of(catalog.find("01.2"), seen, ())
    assert first.sentence == f"Your code raised {said}"


def test_the_examples_in_contributing_run() -> None:
    text = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    predictions, module, tree = re.findall(r"```python\n(.*?)```", text, re.S)
    names: dict[str, object] = {}
    exec(predictions, names)
    exec(module, names)
    assert isinstance(names["PREDICTIONS"], tuple)
    assert all(isinstance(one, Prediction) for one in names["PREDICTIONS"])
    made = names["EXERCISES"]
    assert isinstance(made, tuple)
    assert all(isinstance(one, Exercise) for one in made)
    assert isinstance(eval(tree, names), ExpectedSpan)
