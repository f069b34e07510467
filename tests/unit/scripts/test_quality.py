"""Retrieval and answers on the course's queries are as good as promised, through real HTTP."""

import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from statistics import mean
from typing import Any

import httpx
import pytest

from rag_tutorials.course.embedded.ports import free_port
from rag_tutorials.course.equipment.processes import start

SCRIPT = Path(__file__).parents[3] / "scripts" / "measure_quality.py"


COLUMNS = {
    "hit_at_1": "hit@1",
    "hit_at_3": "hit@3",
    "mrr": "MRR@5",
    "holds_fact": "holds fact",
    "does_not_know": "does not know",
}
PATIENCE = 120.0


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, SCRIPT, *arguments],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COURSE_LLM": "stub", **environment},
    )


def data(api: httpx.Client, path: str, **query: str | int) -> Any:
    """Return what Phoenix's API has at a path."""
    return api.get(path, params=query).raise_for_status().json()["data"]


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


@pytest.mark.slow
def test_the_figures_are_those_of_an_experiment_in_a_phoenix_that_asks_for_a_key(
    tmp_path: Path,
) -> None:
    module = "rag_tutorials.course.equipment.second_phoenix"
    with start(module, "--folder", tmp_path / "phoenix") as phoenix:
        greeting = phoenix.wait_until_ready(PATIENCE)
        url, key = greeting["url"], greeting["api_key"]
        refused = run("--phoenix-url", url, PHOENIX_API_KEY="")
        assert refused.returncode == 1
        assert f"Phoenix at {url} refuses" in refused.stderr
        assert "set PHOENIX_API_KEY" in refused.stderr
        assert "Traceback" not in refused.stderr
        done = run("--phoenix-url", url, PHOENIX_API_KEY=key)
        assert done.returncode == 0, done.stderr
        printed = table(done.stdout)

        with httpx.Client(
            base_url=f"{url}/v1",
            headers={"authorization": f"Bearer {key}"},
            trust_env=False,
            timeout=PATIENCE,
        ) as api:
            [dataset] = data(api, "/datasets")
            [experiment] = data(api, f"/datasets/{dataset['id']}/experiments")
            runs = api.get(f"/experiments/{experiment['id']}/json").raise_for_status().json()
            spans = data(api, f"/projects/{experiment['project_name']}/spans", limit=1000)
            split = {
                kind: {
                    each["node_id"]
                    for each in data(api, f"/datasets/{dataset['id']}/examples", split=kind)[
                        "examples"
                    ]
                }
                for kind in printed
                if kind != "all"
            }

    assert (dataset["name"], experiment["name"]) == ("course-quality", "measure_quality")
    assert f"{url}/datasets/{dataset['id']}/experiments" in done.stderr
    assert key not in done.stdout + done.stderr

    for kind, row in printed.items():
        of_kind = [run for run in runs if kind == "all" or run["example_id"] in split[kind]]
        assert len(of_kind) == int(row["queries"])
        scores: dict[str, list[float]] = {}
        for each in (each for run in of_kind for each in run["annotations"]):
            scores.setdefault(each["name"], []).append(each["score"])
        means = {
            COLUMNS[name]: f"{mean(found):.3f}" for name, found in scores.items() if name in COLUMNS
        }
        assert means == {name: share for name, share in row.items() if name in means}
        assert {share for name, share in row.items() if name not in means} <= {row["queries"], "-"}
        assert len(scores["is_right"]) == len(of_kind)

    kinds = Counter(span["span_kind"] for span in spans)
    assert kinds == {"CHAIN": len(runs), "EMBEDDING": len(runs), "LLM": len(runs)}


@pytest.mark.slow
def test_a_phoenix_that_is_not_there_is_a_sentence() -> None:
    url = f"http://127.0.0.1:{free_port()}"
    done = run("--phoenix-url", url)

    assert done.returncode == 1
    assert f"Phoenix at {url} does not answer" in done.stderr
    assert "Traceback" not in done.stderr
