"""Measure retrieval and answers on data/queries.jsonl, overall and by kind.

    python scripts/measure_quality.py               the figures
    python scripts/measure_quality.py --failures    and each query that went wrong, with its answer

The endpoint is the one in the environment or in .env (OPENAI_BASE_URL, OPENAI_API_KEY); with
neither, or with COURSE_LLM=stub, the script starts the stubbed LLM.
"""

import argparse
import contextlib
import os
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from dotenv import load_dotenv

from rag_tutorials.chunking import semantic_chunk_documents
from rag_tutorials.io_utils import load_handbook_documents, load_queries
from rag_tutorials.pipeline import build_dense_retriever
from rag_tutorials.qa import answer_with_context
from rag_tutorials.schema import Chunk, QueryExample, RetrievalResult
from rag_tutorials.stub_llm import StubLLM

ROOT = Path(__file__).resolve().parent.parent
_DOES_NOT_KNOW = re.compile(
    r"(?:don['\u2019]t|do not) know"
    r"|does(?:n['\u2019]t| not) (?:say|state|mention|contain|specify|provide)",
    re.IGNORECASE,
)


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


def measure(queries: Iterable[QueryExample], chunks: Sequence[Chunk], top_k: int) -> list[Outcome]:
    """Send every query through retrieval and generation."""
    retriever, _ = build_dense_retriever(chunks=chunks, collection_name="measure-quality")
    right = {chunk.chunk_id: chunk for chunk in chunks}
    outcomes = []
    for query in queries:
        results = retriever(query.question, top_k=top_k)
        answer = answer_with_context(query.question, [result.text for result in results])
        fact = query.expected_fact
        outcomes.append(
            Outcome(
                query=query,
                rank=_rank(query, results, right),
                retrieved=[result.chunk_id for result in results],
                answer=answer,
                holds_fact=fact is not None and fact.lower() in answer.lower(),
                does_not_know=_DOES_NOT_KNOW.search(answer) is not None,
            )
        )
    return outcomes


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """Sum up the outcomes."""
    answerable = [outcome for outcome in outcomes if outcome.query.expected_fact is not None]
    ranks = [outcome.rank for outcome in answerable]
    return Figures(
        queries=len(outcomes),
        hit_at_1=_mean(rank == 1 for rank in ranks),
        hit_at_3=_mean(rank is not None and rank <= 3 for rank in ranks),
        mrr=_mean(1 / rank if rank else 0.0 for rank in ranks),
        holds_fact=_mean(outcome.holds_fact for outcome in answerable),
        does_not_know=_mean(outcome.does_not_know for outcome in outcomes),
    )


def _rank(
    query: QueryExample, results: Sequence[RetrievalResult], chunks: dict[str, Chunk]
) -> int | None:
    """Return the rank of the first chunk of the target document that holds the fact."""
    if query.expected_fact is None:
        return None
    for rank, result in enumerate(results, start=1):
        from_target = chunks[result.chunk_id].document_id == query.target_document_id
        if from_target and query.expected_fact.lower() in result.text.lower():
            return rank
    return None


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
        outcomes = measure(queries, chunks, options.top_k)

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
