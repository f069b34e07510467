"""Turns texts into vectors through an OpenAI-compatible endpoint."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .openai_client import shared_client

if TYPE_CHECKING:
    from openai import OpenAI

DEFAULT_EMBEDDING_MODEL = "text-embedding-3-small"


def embed_texts(
    texts: Sequence[str],
    model: str | None = None,
    client: "OpenAI | None" = None,
    *,
    batch_size: int = 256,
) -> list[list[float]]:
    """Return one vector for each of ``texts``, in order, asked for ``batch_size`` at a time.

    ``model`` defaults to ``OPENAI_EMBEDDING_MODEL``, else text-embedding-3-small; ``client`` to the
    endpoint in the environment. No texts, no request.

    Raises ``ValueError`` for a blank text, a batch size below 1 or an answer with another number
    of vectors; the exceptions of the OpenAI client pass through.
    """
    if batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, not {batch_size}.")
    for position, text in enumerate(texts):
        if not text.strip():
            raise ValueError(f"Text {position} is empty: there is nothing to embed.")
    model = model or os.environ.get("OPENAI_EMBEDDING_MODEL") or DEFAULT_EMBEDDING_MODEL
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
