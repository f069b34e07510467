"""The responses API: ``POST /v1/responses``.

Shapes and the order of events after https://platform.openai.com/docs/api-reference/responses.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rag_tutorials.stub_llm.answering.conversation import (
    AnswerMode,
    Conversation,
    Message,
    Reply,
    Role,
    Tool,
    ToolCall,
)
from rag_tutorials.stub_llm.language import tokens
from rag_tutorials.stub_llm.language.digest import digest
from rag_tutorials.stub_llm.wire import chat, fields, likelihood, models, schemas
from rag_tutorials.stub_llm.wire.errors import APIError, bad_request
from rag_tutorials.stub_llm.wire.fields import JSON

_ROLES: dict[str, Role] = {
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
    "user": "user",
}
_KNOWN = """
    access_programs background background_options context_management conversation image include
    input instructions max_output_tokens max_tool_calls metadata model moderation
    parallel_tool_calls previous_response_id prompt prompt_cache_key prompt_cache_options
    prompt_cache_retention reasoning safety_identifier service_tier store stream stream_options
    temperature text tool_choice tools top_logprobs top_p truncation user
""".split()  # noqa: SIM905
_MOVED = {
    "messages": "input",
    "response_format": "text.format",
    "max_tokens": "max_output_tokens",
    "max_completion_tokens": "max_output_tokens",
    "reasoning_effort": "reasoning.effort",
    "verbosity": "text.verbosity",
}
_ASSISTANT_PARTS: dict[str, str | None] = {"output_text": "text", "refusal": "refusal"}
_INPUT_PARTS: dict[str, str | None] = {
    "input_text": "text",
    "input_image": None,
    "output_text": "text",
    "refusal": "refusal",
    "input_file": None,
    "computer_screenshot": None,
    "summary_text": "text",
    "input_audio": None,
}
_IGNORED_ITEMS = """
    reasoning item_reference file_search_call computer_call computer_call_output web_search_call
    image_generation_call code_interpreter_call local_shell_call local_shell_call_output shell_call
    shell_call_output apply_patch_call apply_patch_call_output mcp_list_tools mcp_approval_request
    mcp_approval_response mcp_call custom_tool_call custom_tool_call_output compaction
    tool_search_call tool_search_output
