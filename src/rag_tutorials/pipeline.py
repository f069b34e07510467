"""Builds the retriever: embeds the chunks, indexes them, answers queries from the index."""

import operator
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from rag_tutorials.embeddings import embed_texts
from rag_tutorials.schema import Chunk, RetrievalResult
from rag_tutorials.texts import nonblank_text
from rag_tutorials.vector_store import build_index, search

if TYPE_CHECKING:
    from openai import OpenAI


class Retriever(Protocol):
    """Finds the chunks that are nearest to a question."""

    def __call__(self, question: str, top_k: int = 5) -> list[RetrievalResult]:
        """Return at most ``top_k`` chunks, best first."""


def build_dense_retriever(
    chunks: Sequence[Chunk],
    collection_name: str = "handbook",
    embedding_model: str | None = None,
    client: "OpenAI | None" = None,
) -> tuple[Retriever, list[list[float]]]:
    """Embed and index chunks; return a retriever over them and their vectors, in order.

    Building twice under one name updates the index; the last build counts for every retriever of
    that name.

    Args:
        chunks: At least one, with ids that are all different.
        collection_name: The index in Chroma, 3 to 512 characters.
        embedding_model: For the chunks and the questions; by default the environment's, see
            embed_texts.
        client: For the chunks and the questions; by default the environment's.

    Raises:
        ValueError: There are no chunks, or one cannot be embedded. From the retriever, before
            anything is sent: the question is no text, is empty or cannot be sent, or ``top_k`` is
            no whole number from 1 on. The exceptions of the OpenAI client pass through.
    """
    if not chunks:
        raise ValueError("No chunks to index: load the handbook and chunk it first.")
    vectors = embed_texts([chunk.text for chunk in chunks], embedding_model, client)
    collection = build_index(collection_name, chunks, vectors)

    def retriever(question: str, top_k: int = 5) -> list[RetrievalResult]:
        """Return the ``top_k`` chunks nearest to the question, best first."""
        nonblank_text(question, "The question")
        number = _whole_number(top_k)
        [vector] = embed_texts([question], embedding_model, client)
        return search(collection, vector, number)

    return retriever, vectors


def _whole_number(top_k: Any) -> int:
    try:
        number = operator.index(top_k)  # NumPy's are welcome
    except TypeError:
        number = None
    if number is None or isinstance(top_k, bool):
        raise ValueError(f"top_k must be a whole number, not {top_k!r}.")
    if number < 1:
        raise ValueError(f"top_k must be at least 1, not {number}.")
    return number
