"""How an answer that a student read off a trace is compared."""

from typing import Any

import pytest

from rag_tutorials.course.judging.answers import agrees, mistyped


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        (0.39, 0.38713),  # rounded
        (0.38, 0.38713),  # cut, as Phoenix shows it
        (0.38713, 0.38713),
        (" annual-leave-01 ", "annual-leave-01"),
        (["a", 0.5], ("a", 0.5)),
        ("Retrieval ", "retrieval"),
        ({"a", "b"}, frozenset({"b", "a"})),
        (("b", "a"), ["a", "b"]),  # order is not the question
        ({"b", "a"}, ["a", "b"]),
        (iter(["b", "a"]), ["a", "b"]),
        (["a", "b", "a"], {"a", "b"}),
        (1, {1}),
        (3.0, 3),
        ({"lost": (7, 3), "Ratio": 0.4}, {"lost": [3, 7], "ratio": 0.401}),
        (None, None),
    ],
)
def test_what_was_read_right_is_right(answer: Any, truth: Any) -> None:
    assert agrees(answer, truth)


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        (0.4, 0.38713),
        ("0.39", 0.38713),
        ("annual-leave-02", "annual-leave-01"),
        (3, 4),
        ("3", 3),
        (True, 1),
        (1, True),
        (["b", "a"], ("a", "b")),
        ({"a", "b"}, ("a", "b")),
        (["a"], ["a", "a"]),
        (["a", "a"], ["a"]),
        (["a", "c"], {"a"}),
        ({"lost": 3}, {"lost": 3, "found": 1}),
        (3, None),
        (None, 3),
    ],
)
def test_what_was_read_wrong_is_wrong(answer: Any, truth: Any) -> None:
    assert not agrees(answer, truth)


@pytest.mark.parametrize(
    ("answer", "truth", "sentence"),
    [
        ("3", 3, "'3' is text; a number is needed here, without quotes."),
        (3, "three", "3 is a number; text is needed here, in quotes."),
        (3, ["a", "b", "c"], "3 is a number; a list of texts is needed here, each in quotes."),
        (3, ("a", "b"), "3 is a number; a list of texts is needed here, each in quotes."),
        (3, [1, 2], None),
        ("a", ["b"], None),
    ],
)
def test_an_answer_of_another_type_is_said_to_be_one(
    answer: Any, truth: Any, sentence: str | None
) -> None:
    assert mistyped(answer, truth) == sentence
