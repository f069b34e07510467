"""Measure retrieval and answers on data/queries.jsonl, overall and by kind.

    python scripts/measure_quality.py               the figures
    python scripts/measure_quality.py --failures    and each query that went wrong, with its answer
    python scripts/measure_quality.py --phoenix-url http://127.0.0.1:6006
                                                    the same as an experiment in this Phoenix

The endpoint is the one in the environment or in .env (OPENAI_BASE_URL, OPENAI_API_KEY); with
neither, or with COURSE_LLM=stub, the script starts the stubbed LLM. In Phoenix, the evaluators'
means are the table's last row, and the dataset has a split for each kind. A Phoenix that asks for a
key gets the one in PHOENIX_API_KEY.
"""

import argparse
import contextlib
import io
import os
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import httpx
from dotenv import load_dotenv

from rag_tutorials.chunking import semantic_chunk_documents
from rag_tutorials.course.embedded.fast_imports import fast_imports, without_server
from rag_tutorials.evaluation import does_not_know, is_right
from rag_tutorials.io_utils import load_handbook_documents, load_queries
from rag_tutorials.pipeline import build_dense_retriever
from rag_tutorials.qa import answer_with_context
from rag_tutorials.schema import Chunk, QueryExample
from rag_tutorials.stub_llm import StubLLM

ROOT = Path(__file__).resolve().parent.parent
DATASET = "course-quality"
Output = Mapping[str, Any]  # the answer, and the ids of the chunks that were found, best first


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one query; ``rank`` is that of the first right chunk, from 1."""

    query: QueryExample
    rank: int | None
    retrieved: list[str]
    answer: str
    holds_fact: bool
    does_not_know: bool

    @property
    def failure(self) -> str | None:
        """Say in a few words what went wrong, if anything did."""
        if self.query.expected_fact is None:
            return None if self.does_not_know else "answered although nothing answers it"
        if self.holds_fact:
            return None
        chunk = "right chunk" if self.rank else "wrong chunks"
        return f"{chunk}, {'says it does not know' if self.does_not_know else 'wrong answer'}"

    @property
    def scores(self) -> dict[str, float]:
        """Return what this query adds to each of the figures; their means are the figures."""
        if self.query.expected_fact is None:
            return {"does_not_know": self.does_not_know}
        return {
            "hit_at_1": self.rank == 1,
            "hit_at_3": self.rank is not None and self.rank <= 3,
            "mrr": 1 / self.rank if self.rank else 0.0,
            "holds_fact": self.holds_fact,
            "does_not_know": self.does_not_know,
        }


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares from 0 to 1 over a set of queries; ``None`` where the set has no such query.

    Retrieval and ``holds_fact`` are over the answerable queries; ``does_not_know`` is over all,
    and right for the unanswerable alone.
    """

    queries: int
    hit_at_1: float | None
    hit_at_3: float | None
    mrr: float | None
    holds_fact: float | None
    does_not_know: float | None


def application(chunks: Sequence[Chunk], top_k: int) -> Callable[[str], Output]:
    """Return what is measured: retrieval and generation for one question."""
    retriever, _ = build_dense_retriever(chunks=chunks, collection_name="measure-quality")

    def answer(question: str) -> Output:
        results = retriever(question, top_k=top_k)
        text = answer_with_context(question, [result.text for result in results])
        return {"answer": text, "found": [result.chunk_id for result in results]}

    return answer


def outcome_of(query: QueryExample, output: Output, chunks: Mapping[str, Chunk]) -> Outcome:
    """Judge one query."""
    fact = query.expected_fact
    return Outcome(
        query=query,
        rank=_rank(query, output["found"], chunks),
        retrieved=list(output["found"]),
        answer=output["answer"],
        holds_fact=fact is not None and is_right(output, {"fact": fact}),
        does_not_know=does_not_know(output["answer"]),
    )


def in_phoenix(
    url: str,
    queries: Sequence[QueryExample],
    answer: Callable[[str], Output],
    chunks: Mapping[str, Chunk],
) -> dict[str, Output]:
    """Run the queries as an experiment of the Phoenix at ``url``; return the outputs by query."""
    without_server()
    with fast_imports():
        from openinference.instrumentation.openai import OpenAIInstrumentor
        from phoenix.client import Client
        from phoenix.otel import register
    provider = register(
        endpoint=f"{url}/v1/traces",
        protocol="http/protobuf",
        set_global_tracer_provider=False,
        verbose=False,
    )
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    client = Client(base_url=url)
    by_id = {query.query_id: query for query in queries}
    dataset = client.datasets.create_dataset(
        name=DATASET,
        examples=[
            {
                "id": query.query_id,
                "input": {"question": query.question},
                "output": {"fact": query.expected_fact, "document": query.target_document_id},
                "metadata": {"query_id": query.query_id},
                "splits": [query.kind],
            }
            for query in queries
        ],
    )

    def task(input: Mapping[str, Any]) -> dict[str, Any]:
        return dict(answer(input["question"]))

    def quality(
        output: Output, expected: Mapping[str, Any], metadata: Mapping[str, Any]
    ) -> list[Any]:
        scores = outcome_of(by_id[metadata["query_id"]], output, chunks).scores
        return [
            {"name": name, "score": float(score)}
            for name, score in {"is_right": is_right(output, expected), **scores}.items()
        ]

    with contextlib.redirect_stdout(io.StringIO()):
        experiment = client.experiments.run_experiment(
            dataset=dataset,
            task=task,
            evaluators=[quality],
            experiment_name="measure_quality",
            print_summary=False,
            retries=0,
        )
    of_example = {example["node_id"]: example["metadata"]["query_id"] for example in dataset}
    failed = [run["error"] for run in experiment["task_runs"] if run["error"]]
    failed += [each.error for each in experiment["evaluation_runs"] if each.error]
    if failed:
        raise SystemExit(f"{len(failed)} of the runs failed, the first with: {failed[0]}")
    print(f"{url}/datasets/{dataset.id}/experiments\n", file=sys.stderr)
    return {of_example[run["dataset_example_id"]]: run["output"] for run in experiment["task_runs"]}


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """Sum up the outcomes."""
    scores = [outcome.scores for outcome in outcomes]
    names = [field.name for field in fields(Figures) if field.name != "queries"]
    shares = {name: _mean(each[name] for each in scores if name in each) for name in names}
    return Figures(queries=len(outcomes), **shares)


