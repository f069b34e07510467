"""Turns texts into vectors through an OpenAI-compatible endpoint."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rag_tutorials.openai_client import shared_client
from rag_tutorials.texts import nonblank_text

if TYPE_CHECKING:
    from openai import OpenAI

DEFAULT_EMBEDDING_MODEL = "text-embedding-3-small"


def embedding_model() -> str:
    """Return the embedding model's name: OPENAI_EMBEDDING_MODEL, else DEFAULT_EMBEDDING_MODEL."""
    return os.environ.get("OPENAI_EMBEDDING_MODEL") or DEFAULT_EMBEDDING_MODEL


def embed_texts(
    texts: Sequence[str],
    model: str | None = None,
    client: "OpenAI | None" = None,
    *,
    batch_size: int = 256,
) -> list[list[float]]:
    """Return one vector for each text, in order. No texts, no request.

    Args:
        texts: None of them blank.
        model: The embedding model; by default OPENAI_EMBEDDING_MODEL, else the default.
        client: By default one for the endpoint in the environment.
        batch_size: How many texts a request asks for.

    Returns:
        Vectors of as many dimensions as the model has.

    Raises:
        ValueError: A text is blank or cannot be sent, the batch size is below 1, or the answer has
            another number of vectors. The exceptions of the OpenAI client pass through.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}.")
    for position, text in enumerate(texts):
        nonblank_text(text, f"Text {position}")
    model = model or embedding_model()
    vectors: list[list[float]] = []
    for start in range(0, len(texts), batch_size):
        batch = list(texts[start : start + batch_size])
        response = (client or shared_client()).embeddings.create(model=model, input=batch)
        if len(response.data) != len(batch):
            raise ValueError(
                f"The endpoint returned {len(response.data)} vectors for {len(batch)} texts."
            )
        vectors += [item.embedding for item in sorted(response.data, key=lambda item: item.index)]
    return vectors
