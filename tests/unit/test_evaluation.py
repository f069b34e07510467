"""Verdicts on answers, and the interval of a mean."""

import pytest

from rag_tutorials.evaluation import does_not_know, finds_document, interval, is_right

FACT = {"fact": "40 euros", "document": "remote-work"}
NOTHING = {"fact": None, "document": None}


@pytest.mark.parametrize(
    ("answer", "expected", "right"),
    [
        ("It is 40 Euros a month.", FACT, True),
        ("It is 50 euros a month.", FACT, False),
        ("I don't know.", FACT, False),
        ("I don\u2019t know.", NOTHING, True),
        ("The handbook does not mention it.", NOTHING, True),
        ("It is 40 euros a month.", NOTHING, False),
    ],
)
def test_an_answer_is_right_by_its_fact_or_by_refusing(
    answer: str, expected: dict[str, str | None], right: bool
) -> None:
    assert is_right({"answer": answer}, expected) is right
    assert does_not_know(answer) is ("40" not in answer and "50" not in answer)


@pytest.mark.parametrize(
    ("found", "expected", "verdict"),
    [
        (["travel-00", "remote-work-12"], FACT, {"score": 1.0, "label": "found"}),
        (["remote-00", "remote-work-more-01"], FACT, {"score": 0.0, "label": "missed"}),
        ([], FACT, {"score": 0.0, "label": "missed"}),
        (["remote-work-00"], NOTHING, {"label": "nothing to find"}),
    ],
)
def test_a_document_is_found_by_a_chunk_of_its_own(
    found: list[str], expected: dict[str, str | None], verdict: dict[str, object]
) -> None:
    assert finds_document({"found": found}, expected) == verdict


def test_the_interval_holds_the_mean_and_narrows_with_more_values() -> None:
    few, many = [0.0, 1.0] * 10, [0.0, 1.0] * 160
    low, high = interval(few)
    assert low < 0.5 < high
    assert interval(few) == (low, high)  # the same seed
    # Of 20 tosses of a coin: 0.5 -/+ 1.96 * 0.5 / sqrt(20), about
    assert (low, high) == pytest.approx((0.28, 0.72), abs=0.06)
    narrow_low, narrow_high = interval(many)
    assert (high - low) / (narrow_high - narrow_low) == pytest.approx(4, rel=0.2)


def test_values_that_are_all_the_same_leave_no_doubt() -> None:
    assert interval([1.0] * 5) == (1.0, 1.0)
