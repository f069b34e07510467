"""Reads the two data files of the application."""

import codecs
import json
import os
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

from rag_tutorials.schema import Document, QueryExample, QueryKind
from rag_tutorials.texts import nonblank_text

_FIELDS = tuple(field.name for field in fields(QueryExample))
_KINDS: tuple[str, ...] = get_args(QueryKind)


def load_handbook_documents(path: str | os.PathLike[str]) -> list[Document]:
    """Return the sections of the handbook, in order.

    A section is a heading, optionally numbered and underlined with at least three dashes, and the
    paragraphs up to the next heading. Line breaks inside a paragraph become spaces. What comes
    before the first section, such as the title, is left out.

    Args:
        path: A text file in UTF-8, with any line ends.

    Raises:
        OSError: The file is missing (FileNotFoundError), a folder, or cannot be read.
        ValueError: The file is malformed; the sentence names the line.
    """
    lines = _read(path).split("\n")
    underlines = [number for number, line in enumerate(lines) if re.fullmatch(r"-{3,}\s*", line)]
    if not underlines:
        raise ValueError(f"{path}: no section found (a heading is a line underlined with dashes).")
    sections: list[tuple[str, str]] = []
    for underline, following in zip(underlines, [*underlines[1:], len(lines) + 1], strict=True):
        title = re.sub(r"^\d+\.\s+", "", lines[underline - 1].strip()) if underline else ""
        where = f"{path}, line {underline + 1}"
        if not title:
            raise ValueError(f"{where}: a line of dashes without a heading above it.")
        body = "\n".join(lines[underline + 1 : following - 1])
        paragraphs = [" ".join(part.split()) for part in re.split(r"\n\s*\n", body)]
        text = "\n\n".join(filter(None, paragraphs))
        if not text:
            raise ValueError(f"{where}: the section {title!r} has no text.")
        sections.append((title, text))
    ids = document_ids(title for title, _ in sections)
    return [
        Document(document_id, title, text)
        for document_id, (title, text) in zip(ids, sections, strict=True)
    ]


def load_queries(path: str | os.PathLike[str]) -> list[QueryExample]:
    """Return the queries, one JSON object a line; blank lines are skipped.

    Args:
        path: A text file in UTF-8, with any line ends.

    Raises:
        OSError: The file is missing (FileNotFoundError), a folder, or cannot be read.
        ValueError: A line has broken JSON, an unknown or missing field, an unknown kind, a text
            that is blank or holds half a character, or a ``query_id`` that an earlier one has; the
            sentence names the line.
    """
    queries: dict[str, QueryExample] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(_read(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            query = query_from_record(json.loads(line))
            if query.query_id in lines:
                raise ValueError(
                    f"the query_id {query.query_id!r} appears twice, first in line "
                    f"{lines[query.query_id]}; give each query its own."
                )
        except (json.JSONDecodeError, RecursionError) as error:
            raise ValueError(f"{path}, line {number}: not JSON ({error}).") from error
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
        queries[query.query_id] = query
        lines[query.query_id] = number
    if not queries:
        raise ValueError(f"{path} holds no queries: write one JSON object a line.")
    return list(queries.values())


def query_from_record(record: object) -> QueryExample:
    """Return the query that a decoded JSON object describes.

    Raises:
        ValueError: It describes none; the sentence says what is wrong.
    """
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
        if "\0" in nonblank_text(values[name], f"the query field {name!r}"):
            raise ValueError(f"the query field {name!r} holds a NUL character: take it out.")
    return QueryExample(**values)


def document_ids(titles: Iterable[str]) -> list[str]:
    """Return an id for each section title, all different.

    It is the title's slug, or ``section`` if that is empty. Where an earlier section has it, a
    number is added, from 2 on, that makes an id which no other section has.
    """
    slugs = [document_id_of(title) or "section" for title in titles]
    taken: set[str] = set()
    ids: list[str] = []
    for slug in slugs:
        document_id, number = slug, 1
        while document_id in taken or (number > 1 and document_id in slugs):
            number += 1
            document_id = f"{slug}-{number}"
        taken.add(document_id)
        ids.append(document_id)
    return ids


def document_id_of(title: str) -> str:
    """Return the slug of a section title: ``International work`` becomes ``international-work``.

    Letters and digits of every script stay, with the marks on them, in the one form that Unicode
    gives to texts that are to be compared (NFKC, case folded). It is empty without any.
    """
    folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", title).casefold())
    slug = ""
    for character in folded:
        # A variation selector, after a digit that is to be an emoji, is as invisible as a joiner.
        invisible = "\N{VARIATION SELECTOR-1}" <= character <= "\N{VARIATION SELECTOR-16}"
        kind = "Cf" if invisible else unicodedata.category(character)
        if kind[0] in "LN" or (kind in ("Mn", "Mc") and slug[-1:] not in ("", "-")):
            slug += character
        elif kind != "Cf" and not slug.endswith("-"):
            slug += "-"
    return slug.strip("-")


def _read(path: str | os.PathLike[str]) -> str:
    """Return the text of a file, its lines ended by a line feed alone."""
    try:
        content = Path(path).read_bytes()
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f"{path} is missing. Make it with: python scripts/generate_data.py"
        ) from error
    except OSError as error:
        reason = "a folder" if Path(path).is_dir() else f"not readable ({error.strerror})"
        raise type(error)(f"{path} is {reason}: give the path of a text file.") from error
    content = content.removeprefix(codecs.BOM_UTF8)
    content = content.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ValueError(
            f"{path}, line {line}: not UTF-8 text ({error.reason}): save the file as UTF-8."
        ) from error
    if "\0" in text:
        line = text.count("\n", 0, text.index("\0")) + 1
        raise ValueError(
            f"{path}, line {line}: a NUL character, which no text has: save the file as UTF-8."
        )
    return text
