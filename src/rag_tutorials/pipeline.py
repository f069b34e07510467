"""Builds the retriever: embeds the chunks, indexes them, answers queries from the index."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from .embeddings import embed_texts
from .schema import Chunk, RetrievalResult
from .vector_store import build_index, search

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
    """Embed and index ``chunks``; return a retriever over them and their vectors, in order.

    ``embedding_model`` and ``client`` default to the environment (see ``embed_texts``) and serve
    the questions too. Building twice under one ``collection_name`` updates the index; the last
    build counts for every retriever of that name.

    Raises ``ValueError`` without chunks, and from the retriever for an empty question or ``top_k``
    below 1; the exceptions of the OpenAI client pass through.
    """
    if not chunks:
        raise ValueError("No chunks to index: load the handbook and chunk it first.")
    vectors = embed_texts([chunk.text for chunk in chunks], embedding_model, client)
    collection = build_index(collection_name, chunks, vectors)

    def retriever(question: str, top_k: int = 5) -> list[RetrievalResult]:
        """Return the ``top_k`` chunks nearest to ``question``, best first."""
        if not question.strip():
            raise ValueError("The question is empty.")
        if top_k < 1:
            raise ValueError(f"top_k must be at least 1, not {top_k}.")
        [vector] = embed_texts([question], embedding_model, client)
        return search(collection, vector, top_k)

    return retriever, vectors
