"""Checks of the JSON schemas that a request brings along: tools and structured output."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rag_tutorials.stub_llm.answering import json_schema
from rag_tutorials.stub_llm.answering.conversation import AnswerMode, Conversation, Reply, Tool
from rag_tutorials.stub_llm.replying import framed
from rag_tutorials.stub_llm.wire import fields
from rag_tutorials.stub_llm.wire.errors import bad_request
from rag_tutorials.stub_llm.wire.fields import JSON

_NAME = re.compile(r"[A-Za-z0-9_-]+")
_LONGEST_NAME = 64


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
    description = function.get("description")
    if description is not None and not isinstance(description, str):
        raise fields.wrong_type(f"{where}.description", "a string", description)
    parameters = function.get("parameters")
    if parameters is None:
        parameters = {"type": "object", "properties": {}}
    if not isinstance(parameters, dict):
        raise fields.wrong_type(f"{where}.parameters", "an object", parameters)
    if parameters.get("type") != "object":
        problem: str | None = (
            "schema must be a JSON Schema of 'type: \"object\"', got 'type: "
            f'"{parameters.get("type")}"\'.'
        )
    else:
        strict = fields.flag(function, "strict", where=where)
        problem = problem_of(parameters, strict=strict)
    if problem:
        raise bad_request(
            f"Invalid schema for function '{name}': {problem}",
            f"{where}.parameters",
            "invalid_function_parameters",
        )
    return Tool(name, description or "", parameters)


def require_unique(tools: Sequence[Tool]) -> None:
    """Raise a 400 when two tools have one name."""
    names = [tool.name for tool in tools]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise bad_request(f"Tool names must be unique, but there are two of '{twice}'.", "tools")


@dataclass(frozen=True, slots=True)
class Choice:
    """How to choose among the tools.

    ``forced`` names the one tool that must be called, ``allowed`` those that may be.
    """

    how: Literal["auto", "none", "required"] = "auto"
    forced: str | None = None
    allowed: frozenset[str] | None = None


def tool_choice(choice: Any, tools: Sequence[Tool], *, nested: bool) -> Choice:
    """Read ``tool_choice``.

    Args:
        choice: What the request says.
        tools: The tools that the request brings.
        nested: A function's name is in an object of its own, as in chat completions.

    """
    if choice is None or (not tools and not nested and isinstance(choice, str)):
        return Choice()
    if not tools:
        raise bad_request(
            "Invalid value for 'tool_choice': 'tool_choice' is only allowed when 'tools' are "
            "specified.",
            "tool_choice",
        )
    if choice == "auto" or choice == "none" or choice == "required":
        return Choice(choice)
    if isinstance(choice, str):
        raise fields.wrong_value("tool_choice", choice, ["none", "auto", "required"])
    if not isinstance(choice, dict):
        raise fields.wrong_type("tool_choice", "one of a string or object", choice)
    kind = fields.text(choice, "type", "tool_choice")
    if kind == "allowed_tools":
        return _allowed_tools(choice, tools, nested=nested)
    if kind != "function":
        raise fields.wrong_value("tool_choice.type", kind, ["function", "allowed_tools"])
    name = _chosen(choice, tools, "tool_choice", nested=nested)
    return Choice("required", name)


def _allowed_tools(choice: JSON, tools: Sequence[Tool], *, nested: bool) -> Choice:
    where = "tool_choice"
    if nested:
        where = "tool_choice.allowed_tools"
        choice = fields.mapping(choice, "allowed_tools", "tool_choice")
    mode = fields.text(choice, "mode", where)
    if mode not in ("auto", "required"):
        raise fields.wrong_value(f"{where}.mode", mode, ["auto", "required"])
    listed = array(choice, "tools", where)
    if not listed:
        raise fields.empty_array(f"{where}.tools")
    names = []
    for number, item in enumerate(listed):
        at = f"{where}.tools[{number}]"
        if not isinstance(item, dict):
            raise fields.wrong_type(at, "an object", item)
        if item.get("type") != "function":
            raise fields.wrong_value(f"{at}.type", item.get("type"), ["function"])
        names.append(_chosen(item, tools, at, nested=nested))
    return Choice("required" if mode == "required" else "auto", None, frozenset(names))


def _chosen(item: JSON, tools: Sequence[Tool], where: str, *, nested: bool) -> str:
    if nested:
        item, where = fields.mapping(item, "function", where), f"{where}.function"
    name = fields.text(item, "name", where)
    if name not in [tool.name for tool in tools]:
        raise bad_request(
            f"Invalid value for 'tool_choice': function '{name}' not found in 'tools'.",
            "tool_choice",
        )
    return name


@dataclass(frozen=True, slots=True)
class Format:
    """The form that a reply must have: a JSON object, one that fits a schema, or any text."""

    json_object: bool = False
    schema: JSON | None = None


def text_format(kind: Any, spec: JSON, where: str, texts: Sequence[str]) -> Format:
    """Read the form that a request wants.

    Args:
        kind: The ``type`` of the form.
        spec: Where ``name`` and ``schema`` are.
        where: The path of the form in the request.
        texts: All that is said to the model.

    """
    if kind == "text":
        return Format()
    if kind == "json_object":
        if not any("json" in text.lower() for text in texts):
            in_chat = where == "response_format"
            said, param = ("'messages'", "messages") if in_chat else ("Input messages", "input")
            raise bad_request(
                f"{said} must contain the word 'json' in some form, to use '{where}' of type "
                "'json_object'.",
                param,
            )
        return Format(json_object=True)
    if kind != "json_schema":
        raise fields.wrong_value(f"{where}.type", kind, ["json_object", "json_schema", "text"])
    name = _name(spec, where)
    schema = spec.get("schema")
    if not isinstance(schema, dict):
        raise fields.missing(f"{where}.schema")
    problem = problem_of(schema, strict=fields.flag(spec, "strict", where=where))
    if problem is None and schema.get("type") != "object":
        problem = (
            "schema must be a JSON Schema of 'type: \"object\"', got 'type: "
            f'"{schema.get("type")}"\'.'
        )
    if problem:
        raise bad_request(f"Invalid schema for {where} '{name}': {problem}", where)
    return Format(schema=schema)


def reply_to(conversation: Conversation, mode: AnswerMode, where: str) -> Reply:
    """The reply; a 400 when nothing fits the schema that it must fit."""
    try:
        return framed.reply_to(conversation, mode)
    except json_schema.SchemaError as error:
        param = where if conversation.schema is not None else "tools"
        raise bad_request(f"Invalid schema in '{param}': {error}.", param) from None


def problem_of(schema: JSON, *, strict: bool) -> str | None:
    """Why something is no JSON schema or, in strict mode, none of those that the API takes.

    Strict mode wants every object to close itself with ``additionalProperties: false`` and to
    require all of its properties
    (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas).
    """
    try:
        json_schema.checked(schema)
    except json_schema.SchemaError as error:
        return str(error)
    if not strict:
        return None
    return next(filter(None, (_gap(*part) for part in json_schema.parts(schema))), None)


def _gap(path: tuple[str, ...], schema: Any) -> str | None:
    if not isinstance(schema, dict):
        return None
    if schema.get("type") == "object" or "properties" in schema:
        if schema.get("additionalProperties") is not False:
            return (
                f"In context={path}, 'additionalProperties' is required to be supplied and to be "
                "false."
            )
        properties = schema.get("properties") or {}
        optional = [key for key in properties if key not in (schema.get("required") or [])]
        if optional:
            return (
                f"In context={path}, 'required' is required to be supplied and to be an array "
                f"including every key in properties. Missing '{optional[0]}'."
            )
    return None


def _name(spec: JSON, where: str) -> str:
    name = spec.get("name")
    if name is None:
        raise fields.missing(f"{where}.name")
    if not isinstance(name, str):
        raise fields.wrong_type(f"{where}.name", "a string", name)
    if len(name) > _LONGEST_NAME:
        raise bad_request(
            f"Invalid '{where}.name': string too long. Expected a string with maximum length "
            f"{_LONGEST_NAME}, but got a string with length {len(name)} instead.",
            f"{where}.name",
            "string_above_max_length",
        )
    if not _NAME.fullmatch(name):
        raise bad_request(
            f"Invalid '{where}.name': string does not match pattern. Expected a string that "
            "matches the pattern '^[a-zA-Z0-9_-]+$'.",
            f"{where}.name",
            "invalid_value",
        )
    return name
