"""The responses API: ``POST /v1/responses``.

Shapes and the order of events after https://platform.openai.com/docs/api-reference/responses.
"""

import json
import threading
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import Any

from rag_tutorials.stub_llm.answering.conversation import (
    AnswerMode,
    Conversation,
    Message,
    Reply,
    Tool,
    ToolCall,
)
from rag_tutorials.stub_llm.language import tokens
from rag_tutorials.stub_llm.language.digest import digest
from rag_tutorials.stub_llm.replying.reply import reply_to
from rag_tutorials.stub_llm.wire import chat, fields, schemas
from rag_tutorials.stub_llm.wire.errors import APIError, bad_request
from rag_tutorials.stub_llm.wire.fields import JSON

_ROLES = chat.ROLES
_TEXT_PARTS = ("input_text", "output_text", "text", "refusal")
_OTHER_PARTS = ("input_image", "input_file", "input_audio")
_IGNORED_ITEMS = ("reasoning", "item_reference")


class Responses:
    """The responses API of one server; it keeps recent responses for ``previous_response_id``."""

    def __init__(self, limit: int = 1000) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, tuple[JSON, list[Message]]] = OrderedDict()
        self._lock = threading.Lock()

    def create(self, body: JSON, mode: AnswerMode) -> JSON | Iterator[bytes]:
        """Answer a request: a response, or the events of a stream when the body asks for one."""
        model = fields.model(body)
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
        reply = reply_to(conversation, mode)
        text, finish = chat.cut(reply.text, limit, [])
        reply = Reply(text, reply.tool_calls)

        key = digest(body, mode)
        output = _output(reply, key, "incomplete" if finish == "length" else "completed")
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
    choice = body.get("tool_choice")
    name = choice.get("name") if isinstance(choice, dict) else None
    how, forced = schemas.tool_choice(choice, name, tools)
    text = body.get("text") or {}
    if not isinstance(text, dict):
        raise fields.wrong_type("text", "an object", text)
    wanted = text.get("format") or {"type": "text"}
    if not isinstance(wanted, dict):
        raise fields.wrong_type("text.format", "an object", wanted)
    all_texts = [instructions or "", *(m.content for m in messages)]
    schema = schemas.text_format(wanted.get("type"), wanted, "text.format", all_texts)
    system = [Message("system", instructions)] if instructions else []
    return Conversation(
        messages=[*system, *messages],
        tools=tools,
        tool_choice=how,
        forced_tool=forced,
        parallel_tool_calls=fields.flag(body, "parallel_tool_calls", default=True),
        schema=schema,
    )


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
    kind = item.get("type", "message")
    if kind == "message":
        role = fields.text(item, "role", where)
        if role not in _ROLES or role == "tool":
            known = [name for name in _ROLES if name != "tool"]
            raise fields.wrong_value(f"{where}.role", role, known)
        return Message(_ROLES[role], _content(item.get("content"), f"{where}.content"))
    if kind == "function_call":
        call = ToolCall(
            id=fields.text(item, "call_id", where),
            name=fields.text(item, "name", where),
            arguments=fields.text(item, "arguments", where),
        )
        return Message("assistant", "", [call])
    if kind == "function_call_output":
        content = _content(item.get("output"), f"{where}.output")
        return Message("tool", content, answers_call=fields.text(item, "call_id", where))
    if kind in _IGNORED_ITEMS:
        return None
    known = ["message", "function_call", "function_call_output", *_IGNORED_ITEMS]
    raise fields.wrong_value(f"{where}.type", kind, known)


def _content(content: Any, where: str) -> str:
    if content is None:
        raise fields.missing(where)
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise fields.wrong_type(where, "one of a string or array of objects", content)
    texts = []
    for n, part in enumerate(content):
        if not isinstance(part, dict):
            raise fields.wrong_type(f"{where}[{n}]", "an object", part)
        kind = part.get("type")
        if kind in _TEXT_PARTS:
            texts.append(
                fields.text(part, "refusal" if kind == "refusal" else "text", f"{where}[{n}]")
            )
        elif kind not in _OTHER_PARTS:
            raise fields.wrong_value(f"{where}[{n}].type", kind, [*_TEXT_PARTS, *_OTHER_PARTS])
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


def _output(reply: Reply, key: str, status: str) -> list[JSON]:
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
    part = {"type": "output_text", "text": reply.text, "annotations": [], "logprobs": []}
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
    yield "response.content_part.added", place | {"part": part | {"text": ""}}
    for piece in tokens.pieces(part["text"]):
        yield "response.output_text.delta", place | {"delta": piece, "logprobs": []}
    yield "response.output_text.done", place | {"text": part["text"], "logprobs": []}
    yield "response.content_part.done", place | {"part": part}


def _argument_events(place: JSON, item: JSON) -> Iterator[tuple[str, JSON]]:
    for piece in tokens.pieces(item["arguments"]):
        yield "response.function_call_arguments.delta", place | {"delta": piece}
    done = {"arguments": item["arguments"], "name": item["name"]}
    yield "response.function_call_arguments.done", place | done