def _rank(query: QueryExample, found: Sequence[str], chunks: Mapping[str, Chunk]) -> int | None:
    """Return the rank of the first chunk of the target document that holds the fact."""
    if query.expected_fact is None:
        return None
    for rank, chunk in enumerate(map(chunks.__getitem__, found), start=1):
        from_target = chunk.document_id == query.target_document_id
        if from_target and query.expected_fact.lower() in chunk.text.lower():
            return rank
    return None


def _refusal(url: str, error: Exception, cause: httpx.HTTPError) -> str:
    """Say why Phoenix took no experiment."""
    said = (str(error) or type(error).__name__).splitlines()[0]
    if isinstance(cause, httpx.HTTPStatusError):
        return f"Phoenix at {url} refuses: {said}. If it asks for a key, set PHOENIX_API_KEY."
    return f"Phoenix at {url} does not answer: {said}. Start it, or correct the address."


def _mean(values: Iterable[float]) -> float | None:
    values = list(values)
    return sum(values) / len(values) if values else None


def _print_table(table: dict[str, Figures], top_k: int) -> None:
    heads = ["queries", "hit@1", "hit@3", f"MRR@{top_k}", "holds fact", "does not know"]
    print(f"{'':14}" + "".join(f"{head:>15}" for head in heads))
    for name, row in table.items():
        queries, *shares = asdict(row).values()
        cells = [str(queries), *("-" if share is None else f"{share:.3f}" for share in shares)]
        print(f"{name:14}" + "".join(f"{cell:>15}" for cell in cells))


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--failures", action="store_true", help="list what went wrong")
    parser.add_argument("--top-k", type=int, default=5, help="passages for each answer (5)")
    parser.add_argument(
        "--phoenix-url", help="make it an experiment in the Phoenix at this address"
    )
    options = parser.parse_args(arguments)
    if options.top_k < 3:
        parser.error("--top-k must be at least 3, because hit@3 is measured")

    queries = load_queries(ROOT / "data" / "queries.jsonl")
    chunks = semantic_chunk_documents(load_handbook_documents(ROOT / "data/handbook_manual.txt"))
    load_dotenv(ROOT / ".env")
    with contextlib.ExitStack() as stack:
        real = os.environ.get("OPENAI_BASE_URL") or os.environ.get("OPENAI_API_KEY")
        if os.environ.get("COURSE_LLM") == "stub" or not real:
            stub = stack.enter_context(StubLLM.start())
            os.environ |= {"OPENAI_BASE_URL": stub.base_url, "OPENAI_API_KEY": "stub"}
            os.environ["NO_PROXY"] = "127.0.0.1,localhost"
        answer = application(chunks, options.top_k)
        by_id = {chunk.chunk_id: chunk for chunk in chunks}
        if options.phoenix_url:
            try:
                outputs = in_phoenix(options.phoenix_url, queries, answer, by_id)
            except Exception as error:  # the client's own exceptions have httpx's as their cause
                for cause in (error, error.__cause__):
                    if isinstance(cause, httpx.HTTPError):
                        parser.exit(1, f"{_refusal(options.phoenix_url, error, cause)}\n")
                raise
        else:
            outputs = {query.query_id: answer(query.question) for query in queries}
        outcomes = [outcome_of(query, outputs[query.query_id], by_id) for query in queries]

    kinds = list(dict.fromkeys(query.kind for query in queries))
    table: dict[str, Figures] = {
        kind: figures([outcome for outcome in outcomes if outcome.query.kind == kind])
        for kind in kinds
    }
    table["all"] = figures(outcomes)
    _print_table(table, options.top_k)
    if options.failures:
        for outcome in outcomes:
            if outcome.failure:
                query = outcome.query
                print(f"\n{query.query_id} ({query.kind}): {outcome.failure}")
                print(f"  question   {query.question}")
                print(f"  expected   {query.expected_fact} in {query.target_document_id}")
                print(f"  retrieved  {', '.join(outcome.retrieved)}; right at {outcome.rank}")
                print(f"  answer     {outcome.answer}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
