"""Reads the two data files of the application."""

import json
import os
import re
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from .schema import Document, QueryExample, QueryKind

_FIELDS = tuple(field.name for field in fields(QueryExample))
_KINDS: tuple[str, ...] = get_args(QueryKind)


def load_handbook_documents(path: str | os.PathLike[str]) -> list[Document]:
    """Return the sections of the handbook at ``path``, in order.

    A section is a heading, optionally numbered and underlined with at least three dashes, and the
    paragraphs up to the next heading. Line breaks inside a paragraph become spaces. What comes
    before the first section, such as the title, is left out.

    Raises ``FileNotFoundError``, or ``ValueError`` naming the line when the file is malformed.
    """
    lines = _read(path).splitlines()
    underlines = [number for number, line in enumerate(lines) if re.fullmatch(r"-{3,}\s*", line)]
    if not underlines:
        raise ValueError(f"{path}: no section found (a heading is a line underlined with dashes).")
    documents: dict[str, Document] = {}
    for underline, following in zip(underlines, [*underlines[1:], len(lines) + 1], strict=True):
        title = re.sub(r"^\d+\.\s+", "", lines[underline - 1].strip()) if underline else ""
        where = f"{path}, line {underline + 1}"
        if not title:
            raise ValueError(f"{where}: a line of dashes without a heading above it.")
        document_id = document_id_of(title)
        if document_id in documents:
            raise ValueError(f"{where}: the section {title!r} appears twice.")
        body = "\n".join(lines[underline + 1 : following - 1])
        paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", body)]
        text = "\n\n".join(filter(None, paragraphs))
        if not text:
            raise ValueError(f"{where}: the section {title!r} has no text.")
        documents[document_id] = Document(document_id, title, text)
    return list(documents.values())


def load_queries(path: str | os.PathLike[str]) -> list[QueryExample]:
    """Return the queries at ``path``, one JSON object a line; blank lines are skipped.

    Raises ``FileNotFoundError``, or ``ValueError`` naming the line for broken JSON, an unknown or
    missing field, an unknown kind or a repeated ``query_id``.
    """
    queries: dict[str, QueryExample] = {}
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            query = query_from_record(json.loads(line))
            if query.query_id in queries:
                raise ValueError(f"the query_id {query.query_id!r} appears twice.")
        except json.JSONDecodeError as error:
            raise ValueError(f"{path}, line {number}: not JSON ({error}).") from error
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        queries[query.query_id] = query
    if not queries:
        raise ValueError(f"{path} holds no queries.")
    return list(queries.values())


def query_from_record(record: object) -> QueryExample:
    """Return the query that a decoded JSON object describes; ``ValueError`` says what is wrong."""
    if not isinstance(record, Mapping):
        raise ValueError("a query must be a JSON object.")
    if unknown := [name for name in record if name not in _FIELDS]:
        raise ValueError(f"unknown query field {unknown[0]!r}; known are {', '.join(_FIELDS)}.")
    if missing := [name for name in _FIELDS if name not in record]:
        raise ValueError(f"the query field {missing[0]!r} is missing.")
    values: dict[str, Any] = dict(record)
    if values["kind"] not in _KINDS:
        raise ValueError(f"unknown kind {values['kind']!r}; known are {', '.join(_KINDS)}.")
    texts = ["query_id", "question"]
    answer = ["target_document_id", "expected_fact"]
    if values["kind"] != "unanswerable":
        texts += answer
    elif any(values[name] is not None for name in answer):
        raise ValueError(f"an unanswerable query has null for {' and '.join(answer)}.")
    for name in texts:
        if not isinstance(values[name], str) or not values[name].strip():
            raise ValueError(f"the query field {name!r} must be a text that is not empty.")
    return QueryExample(**values)


def document_id_of(title: str) -> str:
    """Return the slug of a section title: ``International work`` -> ``international-work``."""
    return re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")


def _read(path: str | os.PathLike[str]) -> str:
    try:
        return Path(path).read_text(encoding="utf-8-sig")
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} is missing. Make it with: python scripts/generate_data.py"
        ) from error
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is not UTF-8 text ({error}).") from error
