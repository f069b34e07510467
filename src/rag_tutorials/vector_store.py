"""Keeps vectors in Chroma, inside this process."""

import os
from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from rag_tutorials.schema import Chunk, RetrievalResult

if TYPE_CHECKING:  # the import takes seconds: left to the first index
    from chromadb import Collection
    from chromadb.api import ClientAPI

_MOST_RESULTS = 2**31  # more than Chroma can count


def build_index(
    name: str, chunks: Sequence[Chunk], vectors: Sequence[Sequence[float]]
) -> "Collection":
    """Return the collection of this name holding exactly these chunks under their vectors.

    Chroma's in-process client shares its collections within a process. Building again is
    therefore an update: chunks that are gone are deleted, and a collection whose space or number
    of dimensions no longer fits is made anew.

    Args:
        name: 3 to 512 characters, or Chroma raises its own exception.
        chunks: At least one, with ids that are all different.
        vectors: One for each chunk, all of the same number of dimensions.

    Raises:
        ValueError: There are no chunks, an id is repeated, or there is not one vector for each.
    """
    if not chunks:
        raise ValueError("No chunks to index: load the handbook and chunk it first.")
    if len(vectors) != len(chunks):
        raise ValueError(f"{len(chunks)} chunks need as many vectors, not {len(vectors)}.")
    ids = [chunk.chunk_id for chunk in chunks]
    repeated, times = Counter(ids).most_common(1)[0]
    if times > 1:
        raise ValueError(
            f"{times} chunks have the same chunk_id, {repeated!r}: each needs its own."
        )
    client = _client()
    collection = _collection(client, name)
    if not _fits(collection, len(vectors[0])):
        client.delete_collection(name)
        collection = _collection(client, name)
    elif stale := sorted(set(collection.get(include=[])["ids"]) - set(ids)):
        collection.delete(ids=stale)
    collection.upsert(
        ids=ids,
        embeddings=np.asarray(vectors, dtype=np.float32),
        documents=[chunk.text for chunk in chunks],
        metadatas=[{"document_id": chunk.document_id} for chunk in chunks],
    )
    return collection


def search(collection: "Collection", vector: Sequence[float], top_k: int) -> list[RetrievalResult]:
    """Return the ``top_k`` nearest chunks, best first, or all when there are fewer.

    Args:
        collection: From build_index.
        vector: The question's, of as many dimensions as the chunks'.
        top_k: 1 or more.
    """
    found = collection.query(
        query_embeddings=np.asarray([vector], dtype=np.float32),
        n_results=min(top_k, _MOST_RESULTS),
        include=["documents", "distances"],
    )
    [ids], [texts], [distances] = found["ids"], found["documents"] or [], found["distances"] or []
    return [
        RetrievalResult(chunk_id, 1.0 - distance, "dense", text)  # Chroma gives 1 - cosine
        for chunk_id, distance, text in zip(ids, distances, texts, strict=True)
    ]


def _fits(collection: "Collection", dimensions: int) -> bool:
    """Say whether vectors of this length can join the collection and be compared by cosine."""
    if (collection.configuration_json.get("hnsw") or {}).get("space") != "cosine":
        return False
    known = collection.get(limit=1, include=["embeddings"])["embeddings"]
    return known is None or all(len(vector) == dimensions for vector in known)


def _client() -> "ClientAPI":
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # onnxruntime, imported by Chroma
    os.environ.setdefault("ANONYMIZED_TELEMETRY", "False")
    import chromadb

    return chromadb.EphemeralClient()


def _collection(client: "ClientAPI", name: str) -> "Collection":
    # Without embedding_function=None Chroma would download a model.
    return client.get_or_create_collection(
        name, configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
    )
