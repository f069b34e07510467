"""Answers without a model: from the passages, against them, or from thin air.

``answer`` is extractive question answering in its simplest honest form: it returns the sentence
that covers the question's words best, rare words counting more (inverse document frequency), or
nothing when too much of the question is not covered. It is right where question and text share
words, and wrong as a careless reader is wrong: it takes the sentence that sounds like the question.
"""

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from hashlib import blake2b
from math import log

from rag_tutorials.stub_llm.language.lexical import content_words

THRESHOLD = 0.4
"""The part of a question's weight that an answer has to cover."""

_PASSAGE_SHARE = 0.7  # what a word counts that is not in the sentence but around it
_NUMBER_BONUS = 0.15
_ASKS_FOR_NUMBER = re.compile(
    r"\b(?:how (?:many|much|long|soon|often|early|late|far|fast|old)|when|what time|"
    r"(?:which|what) (?:\w+ ){0,2}?(?:amount|number|percent\w*|limit|maximum|minimum|day|date|"
    r"hours?|value|total|price|period)|(?:within|after|up to|from|at|for) (?:what|which))\b",
    re.IGNORECASE,
)
_CARDINALS = "one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve"
_NUMBER = re.compile(
    rf"\d|\b(?:{_CARDINALS}|first|second|third|fourth|fifth|sixth|half|once|twice)\b", re.IGNORECASE
)
_SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]*[A-Z0-9])|\s*\n\s*")
_POINTS_BACK = re.compile(r"(?:It|They|This|These|Those|That)\b")


def answer(question: str, passages: Sequence[str]) -> str | None:
    """Return the sentence of ``passages`` that answers ``question`` best, or ``None``.

    Passages are expected best first: of equal sentences the first wins. A sentence that begins by
    pointing back ("It ...") brings the one before it along.
    """
    best, found = 0.0, None
    for score, text in candidates(question, passages):
        if score > best + 1e-9:
            best, found = score, text
    return found


def candidates(question: str, passages: Sequence[str]) -> list[tuple[float, str]]:
    """Return the sentences that may answer ``question``, in their order, each with its score."""
    asked = list(dict.fromkeys(content_words(question)))  # a list: sums must not depend on order
    read = [_sentences(passage) for passage in passages]
    everything = [words for part in read for _, words in part]
    if not asked or not everything:
        return []
    weights = {
        word: log(1 + len(everything) / (0.5 + sum(word in words for words in everything)))
        for word in asked
    }
    whole = sum(weights.values())
    wants_number = _ASKS_FOR_NUMBER.search(question) is not None
    found = []
    for part in read:
        around = frozenset().union(*(words for _, words in part))
        nearby = sum(weights[word] for word in asked if word in around)
        for position, (sentence, words) in enumerate(part):
            covered = sum(weights[word] for word in asked if word in words)
            score = (covered + _PASSAGE_SHARE * (nearby - covered)) / whole
            if not covered or score < THRESHOLD:
                continue
            if wants_number and _NUMBER.search(sentence):
                score += _NUMBER_BONUS
            points_back = position and _POINTS_BACK.match(sentence)
            text = f"{part[position - 1][0]} {sentence}" if points_back else sentence
            found.append((score, text))
    return found


@lru_cache(maxsize=1024)
def _sentences(passage: str) -> tuple[tuple[str, frozenset[str]], ...]:
    """Return the sentences of a passage, each with its content words."""
    parts = (part.strip() for part in _SENTENCE_END.split(passage))
    return tuple((part, frozenset(content_words(part))) for part in parts if part)


def contradict(sentence: str) -> str:
    """Return ``sentence`` with its meaning turned around.

    The first number becomes another one; without a number the first verb that takes "not" is
    negated, or loses its "not"; failing that, the whole sentence is denied.
    """
    for pattern, replacement in _TURNS:
        turned = pattern.sub(replacement, sentence, count=1)
        if turned != sentence:
            return turned
    return f"It is not true that {sentence[:1].lower()}{sentence[1:]}"


def invent(question: str) -> str:
    """Return a confident answer to ``question`` that no context supports."""
    days = 61 + 2 * (blake2b(question.encode(), digest_size=1).digest()[0] % 18)
    return f"As far as I know it is {days} days, and the regional office confirms this."


def _other_number(match: re.Match[str]) -> str:
    """Return a larger number in the notation of the one that was found."""
    found = match[0]
    if found[0].isdigit():
        number = int(found.replace(",", ""))
        return f"{3 * number + 1:,}" if "," in found else str(3 * number + 1)
    number = _CARDINALS.split("|").index(found.lower()) + 1
    return str(3 * number + 1)


_TURNS: tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...] = (
    (
        re.compile(
            rf"(?<![\w.,:])(?:\d+(?:,\d{{3}})*(?![\w:]|,\d)"
            rf"|(?:{_CARDINALS.removeprefix('one|')})\b)",
            re.IGNORECASE,
        ),
        _other_number,
    ),
    (re.compile(r"\b(must|may|can|could|shall|should|will|is|are|was|were|do|does) not\b"), r"\1"),
    (re.compile(r"\bcannot\b"), "can"),
    (re.compile(r"\bnever "), ""),
    (re.compile(r"\b(must|may|can|could|shall|should|will|is|are|was|were)\b"), r"\1 not"),
)
