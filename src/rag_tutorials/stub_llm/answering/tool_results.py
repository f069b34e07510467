"""What tools returned, read as text."""

import json
from collections.abc import Iterator, Sequence
from typing import Any

from rag_tutorials.stub_llm.answering import answers
from rag_tutorials.stub_llm.answering.conversation import Message
from rag_tutorials.stub_llm.answering.prompt import read_prompt
from rag_tutorials.stub_llm.answering.reader import Reader
from rag_tutorials.stub_llm.answering.structured import UNKNOWN

_SHORT = 300
"""Characters up to which the result of a tool is repeated when it does not answer the question."""


def since_user(messages: Sequence[Message]) -> list[str]:
    """What the tools returned since the user spoke last."""
    results: list[str] = []
    for message in messages:
        if message.role == "user":
            results = []
        elif message.role == "tool":
            results.append(message.content)
    return results


def tell(question: str, results: Sequence[str], reader: Reader) -> str:
    """The reply to the question once the tools have returned."""
    passages = [passage for result in results for passage in passages_of(result)]
    short = [" ".join(passages_of(result)) for result in results]
    if len(short) > 1 and all(0 < len(text) <= _SHORT for text in short):
        # Several short results answer several parts of the question.
        found: str | None = " ".join(text if text[-1] in ".!?" else f"{text}." for text in short)
        return reader.tell(found) or answers.invent(question)
    found = reader.answer(question, passages)
    if found is None and short and len(short[0]) <= _SHORT:
        found = reader.tell(short[0] if short[0].endswith((".", "!", "?")) else f"{short[0]}.")
    return found or UNKNOWN


def passages_of(result: str) -> list[str]:
    """The texts in a tool's result, which is JSON or plain text."""
    try:
        value = json.loads(result)
    except ValueError:
        passages = read_prompt("", [f"Context:\n{result}"]).passages
        return list(passages or [])
    return list(_flatten(value))


def _flatten(value: Any, name: str = "") -> Iterator[str]:
    if isinstance(value, dict):
        small = {k: v for k, v in value.items() if not isinstance(v, dict | list)}
        long = [v for v in small.values() if isinstance(v, str) and len(v.split()) > 4]
        if small:
            yield from long or [", ".join(f"{k}: {v}" for k, v in small.items())]
        for key, item in value.items():
            if key not in small:
                yield from _flatten(item, str(key))
    elif isinstance(value, list):
        for item in value:
            yield from _flatten(item, name)
    else:
        yield f"{name}: {value}" if name else str(value)
