import http.client
import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import AuthenticationError, BadRequestError, NotFoundError, OpenAI

from rag_tutorials.stub_llm import StubLLM

CHAT = "/v1/chat/completions"
HELLO = {"role": "user", "content": "Hello"}
STRICT_GAP = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.fixture(scope="module")
def stub() -> Iterator[StubLLM]:
    with StubLLM.start() as running:
        yield running


def send(
    stub: StubLLM,
    path: str,
    body: Any = None,
    method: str = "POST",
    key: str | None = "stub",
) -> tuple[int, dict[str, Any]]:
    connection = http.client.HTTPConnection("127.0.0.1", stub.port, timeout=120)
    headers = {"authorization": f"Bearer {key}"} if key is not None else {}
    raw = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    try:
        connection.request(method, path, raw, headers)
        response = connection.getresponse()
        return response.status, json.loads(response.read())["error"]
    finally:
        connection.close()


def chat(**fields: Any) -> dict[str, Any]:
    body: dict[str, Any] = {"model": "m", "messages": [HELLO], **fields}
    return {key: value for key, value in body.items() if value is not ...}


def json_schema(schema: Any) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": schema, "strict": True},
    }


def function(**fields: Any) -> dict[str, Any]:
    return {"type": "function", "function": {"name": "f", **fields}}


@pytest.mark.parametrize(
    ("body", "param", "code"),
    [
        (b"{not json", None, None),
        (b"\xff\xfe", None, None),
        (b"[]", None, None),
        (b"[" * 100_000, None, None),
        (b'{"model": "m", "messages": [{"role": "user", "content": "\\ud83d"}]}', None, None),
        (chat(model=...), None, None),
        (chat(model=3), "model", "invalid_type"),
        (chat(messages=...), "messages", "missing_required_parameter"),
        (chat(messages="Hello"), "messages", "invalid_type"),
        (chat(messages=[]), "messages", "empty_array"),
        (chat(messages=["Hello"]), "messages[0]", "invalid_type"),
        (chat(messages=[{"content": "x"}]), "messages[0].role", "missing_required_parameter"),
        (chat(messages=[HELLO, {**HELLO, "role": "robot"}]), "messages[1].role", "invalid_value"),
        (chat(messages=[{**HELLO, "content": 3}]), "messages[0].content", "invalid_type"),
        (chat(messages=[{**HELLO, "content": None}]), "messages[0].content", None),
        (
            chat(messages=[{**HELLO, "content": [{"type": "video"}]}]),
            "messages[0].content[0].type",
            "invalid_value",
        ),
        (
            chat(messages=[HELLO, {"role": "tool", "content": "x", "tool_call_id": "c9"}]),
            "messages[1].tool_call_id",
            None,
        ),
        (chat(messages=[HELLO, {"role": "assistant", "tool_calls": [CALL]}]), "messages", None),
        (
            chat(messages=[HELLO, {"role": "assistant", "tool_calls": [CALL]}, HELLO]),
            "messages",
            None,
        ),
        (chat(temperature="hot"), "temperature", "invalid_type"),
        (chat(temperature=2.5), "temperature", "decimal_above_max_value"),
        (chat(top_p=-1), "top_p", "decimal_below_min_value"),
        (chat(max_tokens=0), "max_tokens", "integer_below_min_value"),
        (chat(n=1.5), "n", "invalid_type"),
        (chat(stop=3), "stop", "invalid_type"),
        (chat(stream="yes"), "stream", "invalid_type"),
        (chat(stream_options={"include_usage": True}), "stream_options", None),
        (chat(tools={}), "tools", "invalid_type"),
        (chat(tools=[{"type": "magic"}]), "tools[0].type", "invalid_value"),
        (chat(tools=[function(name="a b")]), "tools[0].function.name", "invalid_value"),
        (
            chat(tools=[function(name="a" * 65)]),
            "tools[0].function.name",
            "string_above_max_length",
        ),
        (
            chat(tools=[function(parameters={"type": "string"})]),
            "tools[0].function.parameters",
            "invalid_function_parameters",
        ),
        (
            chat(tools=[function(parameters=STRICT_GAP, strict=True)]),
            "tools[0].function.parameters",
            "invalid_function_parameters",
        ),
        (chat(tool_choice="auto"), "tool_choice", None),
        (chat(tools=[function()], tool_choice="maybe"), "tool_choice", "invalid_value"),
        (
            chat(tools=[function()], tool_choice={"type": "function", "function": {"name": "g"}}),
            "tool_choice",
            None,
        ),
        (chat(response_format={"type": "xml"}), "response_format.type", "invalid_value"),
        (chat(response_format={"type": "json_object"}), "messages", None),
        (chat(response_format=json_schema(STRICT_GAP)), "response_format", None),
        (
            chat(response_format=json_schema(None)),
            "response_format.schema",
            "missing_required_parameter",
        ),
        *(
            (chat(response_format=json_schema({"type": "object", **part})), "response_format", None)
            for part in (
                {"properties": [1]},
                {"properties": {"a": 3}},
                {"properties": {"a": {"enum": []}}},
                {"properties": {"a": {"type": "string", "pattern": "("}}},
                {"properties": {"a": {"type": "array", "items": {"minItems": "2"}}}},
                {"anyOf": {}},
            )
        ),
        (
            chat(messages=[{**HELLO, "content": "word " * 130_000}]),
            "messages",
            "context_length_exceeded",
        ),
    ],
)
def test_a_bad_chat_request_is_refused(
    stub: StubLLM, body: Any, param: str | None, code: str | None
) -> None:
    status, error = send(stub, CHAT, body)
    assert status == 400
    assert error["type"] == "invalid_request_error"
    assert (error["param"], error["code"]) == (param, code)
    assert error["message"]


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({}, "input", "missing_required_parameter"),
        ({"input": 3}, "input", "invalid_type"),
        ({"input": []}, "input", "empty_array"),
        ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role", "invalid_value"),
        ({"input": [{"type": "magic"}]}, "input[0].type", "invalid_value"),
        ({"input": [{"role": "user"}]}, "input[0].content", "missing_required_parameter"),
        (
            {"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]},
            "input",
            None,
        ),
        ({"input": "x", "instructions": 3}, "instructions", "invalid_type"),
        ({"input": "x", "max_output_tokens": 1}, "max_output_tokens", "integer_below_min_value"),
        ({"input": "x", "text": {"format": {"type": "xml"}}}, "text.format.type", "invalid_value"),
        ({"input": "x", "text": {"format": {"type": "json_object"}}}, "input", None),
        (
            {"input": "x", "previous_response_id": "resp_0"},
            "previous_response_id",
            "previous_response_not_found",
        ),
        ({"input": "x", "tools": [{"type": "web_search"}]}, "tools[0].type", "invalid_value"),
    ],
)
def test_a_bad_responses_request_is_refused(
    stub: StubLLM, fields: dict[str, Any], param: str, code: str | None
) -> None:
    status, error = send(stub, "/v1/responses", {"model": "m", **fields})
    assert status == 400
    assert (error["param"], error["code"]) == (param, code)


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({}, "input", "missing_required_parameter"),
        ({"input": 3}, "input", "invalid_type"),
        ({"input": []}, "input", "empty_array"),
        ({"input": ""}, "input", "empty_string"),
        ({"input": ["a", None]}, "input[1]", "invalid_type"),
        ({"input": [1, -2]}, "input[1]", "integer_below_min_value"),
        ({"input": [[1], [2**31]]}, "input[1][0]", "integer_above_max_value"),
        ({"input": [True]}, "input[0]", "invalid_type"),
        ({"input": [[1, "a"]]}, "input[0][1]", "invalid_type"),
        ({"input": [[]]}, "input[0]", "empty_array"),
        ({"input": ["a"] * 2049}, "input", "array_above_max_length"),
        ({"input": "word " * 9000}, "input", "context_length_exceeded"),
        ({"input": "a", "dimensions": 0}, "dimensions", "integer_below_min_value"),
        ({"input": "a", "dimensions": 1537}, "dimensions", "integer_above_max_value"),
        ({"input": "a", "dimensions": 8, "model": "text-embedding-ada-002"}, "dimensions", None),
        ({"input": "a", "encoding_format": "hex"}, "encoding_format", "invalid_value"),
    ],
)
def test_a_bad_embeddings_request_is_refused(
    stub: StubLLM, fields: dict[str, Any], param: str, code: str | None
) -> None:
    body = {"model": "text-embedding-3-small", **fields}
    status, error = send(stub, "/v1/embeddings", body)
    assert status == 400
    assert (error["param"], error["code"]) == (param, code)


