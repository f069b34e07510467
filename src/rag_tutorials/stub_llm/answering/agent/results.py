"""What tools returned, as sentences."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rag_tutorials.stub_llm.answering.agent import sums
from rag_tutorials.stub_llm.answering.agent.arguments import sort_of
from rag_tutorials.stub_llm.answering.agent.wording import asked_words, shared
from rag_tutorials.stub_llm.answering.prompt import read_prompt
from rag_tutorials.stub_llm.answering.structured import words_of
from rag_tutorials.stub_llm.language.lexical import content_words

_SUBJECT_LIST = """
    name employee person user city place location country title product item customer colleague
    member student room station
"""
_SUBJECT = frozenset(_SUBJECT_LIST.split())
_ABOUT = "name"
_TEXTS = {"text", "content", "answer", "message", "summary", "description", "snippet", "passage"}
_PRICE_ASKED = re.compile(r"\b(?:costs?|prices?|pays?|fees?|charges?)\b", re.IGNORECASE)
_MONEY = re.compile(
    r"[\u20ac$\u00a3]|\b(?:eur|euros?|usd|dollars?|gbp|pounds?|chf|francs?|cents?|prices?|costs?)\b",
    re.IGNORECASE,
)
_MONEY_COUNTS = 2
_UNITS = {"eur": "EUR", "usd": "USD", "gbp": "GBP", "chf": "CHF", "c": "\u00b0C"}
_UNITS |= {unit: unit for unit in ("percent", "kg", "km", "cm", "mm", "m")}
"""What the name of a property may end with: price_eur, length_m."""
_LONG = 4
"""Words from which a value is a text of its own, and not a property of something."""


def passages_of(result: str, arguments: Any = None) -> list[str]:
    """Return the texts in a tool's result, which is JSON or plain text; of data, sentences.

    A record that repeats the ``arguments`` of its call is told about the name among them, and
    without the others: who asked for a date is not told the date.
    """
    try:
        value = _about(json.loads(result), arguments)
    except ValueError:
        value = result
    if isinstance(value, str):  # as it is, or as JSON
        return list(read_prompt("", [f"Context:\n{value}"]).passages or [])
    return [text for text in _texts(value) if text]


def _about(record: Any, arguments: Any) -> Any:
    """Return a record without what its call said, but for the name that it is about."""
    if not isinstance(record, dict) or not isinstance(arguments, dict):
        return record
    said = [value for value in arguments.values() if not isinstance(value, bool)]
    again = [key for key, value in record.items() if not isinstance(value, bool) and value in said]
    rest = {key: value for key, value in record.items() if key not in again}
    if not rest or not again:
        return record
    names = [
        key
        for key in again
        if isinstance(record[key], str) and sort_of(key, {}) in ("person", "place", "other")
    ]
    if not names:
        return rest
    return {_ABOUT: record[names[0]], **rest} if len(names) == 1 else record


def number_in(text: str, asked: str) -> str | None:
    """Return the number in a text that answers a question: the one beside what is counted."""
    numbers = sums.numbers_in(text)
    if not numbers:
        return None
    asked_for = asked_words(asked)
    by_words = {number: shared(asked_for, content_words(part)) for number, part in _told(text)}
    if _PRICE_ASKED.search(asked):
        for number, part in _told(text):
            by_words[number] += _MONEY_COUNTS * bool(_MONEY.search(part))
    best = max(by_words, key=lambda number: by_words[number], default=None)
    if len(by_words) > 1 and best is not None and by_words[best] > min(by_words.values()):
        return best
    counted = re.search(r"\bhow (?:many|much)\s+(?:more\s+)?([\w-]+)", asked, re.IGNORECASE)
    if counted and (stems := set(content_words(counted[1]))):
        for number in numbers:
            at = re.search(
                rf"(?<![\w.,]){re.escape(number)}\b\s+((?:[\w-]+\W+){{0,2}}[\w-]+)", text
            )
            if at and stems & set(content_words(at[1])):
                return number
    return numbers[0]


def _told(text: str) -> Iterator[tuple[str, str]]:
    """Yield each number of a record that was told, with the part that tells it."""
    for part in re.split(r",\s+|\s+and\s+", text):
        numbers = sums.numbers_in(part)
        if len(numbers) == 1:
            yield numbers[0], part


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        parts = {key: part for key, part in value.items() if isinstance(part, Mapping | list)}
        own = {key: part for key, part in value.items() if key not in parts and part is not None}
        prose = [
            str(part)
            for key, part in own.items()
            if isinstance(part, str)
            and (len(part.split()) > _LONG or set(words_of(str(key))) & _TEXTS)
        ]
        lists = {
            key: part
            for key, part in parts.items()
            if isinstance(part, list) and _is_plain_list(part)
        }
        subject = _subject_of(own)
        alone = bool(lists) and set(own) == {subject}
        told = [_sentence(own)] if own and not prose and not alone else []
        whose = f"{own[subject]}'s" if alone else "the"
        told += [_named(whose, str(key), part) for key, part in lists.items()]
        yield from prose
        if told:  # one record is one text, however much it holds
            yield " ".join(told)
        for key, part in parts.items():
            if key not in lists:
                yield from _texts(part)
    elif isinstance(value, list):
        if _is_plain_list(value):
            yield _listed([_plain(part) for part in value])
        else:
            for part in value:
                yield from _texts(part)
    else:
        yield _plain(value)


def _is_plain_list(part: list[Any]) -> bool:
    """Say whether a list is of short values, and not of records or texts."""
    plain = not any(isinstance(one, Mapping | list) for one in part)
    return plain and any(len(str(one).split()) <= _LONG for one in part)


def _named(whose: str, key: str, part: Sequence[Any]) -> str:
    """A list of short values, told with its name."""
    words = " ".join(words_of(key))
    told = _listed([_plain(x) for x in part])
    several = len(part) > 1 or words.endswith("s")
    return f"{whose[0].upper()}{whose[1:]} {words} {'are' if several else 'is'} {told}."


def _subject_of(properties: Mapping[str, Any]) -> str | None:
    """The property that says whom or what a record is about."""
    return next(
        (
            key
            for key, value in properties.items()
            if isinstance(value, str) and set(words_of(str(key))) & _SUBJECT
        ),
        None,
    )


def _sentence(properties: Mapping[str, Any]) -> str:
    """Return a record as one sentence: "Ada has 12 days left"."""
    subject_key = _subject_of(properties)
    others = {key: value for key, value in properties.items() if key != subject_key}
    subject = str(properties[subject_key]) if subject_key else None
    if not others:
        return f"{subject}."
    unit = next((str(v) for k, v in others.items() if {"currency", "unit"} & set(words_of(k))), "")
    told = [
        _property(str(key), value, subject, unit)
        for key, value in others.items()
        if not {"currency", "unit"} & set(words_of(str(key))) or len(others) == 1
    ]
    if subject and all(text.startswith(f"{subject} has ") for text in told):
        told = [told[0], *(text.removeprefix(f"{subject} has ") for text in told[1:])]
    text = _listed(told)
    return f"{text[0].upper()}{text[1:]}."


def _property(key: str, value: Any, subject: str | None, unit: str) -> str:
    words = words_of(key)
    if isinstance(value, int | float) and len(words) > 1 and words[-1] in _UNITS:
        unit = unit or _UNITS[words.pop()]
    whose = f"{subject}'s " if subject and not subject.endswith("s") else ""
    whose = whose or (f"{subject}' " if subject else "the ")
    if isinstance(value, bool):
        return f"{subject or 'it'} is {'' if value else 'not '}{' '.join(words)}"
    if isinstance(value, int | float):
        number = f"{value:g}" if isinstance(value, float) else str(value)
        if words and words[0].endswith("s") and not unit:
            return f"{subject or 'there'} {'has' if subject else 'are'} {number} {' '.join(words)}"
        return f"{whose}{' '.join(words)} is {number}{f' {unit}' if unit else ''}"
    return f"{whose}{' '.join(words)} is {_plain(value)}"


def _plain(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return "nothing" if value is None else str(value)


def _listed(parts: Sequence[str]) -> str:
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
