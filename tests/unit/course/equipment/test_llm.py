"""Which LLM is chosen, and that a key stays where it is."""

from __future__ import annotations

import os
import socket
import threading
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


@pytest.mark.parametrize(
    "key",
    ["two\nlines-of-a-key", "with a blank", "schlüssel", "zero\u200bwidth", '"sk-1"', "'sk-1'"],
)
def test_a_key_that_no_client_can_send_is_one_sentence_without_it(tmp_path: Path, key: str) -> None:
    os.environ["OPENAI_API_KEY"] = key
    with pytest.raises(CourseError, match="OPENAI_API_KEY holds a blank") as raised:
        choose(tmp_path)
    assert not any(part in str(raised.value) for part in (key, "lines-of-a-key", "schl", "sk-1"))
    os.environ["COURSE_LLM"] = "stub"
    assert choose(tmp_path).kind == "stub"


def test_the_line_break_behind_a_key_is_taken_away(tmp_path: Path) -> None:
    os.environ["OPENAI_API_KEY"] = f"{KEY}\n"
    assert choose(tmp_path).kind == "real"
    assert os.environ["OPENAI_API_KEY"] == KEY


@pytest.mark.parametrize(
    "address",
    [
        "localhost:11434/v1",
        "//host/v1",
        "ftp://host/v1",
        "http://",
        "http://host:port/v1",
        "http://a b",
    ],
)
def test_an_address_that_is_none_is_one_sentence(tmp_path: Path, address: str) -> None:
    os.environ["OPENAI_BASE_URL"] = address
    with pytest.raises(CourseError, match="OPENAI_BASE_URL is no address that begins with http"):
        choose(tmp_path)


def test_an_address_where_nobody_listens_is_named_without_its_password(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        os.environ["OPENAI_BASE_URL"] = f"http://ada:secret@127.0.0.1:{port}/v1?key=secret"
        choice = choose(tmp_path)
        llm.require_listener(choice)
    with pytest.raises(CourseError, match=rf"http://127.0.0.1:{port}/v1 .*refused") as raised:
        llm.require_listener(choice)
    assert "secret" not in str(raised.value)


def test_a_name_that_is_not_looked_up_in_time_keeps_nobody_waiting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released = threading.Event()
    monkeypatch.setattr(llm, "_TRIAL_S", 0.05)

    def slow(*_: object) -> socket.socket:
        released.wait(120)
        return socket.socket()

    monkeypatch.setattr(socket, "create_connection", slow)
    os.environ["OPENAI_BASE_URL"] = "http://llm.invalid/v1"
    try:
        with pytest.raises(CourseError, match="no answer within"):
            llm.require_listener(choose(tmp_path))
        os.environ["HTTP_PROXY"] = os.environ["http_proxy"] = "http://proxy.invalid:3128"
        llm.require_listener(choose(tmp_path))  # the proxy looks it up
    finally:
        released.set()
