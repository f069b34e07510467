"""After a tool's error: the arguments that the error suggests, nearest first."""

import difflib
import re
from collections.abc import Iterator
from typing import Any

from rag_tutorials.stub_llm.answering.agent import sums
from rag_tutorials.stub_llm.answering.agent.arguments import Material, names_in, sort_of
from rag_tutorials.stub_llm.answering.conversation import Tool
from rag_tutorials.stub_llm.answering.structured import words_of
from rag_tutorials.stub_llm.language.lexical import content_words

_PASSES = re.compile(
    r"\b(?:time(?:d)?[ -]?out|temporar\w+|unavailable|overloaded|rate limit\w*|busy|try again|"
    r"connection|retry)\b",
    re.IGNORECASE,
)
# "Known: Ada, Bob", "must be one of 'a' and 'b'", "did you mean Ada Lovelace?"
_OFFER = re.compile(
    r"(?:(?:available|valid|allowed|known)(?: \w+)?(?: are| is)?|one of|did you mean|"
    r"choose (?:from|between)|expected|there (?:are|is)(?! no\b)|use)\b\s*:?\s*"
    r"([^.\n]+(?:\.\d[^.\n]*)*)",
    re.IGNORECASE,
)
_LEAD = re.compile(r"^(?:one|any|either) of\s+|^either\s+", re.IGNORECASE)
_QUOTED = re.compile(r"[\"\u201c'\u2018`]([^\"\u201d'\u2019`\n]+)[\"\u201d'\u2019`]")
_SEPARATOR = re.compile(r"\s*[,;|/]\s*(?:or\s+|and\s+)?|\s+(?:or|and)\s+")
_ISO_WANTED = re.compile(r"\bY{4}-M{2}-D{2}\b|\bISO\b", re.IGNORECASE)
_DATE_FORM = re.compile(
    r"(?<![A-Za-z])(?:D{1,2}|M{1,2}|Y{4}|Y{2})(?:[./ -](?:D{1,2}|M{1,2}|Y{4}|Y{2})){2}(?![A-Za-z])"
    r"|%[dmYy](?:[./ -]%[dmYy]){2}",
    re.IGNORECASE,
)
_EXAMPLE = re.compile(
    r"\b(?:such as|like|e\.g\.|for example|for instance)[\s:,]+(\S+)", re.IGNORECASE
)
_LIKE = 0.6
_FEW = 6


def passes_by_itself(error: str) -> bool:
    """Say whether an error reports something that may be over a moment later."""
    return _PASSES.search(error) is not None


def blames(error: str, arguments: Any) -> bool:
    """Say whether an error speaks of a value among the arguments, or offers another."""
    said = arguments.values() if isinstance(arguments, dict) else ()
    words = [value.lower() for value in said if isinstance(value, str) and len(value) > 1]
    return any(word in error.lower() for word in words) or _OFFER.search(error) is not None


def suggested(tool: Tool, arguments: Any, error: str, material: Material) -> Iterator[Any]:
    """Yield arguments changed in one place, each in the way that the error points to.

    A value that the error names or is closest to a value that it offers is replaced by that; a
    number that came as text becomes one; a search is tried again with its telling words alone.
    """
    if not isinstance(arguments, dict):
        return
    offers = _offers(error)
    for name, value in sorted(arguments.items(), key=lambda item: not _named(item[0], error)):
        schema = (tool.parameters.get("properties") or {}).get(name) or {}
        for other in _other_values(name, value, schema, offers, error, material):
            if other != value:
                yield {**arguments, name: other}


def _cased_like(value: str, error: str) -> Iterator[str]:
    """Yield a value in capitals or small letters where the error shows one of that form."""
    shapes = {_shape(one) for example in _EXAMPLE.findall(error) for one in example.split()}
    for other in (value.upper(), value.lower(), value.title()):
        if _shape(other) in shapes:
            yield other


def _dated_like(value: str, error: str) -> Iterator[str]:
    """Yield an ISO date in the form that an error asks for: DD.MM.YYYY, %m/%d/%Y."""
    parts = re.fullmatch(r"(\d{4})-(\d{2})-(\d{2})", value)
    if parts is None:
        return
    year, month, day = parts.groups()
    said = {"d": day, "dd": day, "m": month, "mm": month, "yyyy": year, "yy": year[2:]}
    for form in _DATE_FORM.findall(error):
        long = form.replace("%Y", "YYYY").replace("%", "")
        yield re.sub(r"[A-Za-z]+", lambda match: said[match[0].lower()], long)


def _shape(text: str) -> str:
    """The form of a value: capitals, small letters and digits, however many."""
    for pattern, sign in ((r"[A-Z]+", "A"), (r"[a-z]+", "a"), (r"\d+", "0")):
        text = re.sub(pattern, sign, text.strip(" '\"`.,;()"))
    return text


def _offers(error: str) -> list[str]:
    found = []
    for match in _OFFER.finditer(error):
        quoted = _QUOTED.findall(match[1])
        parts = quoted or _SEPARATOR.split(_LEAD.sub("", match[1].strip(" ?!.()[]")))
        for part in (part.strip(" ?!.()[]'\"") for part in parts):
            names = names_in(f": {part}") if part[:1].islower() else []
            found.append(names[0] if names else part)  # "cards for Mina Sato"
    return [part for part in dict.fromkeys(found) if part and len(part.split()) <= _FEW]


def _named(name: str, error: str) -> bool:
    return name.lower() in error.lower() or bool(set(words_of(name)) & set(words_of(error)))


def _other_values(
    name: str, value: Any, schema: Any, offers: list[str], error: str, material: Material
) -> Iterator[Any]:
    sort = sort_of(name, schema)
    if isinstance(value, str):
        by_case = {offer.lower(): offer for offer in offers}
        close = difflib.get_close_matches(value.lower(), by_case, n=2, cutoff=_LIKE)
        yield from _cased_like(value, error)
        within = [low for low in by_case if value.lower() in low or low in value.lower()]
        yield from (by_case[low] for low in dict.fromkeys([*within, *close]))
        if sort == "expression":
            spelled = sums.expression(material.question, list(material.numbers))
            yield from (text for text in (spelled,) if text)
            yield re.sub(r"[^\d.+\-*/() ]", "", value).strip() or value
        elif sort == "person":
            first, *rest = value.split()
            yield from ([first, rest[-1]] if rest else [])
            yield from (n for n in names_in(material.question) if n != value)
        elif sort == "question":
            few = [word for word in re.findall(r"[\w'-]+", value) if content_words(word)]
            yield " ".join(few)
        elif sort == "date":
            yield from _dated_like(value, error)
            if _ISO_WANTED.search(error):
                yield from re.findall(r"\d{4}-\d{2}-\d{2}", error)
        elif re.search(r"\b(?:number|integer|numeric)\b", error, re.IGNORECASE):
            yield from (float(n) if "." in n else int(n) for n in sums.numbers_in(value))
    elif isinstance(value, int | float) and not isinstance(value, bool):
        yield from (
            float(offer) if "." in offer else int(offer)
            for offer in offers
            if re.fullmatch(r"-?\d+(?:\.\d+)?", offer)
        )
        limit = re.search(
            r"(?:at most|maximum(?: is| of)?|no more than|up to|<=?|less than or equal to)\s*(\d+)",
            error,
        )
        least = re.search(
            r"(?:at least|minimum(?: is| of)?|no less than|>=?|greater than or equal to)\s*(\d+)",
            error,
        )
        yield from (int(found[1]) for found in (limit, least) if found)
