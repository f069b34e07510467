"""The index: exact scores, rebuilding, and what is refused. Collections are named by test."""

import subprocess
import sys
from collections.abc import Sequence

import chromadb
import pytest

from rag_tutorials.schema import Chunk, RetrievalResult
from rag_tutorials.vector_store import build_index, search


def chunks(*ids: str) -> list[Chunk]:
    return [Chunk(chunk_id, "doc", f"text of {chunk_id}") for chunk_id in ids]


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    return request.node.name.replace("[", "-").replace("]", "")


def found(results: Sequence[RetrievalResult]) -> list[str]:
    return [result.chunk_id for result in results]


def test_the_score_is_the_cosine_similarity_best_first(name: str) -> None:
    index = build_index(name, chunks("x", "y", "z"), [[2.0, 0.0], [3.0, 4.0], [-1.0, 0.0]])

    results = search(index, [5.0, 0.0], top_k=3)

    assert found(results) == ["x", "y", "z"]
    assert [result.score for result in results] == pytest.approx([1.0, 0.6, -1.0], abs=1e-6)
    assert results[0].source == "dense"
    assert results[0].text == "text of x"


def test_top_k_limits_and_may_exceed_the_number_of_chunks(name: str) -> None:
    index = build_index(name, chunks("x", "y"), [[1.0, 0.0], [0.0, 1.0]])

    assert found(search(index, [1.0, 0.1], top_k=1)) == ["x"]
    for more in (9, 10**30):
        assert found(search(index, [1.0, 0.1], top_k=more)) == ["x", "y"]


def test_building_twice_changes_nothing(name: str) -> None:
    for _ in range(2):
        index = build_index(name, chunks("x", "y"), [[1.0, 0.0], [0.0, 1.0]])

    assert index.count() == 2


def test_a_rebuild_drops_stale_chunks_and_takes_new_texts_and_vectors(name: str) -> None:
    first = build_index(name, chunks("x", "y"), [[1.0, 0.0], [0.0, 1.0]])
    build_index(name, [Chunk("y", "doc", "new text"), *chunks("z")], [[1.0, 0.0], [0.0, 1.0]])

    results = search(first, [1.0, 0.0], top_k=9)

    assert found(results) == ["y", "z"]
    assert results[0].text == "new text"


def test_vectors_of_another_length_rebuild_the_index(name: str) -> None:
    build_index(name, chunks("x", "y"), [[1.0, 0.0], [0.0, 1.0]])
    index = build_index(name, chunks("x"), [[0.0, 0.0, 1.0]])

    assert found(search(index, [0.0, 0.0, 1.0], top_k=9)) == ["x"]


def test_a_collection_in_another_space_is_made_anew(name: str) -> None:
    client = chromadb.EphemeralClient()
    client.create_collection(name, embedding_function=None)  # l2, Chroma's default

    index = build_index(name, chunks("x"), [[3.0, 4.0]])

    assert search(index, [1.0, 0.0], top_k=1)[0].score == pytest.approx(0.6, abs=1e-6)


def test_the_document_id_is_kept_as_metadata(name: str) -> None:
    index = build_index(name, chunks("x"), [[1.0, 0.0]])

    assert index.get(ids=["x"])["metadatas"] == [{"document_id": "doc"}]


@pytest.mark.parametrize(
    ("ids", "vectors", "message"),
    [
        ([], [], "No chunks to index"),
        (["x", "y"], [[1.0]], "2 chunks need as many vectors, not 1"),
        (["x", "x"], [[1.0], [1.0]], "2 chunks have the same chunk_id, 'x'"),
    ],
)
def test_what_cannot_be_indexed_is_refused(
    name: str, ids: list[str], vectors: list[list[float]], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        build_index(name, chunks(*ids), vectors)


@pytest.mark.slow
def test_telemetry_is_off_before_chroma_is_imported() -> None:
    code = """if True:
        import os, sys
        from rag_tutorials.schema import Chunk
        from rag_tutorials.vector_store import build_index
        assert "chromadb" not in sys.modules
        os.environ.pop("ORT_DISABLE_TELEMETRY", None)
        build_index("abc", [Chunk("x", "d", "t")], [[1.0]])
        print(os.environ["ORT_DISABLE_TELEMETRY"], os.environ["ANONYMIZED_TELEMETRY"])
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("1 False\n", "")
