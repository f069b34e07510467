"""What the handbook says, for checks that hold documents against it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from rag_tutorials.chunking import semantic_chunk_documents
from rag_tutorials.course.judging.content import Mistake, Seen
from rag_tutorials.course.judging.exercise import Look
from rag_tutorials.course.judging.looks import Result, found_documents
from rag_tutorials.io_utils import load_handbook_documents


@cache
def texts_of(data: Path) -> dict[str, str]:
    """Return the text of each chunk of the handbook, by its id."""
    chunks = semantic_chunk_documents(load_handbook_documents(data / "handbook_manual.txt"))
    return {chunk.chunk_id: chunk.text for chunk in chunks}


def of_the_handbook(name: str) -> Look:
    """Require that the documents of span ``name`` are different chunks, best first, unchanged."""

    def look(seen: Seen) -> Mistake | None:
        return wrong_documents(seen, name, found_documents(seen, name))

    return look


def wrong_documents(seen: Seen, name: str, some: list[Result]) -> Mistake | None:
    """Return what is wrong with documents that should be results of the retriever."""
    texts = texts_of(seen.course.data)
    for rank, (identity, _, content) in enumerate(some):
        if texts.get(str(identity)) != content:
            return Mistake(
                f"Document {rank} of `{name}` is not a chunk of the handbook with its whole text.",
                "`document.id` takes a result's `chunk_id`, `document.content` its whole `text`.",
            )
    if len({identity for identity, *_ in some}) < len(some):
        return Mistake(f"`{name}` holds the same document more than once.")
    scores = [float(score) for _, score, _ in some]
    if scores != sorted(scores, reverse=True):
        return Mistake(
            f"The documents of `{name}` are not in the order of the results: best first."
        )
    return None
