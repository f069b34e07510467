"""The class code: short, whole or refused, and silent about its key."""

from __future__ import annotations

import pickle
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rag_tutorials.classroom.base.code import ClassCode
from rag_tutorials.course import CourseError

# A key as Phoenix makes it: a JSON Web Token of a random secret.
KEY = (
    "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJqdGkiOiJBcGlLZXk6MTIifQ."
    "l7mUWJQ3gZrMXLsPp0gJ3u2cF4tE2x0vBqkT8nYd5aA"
)
ADA = ClassCode("http://192.0.2.7:6006", KEY, "Ada Lovelace", 0.9)


def test_a_code_is_one_line_hardly_longer_than_its_key() -> None:
    code = ADA.encode()
    assert re.fullmatch(r"class1_[A-Za-z0-9_-]+", code)
    assert len(code) <= len(KEY) + 30
    assert KEY not in code
    assert ClassCode.decode(code) == ADA


@settings(max_examples=60, deadline=None)
@given(
    key=st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=200),
    host=st.sampled_from(
        ["localhost:6006", "phoenix.example.edu/class", "[::1]:8080", "192.0.2.1"]
    ),
    secure=st.booleans(),
    name=st.none() | st.text(min_size=1).filter(lambda text: text.isprintable() and text.strip()),
    pace=st.sampled_from([0.3, 0.9, 18.0, 45.0, 90.0]),
)
def test_what_goes_in_comes_out(
    key: str, host: str, secure: bool, name: str | None, pace: float
) -> None:
    code = ClassCode(f"http{'s' * secure}://{host}", key, name, pace)
    assert ClassCode.decode(code.encode()) == code


def test_a_code_survives_a_mail_that_breaks_and_quotes_it() -> None:
    code = ADA.encode()
    broken = f'  "{code[:50]}\n  {code[50:]}"\r\n'
    assert ClassCode.decode(broken) == ADA


def test_every_cut_and_every_wrong_character_is_found() -> None:
    code = ADA.encode()
    for length in range(len("class1_"), len(code)):
        with pytest.raises(CourseError, match="cut off or mistyped"):
            ClassCode.decode(code[:length])
    for at in range(len("class1_"), len(code)):
        other = "A" if code[at] != "A" else "B"
        with pytest.raises(CourseError, match="cut off or mistyped"):
            ClassCode.decode(code[:at] + other + code[at + 1 :])
    with pytest.raises(CourseError, match="cut off or mistyped"):
        ClassCode.decode(code + code)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "is empty"),
        ("   \n", "is empty"),
        ("http://192.0.2.7:6006", "is an address, and a class code holds more"),
        ("hello", "no class code, which begins with class1_"),
        ("join: " + ADA.encode(), "other text before the class code"),
        ("class9_" + ADA.encode()[7:], "another version of the course"),
        (ADA.encode()[10:], "no class code"),
        (KEY, "no class code"),
    ],
)
def test_other_text_gets_a_sentence_that_does_not_repeat_it(text: str, sentence: str) -> None:
    with pytest.raises(CourseError, match=sentence) as caught:
        ClassCode.decode(text)
    assert KEY not in str(caught.value)
    if len(text) > 40:
        assert text[-30:] not in str(caught.value)


@pytest.mark.parametrize(
    "parts",
    [
        {"url": "phoenix.example.edu"},
        {"url": "http://ada:secret@phoenix.example.edu"},
        {"url": "http://phoenix.example.edu/?key=1"},
        {"key": ""},
        {"key": "two words"},
        {"name": " "},
        {"name": "two\nlines"},
        {"pace": 0},
        {"pace": float("nan")},
    ],
)
def test_what_no_class_has_is_refused_without_the_key(parts: dict[str, object]) -> None:
    whole = {"url": ADA.url, "key": KEY, "name": "Ada", "pace": 1.0, **parts}
    with pytest.raises(ValueError, match=r"the class's|the student's|the pace") as caught:
        ClassCode(**whole)  # type: ignore[arg-type]
    assert "secret" not in str(caught.value)
    assert KEY not in str(caught.value)


def test_a_code_shows_everything_but_its_key() -> None:
    assert "Ada" in repr(ADA)
    assert KEY not in f"{ADA!r} {ADA}"
    assert pickle.loads(pickle.dumps(ADA)) == ADA
