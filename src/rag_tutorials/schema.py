"""The records that the application passes around."""

from dataclasses import dataclass
from typing import Literal

QueryKind = Literal["direct", "paraphrase", "unanswerable"]


@dataclass(frozen=True, slots=True)
class Document:
    """One section of the handbook.

    ``document_id`` is a stable slug such as ``international-work``; ``title`` is its heading;
    ``text`` is the body, paragraphs separated by an empty line, without the heading.
    """

    document_id: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage of one document, the unit that is embedded and retrieved.

    ``chunk_id`` is ``<document_id>-<two-digit position, from 00>``.
    """

    chunk_id: str
    document_id: str
    text: str


@dataclass(frozen=True, slots=True)
class QueryExample:
    """A question with what a right answer needs.

    ``kind`` is ``direct`` (asked in the handbook's words), ``paraphrase`` (asked in other words)
    or ``unanswerable``. For an unanswerable question the other two fields are ``None``; otherwise
    ``target_document_id`` names the document that answers it and ``expected_fact`` is a string
    that a right answer must contain, compared without regard to case.
    """

    query_id: str
    question: str
    kind: QueryKind
    target_document_id: str | None
    expected_fact: str | None


@dataclass(frozen=True, slots=True)
class RetrievalResult:
    """A retrieved chunk; ``score`` is the cosine similarity, ``source`` names the retriever."""

    chunk_id: str
    score: float
    source: str
    text: str
