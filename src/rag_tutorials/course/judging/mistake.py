"""What is wrong with an attempt, in one sentence, and the hint that belongs to it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Mistake:
    """One thing that is wrong.

    Args:
        sentence: What is wrong; where the student reads an answer off a trace, not what is right.
        hint: What to do about this very mistake; empty where only the exercise's own hints help.
        marks: Where it is seen in the drawings: an expected span or the id of a found one, each
            with the key of the line (``""``: the span's own line).
    """

    sentence: str
    hint: str = ""
    marks: tuple[tuple[Any, str], ...] = ()

    def __str__(self) -> str:
        return self.sentence


class MistakeError(Exception):
    """What an exercise's ``run`` raises when it sees what is wrong; its text is the sentence."""

    def __init__(self, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        self.mistake = Mistake(sentence, hint)


def ended(sentence: str) -> str:
    """Return a sentence with one mark at its end."""
    sentence = sentence.rstrip()
    return sentence if sentence.endswith(("?", "!")) else sentence.rstrip(".") + "."
