"""The file of names that an instructor has, and the slugs that the names become."""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Container, Sequence
from pathlib import Path
from typing import NamedTuple

from rag_tutorials.classroom.base.wire import slug_of
from rag_tutorials.course.base.errors import CourseError, sentence_of

_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
# Phoenix has users of these names; the class's reports are in a project that begins so.
_TAKEN = ("admin", "system", "class")


class Entry(NamedTuple):
    """A line of the file; ``email`` may be empty."""

    name: str
    email: str


class Roster(NamedTuple):
    """The names of a file in its order, and its heading, if it has one."""

    entries: Sequence[Entry]
    heading: str = ""


def read_names(file: Path) -> Roster:
    """Return the names of a file: one a line, perhaps an e-mail address after it.

    A comma, a tab or a semicolon stands between the two. The first line is a heading if its second
    column holds no address while everybody else's does; a heading of one column looks like a name.

    Raises:
        CourseError: the file cannot be read, or lines of it are no such lines; all are named.
    """
    try:
        content = file.read_bytes()
    except OSError as error:
        raise CourseError(f"{file} cannot be read ({sentence_of(error)}).") from error
    utf16 = content.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        text = content.decode("utf-16" if utf16 else "utf-8-sig")
    except UnicodeDecodeError:
        raise CourseError(
            f"{file} is not text in UTF-8; save it anew with that encoding (in Excel: CSV UTF-8)."
        ) from None
    found: list[Entry] = []
    wrong: list[str] = []
    heading = ""
    for number, line in enumerate(re.split(r"\r\n|\r|\n", text), 1):
        name, *rest = (clean(field) for field in _fields(line))
        email, *more = rest or [""]
        if number == 1 and name and email and "@" not in email and not any(more):
            heading = clean(line)
        elif any(more) or (email and not _EMAIL.fullmatch(email)) or (email and not name):
            wrong.append(f"line {number}: {clean(line)}")
        elif name:
            found.append(Entry(name, email.lower()))
    if heading and not (found and all(one.email for one in found)):
        wrong.insert(0, f"line 1: {heading}")
    if wrong:
        raise CourseError(
            f"{file} has lines that are neither a name nor a name, a comma (or tab, semicolon), "
            "and an e-mail address (a name with a comma stands in quotes): "
            f"{'; '.join(wrong)}. Nobody was added."
        )
    if not found:
        raise CourseError(f"{file} has no names; write one on each line.")
    return Roster(found, heading)


def _fields(line: str) -> list[str]:
    # A spreadsheet that writes decimals with a comma separates a CSV's columns by semicolons.
    delimiter = next((one for one in "\t;" if one in line), ",")
    return next(csv.reader([line], delimiter=delimiter, skipinitialspace=True), []) or [""]


def clean(text: str) -> str:
    """Return a text composed (NFC), without what is not to be seen, with single spaces."""
    spaced = " ".join(unicodedata.normalize("NFC", text).split())
    return "".join(one for one in spaced if one.isprintable()).strip()


def same(name: str) -> str:
    """Return what two spellings of one name have in common."""
    return unicodedata.normalize("NFKC", name).casefold()


def distinct(name: str, taken: Container[str]) -> str:
    """Return a name's slug, numbered if need be so that it is not ``taken``.

    A slug begins the names of a student's projects in the class, up to the first dot.
    """
    stem = slug = slug_of(name) or "student"  # such as a name without a letter
    number = 1
    while slug in taken or slug in _TAKEN:
        number += 1
        slug = f"{stem}-{number}"
    return slug
