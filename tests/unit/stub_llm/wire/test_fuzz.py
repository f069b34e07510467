"""No request whatever gets a 500: odd bodies and odd schemas, made by hypothesis."""

import asyncio
import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rag_tutorials.stub_llm.app import Gateway

# Derandomized: the same requests in each run, so that a failure is somebody's change.
SETTINGS = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)
VALIDATOR = jsonschema.Draft202012Validator
PATHS = {"/v1/chat/completions", "/v1/responses", "/v1/embeddings"}

text = st.text(max_size=8)
odd = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=6,
)
NAME = {"enum": ["f", "g", "get weather", "", 3]}
FUNCTION = {
    "type": "object",
    "properties": {
        "name": NAME,
        "description": {"type": ["string", "null"]},
        "parameters": {"type": ["object", "null"], "properties": {"type": {"enum": ["object"]}}},
        "strict": {"type": ["boolean", "null"]},
    },
    "required": ["name"],
}
PARTS = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "type": {"enum": ["text", "input_text", "output_text", "refusal", "image_url", "x"]},
            "text": {"type": ["string", "integer"]},
        },
    },
    "maxItems": 2,
}
CALL = {
    "type": "object",
    "properties": {
        "id": {"enum": ["c1", "c2", None]},
        "type": {"const": "function"},
        "function": {
            "type": "object",
            "properties": {"name": NAME, "arguments": {"enum": ["{}", "{", "[1]", None]}},
        },
    },
}
MESSAGE = {
    "type": "object",
    "properties": {
        "role": {"enum": ["system", "user", "assistant", "tool", "function", "developer", "x"]},
        "type": {"enum": ["message", "function_call", "function_call_output", "reasoning"]},
        "content": {"anyOf": [{"type": ["string", "null"]}, PARTS]},
        "output": {"anyOf": [{"type": "string"}, PARTS]},
        "name": NAME,
        "arguments": {"enum": ["{}", "{", 3]},
        "call_id": {"enum": ["c1", "c2"]},
        "tool_call_id": {"enum": ["c1", "c2", 3]},
        "tool_calls": {"type": "array", "items": CALL, "maxItems": 2},
        "function_call": {"type": ["object", "string"]},
    },
}
CHOICE = {
    "anyOf": [
        {"enum": ["auto", "none", "required", "x", 3]},
        {
            "type": "object",
            "properties": {
                "type": {"enum": ["function", "allowed_tools", "x"]},
                "name": NAME,
                "function": {"anyOf": [{"type": "string"}, {"properties": {"name": NAME}}]},
                "mode": {"enum": ["auto", "required"]},
                "tools": {"type": "array", "items": {"type": "object"}, "maxItems": 2},
                "allowed_tools": {"type": "object"},
            },
        },
    ]
}
FORMAT = {
    "type": "object",
    "properties": {
        "type": {"enum": ["text", "json_object", "json_schema", "x"]},
        "name": NAME,
        "schema": {"type": "object"},
        "json_schema": {"type": "object"},
    },
}
BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {
        "messages": {"type": "array", "items": MESSAGE, "maxItems": 3},
        "tools": {
            "type": "array",
            "items": {"properties": {"type": {"const": "function"}, "function": FUNCTION}},
            "maxItems": 2,
        },
        "functions": {"type": "array", "items": FUNCTION, "maxItems": 2},
        "function_call": CHOICE,
        "tool_choice": CHOICE,
        "response_format": FORMAT,
        "stop": {"type": ["string", "array", "null"]},
        "logprobs": {"type": ["boolean", "null"]},
        "top_logprobs": {"type": ["integer", "null"]},
        "n": {"enum": [1, 2, 0, 10**30, -1.5]},
        "max_tokens": {"type": ["integer", "null"]},
        "temperature": {"type": ["number", "string"]},
        "seed": {"type": "integer"},
        "stream": {"type": ["boolean", "integer"]},
        "stream_options": {"type": "object"},
    },
    "/v1/responses": {
        "input": {"anyOf": [{"type": "string"}, {"type": "array", "items": MESSAGE}]},
        "instructions": {"type": ["string", "integer", "null"]},
        "tools": {"type": "array", "items": FUNCTION, "maxItems": 2},
        "tool_choice": CHOICE,
        "text": {"type": "object", "properties": {"format": FORMAT}},
        "include": {"type": "array", "items": {"enum": ["message.output_text.logprobs", 3]}},
        "top_logprobs": {"type": "integer"},
        "previous_response_id": {"type": ["string", "object"]},
        "metadata": {"type": ["object", "string"]},
        "stream": {"type": "boolean"},
    },
    "/v1/embeddings": {
        "input": {
            "anyOf": [
                {"type": "string"},
                {"type": "array", "items": {"type": ["string", "integer", "array"]}},
            ]
        },
        "dimensions": {"type": "integer"},
        "encoding_format": {"enum": ["float", "base64", "x", None]},
    },
}


