"""Reading the two data files, and what is said about a malformed one."""

import json
from pathlib import Path

import pytest

from rag_tutorials.chunking import semantic_chunk_documents
from rag_tutorials.io_utils import document_ids, load_handbook_documents, load_queries
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


@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_reads_sections_with_their_paragraphs(tmp_path: Path, newline: str, mark: str) -> None:
    path = write(tmp_path, mark + HANDBOOK.replace("\n", newline))

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
@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\xff\xfe\xfa", 1),
        (b"Leave\r\n-----\r\nA caf\xe9.\r\n", 3),
        ("Leave\n-----\nA.\n".encode("utf-16"), 1),
        (b"\xef\xbb\xbf{}\n\n\xed\xa0\xbd", 3),
    ],
)
def test_a_file_that_is_not_utf8_is_named(tmp_path: Path, load, content: bytes, line: int) -> None:
    with pytest.raises(ValueError, match=rf"data, line {line}: not UTF-8.*save the file as UTF-8"):
        load(write(tmp_path, content))


@pytest.mark.parametrize("load", [load_handbook_documents, load_queries])
def test_utf16_without_a_mark_is_told_by_its_nuls(tmp_path: Path, load) -> None:
    with pytest.raises(ValueError, match=r"line 1: a NUL character.*save the file as UTF-8"):
        load(write(tmp_path, "Leave\n".encode("utf-16-le")))


@pytest.mark.parametrize("load", [load_handbook_documents, load_queries])
def test_a_folder_in_place_of_a_file_is_named(tmp_path: Path, load) -> None:
    with pytest.raises(OSError, match=r"is a folder: give the path of a text file") as caught:
        load(tmp_path)
    assert str(tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "no section found"),
        ("Just prose.\n", "no section found"),
        ("-----\nText.\n", "line 1: a line of dashes without a heading"),
        ("Leave\n-----\nText.\n\n-----\nText.\n", "line 5: a line of dashes without a heading"),
        ("Leave\n-----\n\nTravel\n------\nText.\n", "line 2: the section 'Leave' has no text"),
        ("Leave\n-----\n", "line 2: the section 'Leave' has no text"),
        ("Leave\n-----\nA.\n\nTravel\n------\nB\0.\n", "line 7: a NUL character"),
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
        ("[" * 100_000, "line 2: not JSON"),
        (json.dumps(QUERY), "line 2: the query_id 'q1' appears twice, first in line 1"),
        (json.dumps(QUERY | {"answer": "x"}), "line 2: unknown query field 'answer'; known are"),
        (json.dumps({"query_id": "q2"}), "line 2: the query field 'question' is missing"),
        (json.dumps(QUERY | {"kind": "odd"}), "line 2: unknown kind 'odd'; known are direct"),
        (json.dumps(QUERY | {"kind": ["direct"]}), "line 2: unknown kind"),
        (json.dumps(QUERY | {"question": "  "}), "line 2: the query field 'question' is empty"),
        (
            json.dumps(QUERY | {"question": "Hm \ud83d?"}),
            "line 2: the query field 'question' holds half",
        ),
        (
            json.dumps(QUERY | {"query_id": "\udc4d"}),
            "line 2: the query field 'query_id' holds half",
        ),
        (
            json.dumps(QUERY | {"question": "a\0b"}),
            "line 2: the query field 'question' holds a NUL",
        ),
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


@pytest.mark.parametrize(
    ("titles", "ids"),
    [
        (
            ["International work", "VPN & network", "a_b"],
            ["international-work", "vpn-network", "a-b"],
        ),
        (["Übersicht", "Bersicht"], ["übersicht", "bersicht"]),
        (["Отпуск", "Больничный"], ["отпуск", "больничный"]),
        (["年假", "病假", "休暇"], ["年假", "病假", "休暇"]),
        (["الإجازة السنوية", "हिन्दी"], ["الإجازة-السنوية", "हिन्दी"]),
        (["caf\u00e9", "cafe\u0301", "CAFÉ"], ["caf\u00e9", "caf\u00e9-2", "caf\u00e9-3"]),
        (["Straße", "STRASSE"], ["strasse", "strasse-2"]),
        (["\uff36\uff30\uff2e", "In\u00adter\u200dnational"], ["vpn", "international"]),
        (["🎉", "!!!", "❤\ufe0f", ""], ["section", "section-2", "section-3", "section-4"]),
        (["1\ufe0f⃣ Leave"], ["1-leave"]),
        # A number makes an id that no other section has of its own.
        (["Leave", "leave", "Leave 2", "LEAVE"], ["leave", "leave-3", "leave-2", "leave-4"]),
        (["Section", "?"], ["section", "section-2"]),
    ],
)
def test_each_title_gets_an_id_of_its_own(titles: list[str], ids: list[str]) -> None:
    assert document_ids(titles) == ids


def test_chunks_of_a_handbook_in_any_script_have_ids_of_their_own(tmp_path: Path) -> None:
    titles = ["Отпуск", "年假", "病假", "🎉", "🎊", "Übersicht", "Bersicht", "Leave", "Leave"]
    path = write(tmp_path, "\n\n".join(f"{title}\n----\nText of it." for title in titles))

    documents = load_handbook_documents(path)

    assert [document.title for document in documents] == titles
    ids = [chunk.chunk_id for chunk in semantic_chunk_documents(documents)]
    assert len(set(ids)) == len(titles)
