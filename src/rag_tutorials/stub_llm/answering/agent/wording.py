"""Words that are akin to an agent: who owns it and the owner, how heavy and the weight."""

import re
from collections.abc import Collection

from rag_tutorials.stub_llm.language.lexical import content_words

_DERIVED = {"er", "or", "i", "y", "al", "age", "ion", "ation", "ing", "ment", "ness", "ship"}
"""What makes one word of another's stem: own, owner; wind, windy."""
_LEAST = 3
_MEASURES = {
    "heavy": "weight",
    "long": "length",
    "tall": "height",
    "high": "height",
    "wide": "width",
    "deep": "depth",
    "old": "age",
    "far": "distance",
    "fast": "speed",
    "big": "size",
    "large": "size",
    "warm": "temperature",
    "cold": "temperature",
    "hot": "temperature",
    "expensive": "price",
}
_VERBS = {"cost": "price", "costs": "price", "weigh": "weight", "weighs": "weight"}
_ASKED_BY_VERB = re.compile(rf"\b({'|'.join(_VERBS)})\b", re.IGNORECASE)
_HOW = re.compile(rf"\bhow ({'|'.join(_MEASURES)})\b", re.IGNORECASE)


def asked_words(text: str) -> list[str]:
    """Return the content words of a question, with what its "how heavy" or "cost" asks for."""
    measures = [_MEASURES[match.lower()] for match in _HOW.findall(text)]
    measures += [_VERBS[match.lower()] for match in _ASKED_BY_VERB.findall(text)]
    return content_words(" ".join([text, *measures]))


def shared(asked: Collection[str], words: Collection[str]) -> int:
    """Count the stems asked for that are among other stems, or are made of the same one."""
    return sum(any(_akin(one, other) for other in words) for one in asked)


def _akin(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    if short == long:
        return True
    return len(short) >= _LEAST and long.startswith(short) and long[len(short) :] in _DERIVED
