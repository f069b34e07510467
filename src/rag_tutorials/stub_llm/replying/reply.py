"""Decide what to say to a conversation."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace

from rag_tutorials.stub_llm.answering import answers, plain, routing, structured
from rag_tutorials.stub_llm.answering.agent import followups, telling, turn
from rag_tutorials.stub_llm.answering.agent.history import steps_since_user
from rag_tutorials.stub_llm.answering.agent.results import passages_of
from rag_tutorials.stub_llm.answering.conversation import (
    AnswerMode,
    Conversation,
    Message,
    Reply,
    ToolCall,
)
from rag_tutorials.stub_llm.answering.judge import judge
from rag_tutorials.stub_llm.answering.prompt import Prompt, read_prompt
from rag_tutorials.stub_llm.answering.reader import Reader
from rag_tutorials.stub_llm.answering.structured import UNKNOWN
from rag_tutorials.stub_llm.replying.reflection import reflect

NO_CONTEXT = (
    "I don't know: I am a stub without a model, and I answer only from the context of a request."
)
_TASK = re.compile(
    r"(?:^|[.!]\s+|\byou\s+)(?:please\s+)?"
    r"(?:(?P<rewrite>rewrite|rephrase|reformulate|paraphrase)|(?P<summarize>summari[sz]e))\b",
    re.IGNORECASE | re.MULTILINE,
)
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


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
        return Reply(tool_calls=[ToolCall(turn.call_id(forced, text, 0), forced, text)])

    reader = Reader(mode, conversation.seed, conversation.temperature)
    reflected = reflect(conversation.messages, schema or conversation.schema, reader)
    if reflected is not None and not (conversation.tools and forced is None):
        said = reflected
        if not isinstance(said, str):
            said = json.dumps(reflected, ensure_ascii=False)
        if forced is None:
            return Reply(said)
        return Reply(tool_calls=[ToolCall(turn.call_id(forced, said, 0), forced, said)])

    # The user's last message first, then the others from the newest to the oldest.
    others = [m.content for m in reversed(conversation.messages) if m.role in ("system", "user")]
    prompt = read_prompt(last, others)
    asks_back = followups.asks_for_what_was_said(prompt.question)
    if prompt.passages is None or conversation.tools:
        question = followups.complete(prompt.question, conversation.messages)
        prompt = replace(prompt, question=question)
    if not asks_back:
        decided = turn.decide(conversation, prompt.question, mode)
        if decided.calls:
            return Reply(tool_calls=decided.calls)
        made = steps_since_user(conversation.messages)
        if conversation.schema is not None:
            results = [step.result for step in made if step.result and not step.is_hand_off]
            return Reply(_structured(conversation, prompt, results, reader))
        told = telling.tell(prompt.question, decided.outcomes, made, reader)
        if told is not None:
            return Reply(told)
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
        plain.say(prompt.question)
        or (reader.answer(prompt.question, said) if said else None)
        or (answers.invent(prompt.question) if reader.mode == "ignore_context" else NO_CONTEXT)
    )


def _structured(
    conversation: Conversation, prompt: Prompt, results: Sequence[str], reader: Reader
) -> str:
    passages = [
        *(prompt.passages or ()),
        *(passage for result in results for passage in passages_of(result)),
    ]
    answer = reader.answer(prompt.question, passages) if passages else None
    said = [m.content for m in conversation.messages if m.role in ("system", "user")]
    guide = "\n".join([*routing.guide_of(conversation.schema), *said])
    facts = structured.Facts(prompt.question, answer, passages, guide)
    value = structured.fill(conversation.schema or {}, facts)
    return json.dumps(value, ensure_ascii=False)
