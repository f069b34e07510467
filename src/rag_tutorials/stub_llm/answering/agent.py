"""Choose tool calls from the tools' schemas and what the user asked."""

import json
import re
from collections.abc import Iterator, Sequence

from rag_tutorials.stub_llm.answering import structured
from rag_tutorials.stub_llm.answering.conversation import Conversation, Message, Tool, ToolCall
from rag_tutorials.stub_llm.answering.structured import words_of
from rag_tutorials.stub_llm.language.digest import digest
from rag_tutorials.stub_llm.language.lexical import content_words

_CLAUSE = re.compile(
    r"(?<=[.?!;])\s+|,?\s+\b(?:and then|and also|and|then|also)\b\s+", re.IGNORECASE
)
_LOOKS_UP = {"search", "lookup", "look", "find", "retrieve", "retrieval", "query", "fetch", "ask"}
_ASKS = re.compile(
    r"\s*(?:what|which|who|whom|whose|when|where|why|how|is|are|do|does|did|can|may|must|should)\b",
    re.IGNORECASE,
)
_A_NAME = r"[A-Z][\w'-]*(?: (?:(?:de|del|da|do|la|of|upon) )?[A-Z][\w'-]*)*"
_AND = (
    r"(?:\s*[,;/&]\s*(?:(?:and|or|as well as|plus)\s+)?|\s+(?:and|or|as well as|plus)\s+)"
    r"(?:(?:in|for|of|at)\s+)?"
)
_NAMES = re.compile(rf"(?<=\s){_A_NAME}(?:{_AND}{_A_NAME})+")
_BETWEEN_NAMES = re.compile(rf"(?<=[\w'-]){_AND}(?=[A-Z])")
_SMALL_TALK = re.compile(
    r"\s*(?:hi|hello|hey|thanks|thank you|good (?:morning|day))\b", re.IGNORECASE
)

_THRESHOLD = 2.0
"""What a tool must score to be called of the model's own accord: one word of its name, or two words
of its description or parameters."""


def next_calls(conversation: Conversation, question: str) -> list[ToolCall]:
    """The calls to make now; empty when the reply should be text.

    The question is cut into clauses and each goes to the tool that shares most words with it; a
    search tool takes the questions that no other tool fits. Calls that were already made since the
    user spoke are not made again. Calls of one clause after another go out together, unless the
    request forbids parallel calls.
    """
    if not conversation.tools or conversation.tool_choice == "none":
        return []
    made = _since_user(conversation.messages)
    if conversation.forced_tool is not None:
        tool = next(t for t in conversation.tools if t.name == conversation.forced_tool)
        return [_call(tool, question, question, len(made))]
    plan = _plan(conversation.tools, question)
    left = [item for item in plan if (item[0].name, item[1]) not in made]
    if not left and conversation.tool_choice == "required" and not made:
        best = max(conversation.tools, key=lambda tool: _score(tool, question))
        left = [(best, _arguments(best, question, question))]
    if not conversation.parallel_tool_calls:
        left = left[:1]
    return [
        ToolCall(call_id(tool.name, arguments, len(made) + n), tool.name, arguments)
        for n, (tool, arguments) in enumerate(left)
    ]


def _since_user(messages: Sequence[Message]) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []
    for message in messages:
        if message.role == "user":
            made = []
        made += [(call.name, call.arguments) for call in message.tool_calls]
    return made


def _plan(tools: Sequence[Tool], question: str) -> list[tuple[Tool, str]]:
    """Which tool to call for which part of the question."""
    parts = [part for part in _clauses(question) if content_words(part)]
    plan: list[tuple[Tool, str]] = []
    for part in parts:
        tool = _best(tools, part)
        if tool is not None:
            plan.append((tool, part))
        elif _ASKS.match(part) or _LOOKS_UP & set(words_of(part)):
            search = _search(tools, part)
            plan += [(search, part)] if search else []
    if len(plan) < 2:
        # One call, and parts that only say more about it: it gets the whole question.
        tool = plan[0][0] if plan else _best(tools, question) or _search(tools, question)
        plan = [(tool, question)] if tool else []
    calls = [(tool, _arguments(tool, part, question)) for tool, part in plan]
    return list({(tool.name, arguments): (tool, arguments) for tool, arguments in calls}.values())


def _clauses(question: str) -> Iterator[str]:
    """The parts of a question; "the weather in Paris, Berlin and Rome?" has one for each name."""
    lists: list[list[str]] = []

    def hide(match: re.Match[str]) -> str:
        lists.append(_BETWEEN_NAMES.split(match[0]))
        return f"\0{len(lists) - 1}\0"

    for clause in _CLAUSE.split(_NAMES.sub(hide, question)):
        first, *others = re.split(r"\0(\d+)\0", clause)
        told = [first]
        for number, after in zip(others[::2], others[1::2], strict=True):
            told = [before + name + after for before in told for name in lists[int(number)]]
        yield from told


def _best(tools: Sequence[Tool], clause: str) -> Tool | None:
    best = max(tools, key=lambda tool: _score(tool, clause))
    return best if _score(best, clause) >= _THRESHOLD else None


def _score(tool: Tool, clause: str) -> float:
    asked = set(content_words(clause))
    name = set(content_words(" ".join(words_of(tool.name))))
    said = [tool.description]
    values = []
    for key, schema in (tool.parameters.get("properties") or {}).items():
        said += [" ".join(words_of(key)), str(schema.get("description", ""))]
        values += [str(value) for value in schema.get("enum") or []]
    described = set(content_words(" ".join(said))) - name
    mentioned = set(content_words(" ".join(values))) - name - described
    return 2 * len(asked & name) + len(asked & described) + 2 * len(asked & mentioned)


def _search(tools: Sequence[Tool], question: str) -> Tool | None:
    if _SMALL_TALK.match(question) and "?" not in question:
        return None
    return next((tool for tool in tools if _LOOKS_UP & set(words_of(tool.name))), None)


def _call(tool: Tool, clause: str, question: str, number: int) -> ToolCall:
    arguments = _arguments(tool, clause, question)
    return ToolCall(call_id(tool.name, arguments, number), tool.name, arguments)


def _arguments(tool: Tool, clause: str, question: str) -> str:
    text = clause.strip()
    if text in question and question.strip().endswith("?") and not text.endswith(("?", ".", "!")):
        text = f"{text[0].upper()}{text[1:]}?"
    return json.dumps(structured.fill(tool.parameters, structured.Facts(text)), ensure_ascii=False)


def call_id(name: str, arguments: str, number: int) -> str:
    """The id of a call; the same call at the same place has the same one."""
    return f"call_{digest(name, arguments, number)}"
