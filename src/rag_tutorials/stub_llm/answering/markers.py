"""DSPy's prompts: fields between markers such as ``[[ ## question ## ]]``, in and out.

A prompt of that kind is read as the conversation that it stands for: the fields that go in are
context and question, those that come out are a schema. DSPy's ReAct describes tools in words and
keeps a trajectory; they become tools and calls.
"""

import ast
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag_tutorials.stub_llm.answering.conversation import Conversation, Message, Tool, ToolCall
from rag_tutorials.stub_llm.answering.prompt import CONTEXT_NAME, QUESTION_NAME

_SECTION = re.compile(r"^[ \t]*\[\[ ## (\w+) ## \]\][ \t]*$", re.MULTILINE)
_REQUEST = re.compile(r"^\s*Respond with (?:the corresponding output|a JSON object)", re.MULTILINE)
_OUTPUT = re.compile(
    r"`(?:\[\[ ## )?(?P<name>\w+)(?: ## \]\])?`"
    r"(?: \(must be formatted as a valid Python (?P<type>.*?)\)(?=[,.]| and))?"
)
_SCHEMA = re.compile(r"\{(\w+)\}\s*# note: [^\n]*?JSON schema: (?=\{)")
_OBJECTIVE = re.compile(r"your objective is:", re.IGNORECASE)
_TOOL = re.compile(
    r"^\s*\(\d+\) (?P<name>[\w-]+)(?:, whose description is <desc>(?P<about>.*?)</desc>)?"
    r"\. It takes arguments (?P<arguments>\{.*\})\.?\s*$",
    re.MULTILINE | re.DOTALL,
)
_STEP = re.compile(r"(?P<part>thought|tool_name|tool_args|observation)_(?P<number>\d+)")
_DONE = "completed"
_FINISH = "finish"
_TYPES = {"str": "string", "int": "integer", "float": "number", "bool": "boolean"}


@dataclass(frozen=True, slots=True)
class Frame:
    """What such a prompt stands for, and how its reply is written.

    ``outputs`` holds the fields that come out with their schemas, ``tools`` those of an agent;
    with ``as_json`` the reply is JSON instead of markers.
    """

    conversation: Conversation
    outputs: Mapping[str, Mapping[str, Any]]
    tools: Sequence[Tool] = ()
    as_json: bool = False

    @property
    def schema(self) -> dict[str, Any]:
        """The schema of the fields that come out."""
        names = list(self.outputs)
        return {"type": "object", "properties": dict(self.outputs), "required": names}

    def write(self, values: Mapping[str, Any]) -> str:
        """Write the fields that come out."""
        if self.as_json:
            return json.dumps(values, ensure_ascii=False)
        sections = [
            f"[[ ## {name} ## ]]\n"
            + (value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
            for name, value in values.items()
        ]
        return "\n\n".join([*sections, f"[[ ## {_DONE} ## ]]"])

    def step(self, call: ToolCall | None) -> dict[str, Any]:
        """The fields of an agent's step: a call, or that it has finished."""
        thought = "I have what I need." if call is None else f"I call {call.name}."
        values: dict[str, Any] = {}
        for name in self.outputs:
            if name.endswith("tool_name"):
                values[name] = _FINISH if call is None else call.name
            elif name.endswith("tool_args"):
                values[name] = {} if call is None else json.loads(call.arguments)
            else:
                values[name] = thought
        return values


def read(conversation: Conversation) -> Frame | None:
    """Return what the prompt stands for, ``None`` when it has no such markers."""
    users = [message.content for message in conversation.messages if message.role == "user"]
    if not users or not _SECTION.search(users[-1]):
        return None
    system = "\n".join(m.content for m in conversation.messages if m.role == "system")
    outputs = _outputs(users[-1], system)
    tools = list(_tools(system)) if any(name.endswith("tool_name") for name in outputs) else []
    *before, last = [
        part for message in conversation.messages for part in _plain(message, bool(tools))
    ]
    read_as = replace(conversation, messages=[*before, last], tools=tools or conversation.tools)
    as_json = f"[[ ## {_DONE} ## ]]" not in users[-1]
    return Frame(read_as, outputs, tools, as_json)


def _plain(message: Message, agent: bool) -> Iterator[Message]:
    """A message without its markers; an agent's trajectory as calls and results."""
    text = message.content
    if message.role == "system":
        objective = _OBJECTIVE.split(text)[-1]
        yield replace(message, content=_TOOL.sub("", objective).strip())
        return
    inputs = _sections(text)
    if message.role != "user" or not inputs:
        yield message
        return
    steps = {name: body for name, body in inputs.items() if _STEP.fullmatch(name)}
    rest = {k: v for k, v in inputs.items() if k not in steps and k != "trajectory"}
    observed = {name: body for name, body in steps.items() if name.startswith("observation")}
    yield replace(message, content=_asked(rest, {} if agent else observed))
    if agent:
        yield from _calls(steps)


def _sections(text: str) -> dict[str, str]:
    """The fields of a text by name."""
    request = _REQUEST.search(text)
    marks = list(_SECTION.finditer(text[: request.start()] if request else text))
    ends = [*(mark.start() for mark in marks[1:]), request.start() if request else len(text)]
    return {m[1]: text[m.end() : end].strip() for m, end in zip(marks, ends, strict=True)}


def _asked(inputs: Mapping[str, str], observed: Mapping[str, str]) -> str:
    """The fields that go in as a prompt for retrieval-augmented generation."""
    names = [name for name in inputs if QUESTION_NAME.fullmatch(name.replace("_", " "))]
    others = [name for name in inputs if not CONTEXT_NAME.fullmatch(name.replace("_", " "))]
    question = next(iter(names or others[-1:]), None)
    passages = [
        passage
        for name, body in {**inputs, **observed}.items()
        if name != question and body
        for passage in _passages(body)
    ]
    asked = inputs.get(question, "") if question else ""
    if not passages:
        return asked
    numbered = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(passages, start=1))
    return f"Context:\n{numbered}\n\nQuestion: {asked}"


