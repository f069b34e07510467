"""Composes the handbook and the queries from the sources under ``data/source``.

Each numbered TOML file there is one section of the handbook with the questions that it answers;
``unanswerable.toml`` holds the questions that no section answers. Keeping a question beside the
text that answers it lets the generator prove that every expected fact is really in the handbook.
"""

import json
import re
import textwrap
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rag_tutorials.io_utils import document_ids, query_from_record
from rag_tutorials.schema import Document, QueryExample

HANDBOOK_TITLE = "Larkmoor Employee Handbook"
LINE_WIDTH = 100


def load_source(folder: Path) -> tuple[list[Document], list[QueryExample]]:
    """Read the sections and the queries from a folder, in the order of the file names.

    Raises:
        FileNotFoundError: There are no sources.
        ValueError: One is malformed: broken TOML, an unknown field, a repeated query, a fact that
            is not in the text. The sentence names the file.
    """
    documents: list[Document] = []
    queries: list[QueryExample] = []
    sources: dict[Path, dict[str, Any]] = {}
    for path in sorted(folder.glob("*.toml")):
        with _naming(path):
            sources[path] = tomllib.loads(path.read_text(encoding="utf-8"))
    sections = [path for path, source in sources.items() if "title" in source]
    ids = dict(zip(sections, document_ids(sources[p]["title"] for p in sections), strict=True))
    for path, source in sources.items():
        with _naming(path):
            document = _document(source, ids[path]) if path in ids else None
            if document is not None:
                documents.append(document)
            queries += [_query(entry, document) for entry in source["queries"]]
    if not documents:
        raise FileNotFoundError(f"No section of the handbook in {folder}.")
    used = [query.query_id for query in queries]
    if repeated := sorted({query_id for query_id in used if used.count(query_id) > 1}):
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


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the file in an error."""
    try:
        yield
    except KeyError as error:
        raise ValueError(f"{path}: {error} is missing.") from error
    except ValueError as error:  # includes TOMLDecodeError and UnicodeDecodeError
        raise ValueError(f"{path}: {error}") from error


def _document(source: Mapping[str, Any], document_id: str) -> Document:
    paragraphs = [" ".join(p.split()) for p in re.split(r"\n\s*\n", source["text"].strip())]
    return Document(document_id, source["title"], "\n\n".join(paragraphs))


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
