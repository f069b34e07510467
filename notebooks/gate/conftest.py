"""Options of the gate, and the experiment that it judges."""

import contextlib
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from openinference.instrumentation.openai import OpenAIInstrumentor

from rag_tutorials.chunking import semantic_chunk_documents
from rag_tutorials.course.embedded.fast_imports import fast_imports, without_server
from rag_tutorials.evaluation import finds_document, is_right
from rag_tutorials.io_utils import load_handbook_documents
from rag_tutorials.pipeline import Retriever, build_dense_retriever
from rag_tutorials.qa import answer_with_context
from rag_tutorials.schema import Chunk, RetrievalResult

# Where Phoenix's server is installed too, its client would import all of it. In an environment with
# arize-phoenix-client and arize-phoenix-otel alone, three plain imports do.
without_server()
with fast_imports():
    import chromadb  # noqa: F401  (else the first index imports it, and takes longer)
    from phoenix.client import Client
    from phoenix.otel import register

DATASET = "handbook-hard"
HANDBOOK = Path(__file__).parents[2] / "data" / "handbook_manual.txt"
TOP_K = 3


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--phoenix-url", default="http://127.0.0.1:6006", help="for this program")
    parser.addoption("--browser-url", help="for whoever reads the failures; by default the same")
    parser.addoption("--retriever", choices=list(RETRIEVERS), default="dense")


def dense(chunks: Sequence[Chunk]) -> Retriever:
    return build_dense_retriever(chunks, collection_name="gate")[0]


def turned_round(chunks: Sequence[Chunk]) -> Retriever:
    """Return a retriever with a plausible mistake: the far end of the ranking comes first."""
    ranked = dense(chunks)

    def retriever(question: str, top_k: int = TOP_K) -> list[RetrievalResult]:
        return ranked(question, top_k=len(chunks))[-top_k:]

    return retriever


RETRIEVERS: Mapping[str, Callable[[Sequence[Chunk]], Retriever]] = {
    "dense": dense,
    "turned-round": turned_round,
}


@pytest.fixture(scope="session")
def experiment(request: pytest.FixtureRequest) -> Mapping[str, Any]:
    """Run the application over the dataset in Phoenix."""
    name = request.config.getoption("--retriever")
    retriever = RETRIEVERS[name](semantic_chunk_documents(load_handbook_documents(HANDBOOK)))

    def answer(input: Mapping[str, Any]) -> dict[str, Any]:
        found = retriever(input["question"], top_k=TOP_K)
        text = answer_with_context(input["question"], [each.text for each in found])
        return {"answer": text, "found": [each.chunk_id for each in found]}

    url = request.config.getoption("--phoenix-url")
    provider = register(
        endpoint=f"{url}/v1/traces",
        protocol="http/protobuf",
        set_global_tracer_provider=False,
        verbose=False,
    )
    OpenAIInstrumentor().instrument(tracer_provider=provider)  # or the traces have no model calls
    client = Client(base_url=url)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return client.experiments.run_experiment(
            dataset=client.datasets.get_dataset(dataset=DATASET),
            task=answer,
            evaluators=[is_right, finds_document],
            experiment_name=f"gate-{name}",
            print_summary=False,
            retries=0,
        )


@pytest.fixture(scope="session")
def trace_url(request: pytest.FixtureRequest) -> Callable[[str], str]:
    """Return the address of a trace, for a browser."""
    option = request.config.getoption
    base = option("--browser-url") or option("--phoenix-url")
    return lambda trace_id: f"{base}/redirects/traces/{trace_id}"
