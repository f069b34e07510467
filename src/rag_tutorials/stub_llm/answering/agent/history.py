"""What was done since the user spoke: the calls, and what came back."""

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rag_tutorials.stub_llm.answering.conversation import Message, ToolCall

_HAND_OFF = re.compile(
    r"^(?:hand_?(?:off|over)(?:_|$)|(?:transfer|hand|delegate|route|escalate)_to_)", re.IGNORECASE
)
# What tools and frameworks return in place of a result.
_FAILURE = re.compile(
    r"^\W*(?:an? )?(?:\w*error\b|\w*exception\b|traceback\b|failed\b|failure\b|invalid\b|unknown\b|"
    r"unable\b|cannot\b|can't\b|could not\b|not found\b|no such\b|timed? ?out\b|unavailable\b|"
    r"no \w+ (?:is |was )?(?:found|named|called|with|matches)\b)"
    r"|\b(?:try again|fix the errors|is not (?:valid|a valid|known|defined)|does not exist|"
    r"was not found|is unavailable)\b",
    re.IGNORECASE,
)
_FAILED_KEYS = ("error", "errors", "exception")
_SHORT = 400
"""Characters of a text that may be an error; what is longer is a document that speaks of some."""


@dataclass(frozen=True, slots=True)
class Step:
    """One call and what it returned; ``result`` is ``None`` while nothing has come back.

    ``arguments`` is the parsed JSON, or the text itself where that does not parse.
    """

    name: str
    arguments: Any
    result: str | None

    @property
    def failed(self) -> bool:
        """Whether the result reports an error instead of an answer."""
        return self.result is not None and reports_failure(self.result)

    @property
    def is_hand_off(self) -> bool:
        """Whether the call gave the conversation to another agent, which is no result to tell."""
        return is_hand_off(self.name)


def steps_since_user(messages: Sequence[Message]) -> list[Step]:
    """Return the calls made since the user spoke last, in order, with their results."""
    calls: list[ToolCall] = []
    results: dict[str, str] = {}
    for message in messages:
        if message.role == "user":
            calls.clear()
            results.clear()
        calls += message.tool_calls
        if message.role == "tool":
            waiting = (call.id for call in calls if call.id not in results)
            answered = message.answers_call or next(waiting, None)
            if answered is not None:
                results[answered] = message.content
    return [Step(call.name, parsed(call.arguments), results.get(call.id)) for call in calls]


def parsed(arguments: str) -> Any:
    """Return the arguments of a call as values: clients write the same JSON in many ways."""
    try:
        return json.loads(arguments)
    except ValueError:
        return arguments


def is_hand_off(name: str) -> bool:
    """Say whether a tool of this name gives the conversation to another agent."""
    return _HAND_OFF.match(name) is not None


def error_in(result: str) -> str:
    """Return what a result says of an error: the texts alone where they are in a record."""
    value = parsed(result.strip())
    told = [value]
    if isinstance(value, dict):
        told = [part for key, part in value.items() if key != "status"]
    return " ".join(part for part in told if isinstance(part, str)) or result


def reports_failure(result: str) -> bool:
    """Say whether a tool's result tells of an error, or is empty."""
    value = parsed(result.strip())
    if value in (None, "", [], {}):
        return True
    if isinstance(value, dict):
        if all(part in (None, "", [], {}) for part in value.values()):
            return True
        if value.get("ok") is False or value.get("success") is False:
            return True
        if str(value.get("status", "")).lower() in ("error", "failed", "failure"):
            return True
        return any(value.get(key) for key in _FAILED_KEYS)
    return isinstance(value, str) and len(value) <= _SHORT and _FAILURE.search(value) is not None