KINDS = {
    "string": text,
    "integer": st.integers(),
    "number": st.floats(allow_nan=False) | st.integers(),
    "boolean": st.booleans(),
    "null": st.none(),
    "array": st.lists(odd, max_size=3),
    "object": st.dictionaries(text, odd, max_size=3),
}


def shaped(shape: dict[str, Any]) -> st.SearchStrategy[Any]:
    """Return values of the shapes above, which are written as JSON schemas."""
    if "const" in shape:
        return st.just(shape["const"])
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    if "anyOf" in shape:
        return st.one_of(map(shaped, shape["anyOf"]))
    if "properties" in shape:
        parts = {name: shaped(part) for name, part in shape["properties"].items()}
        needed = {name: parts.pop(name) for name in shape.get("required", ())}
        return st.fixed_dictionaries(needed, optional=parts)
    if "items" in shape:
        return st.lists(shaped(shape["items"]), max_size=shape.get("maxItems", 3))
    kinds = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
    return st.one_of(KINDS[kind] for kind in kinds)


@pytest.fixture(scope="module")
def gateway() -> Gateway:
    return Gateway()


def post(gateway: Gateway, path: str, body: bytes) -> tuple[int, str]:
    async def call() -> tuple[int, str]:
        transport = httpx.ASGITransport(app=gateway.app)
        headers = {"authorization": "Bearer stub"}
        async with httpx.AsyncClient(transport=transport, base_url="http://stub") as client:
            response = await client.post(path, content=body, headers=headers)
            return response.status_code, response.text

    return asyncio.run(call())


def assert_answered_or_refused(gateway: Gateway, path: str, body: bytes) -> None:
    status, said = post(gateway, path, body)
    if status == 200:
        return
    assert 400 <= status < 500, said
    error = json.loads(said)["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert isinstance(error["message"], str)
    assert error["message"]


@pytest.mark.parametrize("path", sorted(PATHS))
@SETTINGS
@given(data=st.data())
def test_any_body_is_answered_or_refused(gateway: Gateway, path: str, data: Any) -> None:
    body = data.draw(shaped({"properties": BODIES[path]})) | {"model": "m"}
    for name in data.draw(st.sets(st.sampled_from(sorted(BODIES[path])), max_size=2)):
        body[name] = data.draw(odd)
    assert_answered_or_refused(gateway, path, json.dumps(body).encode())


@pytest.mark.parametrize("path", sorted(PATHS))
@SETTINGS
@given(body=st.binary(max_size=60) | odd.map(lambda value: json.dumps(value).encode()))
def test_what_is_no_request_is_refused(gateway: Gateway, path: str, body: bytes) -> None:
    assert_answered_or_refused(gateway, path, body)


name = st.sampled_from(["a", "city", "days", "answer", "sources", "label"])
number = st.integers(-20, 60) | st.floats(-5, 5, allow_nan=False, width=16)
pattern = st.sampled_from([r"^\p{L}+$", r"^[A-Z]{2}-\d{3,}$", "a|b", "^(x|yy)*$", "^[^a]+$"])
shape_of_text = st.sampled_from(sorted(VALIDATOR.FORMAT_CHECKER.checkers))


def keywords(base: dict[str, Any], **optional: st.SearchStrategy[Any]) -> Any:
    return st.fixed_dictionaries({}, optional=optional).map(lambda extra: base | extra)


LEAVES = st.one_of(
    keywords(
        {"type": "string"},
        minLength=st.integers(0, 30),
        maxLength=st.integers(10, 80),
        pattern=pattern,
    ),
    keywords({"type": "string"}, format=shape_of_text, maxLength=st.integers(6, 80)),
    *(
        keywords(
            {"type": kind},
            minimum=number,
            maximum=number,
            exclusiveMinimum=number,
            multipleOf=st.sampled_from([1, 2, 5, 0.5, 0.1, 7]),
        )
        for kind in ("integer", "number")
    ),
    st.builds(lambda values: {"enum": values}, st.lists(odd, min_size=1, max_size=3)),
    st.builds(lambda value: {"const": value}, odd),
    st.sampled_from([{"type": "boolean"}, {"type": ["string", "null"]}, {}, True, False]),
)


def composed(part: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.one_of(
        keywords(
            {"type": "object"},
            properties=st.dictionaries(name, part, max_size=3),
            required=st.lists(name, max_size=2, unique=True),
            additionalProperties=st.booleans() | part,
            minProperties=st.integers(0, 3),
            patternProperties=st.dictionaries(pattern, part, max_size=1),
            dependentRequired=st.dictionaries(name, st.lists(name, unique=True), max_size=1),
        ),
        keywords(
            {"type": "array"},
            items=part,
            prefixItems=st.lists(part, min_size=1, max_size=2),
            minItems=st.integers(0, 4),
            maxItems=st.integers(2, 6),
            uniqueItems=st.booleans(),
            contains=part,
        ),
        *(
            st.builds(lambda parts, key=key: {key: parts}, st.lists(part, min_size=1, max_size=3))
            for key in ("anyOf", "oneOf", "allOf")
        ),
        st.builds(lambda a: {"not": a}, part),
        st.builds(lambda a, b, c: {"if": a, "then": b, "else": c}, part, part, part),
        st.sampled_from([{"$ref": "#/$defs/x"}, {"$ref": "#"}, {"$ref": "#/$defs/none"}]),
    )


SCHEMAS = st.recursive(LEAVES, composed, max_leaves=6)


@SETTINGS
@given(value=SCHEMAS, defined=SCHEMAS, said=st.sampled_from(["Ada worked 3 days in Lisbon.", "x"]))
def test_a_value_fits_its_schema_or_the_request_is_refused(
    gateway: Gateway, value: Any, defined: Any, said: str
) -> None:
    schema = {
        "type": "object",
        "properties": {"v": value},
        "required": ["v"],
        "$defs": {"x": defined},
    }
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": said}],
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "n", "schema": schema, "strict": False},
        },
    }
    raw = json.dumps(body).encode()
    assert_answered_or_refused(gateway, "/v1/chat/completions", raw)
    status, answer = post(gateway, "/v1/chat/completions", raw)
    if status == 200 and "\\\\p{" not in json.dumps(schema):  # jsonschema alone reads no \p
        content = json.loads(json.loads(answer)["choices"][0]["message"]["content"])
        VALIDATOR(schema, format_checker=VALIDATOR.FORMAT_CHECKER).validate(content)


