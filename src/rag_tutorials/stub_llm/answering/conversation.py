"""A request for text in one form, whichever API it came by."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

Role = Literal["system", "user", "assistant", "tool"]
AnswerMode = Literal[
    "grounded", "ignore_context", "contradict_context", "wrong_tool", "bad_arguments", "loop"
]
"""Whether the reply says what the context says, something else, or the opposite; or what an agent's
turn does wrong."""


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a tool; ``arguments`` is JSON text."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class Tool:
    """A function that the model may call; ``parameters`` is a JSON schema."""

    name: str
    description: str
    parameters: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Message:
    """One message; a developer message has the role ``system``.

    ``answers_call`` is the id of the call whose result a tool message brings.
    """

    role: Role
    content: str
    tool_calls: Sequence[ToolCall] = ()
    answers_call: str | None = None


@dataclass(frozen=True, slots=True)
class Conversation:
    """All that decides the reply.

    ``forced_tool`` names the one tool that must be called; ``tool_choice`` is then ``required``.
    ``schema`` is the JSON schema that the reply must fit, ``None`` for plain text; with
    ``json_object`` it must be a JSON object, whose form the prompt may describe. With a ``seed``
    the reply varies, the more the higher the ``temperature``; the same seed gives the same one.
    """

    messages: Sequence[Message]
    tools: Sequence[Tool] = ()
    tool_choice: Literal["auto", "none", "required"] = "auto"
    forced_tool: str | None = None
    parallel_tool_calls: bool = True
    schema: dict[str, Any] | None = None
    json_object: bool = False
    seed: int | None = None
    temperature: float = 1.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What the stub says: text, or calls of tools."""

    text: str = ""
    tool_calls: Sequence[ToolCall] = ()
