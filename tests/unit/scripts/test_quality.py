"""Retrieval and answers on the course's queries are as good as promised, through real HTTP."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[3] / "scripts" / "measure_quality.py"


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COURSE_LLM": "stub"},
    )


def table(printed: str) -> dict[str, dict[str, str]]:
    """Return the figures that were printed, by kind and column."""
    columns = ["queries", "hit@1", "hit@3", "MRR@5", "holds fact", "does not know"]
    head, *rows = printed.partition("\n\n")[0].splitlines()
    assert " ".join(head.split()) == " ".join(columns)
    return {row.split()[0]: dict(zip(columns, row.split()[1:], strict=True)) for row in rows}


@pytest.mark.slow
def test_retrieval_and_answers_are_as_good_as_promised() -> None:
    done = run("--failures")  # once: it takes seconds
    assert done.returncode == 0, done.stderr
    figures = table(done.stdout)

    direct, unanswerable = figures["direct"], figures["unanswerable"]
    assert float(direct["hit@3"]) >= 0.95
    assert float(direct["holds fact"]) >= 0.90
    assert float(direct["does not know"]) <= 0.05
    assert float(unanswerable["does not know"]) >= 0.90
    assert unanswerable["hit@3"] == "-"

    counts = {kind: int(row["queries"]) for kind, row in figures.items()}
    assert counts.pop("all") == sum(counts.values())
    assert list(counts) == ["direct", "paraphrase", "unanswerable"]

    # What went wrong, there to be found in traces: some of every kind.
    assert set(re.findall(r"^\S+ \(\w+\): (.+)$", done.stdout, re.MULTILINE)) == {
        "wrong chunks, wrong answer",
        "right chunk, wrong answer",
        "wrong chunks, says it does not know",
        "right chunk, says it does not know",
        "answered although nothing answers it",
    }


def test_hit_at_3_needs_three_results() -> None:
    done = run("--top-k", "2")

    assert done.returncode == 2
    assert "at least 3" in done.stderr
