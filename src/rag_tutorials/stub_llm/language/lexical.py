"""Text as words and as vectors, without a model.

Two texts are alike here when they share words or parts of words. That finds what is asked in the
words of the text and misses what is asked in others: honest retrieval failures, to be found in
traces. Feature hashing with a sign: Weinberger et al. 2009, https://arxiv.org/abs/0902.2206.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from hashlib import blake2b

import numpy as np
import numpy.typing as npt
from snowballstemmer.english_stemmer import EnglishStemmer  # type: ignore[import-untyped]

_STOP_WORD_LIST = """
    a about above after again against all also although always am among an and another any anybody
    anyone anything are as at be because been before being below between both but by came can
    cannot come could did do does doing done down due during each either else ever every everybody
    everyone everything few for from further get gets getting give given go goes going got had has
    have having he her here hers him his how however i if in into is it its itself just keep kind
    let like long lot made make many may me might mine more most much must my myself need needed
    needs neither no nobody none nor not nothing now of off often on once one only onto or other
    our ours out over own per please put same shall she should since so some somebody someone
    something soon such take takes tell than that the their theirs them then there these they thing
    this those though through thus to too under until up upon us very via want was way we were what
    whatever when where whether which while who whom whose why will with within without would yet
    you your yours
"""
_STOP_WORDS = frozenset(_STOP_WORD_LIST.split())
_NUMBERS = {
    "two": "2",
    "three": "3",
    "four": "4",
    "five": "5",
    "six": "6",
    "seven": "7",
    "eight": "8",
    "nine": "9",
    "ten": "10",
    "eleven": "11",
    "twelve": "12",
}
_TOKEN = re.compile(r"\d+(?:[.,:]\d+)*|[^\W\d_]+(?:['\u2019][^\W\d_]+)*")


def content_words(text: str) -> list[str]:
    """Return the words of ``text`` that carry meaning, in order, stemmed and in lower case.

    Stop words and single letters are left out; the number words two to twelve become digits.
    """
    return [stem for token in _TOKEN.findall(text.lower()) if (stem := _stem(token))]


def embed(text: str, dimensions: int = 1536) -> list[float]:
    """Return a vector of unit length for ``text``; the same one in every process.

    The features are the stems of the content words and the 3- to 5-grams of characters inside
    them. A text without content words is one feature as a whole.

    Raises ``ValueError`` when ``dimensions`` is below 1.
    """
    vector: list[float] = _vector(text, dimensions).tolist()
    return vector


def embed_tokens(tokens: Sequence[int], dimensions: int = 1536) -> list[float]:
    """Return a vector of unit length for a text of which only the tokens are known.

    The features are the tokens themselves: texts are alike that share some.

    Raises ``ValueError`` when ``dimensions`` is below 1.
    """
    counts = Counter(tokens)
    hashes = _hashes([f"#{token}" for token in counts])
    weights = 1 + np.log(list(counts.values()))
    vector: list[float] = _unit(hashes, weights, dimensions).tolist()
    return vector


def similarity(a: str, b: str) -> float:
    """Return the cosine similarity of two texts, from -1 to 1."""
    return float(_vector(a, 1536) @ _vector(b, 1536))


def _vector(text: str, dimensions: int) -> npt.NDArray[np.float64]:
    counts = Counter(content_words(text))
    if counts:
        features = [_features(word) for word in counts]
        hashes = np.concatenate([hashes for hashes, _ in features])
        frequency = 1 + np.log(list(counts.values()))
        weights = np.concatenate(
            [weights * tf for (_, weights), tf in zip(features, frequency, strict=True)]
        )
    else:
        hashes, weights = _hashes([text]), np.ones(1)
    return _unit(hashes, weights, dimensions)


def _unit(
    hashes: npt.NDArray[np.uint64], weights: npt.NDArray[np.float64], dimensions: int
) -> npt.NDArray[np.float64]:
    """Return the unit vector of hashed features."""
    if dimensions < 1:
        raise ValueError(f"dimensions must be at least 1, not {dimensions}.")
    signs = np.where(hashes >> np.uint64(63), 1.0, -1.0)
    slots = (hashes % np.uint64(dimensions)).astype(np.intp)
    vector = np.bincount(slots, signs * weights, minlength=dimensions)
    norm = float(np.linalg.norm(vector))
    if norm == 0.0:  # in few dimensions features can cancel out
        vector[0] = norm = 1.0
    return vector / norm


@lru_cache(maxsize=1 << 15)
def _stem(token: str) -> str:
    """Return the stem of a token, or nothing for a token to leave out."""
    token = token.replace("\u2019", "'").removesuffix("'s")
    if token in _STOP_WORDS or (len(token) == 1 and not token.isdigit()):
        return ""
    # A stemmer holds the word it works on: one for each call, because threads may call.
    stem: str = _NUMBERS.get(token) or EnglishStemmer().stemWord(token)
    return stem


@lru_cache(maxsize=1 << 15)
def _features(word: str) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.float64]]:
    """Return the hashed features of one stem and their weights."""
    grams = [word[i : i + n] for n in (3, 4, 5) for i in range(len(word) - n + 1)]
    weights = np.ones(1 + len(grams))
    weights[0] = WORD_WEIGHT
    weights[1:] = GRAM_WEIGHT / np.sqrt(len(grams) or 1)
    return _hashes([f"={word}", *grams]), weights


WORD_WEIGHT = 2.0
GRAM_WEIGHT = 1.0


def _hashes(features: list[str]) -> npt.NDArray[np.uint64]:
    digests = b"".join(blake2b(feature.encode(), digest_size=8).digest() for feature in features)
    return np.frombuffer(digests, dtype="<u8").astype(np.uint64)