""".split()  # noqa: SIM905
_LOGPROBS = "message.output_text.logprobs"


class Responses:
    """The responses API of one server; it keeps recent responses for ``previous_response_id``."""

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, tuple[JSON, list[Message]]] = OrderedDict()
        self._lock = threading.Lock()

    def create(self, body: JSON, mode: AnswerMode) -> JSON | Iterator[bytes]:
        """Answer a request: a response, or the events of a stream when the body asks for one."""
        model = fields.model(body)
        models.require_chat(model)
        _check_parameters(body)
        history = self._history(body)
        messages = [*history, *_input(body)]
        _check_calls(messages)
        instructions = body.get("instructions")
        if instructions is not None and not isinstance(instructions, str):
            raise fields.wrong_type("instructions", "a string", instructions)
        conversation = _conversation(body, messages, instructions)
        stream = fields.flag(body, "stream")
        fields.check_sampling(body)
        limit = fields.integer(body, "max_output_tokens", 16)

        contents = [m.content + "".join(c.arguments for c in m.tool_calls) for m in messages]
        extra = [json.dumps(body[key]) for key in ("tools", "text") if body.get(key)]
        prompt_tokens = tokens.count_messages([instructions or "", *contents])
        prompt_tokens += sum(map(tokens.count, extra))
        fields.check_window(prompt_tokens, "input")
        reply = schemas.reply_to(conversation, mode, "text.format")
        text, finish = chat.cut(reply.text, limit, [])
        reply = Reply(text, reply.tool_calls)

        key = digest(body, mode)
        status = "incomplete" if finish == "length" else "completed"
        output = _output(reply, key, status, _alternatives(body))
        used = tokens.count(text) + sum(
            tokens.count(c.name + c.arguments) for c in reply.tool_calls
        )
        response = _response(body, f"resp_{key}", model, conversation, output)
        response["usage"] = _usage(prompt_tokens, used)
        if finish == "length":
            response["status"] = "incomplete"
            response["incomplete_details"] = {"reason": "max_output_tokens"}
        if fields.flag(body, "store", default=True):
            answered = Message("assistant", text, reply.tool_calls)
            self._keep(response, [*messages, answered])
        return _events(response) if stream else response

    def get(self, response_id: str) -> JSON:
        """A kept response; a 404 if there is none of that id."""
        with self._lock:
            kept = self._kept.get(response_id)
        if kept is None:
            raise APIError(404, f"Response with id '{response_id}' not found.")
        return kept[0]

    def _history(self, body: JSON) -> list[Message]:
        previous = body.get("previous_response_id")
        if previous is None:
            return []
        with self._lock:
            kept = self._kept.get(previous) if isinstance(previous, str) else None
        if kept is None:
            raise bad_request(
                f"Previous response with id '{previous}' not found.",
                "previous_response_id",
                "previous_response_not_found",
            )
        return kept[1]

    def _keep(self, response: JSON, messages: list[Message]) -> None:
        with self._lock:
            self._kept[response["id"]] = (response, messages)
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)


def _conversation(
    body: JSON, messages: Sequence[Message], instructions: str | None
) -> Conversation:
    tools = [_tool(tool, f"tools[{i}]") for i, tool in enumerate(schemas.array(body, "tools"))]
    schemas.require_unique(tools)
    choice = schemas.tool_choice(body.get("tool_choice"), tools, nested=False)
    wanted = _format(body, [instructions or "", *(m.content for m in messages)])
    system = [Message("system", instructions)] if instructions else []
    temperature = fields.number(body, "temperature", 0, 2)
    return Conversation(
        messages=[*system, *messages],
        tools=[t for t in tools if choice.allowed is None or t.name in choice.allowed],
        tool_choice=choice.how,
        forced_tool=choice.forced,
        parallel_tool_calls=fields.flag(body, "parallel_tool_calls", default=True),
        schema=wanted.schema,
        json_object=wanted.json_object,
        temperature=1.0 if temperature is None else temperature,
    )


def _format(body: JSON, texts: Sequence[str]) -> schemas.Format:
    text = body.get("text")
    if text is None:
        return schemas.Format()
    if not isinstance(text, dict):
        raise fields.wrong_type("text", "an object", text)
    wanted = text.get("format")
    if wanted is None:
        return schemas.Format()
    if not isinstance(wanted, dict):
        raise fields.wrong_type("text.format", "an object", wanted)
    kind = fields.text(wanted, "type", "text.format")
    return schemas.text_format(kind, wanted, "text.format", texts)


def _check_parameters(body: JSON) -> None:
    for name, place in _MOVED.items():
        if name in body:
            raise bad_request(
                f"Unsupported parameter: '{name}'. In the Responses API, this parameter has moved "
                f"to '{place}'. Try again with the new parameter. See the API documentation for "
                "more information: https://platform.openai.com/docs/api-reference/responses/create.",
                name,
                "unsupported_parameter",
            )
    fields.check_known(body, _KNOWN)
    for name in ("metadata", "reasoning", "stream_options"):
        if body.get(name) is not None:
            fields.mapping(body, name)


def _alternatives(body: JSON) -> int | None:
    """How many other tokens to show beside each; ``None`` when no logprobs are asked for."""
    include = schemas.array(body, "include")
    others = fields.integer(body, "top_logprobs", 0, 20)
    return (others or 0) if _LOGPROBS in include else None


def _tool(tool: Any, where: str) -> Tool:
    if not isinstance(tool, dict):
        raise fields.wrong_type(where, "an object", tool)
    if tool.get("type") != "function":
        raise fields.wrong_value(f"{where}.type", tool.get("type"), ["function"])
    return schemas.tool(tool, where)


def _input(body: JSON) -> list[Message]:
    raw = body.get("input")
    if raw is None:
        raise fields.missing("input")
    if isinstance(raw, str):
        return [Message("user", raw)]
    if not isinstance(raw, list):
        raise fields.wrong_type("input", "one of a string or array of objects", raw)
    if not raw:
        raise bad_request("Invalid 'input': empty array.", "input", "empty_array")
    messages: list[Message] = []
    for i, item in enumerate(raw):
        where = f"input[{i}]"
        if not isinstance(item, dict):
            raise fields.wrong_type(where, "an object", item)
        message = _item(item, where)
        if message is not None:
            messages.append(message)
    return messages


def _item(item: JSON, where: str) -> Message | None:
    kind = item.get("type") or "message"
    if kind == "message":
        role = fields.text(item, "role", where)
        if role not in _ROLES:
            raise fields.wrong_value(f"{where}.role", role, list(_ROLES))
        parts = _ASSISTANT_PARTS if role == "assistant" else _INPUT_PARTS
        return Message(_ROLES[role], _content(item.get("content"), f"{where}.content", parts))
    if kind == "function_call":
        call = ToolCall(
            id=fields.text(item, "call_id", where),
            name=fields.text(item, "name", where),
            arguments=fields.text(item, "arguments", where),
        )
        return Message("assistant", "", [call])
    if kind == "function_call_output":
        content = _content(item.get("output"), f"{where}.output", _INPUT_PARTS)
        return Message("tool", content, answers_call=fields.text(item, "call_id", where))
    if kind in _IGNORED_ITEMS:
        return None
    known = ["message", "function_call", "function_call_output", *_IGNORED_ITEMS]
    raise fields.wrong_value(f"{where}.type", kind, known)


def _content(content: Any, where: str, known: Mapping[str, str | None]) -> str:
    """The text of a message; ``known`` names for each kind of part where its text is, if any."""
    if content is None:
        raise fields.missing(where)
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise fields.wrong_type(where, "one of a string or array of objects", content)
    texts = []
    for n, part in enumerate(content):
        at = f"{where}[{n}]"
        if not isinstance(part, dict):
            raise fields.wrong_type(at, "an object", part)
        kind = fields.text(part, "type", at)
        if kind not in known:
            raise fields.wrong_value(at, kind, list(known))
        name = known[kind]
        if name is not None:
            texts.append(fields.text(part, name, at))
    return "\n".join(texts)


def _check_calls(messages: Sequence[Message]) -> None:
    """Every call needs its output and every output its call."""
    calls = [call.id for message in messages for call in message.tool_calls]
    outputs = [message.answers_call for message in messages if message.role == "tool"]
    for output in outputs:
        if output not in calls:
            raise bad_request(
                f"No tool call found for function call output with call_id {output}.", "input"
            )
    for call in calls:
        if call not in outputs:
            raise bad_request(f"No tool output found for function call {call}.", "input")


def _output(reply: Reply, key: str, status: str, alternatives: int | None) -> list[JSON]:
    if reply.tool_calls:
        return [
            {
                "id": f"fc_{digest(key, number)}",
                "type": "function_call",
                "status": "completed",
                "call_id": call.id,
                "name": call.name,
                "arguments": call.arguments,
            }
            for number, call in enumerate(reply.tool_calls)
        ]
    logprobs: list[JSON] = []
    if alternatives is not None:
        logprobs = [likelihood.describe(t, alternatives) for t in tokens.pieces(reply.text)]
    part = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": logprobs}
    return [
        {
            "id": f"msg_{key}",
            "type": "message",
            "status": status,
            "role": "assistant",
            "content": [part],
        }
    ]


def _response(
    body: JSON, response_id: str, model: str, conversation: Conversation, output: list[JSON]
) -> JSON:
    tools = [
        {"type": "function", "strict": True, "description": None, **tool}
        for tool in body.get("tools") or []
    ]
    return {
        "id": response_id,
        "object": "response",
        "created_at": fields.CREATED,
        "status": "completed",
        "background": False,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "max_output_tokens": body.get("max_output_tokens"),
        "metadata": body.get("metadata") or {},
        "model": model,
        "output": output,
        "parallel_tool_calls": conversation.parallel_tool_calls,
        "previous_response_id": body.get("previous_response_id"),
        "reasoning": {"effort": None, "summary": None},
        "service_tier": "default",
        "store": body.get("store", True),
        "temperature": body.get("temperature", 1.0),
        "text": body.get("text") or {"format": {"type": "text"}},
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": tools,
        "top_p": body.get("top_p", 1.0),
        "truncation": "disabled",
        "usage": None,
        "user": body.get("user"),
    }


def _usage(prompt: int, completion: int) -> JSON:
    return {
        "input_tokens": prompt,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": completion,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt + completion,
    }


def _events(response: JSON) -> Iterator[bytes]:
    """The events of a stream, one token a delta, numbered in sequence."""
    for number, (name, data) in enumerate(_unnumbered(response)):
        yield fields.event({"type": name, "sequence_number": number, **data}, name)


def _unnumbered(response: JSON) -> Iterator[tuple[str, JSON]]:
    started = response | {"status": "in_progress", "output": [], "usage": None}
    started["incomplete_details"] = None
    yield "response.created", {"response": started}
    yield "response.in_progress", {"response": started}
    for index, item in enumerate(response["output"]):
        place = {"output_index": index, "item_id": item["id"]}
        empty: JSON = {"content": []} if item["type"] == "message" else {"arguments": ""}
        opened = item | {"status": "in_progress"} | empty
        yield "response.output_item.added", {"output_index": index, "item": opened}
        if item["type"] == "message":
            for at, part in enumerate(item["content"]):
                yield from _part_events(place | {"content_index": at}, part)
        else:
            yield from _argument_events(place, item)
        yield "response.output_item.done", {"output_index": index, "item": item}
    yield f"response.{response['status']}", {"response": response}


def _part_events(place: JSON, part: JSON) -> Iterator[tuple[str, JSON]]:
    logprobs = part["logprobs"]
    opened = part | {"text": "", "logprobs": []}
    yield "response.content_part.added", place | {"part": opened}
    for number, piece in enumerate(tokens.pieces(part["text"])):
        delta = {"delta": piece, "logprobs": logprobs[number : number + 1]}
        yield "response.output_text.delta", place | delta
    yield "response.output_text.done", place | {"text": part["text"], "logprobs": logprobs}
    yield "response.content_part.done", place | {"part": part}


def _argument_events(place: JSON, item: JSON) -> Iterator[tuple[str, JSON]]:
    for piece in tokens.pieces(item["arguments"]):
        yield "response.function_call_arguments.delta", place | {"delta": piece}
    done = {"arguments": item["arguments"], "name": item["name"]}
    yield "response.function_call_arguments.done", place | done
