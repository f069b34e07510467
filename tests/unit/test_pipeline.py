"""The dense retriever over the real handbook, through the stub and Chroma."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest
from openai import OpenAI

from rag_tutorials.chunking import semantic_chunk_documents
from rag_tutorials.io_utils import load_handbook_documents
from rag_tutorials.pipeline import build_dense_retriever
from rag_tutorials.schema import Chunk
from rag_tutorials.stub_llm import StubLLM

HANDBOOK = Path(__file__).parents[2] / "data" / "handbook_manual.txt"


@pytest.fixture(scope="module", autouse=True)
def stub() -> Iterator[StubLLM]:
    with StubLLM.start() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", running.base_url)
        patch.setenv("OPENAI_API_KEY", "stub")
        yield running


@pytest.fixture(scope="module")
def chunks() -> list[Chunk]:
    return semantic_chunk_documents(load_handbook_documents(HANDBOOK))


def test_finds_the_chunk_that_answers(chunks: list[Chunk]) -> None:
    retriever, vectors = build_dense_retriever(
        chunks=chunks, collection_name="finds", embedding_model="text-embedding-3-small"
    )

    results = retriever(
        "What is the maximum number of days an employee can work internationally?", top_k=3
    )

    assert [len(vector) for vector in vectors] == [1536] * len(chunks)
    assert results[0].chunk_id == "international-work-00"
    assert "30 days" in results[0].text
    assert [result.source for result in results] == ["dense"] * 3
    assert [r.score for r in results] == sorted((r.score for r in results), reverse=True)
    assert len(retriever("annual leave")) == 5


def test_a_chunk_finds_itself_with_score_one(chunks: list[Chunk]) -> None:
    retriever, _ = build_dense_retriever(chunks, "itself")

    [best] = retriever(chunks[17].text, top_k=1)

    assert best.chunk_id == chunks[17].chunk_id
    assert best.score == pytest.approx(1.0, abs=1e-5)


def test_building_again_with_other_chunks_or_another_model(chunks: list[Chunk]) -> None:
    build_dense_retriever(chunks, "again")
    fewer, _ = build_dense_retriever(chunks[:3], "again")
    assert {result.chunk_id for result in fewer("leave", top_k=99)} == {
        chunk.chunk_id for chunk in chunks[:3]
    }

    other, vectors = build_dense_retriever(chunks[:4], "again", "text-embedding-3-large")
    assert len(vectors[0]) == 3072
    assert len(other("leave", top_k=99)) == 4


def test_a_given_client_is_used_for_chunks_and_questions(chunks: list[Chunk]) -> None:
    with (
        StubLLM.start() as own,
        OpenAI(base_url=own.base_url, api_key="stub") as client,
    ):
        retriever, _ = build_dense_retriever(chunks[:2], "client", client=client)
        retriever("leave")
        assert len(own.requests) == 2


def test_no_chunks_are_refused_before_anything_is_sent(stub: StubLLM) -> None:
    stub.clear_requests()

    with pytest.raises(ValueError, match="No chunks to index"):
        build_dense_retriever(chunks=[], collection_name="none")
    assert stub.requests == []


@pytest.mark.parametrize(
    ("question", "top_k", "message"),
    [
        ("leave", 0, "top_k must be at least 1, not 0"),
        ("leave", -3, "top_k must be at least 1, not -3"),
        ("", 5, "The question is empty"),
        (" \n", 5, "The question is empty"),
        (None, 5, "The question must be a text, not NoneType"),
        ("Hm \ud83d?", 5, r"The question holds half a character at position 3 \(.*U\+D83D"),
        ("leave", "3", "top_k must be a whole number, not '3'"),
        ("leave", True, "top_k must be a whole number, not True"),
        ("leave", 2.0, "top_k must be a whole number, not 2.0"),
        ("leave", np.int64(0), "top_k must be at least 1, not 0"),
    ],
)
def test_a_bad_question_or_top_k_is_refused(
    stub: StubLLM, chunks: list[Chunk], question: Any, top_k: Any, message: str
) -> None:
    retriever, _ = build_dense_retriever(chunks[:2], "refused")
    stub.clear_requests()

    with pytest.raises(ValueError, match=message):
        retriever(question, top_k=top_k)
    assert stub.requests == []


def test_a_numpy_top_k_is_a_number(chunks: list[Chunk]) -> None:
    retriever, _ = build_dense_retriever(chunks[:3], "numpy")
    assert len(retriever("leave", top_k=np.int64(2))) == 2


def test_an_unreachable_endpoint_is_the_clients_own_exception(chunks: list[Chunk]) -> None:
    with StubLLM.start() as gone:
        url = gone.base_url

    with (
        OpenAI(base_url=url, api_key="stub", max_retries=0) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        build_dense_retriever(chunks, "gone", client=client)


def test_importing_the_application_loads_neither_chroma_nor_openai() -> None:
    code = """if True:
        import sys
        import rag_tutorials.io_utils, rag_tutorials.pipeline, rag_tutorials.qa
        print([name for name in ("chromadb", "openai") if name in sys.modules])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"
