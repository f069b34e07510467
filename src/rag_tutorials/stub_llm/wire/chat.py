"""The chat completions API: ``POST /v1/chat/completions``.

Shapes after https://platform.openai.com/docs/api-reference/chat.
"""

import json
from collections.abc import Iterator
from typing import Any

from rag_tutorials.stub_llm.answering.conversation import (
    AnswerMode,
    Conversation,
    Message,
    Role,
    Tool,
    ToolCall,
)
from rag_tutorials.stub_llm.language import tokens
from rag_tutorials.stub_llm.language.digest import digest
from rag_tutorials.stub_llm.replying.reply import reply_to
from rag_tutorials.stub_llm.wire import fields, schemas
from rag_tutorials.stub_llm.wire.errors import bad_request
from rag_tutorials.stub_llm.wire.fields import JSON

ROLES: dict[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


def complete(body: JSON, mode: AnswerMode) -> JSON | Iterator[bytes]:
    """Answer a request: a completion, or the events of a stream when the body asks for one."""
    model = fields.model(body)
    conversation = read(body)
    stream = fields.flag(body, "stream")
    options = _stream_options(body, stream)
    fields.check_sampling(body)
    choices = fields.integer(body, "n", 1, 128) or 1
    limit = fields.integer(body, "max_completion_tokens", 1) or fields.integer(
        body, "max_tokens", 1
    )

    prompt_tokens = _prompt_tokens(body, conversation)
    fields.check_window(prompt_tokens, "messages")
    reply = reply_to(conversation, mode)
    text, finish = cut(reply.text, limit, _stops(body))
    calls = reply.tool_calls
    if calls and isinstance(body.get("tool_choice", "auto"), str):
        finish = "tool_calls"
    used = tokens.count(text) + sum(tokens.count(c.name + c.arguments) for c in calls)
    usage = _usage(prompt_tokens, used * choices)
    head = {
        "id": f"chatcmpl-{digest(body, mode)}",
        "object": "chat.completion",
        "created": fields.CREATED,
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_stub",
    }
    if stream:
        head["object"] = "chat.completion.chunk"
        return _events(head, text, calls, finish, choices, usage if options else None)
    message: JSON = {"role": "assistant", "content": text if not calls else None, "refusal": None}
    message["annotations"] = []
    if calls:
        message["tool_calls"] = [_tool_call(call) for call in calls]
    return head | {
        "choices": [
            {"index": index, "message": message, "logprobs": None, "finish_reason": finish}
            for index in range(choices)
        ],
        "usage": usage,
    }


def _events(
    head: JSON,
    text: str,
    calls: Any,
    finish: str,
    choices: int,
    usage: JSON | None,
) -> Iterator[bytes]:
    """The chunks of a stream: one token each, in the order in which a client must see them."""
    # What all chunks share is encoded once.
    shared = fields.dumps(head if usage is None else head | {"usage": None})
    before, after = b"data: " + shared[:-1] + b',"choices":[', b"]}\n\n"

    def chunk(index: int, delta: JSON, reason: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        return before + fields.dumps(choice) + after

    for index in range(choices):
        first: JSON = {"role": "assistant", "content": None if calls else "", "refusal": None}
        yield chunk(index, first)
        for number, call in enumerate(calls):
            opening = _tool_call(call) | {"index": number}
            opening["function"] = {"name": call.name, "arguments": ""}
            yield chunk(index, {"tool_calls": [opening]})
            for piece in tokens.pieces(call.arguments):
                part = {"index": number, "function": {"arguments": piece}}
                yield chunk(index, {"tool_calls": [part]})
        if not calls:
            for piece in tokens.pieces(text):
                yield chunk(index, {"content": piece})
        yield chunk(index, {}, finish)
    if usage is not None:
        yield fields.event(head | {"choices": [], "usage": usage})
    yield fields.DONE


def read(body: JSON) -> Conversation:
    """The conversation in a request body; a 400 for whatever is wrong with it."""
    messages = _messages(body)
    tools = [_tool(tool, f"tools[{i}]") for i, tool in enumerate(schemas.array(body, "tools"))]
    choice, forced = _tool_choice(body, tools)
    temperature = fields.number(body, "temperature", 0, 2)
    return Conversation(
        messages=messages,
        tools=tools,
        tool_choice=choice,
        forced_tool=forced,
        parallel_tool_calls=fields.flag(body, "parallel_tool_calls", default=True),
        schema=_response_format(body, messages),
        seed=fields.integer(body, "seed", -(2**63), 2**63 - 1),
        temperature=1.0 if temperature is None else temperature,
    )


def _messages(body: JSON) -> list[Message]:
    raw = body.get("messages")
    if raw is None:
        raise fields.missing("messages")
    if not isinstance(raw, list):
        raise fields.wrong_type("messages", "an array of objects", raw)
    if not raw:
        raise bad_request(
            "Invalid 'messages': empty array. Expected an array with minimum length 1.",
            "messages",
            "empty_array",
        )
    messages: list[Message] = []
    open_calls: list[str] = []
    for i, item in enumerate(raw):
        where = f"messages[{i}]"
        if not isinstance(item, dict):
            raise fields.wrong_type(where, "an object", item)
        message = _message(item, where)
        if message.role == "tool":
            call_id = item.get("tool_call_id")
            if not isinstance(call_id, str):
                raise fields.missing(f"{where}.tool_call_id")
            if call_id not in open_calls:
                raise bad_request(
                    "Messages with role 'tool' must answer a preceding message with 'tool_calls'; "
                    f"no open call has the id '{call_id}'.",
                    f"{where}.tool_call_id",
                )
            open_calls.remove(call_id)
        elif open_calls:
            break
        open_calls += [call.id for call in message.tool_calls]
        messages.append(message)
    if open_calls:
        raise bad_request(
            "An assistant message with 'tool_calls' must be followed by tool messages that answer "
            f"each 'tool_call_id'. Without an answer: {', '.join(open_calls)}.",
            "messages",
        )
    return messages


def _message(item: JSON, where: str) -> Message:
    role = item.get("role")
    if role is None:
        raise fields.missing(f"{where}.role")
    if not isinstance(role, str):
        raise fields.wrong_type(f"{where}.role", "a string", role)
    if role not in ROLES:
        raise fields.wrong_value(f"{where}.role", role, list(ROLES))
    calls: list[ToolCall] = []
    if role == "assistant":
        for n, call in enumerate(schemas.array(item, "tool_calls", where)):
            calls.append(_read_call(call, f"{where}.tool_calls[{n}]"))
    content = item.get("content")
    if content is None and not calls and not item.get("refusal"):
        raise bad_request(
            f"Invalid value for 'content': expected a string, got null. ({where})",
            f"{where}.content",
        )
    answers = item.get("tool_call_id") if role == "tool" else None
    text = _content(content, f"{where}.content")
    return Message(ROLES[role], text, calls, answers if isinstance(answers, str) else None)


def _content(content: Any, where: str) -> str:
    if content is None:
        return ""
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        raise fields.wrong_type(where, "one of a string or array of objects", content)
    texts = []
    for n, part in enumerate(content):
        if not isinstance(part, dict):
            raise fields.wrong_type(f"{where}[{n}]", "an object", part)
        kind = part.get("type")
        if kind in ("text", "refusal"):
            texts.append(fields.text(part, kind, f"{where}[{n}]"))
        elif kind not in ("image_url", "input_audio", "file"):
            known = ["text", "image_url", "input_audio", "refusal", "file"]
            raise fields.wrong_value(f"{where}[{n}].type", kind, known)
    return "\n".join(texts)


def _read_call(call: Any, where: str) -> ToolCall:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict):
        raise fields.missing(f"{where}.function")
    return ToolCall(
        id=fields.text(call, "id", where),
        name=fields.text(function, "name", f"{where}.function"),
        arguments=fields.text(function, "arguments", f"{where}.function"),
    )


def _tool(tool: Any, where: str) -> Tool:
    if not isinstance(tool, dict):
        raise fields.wrong_type(where, "an object", tool)
    if tool.get("type") != "function":
        raise fields.wrong_value(f"{where}.type", tool.get("type"), ["function"])
    function = tool.get("function")
    if not isinstance(function, dict):
        raise fields.missing(f"{where}.function")
    return schemas.tool(function, f"{where}.function")


def _tool_choice(body: JSON, tools: list[Tool]) -> tuple[Any, str | None]:
    choice = body.get("tool_choice")
    name = None
    if isinstance(choice, dict) and choice.get("type") == "function":
        name = (choice.get("function") or {}).get("name")
    return schemas.tool_choice(choice, name, tools)


def _response_format(body: JSON, messages: list[Message]) -> JSON | None:
    wanted = body.get("response_format")
    if wanted is None:
        return None
    if not isinstance(wanted, dict):
        raise fields.wrong_type("response_format", "an object", wanted)
    spec = wanted.get("json_schema")
    if wanted.get("type") == "json_schema" and not isinstance(spec, dict):
        raise fields.missing("response_format.json_schema")
    return schemas.text_format(
        wanted.get("type"), spec or {}, "response_format", [m.content for m in messages]
    )


def _stream_options(body: JSON, stream: bool) -> bool:
    options = body.get("stream_options")
    if options is None:
        return False
    if not stream:
        raise bad_request(
            "The 'stream_options' parameter is only allowed when 'stream' is enabled.",
            "stream_options",
        )
    if not isinstance(options, dict):
        raise fields.wrong_type("stream_options", "an object", options)
    return fields.flag(options, "include_usage")


def _stops(body: JSON) -> list[str]:
    stop = body.get("stop")
    stops = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(stops, list) or not all(isinstance(item, str) for item in stops):
        raise fields.wrong_type("stop", "a string or an array of strings", stop)
    return [item for item in stops if item]


def cut(text: str, limit: int | None, stops: list[str]) -> tuple[str, str]:
    """The text up to the first stop sequence and the token limit, and the finish reason."""
    ends = [at for at in (text.find(stop) for stop in stops) if at >= 0]
    text = text[: min(ends)] if ends else text
    pieces = tokens.pieces(text) if limit is not None else []
    if limit is not None and len(pieces) > limit:
        return "".join(pieces[:limit]), "length"
    return text, "stop"


def _prompt_tokens(body: JSON, conversation: Conversation) -> int:
    contents = [
        m.content + "".join(c.name + c.arguments for c in m.tool_calls)
        for m in conversation.messages
    ]
    described = [body[key] for key in ("tools", "response_format") if body.get(key)]
    extra = sum(tokens.count(json.dumps(item, ensure_ascii=False)) for item in described)
    return tokens.count_messages(contents) + extra


def _usage(prompt: int, completion: int) -> JSON:
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {
            "reasoning_tokens": 0,
            "audio_tokens": 0,
            "accepted_prediction_tokens": 0,
            "rejected_prediction_tokens": 0,
        },
    }


def _tool_call(call: ToolCall) -> JSON:
    return {
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    }
