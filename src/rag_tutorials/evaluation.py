"""Evaluators of answers, for experiments, gates and figures, and the interval of a mean."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

_DOES_NOT_KNOW = re.compile(
    r"(?:don['\u2019]t|do not) know"
    r"|does(?:n['\u2019]t| not) (?:say|state|mention|contain|specify|provide)",
    re.IGNORECASE,
)


def does_not_know(answer: str) -> bool:
    """Say whether an answer is a refusal."""
    return _DOES_NOT_KNOW.search(answer) is not None


def is_right(output: Mapping[str, Any], expected: Mapping[str, Any]) -> bool:
    """Say whether the answer holds the fact; where there is none to hold, whether it refuses."""
    fact = expected["fact"]
    if fact is None:
        return does_not_know(output["answer"])
    return fact.lower() in output["answer"].lower()


def finds_document(output: Mapping[str, Any], expected: Mapping[str, Any]) -> dict[str, Any]:
    """Say whether a chunk of the right document was found; without one, a label and no score."""
    if expected["document"] is None:
        return {"label": "nothing to find"}
    found = expected["document"] in [chunk_id.rpartition("-")[0] for chunk_id in output["found"]]
    return {"score": float(found), "label": "found" if found else "missed"}


def interval(values: Sequence[float], draws: int = 10_000, seed: int = 13) -> tuple[float, float]:
    """Return the 95 % interval of a mean by bootstrap.

    The values are drawn anew, with replacement, as often as there are values; the means of many
    such draws leave 2.5 % of themselves on either side (B. Efron, "Bootstrap methods: another look
    at the jackknife", 1979).

    Args:
        values: At least one: scores, or differences of scores.
        draws: How many means.
        seed: Of the draws; the same one gives the same interval.
    """
    some = np.asarray(values, dtype=float)
    means = np.random.default_rng(seed).choice(some, (draws, len(some))).mean(axis=1)
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)
