"""The chat completions API: ``POST /v1/chat/completions``.

Shapes after https://platform.openai.com/docs/api-reference/chat.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
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
from rag_tutorials.stub_llm.wire import fields, likelihood, models, schemas
from rag_tutorials.stub_llm.wire.errors import bad_request
from rag_tutorials.stub_llm.wire.fields import JSON

ROLES: dict[str, Role] = {
    "system": "system",
    "assistant": "assistant",
    "user": "user",
    "function": "tool",
    "tool": "tool",
    "developer": "system",
}
_KNOWN = """
    audio frequency_penalty function_call functions logit_bias logprobs max_completion_tokens
    max_tokens messages metadata modalities model moderation n parallel_tool_calls prediction
    presence_penalty prompt_cache_key prompt_cache_options prompt_cache_retention reasoning_effort
    response_format safety_identifier seed service_tier stop store stream stream_options
    temperature tool_choice tools top_logprobs top_p user verbosity web_search_options
""".split()  # noqa: SIM905
_MOST_TOOLS = 128
_MOST_STOPS = 4


def complete(body: JSON, mode: AnswerMode) -> JSON | Iterator[bytes]:
    """Answer a request: a completion, or the events of a stream when the body asks for one."""
    model = fields.model(body)
    models.require_chat(model)
    fields.check_known(body, _KNOWN)
    conversation = read(body)
    stream = fields.flag(body, "stream")
    include_usage = _stream_options(body, stream)
    fields.check_sampling(body)
    choices = fields.integer(body, "n", 1, 128) or 1
    limit = fields.integer(body, "max_completion_tokens", 1)
    limit = limit or fields.integer(body, "max_tokens", 1)
    stops = _stops(body)
    alternatives = _logprobs(body)

    prompt_tokens = _prompt_tokens(body, conversation)
    fields.check_window(prompt_tokens, "messages")
    reply = schemas.reply_to(conversation, mode, "response_format")
    text, finish = cut(reply.text, limit, stops)
    legacy = bool(body.get("functions"))
    calls = reply.tool_calls[:1] if legacy else reply.tool_calls
    if calls and conversation.forced_tool is None:
        finish = "function_call" if legacy else "tool_calls"
    elif calls and legacy:
        finish = "function_call"
    answer = _Answer(text, calls, legacy, finish, alternatives)
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
        return _events(head, answer, choices, usage if include_usage else None)
    return head | {
        "choices": [answer.choice(index) for index in range(choices)],
        "usage": usage,
    }


@dataclass(frozen=True, slots=True)
class _Answer:
    """What each choice says; ``alternatives`` is how many other tokens its logprobs show."""

    text: str
    calls: Sequence[ToolCall]
    legacy: bool
    finish: str
    alternatives: int | None

    def choice(self, index: int) -> JSON:
        message: JSON = {"role": "assistant", "content": None if self.calls else self.text}
        message |= {"refusal": None, "annotations": []}
        if self.calls and self.legacy:
            (call,) = self.calls
            message["function_call"] = {"name": call.name, "arguments": call.arguments}
        elif self.calls:
            message["tool_calls"] = [_tool_call(call) for call in self.calls]
        logprobs = self.logprobs([] if self.calls else tokens.pieces(self.text))
        return {
            "index": index,
            "message": message,
            "logprobs": logprobs,
            "finish_reason": self.finish,
        }

    def logprobs(self, pieces: Sequence[str]) -> JSON | None:
        if self.alternatives is None:
            return None
        content = [likelihood.describe(piece, self.alternatives) for piece in pieces]
        return {"content": content, "refusal": None}

    def deltas(self) -> Iterator[tuple[JSON, JSON | None]]:
        """What a stream adds piece by piece, with the logprobs of it."""
        content = None if self.calls else ""
        yield {"role": "assistant", "content": content, "refusal": None}, None
        for number, call in enumerate(self.calls):
            if self.legacy:
                yield {"function_call": {"name": call.name, "arguments": ""}}, None
            else:
                opening = _tool_call(call) | {"index": number}
                opening["function"] = {"name": call.name, "arguments": ""}
                yield {"tool_calls": [opening]}, None
            for piece in tokens.pieces(call.arguments):
                if self.legacy:
                    yield {"function_call": {"arguments": piece}}, None
                else:
                    part = {"index": number, "function": {"arguments": piece}}
                    yield {"tool_calls": [part]}, None
        for piece in () if self.calls else tokens.pieces(self.text):
            yield {"content": piece}, self.logprobs([piece])


def _events(head: JSON, answer: _Answer, choices: int, usage: JSON | None) -> Iterator[bytes]:
    """The chunks of a stream: one token each, in the order in which a client must see them."""
    # What all chunks share is encoded once.
    shared = fields.dumps(head if usage is None else head | {"usage": None})
    before, after = b"data: " + shared[:-1] + b',"choices":[', b"]}\n\n"

    def chunk(index: int, delta: JSON, logprobs: JSON | None, reason: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": logprobs, "finish_reason": reason}
        return before + fields.dumps(choice) + after

    for index in range(choices):
        for delta, logprobs in answer.deltas():
            yield chunk(index, delta, logprobs)
        yield chunk(index, {}, None, answer.finish)
    if usage is not None:
        yield fields.event(head | {"choices": [], "usage": usage})
    yield fields.DONE


def read(body: JSON) -> Conversation:
    """The conversation in a request body; a 400 for whatever is wrong with it."""
    messages = _messages(body)
    tools = _tools(body)
    if body.get("parallel_tool_calls") is not None and not tools:
        raise bad_request(
            "Invalid value for 'parallel_tool_calls': 'parallel_tool_calls' is only allowed when "
            "'tools' are specified.",
            "parallel_tool_calls",
        )
    functions = _functions(body)
    if functions and tools:
        raise bad_request("'functions' and 'tools' cannot be given together.", "functions")
    choice = schemas.tool_choice(body.get("tool_choice"), tools, nested=True)
    if functions or body.get("function_call") is not None:
        choice = _function_call(body, functions)
    offered = [t for t in tools + functions if choice.allowed is None or t.name in choice.allowed]
    wanted = _response_format(body, messages)
    temperature = fields.number(body, "temperature", 0, 2)
    return Conversation(
        messages=messages,
        tools=offered,
        tool_choice=choice.how,
        forced_tool=choice.forced,
        parallel_tool_calls=not functions
        and fields.flag(body, "parallel_tool_calls", default=True),
        schema=wanted.schema,
        json_object=wanted.json_object,
        seed=fields.integer(body, "seed", -(2**63), 2**63 - 1),
        temperature=1.0 if temperature is None else temperature,
    )


def _tools(body: JSON) -> list[Tool]:
    given = schemas.array(body, "tools")
    if body.get("tools") == []:
        raise fields.empty_array("tools")
    fields.check_length("tools", given, _MOST_TOOLS)
    tools = [_tool(tool, f"tools[{i}]") for i, tool in enumerate(given)]
    schemas.require_unique(tools)
    return tools


def _functions(body: JSON) -> list[Tool]:
    """The tools of a request in the form that came before ``tools``."""
    given = schemas.array(body, "functions")
    if body.get("functions") == []:
        raise fields.empty_array("functions")
    fields.check_length("functions", given, _MOST_TOOLS)
    tools = []
    for i, function in enumerate(given):
        if not isinstance(function, dict):
            raise fields.wrong_type(f"functions[{i}]", "an object", function)
        tools.append(schemas.tool(function, f"functions[{i}]"))
    schemas.require_unique(tools)
    return tools


def _function_call(body: JSON, functions: Sequence[Tool]) -> schemas.Choice:
    choice = body.get("function_call")
    if not functions:
        raise bad_request(
            "Invalid value for 'function_call': 'function_call' is only allowed when 'functions' "
            "are specified.",
            "function_call",
        )
    if choice is None or choice == "auto":
        return schemas.Choice()
    if choice == "none":
        return schemas.Choice("none")
    if isinstance(choice, str):
        raise fields.wrong_value("function_call", choice, ["none", "auto"])
    if not isinstance(choice, dict):
        raise fields.wrong_type("function_call", "one of a string or object", choice)
    name = fields.text(choice, "name", "function_call")
    if name not in [tool.name for tool in functions]:
        raise bad_request(
            f"Invalid value for 'function_call': function '{name}' not found in 'functions'.",
            "function_call",
        )
    return schemas.Choice("required", name)


def _messages(body: JSON) -> list[Message]:
    raw = body.get("messages")
    if raw is None:
        raise fields.missing("messages")
    if not isinstance(raw, list):
        raise fields.wrong_type("messages", "an array of objects", raw)
    if not raw:
        raise fields.empty_array("messages")
    messages: list[Message] = []
    open_calls: list[str] = []
    for i, item in enumerate(raw):
        where = f"messages[{i}]"
        if not isinstance(item, dict):
            raise fields.wrong_type(where, "an object", item)
        legacy = item.get("role") == "function"
        message = _message(item, where)
        if legacy:
            message = _answer_of_function(item, message, messages, where)
        if message.role == "tool" and not legacy:
            call_id = fields.text(item, "tool_call_id", where)
            if call_id not in open_calls:
                raise bad_request(
                    "Invalid parameter: messages with role 'tool' must be a response to a "
                    "preceding message with 'tool_calls'.",
                    f"{where}.tool_call_id",
                )
            open_calls.remove(call_id)
        elif open_calls:
            break
        if "function_call" not in item:
            open_calls += [call.id for call in message.tool_calls]
        messages.append(message)
    if open_calls:
        raise bad_request(
            "An assistant message with 'tool_calls' must be followed by tool messages responding "
            "to each 'tool_call_id'. The following tool_call_ids did not have response messages: "
            f"{', '.join(open_calls)}",
            "messages",
        )
    return messages


def _answer_of_function(
    item: JSON, message: Message, before: Sequence[Message], where: str
) -> Message:
    """A message of role ``function``, which answers the last call of that function, if any."""
    name = fields.text(item, "name", where)
    calls = [call for earlier in before for call in earlier.tool_calls if call.name == name]
    return replace(message, answers_call=calls[-1].id if calls else None)


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
        if item.get("tool_calls") == []:
            raise fields.empty_array(f"{where}.tool_calls")
        for n, call in enumerate(schemas.array(item, "tool_calls", where)):
            calls.append(_read_call(call, f"{where}.tool_calls[{n}]"))
        if item.get("function_call") is not None:
            calls.append(_read_function_call(item, where))
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


def _read_function_call(item: JSON, where: str) -> ToolCall:
    function = fields.mapping(item, "function_call", where)
    name = fields.text(function, "name", f"{where}.function_call")
    arguments = fields.text(function, "arguments", f"{where}.function_call")
    return ToolCall(f"call_{digest(where, name, arguments)}", name, arguments)


def _read_call(call: Any, where: str) -> ToolCall:
    if not isinstance(call, dict):
        raise fields.wrong_type(where, "an object", call)
    function = fields.mapping(call, "function", where)
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
    function = fields.mapping(tool, "function", where)
    return schemas.tool(function, f"{where}.function")


def _response_format(body: JSON, messages: list[Message]) -> schemas.Format:
    wanted = body.get("response_format")
    if wanted is None:
        return schemas.Format()
    if not isinstance(wanted, dict):
        raise fields.wrong_type("response_format", "an object", wanted)
    kind = fields.text(wanted, "type", "response_format")
    spec = {}
    if kind == "json_schema":
        spec = fields.mapping(wanted, "json_schema", "response_format")
    return schemas.text_format(kind, spec, "response_format", [m.content for m in messages])


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
    stops = [stop] if isinstance(stop, str) else [] if stop is None else stop
    if not isinstance(stops, list) or not all(isinstance(item, str) for item in stops):
        raise fields.wrong_type("stop", "a string or an array of strings", stop)
    fields.check_length("stop", stops, _MOST_STOPS)
    return [item for item in stops if item]


def _logprobs(body: JSON) -> int | None:
    """How many other tokens to show beside each; ``None`` when no logprobs are asked for."""
    wanted = fields.flag(body, "logprobs")
    others = fields.integer(body, "top_logprobs", 0, 20)
    if others is not None and not wanted:
        raise bad_request(
            "The 'top_logprobs' parameter is only allowed when 'logprobs' is enabled.",
            "top_logprobs",
        )
    return (others or 0) if wanted else None


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
    described = [body[key] for key in ("tools", "functions", "response_format") if body.get(key)]
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
