"""What matters of a span, by its kind: a few words for its line, and passages to unfold."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openinference.semconv.trace import (
    DocumentAttributes,
    MessageAttributes,
    MessageContentAttributes,
    RerankerAttributes,
    SpanAttributes,
    ToolCallAttributes,
)

from rag_tutorials.course.traces.spans import Event, SpanRecord, as_text

ATTRIBUTES = "attributes"  # the title of the passage with all that has none of its own
_MESSAGES = (SpanAttributes.LLM_INPUT_MESSAGES, SpanAttributes.LLM_OUTPUT_MESSAGES)
_DOCUMENTS = (
    SpanAttributes.RETRIEVAL_DOCUMENTS,
    RerankerAttributes.RERANKER_INPUT_DOCUMENTS,
    RerankerAttributes.RERANKER_OUTPUT_DOCUMENTS,
)
_EMBEDDINGS = SpanAttributes.EMBEDDING_EMBEDDINGS
_NAMES = (
    SpanAttributes.LLM_MODEL_NAME,
    SpanAttributes.EMBEDDING_MODEL_NAME,
    SpanAttributes.TOOL_NAME,
)
_SCHEMA = {"type", "properties", "required"}  # what tells a tool's schema from a call's arguments
_SHORT = 60  # characters of arguments, results and answers in a line
_ANSWERED_IN_LINE = (
    SpanAttributes.OPENINFERENCE_SPAN_KIND,
    SpanAttributes.INPUT_MIME_TYPE,
    SpanAttributes.OUTPUT_MIME_TYPE,
)


@dataclass(frozen=True, slots=True)
class Passage:
    """A titled text of a span, as long as it was recorded."""

    title: str
    text: str


def words(span: SpanRecord) -> list[str]:
    """Return what stands beside the span's name: model, tokens, cost, documents, tool."""
    have = span.attributes
    found = [as_text(have[key]) for key in _NAMES if have.get(key) not in (None, "", span.name)]
    prompt = have.get(SpanAttributes.LLM_TOKEN_COUNT_PROMPT)
    completion = have.get(SpanAttributes.LLM_TOKEN_COUNT_COMPLETION)
    total = have.get(SpanAttributes.LLM_TOKEN_COUNT_TOTAL)
    if prompt is not None and completion is not None:
        found.append(f"{_number(prompt)} + {_number(completion)} tokens")
    elif total is not None:
        found.append(f"{_number(total)} tokens")
    cost = have.get(SpanAttributes.LLM_COST_TOTAL)
    if isinstance(cost, (int, float)):
        found.append(f"${cost:.6f}".rstrip("0").rstrip("."))
    for prefix in (_DOCUMENTS[2], _DOCUMENTS[0]):
        if documents := indexed(have, prefix):
            found.append(_documents_in_words(documents))
            break
    if texts := len(indexed(have, _EMBEDDINGS)):
        found.append(f"{texts} text{'' if texts == 1 else 's'}")
    return found


def gist(span: SpanRecord) -> str | None:
    """Return what a tool was called with and gave, or what an agent answered, cut short."""
    output = span.attributes.get(SpanAttributes.OUTPUT_VALUE)
    result = None if output is None else f"\u2192 {_short(as_text(output))}"
    if span.kind == "AGENT":
        return result
    if span.kind != "TOOL":
        return None
    arguments = _arguments(span)
    if isinstance(arguments, dict):
        arguments = ", ".join(f"{key}={_json(value)}" for key, value in arguments.items())
    call = None if arguments is None else f"({_short(as_text(arguments))})"
    return " ".join(part for part in (call, result) if part) or None


def repeated_calls(spans: Sequence[SpanRecord]) -> dict[str, int]:
    """Return, by span id, how many times the tool had been called alike in its trace by then.

    Arguments are compared as JSON. A first call is not among them, nor one without arguments.
    """
    made: Counter[tuple[str, str, str]] = Counter()
    repeated = {}
    for span in (one for one in spans if one.kind == "TOOL"):
        if (arguments := _arguments(span)) is None:
            continue  # nobody knows whether they were alike
        name = as_text(span.attributes.get(SpanAttributes.TOOL_NAME) or span.name)
        call = (span.trace_id, name, _json(arguments, sort_keys=True))
        made[call] += 1
        if made[call] > 1:
            repeated[span.span_id] = made[call]
    return repeated


def _arguments(span: SpanRecord) -> Any:
    """The arguments of a tool's call: parsed JSON, or the text that there is."""
    have = span.attributes
    if SpanAttributes.INPUT_VALUE in have:
        text = as_text(have[SpanAttributes.INPUT_VALUE])
        try:
            return json.loads(text)
        except ValueError:
            return text
    prefix = f"{SpanAttributes.TOOL_PARAMETERS}."
    found = {
        key.removeprefix(prefix): value for key, value in have.items() if key.startswith(prefix)
    }
    return None if any(key.partition(".")[0] in _SCHEMA for key in found) else found or None


def _json(value: Any, *, sort_keys: bool = False) -> str:
    return json.dumps(value, ensure_ascii=False, sort_keys=sort_keys, default=str)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SHORT else f"{line[:_SHORT]}\u2026"


