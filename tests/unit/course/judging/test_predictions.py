"""Predictions: what a guess may be, what is said of it, and that the notebooks ask them all."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.judging import catalog, proof
from rag_tutorials.course.judging.answers import agrees
from rag_tutorials.course.judging.prediction import Prediction, Revealed

NOTEBOOKS = Path(__file__).parents[4] / "notebooks"
SPANS = Prediction(id="98.a", title="How many spans?", truth=len, answer=3, because="Three steps.")
STATUS = Prediction(
    id="98.b",
    title="Which status?",
    truth=lambda value: value["status"],
    answer="OK",
    because="`handle` sets it.",
    choices=("OK", "ERROR", "UNSET"),
)


@pytest.mark.parametrize("number", catalog.lessons())
def test_a_lessons_predictions(number: str) -> None:
    some = catalog.predictions_of(number)
    assert [one.id for one in some] == [f"{number}.{'abcdefghijkl'[n]}" for n in range(len(some))]
    for one in some:
        assert catalog.find_prediction(one.id) is one
        assert one.refusal(one.answer) is None, f"the answer of {one.id} is none of its choices"
        assert 1 <= one.because.count(". ") + 1 <= 3, f"{one.id}: one to three sentences why"
        same = [choice for choice in one.choices or () if agrees(choice, one.answer)]
        assert len(same) == (one.choices is not None), f"two choices of {one.id} are alike"


def calls(name: str) -> Iterator[tuple[tuple[int, int], str, str]]:
    """Yield cell and line, predict or reveal, and the id, in order."""
    cells = json.loads((NOTEBOOKS / f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    for cell_number, cell in enumerate(cells):
        text = "".join(cell["source"])
        if cell["cell_type"] != "code" or "course." not in text or text.startswith("%%"):
            continue
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                what = node.func.attr
                if what in ("predict", "reveal") and ast.unparse(node.func.value) == "course":
                    yield (cell_number, node.lineno), what, ast.literal_eval(node.args[0])


@pytest.mark.parametrize("lesson", load_lessons(), ids=lambda lesson: lesson.name)
def test_a_notebook_asks_each_prediction_once_and_reveals_it_below(lesson: Any) -> None:
    wanted = [one.id for one in catalog.predictions_of(lesson.number)]
    asked = {each: cell for cell, what, each in calls(lesson.name) if what == "predict"}
    revealed = {each: cell for cell, what, each in calls(lesson.name) if what == "reveal"}
    assert [each for _, what, each in calls(lesson.name) if what == "predict"] == wanted
    assert [each for _, what, each in calls(lesson.name) if what == "reveal"] == wanted
    assert all(asked[each] < revealed[each] for each in wanted)


def test_an_unknown_prediction_names_the_known_ones() -> None:
    with pytest.raises(CourseError, match=r"There is no prediction '98.z'; lesson 98 has no pred"):
        catalog.find_prediction("98.z")


@pytest.mark.parametrize(
    ("prediction", "guess", "sentence"),
    [
        (SPANS, "3", "'3' is text; a number is needed here, without quotes."),
        (STATUS, "FINE", "'FINE' is none of the choices: 'OK', 'ERROR', 'UNSET'."),
        (STATUS, 3, "3 is none of the choices: 'OK', 'ERROR', 'UNSET'."),
        (SPANS, 7, None),
        (STATUS, " ok ", None),
    ],
)
def test_what_may_be_guessed(prediction: Prediction, guess: Any, sentence: str | None) -> None:
    assert prediction.refusal(guess) == sentence


def test_what_is_true_of_the_wrong_thing_is_one_sentence() -> None:
    with pytest.raises(CourseError, match=r"lacks what prediction 98.b looks at \(KeyError"):
        STATUS.truth_of({})


@pytest.mark.parametrize(
    ("guess", "right", "lines"),
    [
        (3, True, ["You predicted: 3. It is: 3.", "✓ As you predicted."]),
        (2, False, ["You predicted: 2. It is: 3.", "✗ Not as you predicted."]),
        (..., None, ["It is: 3."]),
    ],
)
def test_guess_and_truth_are_said_with_sign_and_word(
    guess: Any, right: bool | None, lines: list[str]
) -> None:
    revealed = Revealed(SPANS, guess, 3)
    assert revealed.right is right
    assert repr(revealed).splitlines() == ["98.a How many spans?", *lines, "Three steps."]
    page = revealed._repr_html_()
    for line in [*lines, "Three steps."]:
        assert f"<div>{line}</div>" in page


def test_what_students_write_is_escaped() -> None:
    page = Revealed(STATUS, "<script>", "OK")._repr_html_()
    assert "<script" not in page
    assert "<code>handle</code>" in page


@pytest.fixture
def proof_of_98(monkeypatch: pytest.MonkeyPatch) -> None:
    for kept in ("_asked", "_revealed"):
        monkeypatch.setattr(proof, kept, [])
    monkeypatch.setattr(catalog, "predictions_of", lambda number: (SPANS, STATUS))


@pytest.mark.usefixtures("proof_of_98")
def test_the_proof_wants_every_prediction_asked_and_revealed_in_order() -> None:
    with pytest.raises(AssertionError, match=r"98.a is revealed before it was asked"):
        proof.note_revealed(Revealed(SPANS, ..., 3))
    for prediction, truth in ((SPANS, 3), (STATUS, "OK")):
        proof.note_asked(prediction)
        with pytest.raises(AssertionError, match=r"(asked|revealed) were"):
            proof.require("98")
        proof.note_revealed(Revealed(prediction, ..., truth))
    proof.require("98")
    proof.note_revealed(Revealed(SPANS, ..., 3))  # a cell that is run again
    proof.require("98")


@pytest.mark.usefixtures("proof_of_98")
def test_the_proof_refuses_another_order() -> None:
    for prediction, truth in ((STATUS, "OK"), (SPANS, 3)):
        proof.note_asked(prediction)
        proof.note_revealed(Revealed(prediction, ..., truth))
    with pytest.raises(AssertionError, match=r"lesson 98 are 98.a, 98.b; asked were 98.b, 98.a"):
        proof.require("98")


@pytest.mark.usefixtures("proof_of_98")
def test_the_proof_holds_the_answer_to_what_is_true() -> None:
    proof.note_asked(SPANS)
    with pytest.raises(AssertionError, match=r"answer of prediction 98.a is 3; true is 4"):
        proof.note_revealed(Revealed(SPANS, ..., 4))
