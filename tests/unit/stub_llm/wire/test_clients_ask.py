"""What real clients send, and what the API refuses of it."""

import http.client
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rag_tutorials.stub_llm import StubLLM

CLIENTS = Path(__file__).parents[3] / "clients"
HI = {"messages": [{"role": "user", "content": "Say hi"}]}
F = {"type": "function", "function": {"name": "f"}}
LEGACY = {"functions": [{"name": "f", "parameters": {"type": "object", "properties": {}}}]}


@pytest.fixture(scope="module")
def stub() -> Iterator[StubLLM]:
    with StubLLM.start() as running:
        yield running


def post(stub: StubLLM, path: str, body: Any) -> tuple[int, dict[str, Any]]:
    raw = body if isinstance(body, bytes) else json.dumps({"model": "m", **body}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", stub.port, timeout=120)
    try:
        connection.request("POST", f"/v1/{path}", raw, {"authorization": "Bearer stub"})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("chat/completions", {**HI, "parallel_tool_calls": False}, "only allowed when 'tools'"),
        ("chat/completions", {**HI, "tools": []}, "Invalid 'tools': empty array"),
        ("chat/completions", {**HI, "functions": []}, "Invalid 'functions': empty array"),
        ("chat/completions", {**HI, "tools": [F] * 129}, "array with maximum length 128"),
        ("chat/completions", {**HI, "stop": list("abcde")}, "array with maximum length 4"),
        ("chat/completions", {**HI, "top_logprobs": 2}, "only allowed when 'logprobs'"),
        ("chat/completions", {**HI, "tools": [F, F]}, "Tool names must be unique"),
        (
            "chat/completions",
            {**HI, "tools": [{"type": "function", "function": {"name": "f" * 65}}]},
            "string too long. Expected a string with maximum length 64, but got a string with "
            "length 65 instead. tools[0].function.name",
        ),
        ("embeddings", {"input": [[-1]]}, "Expected a value >= 0, but got -1 instead."),
        (
            "responses",
            {"input": "hi", "text": {"format": {"type": "json_object"}}},
            "Input messages must contain the word 'json'",
        ),
        ("chat/completions", {**HI, "model": "text-embedding-3-small"}, "not a chat model"),
        ("responses", {"input": "hi", "model": "text-embedding-3-small"}, "not a chat model"),
        ("embeddings", {"input": "hi", "model": "gpt-4.1-mini"}, "not allowed to generate"),
        ("chat/completions", {**HI, "frobnicate": 1}, "Unknown parameter: 'frobnicate'."),
        ("chat/completions", {**HI, "function_call": "auto"}, "only allowed when 'functions'"),
        ("embeddings", {"input": "hi", "frobnicate": 1}, "Unknown parameter: 'frobnicate'."),
        ("responses", {"input": "hi", "frobnicate": 1}, "Unknown parameter: 'frobnicate'."),
        ("responses", {"input": "hi", **HI}, "has moved to 'input'"),
        ("responses", {"input": "hi", "response_format": {}}, "has moved to 'text.format'"),
        (
            "responses",
            {"input": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]},
            "Invalid value: 'text'. Supported values are: 'input_text'",
        ),
        (
            "responses",
            {"input": [{"role": "assistant", "content": [{"type": "input_text", "text": "x"}]}]},
            "Supported values are: 'output_text' and 'refusal'.",
        ),
        ("chat/completions", b'{"model": "m", "temperature": NaN}', "could not parse the JSON"),
        ("chat/completions", b'{"model": "m", "temperature": 1e999}', "could not parse the JSON"),
        ("chat/completions", b'{"model": "\xed\xa0\x80"}', "could not parse the JSON"),
        *(
            ("chat/completions", {**HI, "tools": [F], "tool_choice": choice}, "tool_choice")
            for choice in (
                {"type": "function", "function": "f"},
                {"type": "function"},
                {"type": "x"},
                {"type": "allowed_tools"},
                {"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": []}},
                {"type": "allowed_tools", "allowed_tools": {"mode": "x", "tools": [F]}},
                [F],
            )
        ),
    ],
)
def test_what_the_api_refuses_is_refused(stub: StubLLM, path: str, body: Any, says: str) -> None:
    status, answer = post(stub, path, body)
    assert status == 400
    assert says in f"{answer['error']['message']} {answer['error']['param']}"


def test_tokens_are_embedded_and_alike_where_they_are_shared(stub: StubLLM) -> None:
    inputs = [[9906, 1917, 40], [9906, 1917, 41], [7, 8]]
    status, answer = post(stub, "embeddings", {"input": inputs})
    assert status == 200
    one, alike, other = (item["embedding"] for item in answer["data"])

    def times(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True))

    assert times(one, one) == pytest.approx(1, abs=1e-5)
    assert times(one, alike) > times(one, other)
    assert post(stub, "embeddings", {"input": [9906, 1917]})[0] == 200


def test_logprobs_are_as_many_as_tokens(stub: StubLLM) -> None:
    body = {**HI, "logprobs": True, "top_logprobs": 2}
    content = post(stub, "chat/completions", body)[1]["choices"][0]["logprobs"]["content"]
    assert "".join(bytes(one["bytes"]).decode() for one in content) == "hi"
    for one in content:
        first, second = one["top_logprobs"]
        assert (first["token"], first["logprob"]) == (one["token"], one["logprob"])
        assert second["logprob"] < first["logprob"] <= 0


def test_a_legacy_function_is_called_and_its_result_is_read(stub: StubLLM) -> None:
    body = {**HI, **LEGACY, "function_call": {"name": "f"}}
    choice = post(stub, "chat/completions", body)[1]["choices"][0]
    assert choice["finish_reason"] == "function_call"
    call = choice["message"]["function_call"]
    assert call == {"name": "f", "arguments": "{}"}
    turn = [
        {"role": "user", "content": "How many days may I work abroad?"},
        {"role": "assistant", "content": None, "function_call": call},
        {"role": "function", "name": "f", "content": "You may work abroad for 14 days."},
    ]
    status, answer = post(stub, "chat/completions", {"messages": turn, **LEGACY})
    assert status == 200
    assert "14 days" in answer["choices"][0]["message"]["content"]


def test_only_allowed_tools_are_called(stub: StubLLM) -> None:
    names = ("get_weather", "get_news")
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tools = [{"type": "function", "function": {"name": n, "parameters": parameters}} for n in names]
    choice = {
        "type": "allowed_tools",
        "allowed_tools": {
            "mode": "required",
            "tools": [{"type": "function", "function": {"name": "get_news"}}],
        },
    }
    asked = [{"role": "user", "content": "What is the weather in Paris?"}]
    body = {"messages": asked, "tools": tools, "tool_choice": choice}
    calls = post(stub, "chat/completions", body)[1]["choices"][0]["message"]["tool_calls"]
    assert {call["function"]["name"] for call in calls} == {"get_news"}


@pytest.mark.parametrize("program", ["openai_sdk.py", "pydantic_ai_agent.py"])
def test_the_clients_that_the_course_has_get_through(stub: StubLLM, program: str) -> None:
    address = {
        "OPENAI_BASE_URL": stub.base_url,
        "OPENAI_API_KEY": "stub",
        "OPENAI_CHAT_MODEL": "gpt-4.1-mini",
    }
    ran = subprocess.run(
        [sys.executable, CLIENTS / program],
        env=os.environ | address,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
