"""Decide what to say to a conversation."""

import ast
import json
import operator
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from . import answers, structured, tools
from .conversation import Conversation, Message, Reply, ToolCall
from .faults import AnswerMode
from .judge import judge
from .prompt import Prompt, read_prompt
from .structured import UNKNOWN

NO_CONTEXT = (
    "I don't know: I am a stub without a model, and I answer only from the context of a request."
)
_GREETING = re.compile(r"\s*(?:hi|hello|hey|good (?:morning|afternoon|evening))\b", re.IGNORECASE)
_THANKS = re.compile(r"\s*(?:thanks|thank you)\b", re.IGNORECASE)
_SAY = re.compile(
    r"(?:say|repeat|echo|reply with|respond with|answer with)\b"
    r"(?:\s+(?:only|just|exactly|the words?|the following))*\s*:?\s*[\"'“]?(.+?)[\"'”]?[.!]?\s*$",
    re.IGNORECASE | re.DOTALL,
)
_SUM = re.compile(r"(?:what is|what's|calculate|compute)?\s*([-+*/().\d\s]+?)\s*[=?.]*", re.I)
_OPERATORS: dict[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}
_TASK = re.compile(
    r"(?:^|[.!]\s+|\byou\s+)(?:please\s+)?"
    r"(?:(?P<rewrite>rewrite|rephrase|reformulate|paraphrase)|(?P<summarize>summari[sz]e))\b",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")
_LONGEST_SUM = 100
_SHORT = 300
"""Characters up to which the result of a tool is repeated when it does not answer the question."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Answers questions from passages in one of the modes that faults can ask for."""

    mode: AnswerMode

    def answer(self, question: str, passages: Sequence[str]) -> str | None:
        """An answer, or ``None`` when the passages hold none."""
        if self.mode == "ignore_context":
            return answers.invent(question)
        return self.tell(answers.answer(question, passages))

    def tell(self, found: str | None) -> str | None:
        """What becomes of a statement that was found in the context."""
        if self.mode == "ignore_context":
            return None
        if found is not None and self.mode == "contradict_context":
            return answers.contradict(found)
        return found


def reply_to(conversation: Conversation, mode: AnswerMode) -> Reply:
    """The reply; the same conversation and mode always get the same one."""
    users = [m.content for m in conversation.messages if m.role == "user"]
    last = users[-1] if users else ""
    forced = conversation.forced_tool
    schema = next((t.parameters for t in conversation.tools if t.name == forced), None)

    verdict = judge(last, schema or conversation.schema)
    if verdict is not None:
        text = json.dumps(verdict, ensure_ascii=False)
        if forced is None:
            return Reply(text)
        return Reply(tool_calls=[ToolCall(tools.call_id(forced, text, 0), forced, text)])

    # The user's last message first, then the others from the newest to the oldest.
    others = [m.content for m in reversed(conversation.messages) if m.role in ("system", "user")]
    prompt = read_prompt(last, others)
    calls = tools.next_calls(conversation, prompt.question)
    if calls:
        return Reply(tool_calls=calls)
    reader = Reader(mode)
    results = _tool_results(conversation.messages)
    if conversation.schema is not None:
        return Reply(_structured(conversation, prompt, results, reader))
    if results:
        return Reply(_from_results(prompt.question, results, reader))
    instructions = "\n".join(m.content for m in conversation.messages if m.role == "system")
    task = _task(f"{instructions}\n{last}", prompt)
    if task is not None:
        return Reply(reader.tell(task) or answers.invent(prompt.question))
    return Reply(_text(prompt, conversation.messages, reader))


def _task(instructions: str, prompt: Prompt) -> str | None:
    """The result of a task that needs no answer: a rewritten question or a summary."""
    text = prompt.question
    subject = text.split(":", 1)[1] if ":" in text.split("\n")[0] else text
    task = _TASK.search(instructions)
    if task is None:
        return None
    if task["rewrite"] and prompt.passages is None:
        return subject.strip()
    if task["summarize"] and not text.endswith("?"):
        parts = prompt.passages or (subject.strip(),)
        return " ".join(_SENTENCE_END.split(part, maxsplit=1)[0] for part in parts[:3])
    return None


def _text(prompt: Prompt, messages: Sequence[Message], reader: Reader) -> str:
    if prompt.passages is not None:
        return reader.answer(prompt.question, prompt.passages) or UNKNOWN
    said = [m.content for m in messages[:-1] if m.role in ("user", "assistant") and m.content]
    return (
        _plain(prompt.question)
        or (reader.answer(prompt.question, said) if said else None)
        or (answers.invent(prompt.question) if reader.mode == "ignore_context" else NO_CONTEXT)
    )


def _plain(text: str) -> str | None:
    """What needs no knowledge: a greeting, words to repeat, a sum."""
    wanted = _SAY.match(text)
    if wanted:
        return wanted[1]
    total = _SUM.fullmatch(text[:_LONGEST_SUM])
    value = _calculate(total[1]) if total and len(text) < _LONGEST_SUM else None
    if value is not None:
        return value
    if "?" not in text and _GREETING.match(text):
        return "Hello! How can I help you?"
    if "?" not in text and _THANKS.match(text):
        return "You are welcome."
    return None


def _calculate(expression: str) -> str | None:
    def value(node: ast.expr) -> float:
        match node:
            case ast.BinOp(left, op, right):
                return float(_OPERATORS[type(op)](value(left), value(right)))
            case ast.Constant(int() | float() as number):
                return number
        raise ValueError

    try:
        tree = ast.parse(expression.strip(), mode="eval").body
        return f"{value(tree):.10g}" if isinstance(tree, ast.BinOp) else None
    except (ArithmeticError, KeyError, RecursionError, SyntaxError, ValueError):
        return None


def _tool_results(messages: Sequence[Message]) -> list[str]:
    """What the tools returned since the user spoke last."""
    results: list[str] = []
    for message in messages:
        if message.role == "user":
            results = []
        elif message.role == "tool":
            results.append(message.content)
    return results


def _from_results(question: str, results: Sequence[str], reader: Reader) -> str:
    passages = [passage for result in results for passage in _passages(result)]
    short = [" ".join(_passages(result)) for result in results]
    if len(short) > 1 and all(0 < len(text) <= _SHORT for text in short):
        # Several short results answer several parts of the question.
        found: str | None = " ".join(text if text[-1] in ".!?" else f"{text}." for text in short)
        return reader.tell(found) or answers.invent(question)
    found = reader.answer(question, passages)
    if found is None and short and len(short[0]) <= _SHORT:
        found = reader.tell(short[0] if short[0].endswith((".", "!", "?")) else f"{short[0]}.")
    return found or UNKNOWN


def _passages(result: str) -> list[str]:
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


def _structured(
    conversation: Conversation, prompt: Prompt, results: Sequence[str], reader: Reader
) -> str:
    passages = [*(prompt.passages or ()), *(p for result in results for p in _passages(result))]
    answer = reader.answer(prompt.question, passages) if passages else None
    facts = structured.Facts(prompt.question, answer, passages)
    value = structured.fill(conversation.schema or {}, facts)
    return json.dumps(value, ensure_ascii=False)
