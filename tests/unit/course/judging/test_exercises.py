"""The definitions of the exercises fit the lessons, and CONTRIBUTING's examples work."""

from __future__ import annotations

import contextvars
import re
from pathlib import Path
from typing import Any

import httpx2
import pytest
from opentelemetry import baggage, context

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.judging import catalog, checks
from rag_tutorials.course.judging.expected import Rule
from rag_tutorials.course.judging.prediction import Prediction

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
        assert one.expect or one.facts or one.also or asks, f"{one.id} looks at nothing"
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
    ],
)
def test_the_part_that_is_wrong_is_named(answer: Any, truth: Any, wrong: list[str]) -> None:
    said = checks._wrong_parts(answer, truth)
    assert len(said) == len(wrong)
    for sentence, beginning in zip(said, wrong, strict=True):
        assert sentence.startswith(beginning)


@pytest.mark.parametrize(
    ("passage", "tells"), [("Your code is Q-2290-B.", True), ("Your code is secret.", False)]
)
def test_a_model_that_is_not_told_the_code_is_seen(passage: str, tells: bool) -> None:
    answers = httpx2.MockTransport(lambda request: httpx2.Response(200, json={}))

    def my_door(code: str) -> str:
        with httpx2.Client(transport=answers) as client:
            client.post("http://model.test/v1/chat/completions", json={"messages": [passage]})
        return "your code"

    run = catalog.find("04.3").run
    assert run is not None
    if tells:
        assert run(None, my_door) == "your code"
    else:
        with pytest.raises(checks.MistakeError, match="not told the code"):
            run(None, my_door)


def test_baggage_that_is_left_attached_is_seen() -> None:
    def research(questions: object, session_id: str, detaches: bool = False) -> list[str]:
        token = context.attach(baggage.set_baggage("session.id", session_id))
        if detaches:
            context.detach(token)
        return ["passage"]

    run = catalog.find("06.3").run
    assert run is not None
    with pytest.raises(checks.MistakeError, match=r"`session.id` is still attached as baggage"):
        contextvars.copy_context().run(run, None, research)
    clean = contextvars.copy_context().run(
        run, None, lambda questions, session_id: research(questions, session_id, detaches=True)
    )
    assert clean == ["passage"]


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
    assert all(isinstance(one, checks.Exercise) for one in made)
    assert isinstance(eval(tree, names), checks.ExpectedSpan)
