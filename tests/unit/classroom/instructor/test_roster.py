"""The file of names, as people save it."""

from pathlib import Path

import pytest

from rag_tutorials.classroom.base.wire import slug_of
from rag_tutorials.classroom.instructor.roster import Entry, distinct, read_names
from rag_tutorials.course.base.errors import CourseError

ADA, ZOE = Entry("Ada Lovelace", "ada@example.org"), Entry("Zoë 李", "")


def read(folder: Path, content: bytes) -> list[Entry]:
    file = folder / "names.txt"
    file.write_bytes(content)
    return list(read_names(file).entries)


@pytest.mark.parametrize(
    "content",
    [
        "Ada Lovelace,ada@example.org\nZoë 李\n".encode(),
        "Ada Lovelace\tada@example.org\nZoë 李".encode(),
        "\ufeffAda Lovelace;ada@example.org\r\nZoë 李;\r\n".encode(),
        "\ufeffAda Lovelace, ADA@example.org\r\n\r\n  Zoë 李  \r\n".encode(),
        "Ada Lovelace,ada@example.org\rZoë 李\r".encode(),
        '"Ada Lovelace","ada@example.org"\n"Zoë 李",\n'.encode(),
        "Ada  Lovelace ,ada@example.org,\n\u00a0Zoe\u0308 李\u200b\n , \n\t\n".encode(),
        "Ada Lovelace,ada@example.org\nZoë 李\n".encode("utf-16"),
    ],
    ids=["comma", "tab", "semicolon", "BOM and CRLF", "CR", "quoted", "blanks and marks", "UTF-16"],
)
def test_names_are_read_as_they_are_saved(tmp_path: Path, content: bytes) -> None:
    assert read(tmp_path, content) == [ADA, ZOE]


def test_a_name_with_a_comma_stands_in_quotes(tmp_path: Path) -> None:
    assert read(tmp_path, b'"Lovelace, Ada",ada@example.org') == [
        Entry("Lovelace, Ada", "ada@example.org")
    ]


@pytest.mark.parametrize(
    "line", ["Lovelace, Ada", "Ada,ada@example.org,x", "name,e-mail", ",ada@example.org", "A,a@b"]
)
def test_a_line_that_is_none_is_shown_with_its_number(tmp_path: Path, line: str) -> None:
    with pytest.raises(CourseError, match="Nobody was added") as raised:
        read(tmp_path, f"Zoë 李\n{line}\n".encode())
    assert f"line 2: {line}" in str(raised.value)


@pytest.mark.parametrize("heading", ["name,email", "Nom;Courriel", "姓名\t电子邮件", "a,b,"])
def test_above_addresses_a_first_line_without_one_is_the_heading(
    tmp_path: Path, heading: str
) -> None:
    file = tmp_path / "names.csv"
    separator = next(one for one in "\t;," if one in heading)
    file.write_text(f"{heading}\nAda Lovelace{separator}ada@example.org\n", encoding="utf-8")
    assert read_names(file) == ([ADA], " ".join(heading.split()))


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ("Lovelace, Ada\nZoë 李\n", "Lovelace, Ada"),
        ("Ada,ada.example.org\nBob,bob@example.org\nCyd\n", "Ada,ada.example.org"),
        ("Ada,ada@example\nBob,bob@example.org\n", "Ada,ada@example"),
        ("name,first,email\nBob,bob@example.org\n", "name,first,email"),
        ("name,email\n", "name,email"),
    ],
)
def test_a_first_line_that_may_be_somebody_is_no_heading(
    tmp_path: Path, content: str, line: str
) -> None:
    with pytest.raises(CourseError, match="Nobody was added") as raised:
        read(tmp_path, content.encode())
    assert f"line 1: {line}" in str(raised.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "has no names"),
        (b"\n \r\n", "has no names"),
        ("Zoë".encode("latin-1"), "is not text in UTF-8"),
        (None, "cannot be read"),
    ],
)
def test_what_is_no_file_of_names_is_one_sentence(
    tmp_path: Path, content: bytes | None, sentence: str
) -> None:
    file = tmp_path / "names.txt"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(CourseError, match=sentence):
        read_names(file)


@pytest.mark.parametrize(
    ("name", "taken", "slug"),
    [
        ("Ada Lovelace", set(), "ada-lovelace"),
        ("Ada Lovelace", {"ada-lovelace", "ada-lovelace-2"}, "ada-lovelace-3"),
        ("Admin", set(), "admin-2"),
        ("Class", set(), "class-2"),
        ("😀", set(), "student"),
        ("...", {"student"}, "student-2"),
    ],
)
def test_everybody_has_a_slug_of_their_own(name: str, taken: set[str], slug: str) -> None:
    assert distinct(name, taken) == slug
    assert slug_of(slug) == slug
