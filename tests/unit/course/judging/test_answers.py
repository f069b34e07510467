"""How an answer that a student read off a trace is compared."""

from typing import Any

import pytest

from rag_tutorials.course.judging.answers import agrees


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
