"""Answers from passages in the way that a fault may ask for."""

from collections.abc import Sequence
from dataclasses import dataclass

from rag_tutorials.stub_llm.answering import answers
from rag_tutorials.stub_llm.answering.conversation import AnswerMode


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
