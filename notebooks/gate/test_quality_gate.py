"""The quality gate: red where the answers are surely worse than promised.

python -m pytest notebooks/gate/test_quality_gate.py --phoenix-url http://127.0.0.1:6006
"""

from collections.abc import Callable, Mapping
from statistics import mean
from typing import Any

import pytest

from rag_tutorials.evaluation import interval

PROMISED = 0.5  # share of right answers
SHOWN = 5


def test_answers_are_as_good_as_promised(
    experiment: Mapping[str, Any], trace_url: Callable[[str], str]
) -> None:
    runs = {run["id"]: run for run in experiment["task_runs"]}
    assert not [run["error"] for run in runs.values() if run["error"]]
    right = {
        each.experiment_run_id: each.result["score"]
        for each in experiment["evaluation_runs"]
        if each.name == "is_right"
    }
    assert right.keys() == runs.keys(), "a run without a verdict would make the rate look better"

    low, high = interval(list(right.values()))
    rate = f"{mean(right.values()):.2f} right, 95 % interval {low:.2f} to {high:.2f}"
    print(f"{rate}, promised {PROMISED}")
    if high < PROMISED:
        wrong = [
            trace_url(runs[run_id]["trace_id"]) for run_id, score in right.items() if not score
        ]
        said = f"{rate}: below {PROMISED}. {len(wrong)} are wrong, the first of them:"
        pytest.fail("\n".join([said, *wrong[:SHOWN]]), pytrace=False)
