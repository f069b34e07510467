"""Answers from passages in the way that a fault or the request's sampling may ask for."""

import math
import random
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import blake2b

from rag_tutorials.stub_llm.answering import answers
from rag_tutorials.stub_llm.answering.conversation import AnswerMode

_SPREAD = 0.12
"""How far below the best, at temperature 1, a sentence may score and still be chosen often."""


@dataclass(frozen=True, slots=True)
class Reader:
    """Answers questions from passages.

    Args:
        mode: The fault to show.
        seed: What the choice among sentences that answer nearly as well depends on; without one,
            or at temperature 0, the best is taken.
        temperature: How readily a sentence is taken that answers less well.
    """

    mode: AnswerMode
    seed: int | None = None
    temperature: float = 1.0

    def answer(self, question: str, passages: Sequence[str]) -> str | None:
        """An answer, or ``None`` when the passages hold none."""
        if self.mode == "ignore_context":
            return answers.invent(question)
        if self.seed is None or self.temperature <= 0:
            return self.tell(answers.answer(question, passages))
        return self.tell(self._sampled(question, passages))

    def tell(self, found: str | None) -> str | None:
        """What becomes of a statement that was found in the context."""
        if self.mode == "ignore_context":
            return None
        if found is not None and self.mode == "contradict_context":
            return answers.contradict(found)
        return found

    def _sampled(self, question: str, passages: Sequence[str]) -> str | None:
        """A sentence by chance, weighted by how well it answers (a softmax of the scores)."""
        found = answers.candidates(question, passages)
        if not found:
            return None
        best = max(score for score, _ in found)
        spread = _SPREAD * self.temperature
        weights = [math.exp((score - best) / spread) for score, _ in found]
        key = blake2b(f"{self.seed}\0{question}".encode("utf-8", "replace"), digest_size=8).digest()
        chance = random.Random(int.from_bytes(key, "big"))
        return chance.choices([text for _, text in found], weights)[0]
