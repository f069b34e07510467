"""The JSON that a prompt asks for in words: a schema spelled out, an example, or names of keys.

Clients of models without structured output write such prompts: instructor's JSON and MD_JSON modes,
LangChain's ``json_mode`` and its parsers, pydantic-ai's ``PromptedOutput``, DSPy's JSONAdapter.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from rag_tutorials.stub_llm.answering import json_schema
from rag_tutorials.stub_llm.answering.conversation import Conversation

Schema = dict[str, Any]

_JSON = re.compile(r"\bjson", re.IGNORECASE)
_ASKS = re.compile(
    r"\b(?:reply|respond|response|answer|return|output|give|produce|write|format\w*|provide|"
    r"extract|convert|generate|create|make)\b"
    r"[^.?!]*\bJSON\b|\bJSON[ _](?:object|schema|instance|response|format)"
    r"|\b(?:in|as|valid) JSON\b",
    re.IGNORECASE,
)
_FENCE = re.compile(
    r"(?:within|in|inside|using) a(?:n?)? ?`{0,3}(?:json)? ?`{0,3}"
    r"(?:codeblock|code block|code fence)|`{3}json",
    re.IGNORECASE,
)
_NO_FENCE = re.compile(
    r"(?:don['\u2019]t|do not|without|no)\b[^.]*\b(?:fenc|markdown)", re.IGNORECASE
)
_BLOCK = re.compile(r"`{3}(?:json)?\s*(.*?)`{3}", re.DOTALL | re.IGNORECASE)

_WORD = r"[A-Za-z_]\w*"
_ITEM = (
    rf"(?:[`\"'“*]+{_WORD}[`\"'”*]+|{_WORD})"
    r"(?:\s*\([^()]*\))?"
)
_LIST = rf"{_ITEM}(?:(?:\s*,\s*(?:and\s+|or\s+)?|\s+and\s+|\s*&\s*){_ITEM})*"
_QUOTED = r"[`\"'“*]+[A-Za-z_]\w*[`\"'”*]+(?:\s*\([^()]*\))?"
_QUOTED_LIST = rf"{_QUOTED}(?:(?:\s*,\s*(?:and\s+)?|\s+and\s+){_QUOTED})*"
_KEYS = r"(?:keys?|fields?|properties|property|attributes?)"
_NAMED = (
    re.compile(
        rf"\b{_KEYS}\b(?:\s+(?:named|called|are|is|must be|should be))?\s*:?\s+(?P<list>{_LIST})",
        re.IGNORECASE,
    ),
    re.compile(rf"(?P<list>{_QUOTED_LIST})\s+(?:as\s+)?{_KEYS}\b", re.IGNORECASE),
    re.compile(
        rf"\bJSON(?:\s+object)?\s+(?:with|containing|of|having|that has)\s+(?:an?\s+|the\s+)*"
        rf"(?P<list>{_QUOTED_LIST}|{_LIST})(?=\s*(?:[.:;\n]|$))",
        re.IGNORECASE,
    ),
)
_BULLETS = re.compile(
    rf"\b(?:{_KEYS}|JSON)\b[^\n]*:\s*\n(?P<list>(?:\s*(?:[-*•]|\d+[.)])\s*{_ITEM}[^\n]*\n?)+)",
    re.IGNORECASE,
)
_BULLET = re.compile(
    rf"^\s*(?:[-*•]|\d+[.)])\s*[`\"'“*]*(?P<name>{_WORD})[`\"'”*]*(?P<rest>[^\n]*)", re.MULTILINE
)
_ONE = re.compile(rf"[`\"'“*]*(?P<name>{_WORD})[`\"'”*]*(?:\s*\((?P<rest>[^()]*)\))?")
_MARKED = re.compile(
    rf"(?:\b(?P<kind>string|integer|int|number|float|boolean|bool|array|list)\s+"
    rf"(?:called\s+|named\s+)?)?[`\"“](?P<name>{_WORD})[`\"”]",
    re.IGNORECASE,
)
_NOT_KEYS = {"and", "or", "the", "a", "an", "of", "to", "below", "above", "following", "from"}
_TYPES = {
    "integer": re.compile(r"\b(?:int|integer|whole number)\b", re.IGNORECASE),
    "number": re.compile(r"\b(?:number|float|decimal|numeric)\b", re.IGNORECASE),
    "boolean": re.compile(r"\b(?:bool|boolean|true|false)\b", re.IGNORECASE),
    "array": re.compile(r"\b(?:list|array)\b", re.IGNORECASE),
    "string": re.compile(r"\b(?:str|string|text)\b", re.IGNORECASE),
}
_EXAMPLE_KEY = re.compile(r"[\"'](?P<name>\w+)[\"']\s*:\s*(?P<rest>[^,\n{}\[]*)")
_LEADS_TO_EXAMPLE = re.compile(
    r"(?:json|format|form|like|structure|schema|example|shape|following fields)[^{}]{0,80}$",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")


@dataclass(frozen=True, slots=True)
class Form:
    """What a prompt wants: JSON that fits ``schema``, in a Markdown fence or without."""

    schema: Schema
    fenced: bool = False

    def frame(self, text: str) -> str:
        """Put the JSON into the fence, if one is wanted."""
        return f"```json\n{text}\n```" if self.fenced else text


def form_of(conversation: Conversation) -> Form | None:
    """Return the form that the messages ask for, ``None`` when they ask for none."""
    texts = [m.content for m in reversed(conversation.messages) if m.role in ("system", "user")]
    texts = [text for text in texts if _JSON.search(text)]
    if not conversation.json_object:
        texts = [text for text in texts if _ASKS.search(text)]
    schema = next((found for found in map(_described, texts) if found is not None), None)
    if schema is None:
        return Form({"type": "object"}) if conversation.json_object else None
    everything = "\n".join(texts)
    fenced = bool(_FENCE.search(everything)) and not _NO_FENCE.search(everything)
    return Form(schema, fenced and not conversation.json_object)


def without_form(conversation: Conversation, form: Form) -> Conversation:
    """Return the conversation as it would be if the API had been asked for that form."""
    messages = [
        replace(message, content=_without(message.content))
        if message.role in ("system", "user") and _JSON.search(message.content)
        else message
        for message in conversation.messages
    ]
    kept = [m for m in messages if m.content.strip() or m.role not in ("system", "user")]
    if not any(m.role == "user" for m in kept):
        kept = list(conversation.messages)
    return replace(conversation, messages=kept, schema=form.schema, json_object=False)


def without_described(conversation: Conversation) -> Conversation:
    """Return the conversation without what its messages say about a form that the API has too.

    Other JSON in a message is what the request is about: the tools of an agent that is judged.
    """
    forced = conversation.forced_tool
    asked = next((t.parameters for t in conversation.tools if t.name == forced), None)
    names = _names(asked or conversation.schema or {})
    messages = [
        replace(message, content=_without(message.content) or message.content)
        if message.role == "user"
        and _ASKS.search(message.content)
        and names & _names(_described(message.content) or {})
        else message
        for message in conversation.messages
    ]
    return replace(conversation, messages=messages)


def _names(schema: Schema) -> set[str]:
    return set(schema.get("properties") or {})


def _described(text: str) -> Schema | None:
    """The schema that a text spells out, shows by an example, or names the keys of."""
    blobs = list(_blobs(text))
    for _, value in reversed(blobs):
        if _is_schema(value):
            return dict(value)
    named = _named(text)
    if named:
        return _object(named)
    for start, value in reversed(blobs):
        if value and _LEADS_TO_EXAMPLE.search(text[:start]):
            return _of_example(value)
    loose = _loose_example(text) or _marked(text)
    return _object(loose) if loose else None


def _blobs(text: str) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """The JSON objects in a text, the outer ones, with their places."""
    decoder = json.JSONDecoder()
    at = text.find("{")
    while at >= 0:
        end = at + 1
        try:
            value, end = decoder.raw_decode(text, at)
            if isinstance(value, dict):
                yield at, value
        except (ValueError, RecursionError):
            pass
        at = text.find("{", end)


def _is_schema(value: Mapping[str, Any]) -> bool:
    told = isinstance(value.get("properties"), dict) or (
        isinstance(value.get("$defs"), dict)
        or isinstance(value.get("anyOf"), list)
        or (value.get("type") == "array" and isinstance(value.get("items"), dict))
    )
    if not told:
        return False
    try:
        json_schema.checked(dict(value))
    except json_schema.SchemaError:
        return False
    return True


def _named(text: str) -> dict[str, Schema]:
    bullets = _BULLETS.search(text)
    if bullets:
        return {m["name"]: _typed(m["rest"]) for m in _BULLET.finditer(bullets["list"])}
    for pattern in _NAMED:
        for match in pattern.finditer(text):
            found = {
                m["name"]: _typed(m["rest"] or "")
                for m in _ONE.finditer(match["list"])
                if m["name"].lower() not in _NOT_KEYS
            }
            if found:
                return found
    return {}


def _marked(text: str) -> dict[str, Schema]:
    """Names in quotes, as in "JSON with an array ``steps`` and a boolean ``done``"."""
    sentences = [part for part in _SENTENCE.split(text) if _JSON.search(part)]
    marks = [mark for part in sentences for mark in _MARKED.finditer(part)]
    return {mark["name"]: _typed(mark["kind"] or "") for mark in marks}


def _typed(said: str) -> Schema:
    kind = next((kind for kind, words in _TYPES.items() if words.search(said)), None)
    return {} if kind is None else {"type": kind}


def _object(properties: Mapping[str, Schema]) -> Schema:
    return {"type": "object", "properties": dict(properties), "required": list(properties)}


def _of_example(value: Any) -> Schema:
    """The schema of which a value is an example; texts may name a type instead."""
    match value:
        case bool():
            return {"type": "boolean"}
        case int():
            return {"type": "integer"}
        case float():
            return {"type": "number"}
        case dict():
            return _object({name: _of_example(part) for name, part in value.items()})
        case list():
            return {"type": "array", "items": _of_example(value[0]) if value else {}}
        case str():
            return _typed(value) or {"type": "string"}
    return {}


def _loose_example(text: str) -> dict[str, Schema]:
    """The keys of an example that is not quite JSON, such as ``{"days": <int>}``."""
    for match in re.finditer(r"\{[^{}]*\}", text):
        if _LEADS_TO_EXAMPLE.search(text[: match.start()]):
            found = {m["name"]: _typed(m["rest"]) for m in _EXAMPLE_KEY.finditer(match[0])}
            if found:
                return found
    return {}


def _without(text: str) -> str:
    """The text without what it says about JSON; all of it if nothing else is said."""
    text = _BULLETS.sub(" ", text)
    text = _BLOCK.sub(lambda block: " JSON " if block[1].strip()[:1] in "{[" else block[0], text)
    for start, value in reversed(list(_blobs(text))):
        length = json.JSONDecoder().raw_decode(text, start)[1] - start
        if value:
            text = text[:start] + " JSON " + text[start + length :]
    text = re.sub(r"\{[^{}]*\}", " JSON ", text)
    kept = []
    for sentence in _SENTENCE.split(text):
        said = sentence
        if _JSON.search(sentence):
            for pattern in _NAMED:
                said = pattern.sub(" ", said)
            said = said.partition(":")[2]
            said = "" if _JSON.search(said) else said
        if said.strip():
            kept.append(said.strip())
    return "\n".join(kept)
