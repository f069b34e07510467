"""Cuts documents into the passages that are embedded and retrieved."""

import re
from collections.abc import Iterable, Iterator

from rag_tutorials.schema import Chunk, Document

_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


def semantic_chunk_documents(
    documents: Iterable[Document], *, min_characters: int = 200, max_characters: int = 800
) -> list[Chunk]:
    """Return the chunks of the documents, in order.

    A chunk follows the author's own units of meaning: it is one paragraph and never crosses a
    section.

    Args:
        documents: With ids that are all different, as ``load_handbook_documents`` gives them.
        min_characters: A shorter paragraph joins the next one where both fit.
        max_characters: A longer paragraph is cut between sentences; only a single longer sentence
            exceeds it.

    Raises:
        ValueError: Not 0 <= min_characters <= max_characters.
    """
    if not 0 <= min_characters <= max_characters:
        raise ValueError("Chunk sizes must satisfy 0 <= min_characters <= max_characters.")
    return [
        Chunk(f"{document.document_id}-{position:02d}", document.document_id, text)
        for document in documents
        for position, text in enumerate(_passages(document.text, min_characters, max_characters))
    ]


def _passages(text: str, min_characters: int, max_characters: int) -> Iterator[str]:
    pending = ""
    for paragraph in filter(None, (part.strip() for part in re.split(r"\n\s*\n", text))):
        if pending and len(pending) + 2 + len(paragraph) <= max_characters:
            pending = f"{pending}\n\n{paragraph}"
        else:
            if pending:
                yield pending
            *full, pending = _cut(paragraph, max_characters)
            yield from full
        if len(pending) >= min_characters:
            yield pending
            pending = ""
    if pending:
        yield pending


def _cut(paragraph: str, max_characters: int) -> list[str]:
    pieces: list[str] = []
    for sentence in _SENTENCE_END.split(paragraph):
        if pieces and len(pieces[-1]) + 1 + len(sentence) <= max_characters:
            pieces[-1] += f" {sentence}"
        else:
            pieces.append(sentence)
    return pieces
