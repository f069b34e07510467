"""Checks of the JSON schemas that a request brings along: tools and structured output."""

import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from rag_tutorials.stub_llm.answering.conversation import Tool
from rag_tutorials.stub_llm.wire import fields
from rag_tutorials.stub_llm.wire.errors import bad_request
from rag_tutorials.stub_llm.wire.fields import JSON

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")


def array(body: JSON, name: str, where: str = "") -> list[Any]:
    """An optional array; a missing one counts as empty."""
    value = body.get(name)
    if value is None:
        return []
    if not isinstance(value, list):
        raise fields.wrong_type(f"{where}.{name}" if where else name, "an array of objects", value)
    return value


def tool(function: JSON, where: str) -> Tool:
    """The tool that a request describes by ``name``, ``description`` and ``parameters``."""
    name = _name(function, where)
    parameters = function.get("parameters")
    if parameters is None:
        parameters = {"type": "object", "properties": {}}
    if not isinstance(parameters, dict):
        raise fields.wrong_type(f"{where}.parameters", "an object", parameters)
    if parameters.get("type") != "object":
        raise bad_request(
            f"Invalid schema for function '{name}': schema must be a JSON Schema of "
            f"'type: \"object\"', got 'type: \"{parameters.get('type')}\"'.",
            f"{where}.parameters",
            "invalid_function_parameters",
        )
    problem = malformed(parameters)
    if problem is None and function.get("strict"):
        problem = strict_problem(parameters)
    if problem:
        raise bad_request(
            f"Invalid schema for function '{name}': {problem}",
            f"{where}.parameters",
            "invalid_function_parameters",
        )
    return Tool(name, str(function.get("description") or ""), parameters)


def tool_choice(
    choice: Any, name: Any, tools: Sequence[Tool]
) -> tuple[Literal["auto", "none", "required"], str | None]:
    """How to choose among the tools, and the one that is forced (given as ``name``)."""
    if choice is None:
        return "auto", None
    if not tools:
        raise bad_request(
            "'tool_choice' is only allowed when 'tools' are specified.", "tool_choice"
        )
    if choice == "auto" or choice == "none" or choice == "required":
        return choice, None
    if isinstance(choice, str):
        raise fields.wrong_value("tool_choice", choice, ["none", "auto", "required"])
    if not isinstance(name, str):
        raise fields.missing("tool_choice.function.name")
    if name not in [tool.name for tool in tools]:
        raise bad_request(f"Tool choice '{name}' not found in 'tools' parameter.", "tool_choice")
    return "required", name


def text_format(kind: Any, spec: JSON, where: str, texts: Sequence[str]) -> JSON | None:
    """The schema that the reply must fit; ``None`` for plain text."""
    if kind == "text":
        return None
    if kind == "json_object":
        if not any("json" in text.lower() for text in texts):
            raise bad_request(
                "The messages must contain the word 'json' in some form, to use "
                f"'{where}' of type 'json_object'.",
                where,
            )
        return {"type": "object"}
    if kind != "json_schema":
        raise fields.wrong_value(f"{where}.type", kind, ["text", "json_object", "json_schema"])
    name = _name(spec, where)
    schema = spec.get("schema")
    if not isinstance(schema, dict):
        raise fields.missing(f"{where}.schema")
    problem = malformed(schema)
    if problem is None and spec.get("strict"):
        problem = strict_problem(schema)
    if problem is None and schema.get("type") != "object":
        problem = "schema must be a JSON Schema of 'type: \"object\"'."
    if problem:
        raise bad_request(f"Invalid schema for {where} '{name}': {problem}", where)
    return schema


_KEYWORD_TYPES: dict[str, type | tuple[type, ...]] = {
    "properties": dict,
    "$defs": dict,
    "definitions": dict,
    "items": dict,
    "required": list,
    "enum": list,
    "anyOf": list,
    "oneOf": list,
    "allOf": list,
    "$ref": str,
    "pattern": str,
    "format": str,
    "type": (str, list),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), int),
    **dict.fromkeys(("minimum", "maximum", "multipleOf"), (int, float)),
    **dict.fromkeys(("exclusiveMinimum", "exclusiveMaximum"), (int, float)),
}


def malformed(schema: Any, path: tuple[str, ...] = ()) -> str | None:
    """Why something is no JSON schema, as far as the stub reads schemas; ``None`` if it is one."""
    if not isinstance(schema, dict):
        return f"In context={path}, {fields.kind(schema)} is not a schema."
    for key, expected in _KEYWORD_TYPES.items():
        value = schema.get(key)
        if key in schema and (not isinstance(value, expected) or isinstance(value, bool)):
            return f"In context={path}, '{key}' must not be {fields.kind(value)}."
    for key in ("enum", "anyOf", "oneOf"):
        if schema.get(key) == []:
            return f"In context={path}, '{key}' is empty, so that nothing fits."
    try:
        re.compile(schema.get("pattern", ""))
    except re.error as error:
        return f"In context={path}, the pattern is not a regular expression: {error}."
    return _first(malformed(value, (*path, key)) for key, value in _children(schema))


def _children(schema: JSON) -> Iterator[tuple[str, Any]]:
    if "items" in schema:
        yield "items", schema["items"]
    for group in ("anyOf", "oneOf", "allOf"):
        yield from ((f"{group}.{n}", part) for n, part in enumerate(schema.get(group) or []))
    for group in ("properties", "$defs", "definitions"):
        yield from ((f"{group}.{k}", part) for k, part in (schema.get(group) or {}).items())


def strict_problem(schema: JSON, path: tuple[str, ...] = ()) -> str | None:
    """Why a schema does not meet the rules of strict mode, ``None`` if it does.

    Every object must close itself with ``additionalProperties: false`` and require all of its
    properties (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas).
    """
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            return f"In context={path}, 'additionalProperties' is required to be false."
        properties = schema.get("properties") or {}
        optional = [key for key in properties if key not in (schema.get("required") or [])]
        if optional:
            return (
                f"In context={path}, 'required' must include every key in properties. "
                f"Missing '{optional[0]}'."
            )
    return _first(strict_problem(value, (*path, key)) for key, value in _children(schema))


def _first(problems: Iterable[str | None]) -> str | None:
    return next((problem for problem in problems if problem), None)


def _name(spec: JSON, where: str) -> str:
    name = spec.get("name")
    if name is None:
        raise fields.missing(f"{where}.name")
    if not isinstance(name, str):
        raise fields.wrong_type(f"{where}.name", "a string", name)
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"Invalid '{where}.name': string does not match pattern '^[a-zA-Z0-9_-]+$'.",
            f"{where}.name",
            "invalid_value",
        )
    return name