@pytest.mark.parametrize("path", [CHAT, "/v1/responses", "/v1/embeddings"])
def test_the_model_that_does_not_exist(stub: StubLLM, path: str) -> None:
    body = {"model": "no-such-model", "messages": [HELLO], "input": "x"}
    status, error = send(stub, path, body)
    assert (status, error["code"]) == (404, "model_not_found")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("POST", "/v1/chat/completion", 404, "unknown_url"),
        ("POST", "/chat/completions", 404, "unknown_url"),
        ("GET", CHAT, 405, "method_not_supported"),
        ("POST", "/v1/models", 405, "method_not_supported"),
        ("GET", "/v1/models/no-such-model", 404, "model_not_found"),
    ],
)
def test_wrong_addresses(stub: StubLLM, method: str, path: str, status: int, code: str) -> None:
    found, error = send(stub, path, chat() if method == "POST" else None, method)
    assert (found, error["code"]) == (status, code)


def test_a_base_url_without_v1_gets_a_hint(stub: StubLLM) -> None:
    _, error = send(stub, "/chat/completions", chat())
    assert "/v1" in error["message"]


@pytest.mark.parametrize(("method", "path"), [("POST", CHAT), ("GET", "/v1/models")])
def test_a_key_is_needed_and_one_is_wrong(stub: StubLLM, method: str, path: str) -> None:
    body = chat() if method == "POST" else None
    assert send(stub, path, body, method, key=None)[0] == 401
    assert send(stub, path, body, method, key="")[0] == 401
    status, error = send(stub, path, body, method, key="wrong-key")
    assert (status, error["code"]) == (401, "invalid_api_key")


def test_the_client_raises_its_own_errors(stub: StubLLM) -> None:
    messages: Any = [HELLO]
    with OpenAI(base_url=stub.base_url, api_key="stub") as client:
        with pytest.raises(BadRequestError) as bad:
            client.chat.completions.create(model="m", messages=messages, temperature=9)
        assert (bad.value.param, bad.value.code) == ("temperature", "decimal_above_max_value")
        with pytest.raises(NotFoundError, match="no-such-model"):
            client.chat.completions.create(model="no-such-model", messages=messages)
    with (
        OpenAI(base_url=stub.base_url, api_key="wrong-key") as client,
        pytest.raises(AuthenticationError),
    ):
        client.chat.completions.create(model="m", messages=messages)
