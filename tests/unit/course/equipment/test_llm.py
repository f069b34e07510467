"""Which LLM is chosen, and that a key stays where it is."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.equipment import llm

KEY = "key-of-a-student"


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(os, "environ", dict(os.environ))
    for name in [name for name in os.environ if name.startswith(("OPENAI_", "COURSE_LLM"))]:
        del os.environ[name]
    monkeypatch.setattr(llm, "_started", {})
    yield
    for stub in llm._started.values():
        stub.stop()


def choose(folder: Path, dotenv: str = "") -> llm.LLMChoice:
    (folder / ".env").write_text(dotenv, "utf-8")
    return llm.choose_llm(folder)


def test_without_a_key_the_stub_answers(tmp_path: Path) -> None:
    choice = choose(tmp_path)
    assert choice.kind == "stub"
    assert choice.stub is not None
    assert os.environ["OPENAI_BASE_URL"] == choice.stub.base_url


def test_asked_again_the_same_stub_answers(tmp_path: Path) -> None:
    assert choose(tmp_path).stub is choose(tmp_path).stub


def test_a_key_in_the_env_file_selects_openai(tmp_path: Path) -> None:
    choice = choose(tmp_path, f"OPENAI_API_KEY={KEY}\n")
    assert choice.kind == "real"
    assert os.environ["OPENAI_API_KEY"] == KEY
    assert KEY not in repr(choice) + choice.description


def test_a_base_url_alone_gets_a_placeholder_for_a_key(tmp_path: Path) -> None:
    choice = choose(tmp_path, "OPENAI_BASE_URL=http://user:secret@localhost:11434/v1?token=t\n")
    assert choice.kind == "real"
    assert choice.description == "the endpoint http://localhost:11434/v1"
    assert os.environ["OPENAI_API_KEY"]


def test_empty_values_are_as_good_as_none(tmp_path: Path) -> None:
    choice = choose(tmp_path, "OPENAI_API_KEY=\nOPENAI_BASE_URL=\nOPENAI_CHAT_MODEL=\n")
    assert choice.kind == "stub"
    assert "OPENAI_CHAT_MODEL" not in os.environ


def test_the_stub_can_be_forced(tmp_path: Path) -> None:
    os.environ["COURSE_LLM"] = "stub"
    assert choose(tmp_path, f"OPENAI_API_KEY={KEY}\n").kind == "stub"
    assert os.environ["OPENAI_API_KEY"] != KEY


def test_an_unknown_choice_is_one_sentence(tmp_path: Path) -> None:
    os.environ["COURSE_LLM"] = "gpt"
    with pytest.raises(CourseError, match=r"COURSE_LLM is 'gpt'; set it to `stub`"):
        choose(tmp_path)


def test_loopback_stays_off_proxies(tmp_path: Path) -> None:
    os.environ["NO_PROXY"] = "intranet"
    choose(tmp_path)
    assert os.environ["NO_PROXY"].split(",") == ["intranet", "localhost", "127.0.0.1", "::1"]
