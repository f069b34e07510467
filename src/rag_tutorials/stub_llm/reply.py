"""Decide what to say to a conversation."""

from collections.abc import Sequence
from dataclasses import dataclass

from . import answers
from .conversation import Conversation, Reply
from .faults import AnswerMode
from .prompt import Prompt, read_prompt

UNKNOWN = "I don't know: the context does not say."
NO_CONTEXT = (
    "I don't know: I am a stub without a model, and I answer only from the context of a request."
)


@dataclass(frozen=True, slots=True)
class Reader:
    """Answers questions from passages in one of the modes that faults can ask for."""

    mode: AnswerMode

    def answer(self, question: str, passages: Sequence[str]) -> str | None:
        """An answer, or ``None`` when the passages hold none."""
        if self.mode == "ignore_context":
            return answers.invent(question)
        found = answers.answer(question, passages)
        if found is not None and self.mode == "contradict_context":
            return answers.contradict(found)
        return found


def reply_to(conversation: Conversation, mode: AnswerMode) -> Reply:
    """The reply; the same conversation and mode always get the same one."""
    reader = Reader(mode)
    prompt = _prompt(conversation)
    return Reply(text=_text(prompt, reader))


def _prompt(conversation: Conversation) -> Prompt:
    users = [m.content for m in conversation.messages if m.role == "user"]
    systems = [m.content for m in conversation.messages if m.role == "system"]
    return read_prompt(users[-1] if users else "", systems)


def _text(prompt: Prompt, reader: Reader) -> str:
    if prompt.passages is None:
        if reader.mode == "ignore_context":
            return answers.invent(prompt.question)
        return NO_CONTEXT
    return reader.answer(prompt.question, prompt.passages) or UNKNOWN