def passages(span: SpanRecord) -> Iterator[Passage]:
    """Yield what unfolds: documents, input, output, events and exceptions, other attributes."""
    have = span.attributes
    yield from _said(have, "input", _MESSAGES[0], SpanAttributes.INPUT_VALUE)
    for prefix in _DOCUMENTS:
        for number, document in indexed(have, prefix).items():
            yield _document(prefix, number, document)
    yield from _said(have, "output", _MESSAGES[1], SpanAttributes.OUTPUT_VALUE)
    if len(span.status_message) > 80:
        yield Passage(f"status {span.status}", span.status_message)
    for event in span.events:
        yield _event(event, span)
    rest = [f"{key} = {as_text(value)}" for key, value in have.items() if _is_other(key, have)]
    if rest:
        yield Passage(ATTRIBUTES, "\n".join(rest))


def indexed(attributes: Mapping[str, Any], prefix: str) -> dict[int, dict[str, Any]]:
    """Collect ``prefix.<N>.<rest>`` by number: what OpenInference makes of a list."""
    found: dict[int, dict[str, Any]] = {}
    start = len(prefix) + 1
    for key, value in attributes.items():
        if key.startswith(f"{prefix}."):
            number, _, rest = key[start:].partition(".")
            if number.isdecimal():
                found.setdefault(int(number), {})[rest] = value
    return dict(sorted(found.items()))


def _said(have: Mapping[str, Any], title: str, messages: str, value: str) -> Iterator[Passage]:
    """Yield the messages, or the value that stands for them."""
    some = indexed(have, messages)
    for message in some.values():
        role, text = _message(message)
        yield Passage(f"{title}, {role}", text)
    if not some and value in have:
        yield Passage(title, as_text(have[value]))


def _documents_in_words(documents: Mapping[int, Mapping[str, Any]]) -> str:
    scores = [one.get(DocumentAttributes.DOCUMENT_SCORE) for one in documents.values()]
    best = max((score for score in scores if isinstance(score, (int, float))), default=None)
    count = f"{len(documents)} document{'' if len(documents) == 1 else 's'}"
    return count if best is None else f"{count}, best score {best:.3f}"


def _document(prefix: str, number: int, document: Mapping[str, Any]) -> Passage:
    title = f"{'input ' if 'input' in prefix else ''}document {number}"
    identity = document.get(DocumentAttributes.DOCUMENT_ID)
    score = document.get(DocumentAttributes.DOCUMENT_SCORE)
    title += f", {as_text(identity)}" if identity is not None else ""
    title += f", score {score:.3f}" if isinstance(score, (int, float)) else ""
    return Passage(title, as_text(document.get(DocumentAttributes.DOCUMENT_CONTENT, "")))


def _message(message: Mapping[str, Any]) -> tuple[str, str]:
    texts = [as_text(message.get(MessageAttributes.MESSAGE_CONTENT) or "")]
    parts = indexed(message, MessageAttributes.MESSAGE_CONTENTS).values()
    texts += [
        as_text(part.get(MessageContentAttributes.MESSAGE_CONTENT_TEXT, "")) for part in parts
    ]
    for call in indexed(message, MessageAttributes.MESSAGE_TOOL_CALLS).values():
        name = call.get(ToolCallAttributes.TOOL_CALL_FUNCTION_NAME, "?")
        arguments = call.get(ToolCallAttributes.TOOL_CALL_FUNCTION_ARGUMENTS_JSON, "")
        texts.append(f"{name}({as_text(arguments)})")
    role = as_text(message.get(MessageAttributes.MESSAGE_ROLE) or "message")
    return role, "\n".join(text for text in texts if text)


def _event(event: Event, span: SpanRecord) -> Passage:
    after = (event.time - span.start).total_seconds() * 1000
    title = f"event {event.name} after {duration(after)}"
    have = dict(event.attributes)
    if event.name == "exception":
        first = f"{have.pop('exception.type', '?')}: {have.pop('exception.message', '')}"
        stack = have.pop("exception.stacktrace", "")
        have.pop("exception.escaped", None)
        lines = [first, *(f"{key} = {as_text(value)}" for key, value in have.items()), stack]
        return Passage(title, "\n".join(line for line in lines if line))
    return Passage(title, "\n".join(f"{key} = {as_text(value)}" for key, value in have.items()))


def _is_other(key: str, have: Mapping[str, Any]) -> bool:
    if key in _ANSWERED_IN_LINE:
        return False
    for prefix in (*_DOCUMENTS, *_MESSAGES):
        if re.match(rf"{re.escape(prefix)}\.\d+\.", key):
            # A document's metadata stays among the others; the rest has been shown.
            return key.endswith(DocumentAttributes.DOCUMENT_METADATA)
    messages = {SpanAttributes.INPUT_VALUE: _MESSAGES[0], SpanAttributes.OUTPUT_VALUE: _MESSAGES[1]}
    return key not in messages or bool(indexed(have, messages[key]))


def duration(milliseconds: float) -> str:
    """Return a duration with three digits, as ``0.21 ms``, ``14.3 ms``, ``1.20 s``."""
    if milliseconds >= 1000:
        return f"{milliseconds / 1000:.2f} s"
    if milliseconds >= 100:
        return f"{milliseconds:.0f} ms"
    return f"{milliseconds:.1f} ms" if milliseconds >= 10 else f"{milliseconds:.2f} ms"


def _number(value: Any) -> str:
    return f"{value:,}" if isinstance(value, int) else as_text(value)
