"""Log probabilities of tokens, made up of the tokens alone so that they are always the same."""

from hashlib import blake2b
from typing import Any

_OTHERS = [" the", ",", " a", ".", " of", " and", " to", " in", "\n", " is", " I", " that"]
_OTHERS += [" for", " it", "!", " was", " on", " as", "?", " with", " not"]


def describe(token: str, others: int) -> dict[str, Any]:
    """Describe a token as ``logprobs.content`` does, with as many likely ones as are asked for.

    Args:
        token: The token that was taken.
        others: The length of ``top_logprobs``, 0 to 20; the token itself is the first of them.

    """
    logprob = -(1 + _fraction(token)) / 8
    candidates = [(token, logprob)]
    for number, other in enumerate(one for one in _OTHERS if one != token):
        candidates.append((other, logprob - 2 - number / 2 - _fraction(token + other)))
    top = [_one(*candidate) for candidate in candidates[:others]]
    return _one(token, logprob) | {"top_logprobs": top}


def _one(token: str, logprob: float) -> dict[str, Any]:
    return {"token": token, "logprob": round(logprob, 6), "bytes": list(token.encode())}


def _fraction(text: str) -> float:
    return blake2b(text.encode(), digest_size=1).digest()[0] / 256
