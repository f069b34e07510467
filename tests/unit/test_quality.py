"""Retrieval and answers on the course's queries are as good as promised, through real HTTP."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "measure_quality.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COURSE_LLM": "stub"},
    )


@pytest.fixture(scope="module")
def printed() -> str:
    done = run("--failures")
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def figures(printed: str) -> dict[str, dict[str, str]]:
    """The table that is printed, by kind and column."""
    columns = ["queries", "hit@1", "hit@3", "MRR@5", "holds fact", "does not know"]
    head, *rows = printed.partition("\n\n")[0].splitlines()
    assert " ".join(head.split()) == " ".join(columns)
    return {row.split()[0]: dict(zip(columns, row.split()[1:], strict=True)) for row in rows}


def test_direct_questions_are_found_and_answered(figures: dict[str, dict[str, str]]) -> None:
    assert float(figures["direct"]["hit@3"]) >= 0.95
    assert float(figures["direct"]["holds fact"]) >= 0.90
    assert float(figures["direct"]["does not know"]) <= 0.05


def test_unanswerable_questions_are_not_answered(figures: dict[str, dict[str, str]]) -> None:
    assert float(figures["unanswerable"]["does not know"]) >= 0.90
    assert figures["unanswerable"]["hit@3"] == "-"


def test_the_kinds_add_up(figures: dict[str, dict[str, str]]) -> None:
    counts = {kind: int(row["queries"]) for kind, row in figures.items()}

    assert counts.pop("all") == sum(counts.values())
    assert list(counts) == ["direct", "paraphrase", "unanswerable"]


@pytest.mark.parametrize(
    "failure",
    [
        "wrong chunks, wrong answer",
        "right chunk, wrong answer",
        "wrong chunks, says it does not know",
        "right chunk, says it does not know",
        "answered although nothing answers it",
    ],
)
def test_there_are_failures_of_each_kind_to_find_in_traces(printed: str, failure: str) -> None:
    assert f": {failure}\n" in printed


def test_hit_at_3_needs_three_results() -> None:
    done = run("--top-k", "2")

    assert done.returncode == 2
    assert "at least 3" in done.stderr
