"""How an answer that a student read off a trace is compared."""

from typing import Any

import pytest

from rag_tutorials.course.judging.checks import _equal


@pytest.mark.parametrize(
    ("answer", "truth"),
    [
        (0.39, 0.38713),  # rounded
        (0.38, 0.38713),  # cut, as Phoenix shows it
        (0.38713, 0.38713),
        (" annual-leave-01 ", "annual-leave-01"),
        (["a", 0.5], ("a", 0.5)),
        ({"a", "b"}, frozenset({"b", "a"})),
    ],
)
def test_what_was_read_right_is_right(answer: Any, truth: Any) -> None:
    assert _equal(answer, truth)


@pytest.mark.parametrize(
    ("answer", "truth"),
    [(0.4, 0.38713), ("0.39", 0.38713), ("annual-leave-02", "annual-leave-01"), (3, 4), (1, {1})],
)
def test_what_was_read_wrong_is_wrong(answer: Any, truth: Any) -> None:
    assert not _equal(answer, truth)
