"""Whether an agent called the right tools, with the right arguments, as far as words tell."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from rag_tutorials.stub_llm.answering.agent.planning import plan
from rag_tutorials.stub_llm.answering.agent.sums import numbers_in
from rag_tutorials.stub_llm.answering.conversation import Tool
from rag_tutorials.stub_llm.language.lexical import content_words

_CALL = re.compile(r"([A-Za-z_][\w.-]*)\s*\(([^()]*)\)")
_ARGUMENT = re.compile(r"([A-Za-z_]\w*)\s*[=:]\s*(\"[^\"]*\"|'[^']*'|[^,]+)")
_TOOL_LINE = re.compile(
    r"^\W*([A-Za-z_][\w.-]*)\s*(?:\([^)]*\))?\s*[:\u2013-]+\s*(.+)$", re.MULTILINE
)
_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "string": str,
    "integer": int,
    "number": (int, float),
    "boolean": bool,
    "array": list,
    "object": dict,
}


def selection(question: str, available: str, output: str) -> tuple[bool, str]:
    """Return whether the tools called are those whose descriptions fit the question."""
    tools = _tools(available)
    called = [name for name, _ in _calls(output, tools)]
    wanted = [need.tool.name for need in plan(tools, question)] if tools else []
    if unknown := [name for name in called if tools and name not in {t.name for t in tools}]:
        return False, f"There is no tool {unknown[0]}."
    if missing := [name for name in wanted if name not in called]:
        return False, f"The question calls for {missing[0]}, which was not chosen."
    if extra := [name for name in called if wanted and name not in wanted]:
        return False, f"Nothing in the question calls for {extra[0]}."
    if not wanted and called:
        return False, f"The question needs no tool, and {called[0]} was chosen."
    return True, f"The question calls for {' and '.join(wanted) or 'no tool'}, which was chosen."


def invocation(question: str, available: str, output: str) -> tuple[bool, str]:
    """Return whether the arguments are complete and name nothing that the question does not."""
    tools = {tool.name: tool for tool in _tools(available)}
    for name, arguments in _calls(output, list(tools.values())):
        tool = tools.get(name)
        if tools and tool is None:
            return False, f"There is no tool {name}."
        if tool is not None and (problem := _misfit(tool, arguments)):
            return False, problem
        for key, value in arguments.items():
            if problem := _unnamed(key, value, question):
                return False, problem
    return True, "The arguments are complete, and the question names each value."


def _misfit(tool: Tool, arguments: Mapping[str, Any]) -> str | None:
    properties = tool.parameters.get("properties") or {}
    for key in tool.parameters.get("required") or ():
        if arguments.get(key) in (None, ""):
            return f"{tool.name} is called without {key}."
    for key, value in arguments.items():
        if properties and key not in properties:
            return f"{tool.name} takes no {key}."
        wanted = str((properties.get(key) or {}).get("type"))
        if not isinstance(value, _TYPES.get(wanted, object)):
            return f"{tool.name} wants {key} as {wanted}, and got {value!r}."
    return None


def _unnamed(key: str, value: Any, question: str) -> str | None:
    """What an argument names that the question does not."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int | float):
        said = [float(number) for number in numbers_in(question)]
        return (
            None if not said or value in said else f"The question does not say {value} for {key}."
        )
    if not isinstance(value, str):
        return None
    known = set(content_words(question))
    strange = [
        word
        for word in re.findall(r"[\w'-]+", value)
        if (word[0].isupper() or word[0].isdigit()) and set(content_words(word)) - known
    ]
    return (
        f"The question does not speak of {strange[0]}, which is passed as {key}."
        if strange
        else None
    )


def _calls(output: str, tools: list[Tool]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield name and arguments of the calls in a text, which is JSON or reads as a program."""
    try:
        yield from _calls_in(json.loads(output))
        return
    except ValueError:
        pass
    found = False
    for match in _CALL.finditer(output):
        found = True
        yield match[1], {key: _value(text) for key, text in _ARGUMENT.findall(match[2])}
    if not found:
        yield from ((tool.name, {}) for tool in tools if re.search(rf"\b{tool.name}\b", output))


def _calls_in(value: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, list):
        for part in value:
            yield from _calls_in(part)
    elif isinstance(value, dict):
        inner = value.get("function") or value.get("tool_calls") or value.get("tool_call")
        if isinstance(inner, dict | list):
            yield from _calls_in(inner)
            return
        name = value.get("name") or value.get("tool_name") or value.get("tool")
        arguments = value.get("arguments", value.get("args", value.get("input", {})))
        if isinstance(arguments, str):
            arguments = _object(arguments)
        if isinstance(name, str):
            yield name, arguments if isinstance(arguments, dict) else {}


def _tools(text: str) -> list[Tool]:
    """The tools of a text: JSON schemas, or lines of name and description."""
    try:
        value = json.loads(text)
    except ValueError:
        return [Tool(name, said, {}) for name, said in _TOOL_LINE.findall(text)]
    tools = []
    for item in value if isinstance(value, list) else [value]:
        item = item.get("function", item) if isinstance(item, dict) else {}
        if isinstance(item.get("name"), str):
            schema = item.get("parameters") or item.get("input_schema") or {}
            tools.append(Tool(item["name"], str(item.get("description", "")), schema))
    return tools


def _object(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return {}


def _value(text: str) -> Any:
    text = text.strip()
    try:
        return json.loads(text)
    except ValueError:
        return text.strip("'\"")
