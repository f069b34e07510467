"""Reading the two data files, and what is said about a malformed one."""

import json
from pathlib import Path

import pytest

from rag_tutorials.io_utils import load_handbook_documents, load_queries
from rag_tutorials.schema import Document, QueryExample

HANDBOOK = """\
The Handbook
============

Edition two.

1. International work
---------------------

First line
second line.

Next paragraph.

2. Leave
--------
Straight below.
"""

QUERY = {
    "query_id": "q1",
    "question": "How long?",
    "kind": "direct",
    "target_document_id": "leave",
    "expected_fact": "14 days",
}


def write(tmp_path: Path, content: str | bytes) -> Path:
    path = tmp_path / "data"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_reads_sections_with_their_paragraphs(tmp_path: Path, newline: str) -> None:
    path = write(tmp_path, HANDBOOK.replace("\n", newline))

    assert load_handbook_documents(path) == [
        Document(
            "international-work",
            "International work",
            "First line second line.\n\nNext paragraph.",
        ),
        Document("leave", "Leave", "Straight below."),
    ]
    assert load_handbook_documents(str(path)) == load_handbook_documents(path)


@pytest.mark.parametrize("load", [load_handbook_documents, load_queries])
def test_a_missing_file_says_how_to_make_it(tmp_path: Path, load) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.txt is missing.*generate_data\.py"):
        load(tmp_path / "none.txt")


@pytest.mark.parametrize("load", [load_handbook_documents, load_queries])
def test_a_file_that_is_not_utf8_is_named(tmp_path: Path, load) -> None:
    with pytest.raises(ValueError, match="not UTF-8"):
        load(write(tmp_path, b"\xff\xfe\xfa"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no section found"),
        ("Just prose.\n", "no section found"),
        ("-----\nText.\n", "line 1: a line of dashes without a heading"),
        ("Leave\n-----\nText.\n\n-----\nText.\n", "line 5: a line of dashes without a heading"),
        ("Leave\n-----\n\nTravel\n------\nText.\n", "line 2: the section 'Leave' has no text"),
        ("Leave\n-----\n", "line 2: the section 'Leave' has no text"),
        ("Leave\n-----\nA.\n\n2. Leave\n-----\nB.\n", "line 6: the section 'Leave' appears twice"),
    ],
)
def test_a_malformed_handbook_names_the_line(tmp_path: Path, content: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        load_handbook_documents(write(tmp_path, content))


def test_reads_queries_and_skips_blank_lines(tmp_path: Path) -> None:
    nothing = {
        "query_id": "q2",
        "question": "Why?",
        "kind": "unanswerable",
        "target_document_id": None,
        "expected_fact": None,
    }
    path = write(tmp_path, f"{json.dumps(QUERY)}\r\n\r\n{json.dumps(nothing)}\r\n")

    assert load_queries(path) == [
        QueryExample("q1", "How long?", "direct", "leave", "14 days"),
        QueryExample("q2", "Why?", "unanswerable", None, None),
    ]


@pytest.mark.parametrize(
    ("second_line", "message"),
    [
        ("{oops", "line 2: not JSON"),
        ("[1]", "line 2: a query must be a JSON object"),
        (json.dumps(QUERY), "line 2: the query_id 'q1' appears twice"),
        (json.dumps(QUERY | {"answer": "x"}), "line 2: unknown query field 'answer'; known are"),
        (json.dumps({"query_id": "q2"}), "line 2: the query field 'question' is missing"),
        (json.dumps(QUERY | {"kind": "odd"}), "line 2: unknown kind 'odd'; known are direct"),
        (json.dumps(QUERY | {"kind": ["direct"]}), "line 2: unknown kind"),
        (json.dumps(QUERY | {"question": "  "}), "line 2: the query field 'question' must be"),
        (json.dumps(QUERY | {"query_id": 7}), "line 2: the query field 'query_id' must be"),
        (json.dumps(QUERY | {"expected_fact": None}), "line 2: the query field 'expected_fact'"),
        (json.dumps(QUERY | {"kind": "unanswerable"}), "line 2: an unanswerable query has null"),
    ],
)
def test_a_malformed_query_names_the_line(tmp_path: Path, second_line: str, message: str) -> None:
    path = write(tmp_path, f"{json.dumps(QUERY)}\n{second_line}\n")

    with pytest.raises(ValueError, match=message):
        load_queries(path)


def test_an_empty_query_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no queries"):
        load_queries(write(tmp_path, "\n"))