def _satisfiable() -> Iterator[dict[str, Any]]:
    for kind in sorted(VALIDATOR.FORMAT_CHECKER.checkers):
        yield {"type": "string", "format": kind}
        yield {"type": "string", "format": kind, "maxLength": 40}
    yield {"type": "string", "format": "email", "maxLength": 9}
    yield {"type": "string", "format": "email", "minLength": 40}
    yield {"type": "string", "format": "hostname", "minLength": 90}
    yield {"type": "string", "pattern": r"^\p{Lu}\p{Ll}+$", "minLength": 4}
    yield {"type": "string", "pattern": r"^(?=.*[A-Z])(?=.*\d).{8,}$"}
    yield {"type": "integer", "minimum": 7, "multipleOf": 5}
    yield {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1, "multipleOf": 0.25}
    yield {"type": "array", "items": {"type": "integer"}, "minItems": 4, "uniqueItems": True}
    yield {"type": "array", "contains": {"const": 5}, "minItems": 2}
    yield {"allOf": [{"minimum": 3}, {"maximum": 4}], "type": "integer"}
    yield {"not": {"type": "string"}}
    yield {"if": {"const": None}, "then": False}
    yield {"$ref": "#/$defs/tree"}


TREE = {
    "type": "object",
    "properties": {
        "value": {"type": "integer"},
        "children": {"type": "array", "items": {"$ref": "#/$defs/tree"}},
        "parent": {"anyOf": [{"$ref": "#/$defs/tree"}, {"type": "null"}]},
    },
    "required": ["value", "children", "parent"],
    "additionalProperties": False,
}


@pytest.mark.parametrize("part", [*_satisfiable()], ids=json.dumps)
def test_what_can_be_satisfied_is(gateway: Gateway, part: dict[str, Any]) -> None:
    schema = {
        "type": "object",
        "properties": {"v": part},
        "required": ["v"],
        "$defs": {"tree": TREE},
    }
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "Make one"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
    }
    status, answer = post(gateway, "/v1/chat/completions", json.dumps(body).encode())
    assert status == 200, answer
    value = json.loads(json.loads(answer)["choices"][0]["message"]["content"])
    if "\\p{" not in part.get("pattern", ""):
        VALIDATOR(schema, format_checker=VALIDATOR.FORMAT_CHECKER).validate(value)


@pytest.mark.parametrize(
    "part",
    [
        {"enum": []},
        {"type": "integer", "minimum": 5, "maximum": 4},
        {"type": "string", "minLength": 10, "maxLength": 2},
        {"type": "string", "format": "email", "maxLength": 0},
        {"$ref": "#/$defs/endless"},
        {"$ref": "#/$defs/itself"},
        {"type": "string", "pattern": "^(((){9999}){9999}){9999}$"},
        {"type": "array", "minItems": 10**9, "items": {"type": "string"}},
        {"type": "string", "minLength": 10**9},
        False,
    ],
    ids=json.dumps,
)
def test_what_cannot_be_satisfied_is_a_400(gateway: Gateway, part: Any) -> None:
    endless = {
        "type": "object",
        "properties": {"next": {"$ref": "#/$defs/endless"}},
        "required": ["next"],
    }
    schema = {
        "type": "object",
        "properties": {"v": part},
        "required": ["v"],
        "$defs": {"endless": endless, "itself": {"$ref": "#/$defs/itself"}},
    }
    body = {
        "model": "m",
        "messages": [{"role": "user", "content": "Make one"}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": schema}},
    }
    status, answer = post(gateway, "/v1/chat/completions", json.dumps(body).encode())
    assert status == 400, answer
    assert json.loads(answer)["error"]["param"] == "response_format"
