"""Composes the handbook and the queries from the sources under ``data/source``.

Each numbered TOML file there is one section of the handbook with the questions that it answers;
``unanswerable.toml`` holds the questions that no section answers. Keeping a question beside the
text that answers it lets the generator prove that every expected fact is really in the handbook.
"""

import json
import re
import textwrap
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from .io_utils import document_id_of, query_from_record
from .schema import Document, QueryExample

HANDBOOK_TITLE = "Larkmoor Employee Handbook"
LINE_WIDTH = 100


def load_source(folder: Path) -> tuple[list[Document], list[QueryExample]]:
    """Read the sections and the queries from ``folder``, in the order of the file names.

    Raises ``FileNotFoundError`` without sources and ``ValueError``, naming the file, for a
    malformed one: broken TOML, an unknown field, a repeated query, a fact that is not in the text.
    """
    documents: list[Document] = []
    queries: list[QueryExample] = []
    for path in sorted(folder.glob("*.toml")):
        try:
            source = tomllib.loads(path.read_text(encoding="utf-8"))
            document = _document(source)
            if document is not None:
                documents.append(document)
            queries += [_query(entry, document) for entry in source["queries"]]
        except KeyError as error:
            raise ValueError(f"{path}: {error} is missing.") from error
        except ValueError as error:  # includes TOMLDecodeError and UnicodeDecodeError
            raise ValueError(f"{path}: {error}") from error
    if not documents:
        raise FileNotFoundError(f"No section of the handbook in {folder}.")
    ids = [query.query_id for query in queries]
    if repeated := sorted({query_id for query_id in ids if ids.count(query_id) > 1}):
        raise ValueError(f"{folder}: query ids used twice: {', '.join(repeated)}.")
    return documents, queries


def render_handbook(documents: Sequence[Document]) -> str:
    """Return the handbook as text that ``load_handbook_documents`` reads back."""
    parts = [_underlined(HANDBOOK_TITLE, "=")]
    for number, document in enumerate(documents, start=1):
        parts.append(_underlined(f"{number}. {document.title}", "-"))
        parts += [
            textwrap.fill(paragraph, LINE_WIDTH, break_long_words=False, break_on_hyphens=False)
            for paragraph in document.text.split("\n\n")
        ]
    return "\n\n".join(parts) + "\n"


def render_queries(queries: Sequence[QueryExample]) -> str:
    """Return one JSON object a line."""
    return "".join(json.dumps(asdict(query), ensure_ascii=False) + "\n" for query in queries)


def generate(source: Path) -> dict[str, bytes]:
    """Return the contents of the data files by file name; the same bytes on every platform."""
    documents, queries = load_source(source)
    return {
        "handbook_manual.txt": render_handbook(documents).encode(),
        "queries.jsonl": render_queries(queries).encode(),
    }


def _document(source: Mapping[str, Any]) -> Document | None:
    if "title" not in source:
        return None
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", source["text"].strip())]
    title = source["title"]
    return Document(document_id_of(title), title, "\n\n".join(paragraphs))


def _query(entry: Mapping[str, Any], document: Document | None) -> QueryExample:
    if unknown := sorted(entry.keys() - {"id", "question", "kind", "fact"}):
        raise ValueError(f"unknown query field {unknown[0]!r}.")
    query = query_from_record(
        {
            "query_id": entry["id"],
            "question": entry["question"],
            "kind": entry["kind"] if document else "unanswerable",
            "target_document_id": document.document_id if document else None,
            "expected_fact": entry.get("fact"),
        }
    )
    if document and query.expected_fact and query.expected_fact not in document.text:
        raise ValueError(f"query {query.query_id!r}: {query.expected_fact!r} is not in the text.")
    return query


def _underlined(title: str, mark: str) -> str:
    return f"{title}\n{mark * len(title)}"