def _passages(body: str) -> list[str]:
    try:
        value = json.loads(body)
    except ValueError:
        return [part.strip("«» \n") for part in re.split(r"^\[\d+\] ", body, flags=re.M) if part]
    if isinstance(value, list):
        return [part if isinstance(part, str) else json.dumps(part) for part in value]
    return [body]


def _calls(steps: Mapping[str, str]) -> Iterator[Message]:
    for number in range(len(steps)):
        name = steps.get(f"tool_name_{number}")
        if name is None:
            return
        try:
            arguments = json.dumps(json.loads(steps.get(f"tool_args_{number}", "{}")))
        except ValueError:
            arguments = "{}"
        call = ToolCall(f"call_{number}", name, arguments)
        yield Message("assistant", "", [call])
        yield Message("tool", steps.get(f"observation_{number}", ""), answers_call=call.id)


def _outputs(user: str, system: str) -> dict[str, dict[str, Any]]:
    request = _REQUEST.search(user)
    if request is None:
        return {}
    described = {}
    for match in _SCHEMA.finditer(system):
        try:
            described[match[1]], _ = json.JSONDecoder().raw_decode(system, match.end())
        except ValueError:
            continue
    outputs = {}
    for match in _OUTPUT.finditer(user, request.start()):
        name = match["name"]
        if name != _DONE:
            outputs[name] = described.get(name) or _schema_of((match["type"] or "str").strip())
    return outputs


def _schema_of(kind: str) -> dict[str, Any]:
    """The JSON schema of a Python type as it is written."""
    if kind in _TYPES:
        return {"type": _TYPES[kind]}
    head, bracket, inside = kind.partition("[")
    inside = inside.removesuffix("]") if bracket else ""
    if head == "Literal":
        try:
            return {"enum": list(ast.literal_eval(f"[{inside}]"))}
        except (SyntaxError, ValueError):
            return {"type": "string"}
    if head in ("list", "List", "set", "tuple"):
        return {"type": "array", "items": _schema_of(inside) if inside else {}}
    if head in ("dict", "Dict"):
        return {"type": "object"}
    if head == "Optional":
        return {"anyOf": [_schema_of(inside), {"type": "null"}]}
    return {"type": "string"}


def _tools(system: str) -> Iterator[Tool]:
    # One tool a line; split so that a description cannot reach into the next.
    for part in re.split(r"(?m)^(?=\s*\(\d+\) )", system):
        match = _TOOL.search(part.split("\n        When providing")[0].rstrip())
        if match is None or match["name"] == _FINISH:
            continue
        try:
            properties = ast.literal_eval(match["arguments"])
        except (SyntaxError, ValueError):
            continue
        yield Tool(
            match["name"],
            match["about"] or "",
            {"type": "object", "properties": properties, "required": list(properties)},
        )
