"""The arguments of a call: each property gets a value of the sort that it asks for.

What sort that is, its name, its description and its schema say: an expression, a person, a place,
a date, a question for a search. A whole sentence is an argument of a search only.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rag_tutorials.stub_llm.answering import json_schema, structured
from rag_tutorials.stub_llm.answering.agent import sums
from rag_tutorials.stub_llm.answering.conversation import Tool
from rag_tutorials.stub_llm.answering.structured import words_of
from rag_tutorials.stub_llm.language.lexical import content_words

Sort = Literal["expression", "person", "place", "date", "question", "number", "other"]

_PERSONS = """
    employee person name user colleague customer manager member staff recipient attendee who patient
    student guest owner author assignee contact traveller traveler
"""
_PLACES = """
    city location place town destination office country origin region station airport room branch
    site
"""
_SORTS: dict[Sort, frozenset[str]] = {
    "expression": frozenset({"expression", "formula", "calculation", "equation", "sum", "math"}),
    "person": frozenset(_PERSONS.split()),
    "place": frozenset(_PLACES.split()),
    "date": frozenset({"date", "day", "start", "end", "deadline", "when", "until", "since", "due"}),
    "question": frozenset({"query", "question", "q", "search", "prompt", "request", "message"}),
}
_ID = frozenset({"id", "number", "code", "ticket", "identifier"})
_MONTHS = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
]
_ISO = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_MONTH = "|".join(f"{month[:3]}(?:{month[3:]})?" for month in _MONTHS)
_DAY_MONTH = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})\b\.?(?:,? (\d{{4}}))?"
    rf"|\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}}))?",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\b(?:today|tomorrow|yesterday"
    r"|(?:next |this |last )?(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|(?:next|this|last) (?:week|month|year)"
    rf"|{'|'.join(_MONTHS)})\b",
    re.IGNORECASE,
)
_WORD = r"[A-Z][\w'\u2019-]*"
_PROPER = re.compile(rf"\b{_WORD}(?: (?:(?:de|del|da|of|the|upon|van|von) )?{_WORD})*")
_IDENTIFIER = re.compile(r"\b[A-Z]{1,6}[-_]?\d+\b|\b\d{3,}\b")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|\u201c([^\u201d\n]+)\u201d|(?<!\w)'([^'\n]+)'(?!\w)")
_ACTS = re.compile(
    r"\s*(?:$|[?,]|(?:and|or|has|is|was|wants|needs|takes|asks|would|will|can|may|had)\b)"
)
_PLACED = re.compile(r"\b(?:in|to|from|at|near|for|of)\s+$", re.IGNORECASE)
_NOT_NAME_LIST = """
    i a an the what which who whom whose when where why how is are am was were do does did can could
    may might must shall should will would has have had and or but also then if please find look
    search tell give show get calculate compute convert add subtract multiply divide book send check
    list compare say ask let us my your our his her their its this that these those there it he she
    they we you yes no not until since for of in on at to from by with about hello hi hey thanks
    thank plan cancel create make set remind open close write read answer explain summarize
    summarise translate describe first second finally next after before during while all any each
    every i'm i'd i've what's who's where's when's how's let's monday tuesday wednesday thursday
    friday saturday sunday eur usd gbp chf jpy
"""
_NOT_NAMES = frozenset([*_NOT_NAME_LIST.split(), *_MONTHS])
_MYSELF = re.compile(r"\b(?:I|my|me|mine)\b")
_SHARED = 4
"""Words at most of a phrase that stands in for a value of no known sort."""


@dataclass(frozen=True, slots=True)
class Material:
    """Where the values of a call come from.

    Args:
        clause: The part of the question that the call is for.
        question: The whole question, for what the clause leaves out.
        earlier: What was said before, the newest first, for what the question leaves out.
        numbers: The numbers that earlier calls brought, for a calculation.
    """

    clause: str
    question: str = ""
    earlier: Sequence[str] = ()
    numbers: Sequence[str] = ()

    @property
    def texts(self) -> Iterator[str]:
        """The texts to look in, the nearest first."""
        return (text for text in (self.clause, self.question, *self.earlier) if text)


def arguments_for(tool: Tool, material: Material) -> dict[str, Any]:
    """Return the arguments of a call: those required, and those that the material speaks of."""
    root = tool.parameters
    properties: Mapping[str, Any] = root.get("properties") or {}
    required = root.get("required") or []
    filled = structured.fill(root, structured.Facts(material.clause))
    values: dict[str, Any] = dict(filled) if isinstance(filled, dict) else {}
    if lacks_a_number(tool, material.clause):
        values.update(zip(required, map(float, material.numbers), strict=False))
    taken: set[str] = set()
    for name, schema in properties.items():
        if not isinstance(schema, Mapping) or not _is_plain_text(schema):
            continue
        sort = sort_of(name, schema)
        if sort == "other" and values.get(name) not in (None, "", material.clause):
            continue  # what a schema's filler found for this name
        value = _text_value(sort, name, schema, material, taken)
        if value is not None:
            values[name] = value
            taken.add(value)
        elif name in required:
            values[name] = _stand_in(sort, material) or values.get(name, "")
        else:
            values.pop(name, None)
    said = {name: values[name] for name in properties if name in values}
    return said if json_schema.checked(root).fits(said, root) else filled


def sort_of(name: str, schema: Mapping[str, Any]) -> Sort:
    """Return what sort of value a property asks for."""
    if schema.get("format") in ("date", "date-time"):
        return "date"
    named = set(words_of(name))
    for sort, words in _SORTS.items():
        if named & words:
            return sort
    described = set(words_of(str(schema.get("description", ""))))
    if described & {"expression", "formula", "arithmetic"}:
        return "expression"
    if {"iso", "yyyy"} & described or {"date"} & described:
        return "date"
    if {"person", "employee", "people"} & described:
        return "person"
    if {"city", "town"} & described:
        return "place"
    return "other"


def can_be_called(tool: Tool, material: Material) -> bool:
    """Say whether the material names a value for each typed argument that the tool requires.

    A person, a place or a date that nobody named cannot be made up, so the tool does not fit.
    """
    properties: Mapping[str, Any] = tool.parameters.get("properties") or {}
    for name in tool.parameters.get("required") or []:
        schema = properties.get(name)
        if not isinstance(schema, Mapping) or not _is_plain_text(schema):
            continue
        sort = sort_of(name, schema)
        if sort in ("person", "place", "date"):
            found = _text_value(sort, name, schema, material, set())
            if found is None and not (sort == "person" and _MYSELF.search(material.clause)):
                return False
    return not lacks_a_number(tool, material.clause)


def lacks_a_number(tool: Tool, clause: str) -> bool:
    """Say whether a tool works on numbers alone, and the clause has none."""
    properties: Mapping[str, Any] = tool.parameters.get("properties") or {}
    kinds = [
        (properties.get(name) or {}).get("type") for name in tool.parameters.get("required", ())
    ]
    on_numbers = bool(kinds) and all(kind in ("number", "integer") for kind in kinds)
    return on_numbers and not sums.numbers_in(clause)


def is_calculator(tool: Tool) -> bool:
    """Say whether a tool takes an expression to calculate."""
    properties = tool.parameters.get("properties") or {}
    return any(
        sort_of(name, schema) == "expression"
        for name, schema in properties.items()
        if isinstance(schema, Mapping)
    )


def dates_in(text: str) -> list[str]:
    """Return the dates of a text as it says them."""
    found = [match for pattern in (_ISO, _DAY_MONTH, _RELATIVE) for match in pattern.finditer(text)]
    return [match[0] for match in sorted(found, key=lambda match: (match.start(), -match.end()))]


def names_in(text: str) -> list[str]:
    """Return the proper names of a text, without words that are capital for another reason."""
    return [name for name, _ in _names(text)]


def _is_plain_text(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    options = schema.get("anyOf") or schema.get("oneOf")
    if options:
        return any(isinstance(part, Mapping) and _is_plain_text(part) for part in options)
    return "string" in kinds and not ({"enum", "const", "pattern"} & schema.keys())


def _text_value(
    sort: Sort, name: str, schema: Mapping[str, Any], material: Material, taken: set[str]
) -> str | None:
    if sort == "question":
        return _asked(material.clause, material.question)
    if sort == "expression":
        return sums.expression(material.clause, list(material.numbers)) or sums.in_signs(
            material.question
        )
    if schema.get("format") not in (None, "date"):
        return None  # an address, a time: whoever fills schemas knows their forms
    words = words_of(name)
    for text in material.texts:
        for value in _candidates(sort, words, text):
            if value not in taken:
                return value
    return None


def _candidates(sort: Sort, words: Sequence[str], text: str) -> Iterator[str]:
    """Yield what a text holds of a sort, the best first."""
    if sort == "date":
        yield from _dates(text)
        return
    if _ID & set(words):
        yield from (match[0] for match in _IDENTIFIER.finditer(text))
    if sort == "other":
        yield from ("".join(groups) for groups in _QUOTED.findall(text))
    if sort == "person":
        yield from (name for name, before in _names(text) if not re.search(r"\bin\s+$", before))
        yield from (match[0] for match in _IDENTIFIER.finditer(text))
    elif sort == "place":
        found = list(_names(text))
        wanted = _prepositions(words)
        yield from (name for name, before in found if wanted.search(before))
        yield from (name for name, before in found if _PLACED.search(before))
        yield from (name for name, _ in found)
    else:
        yield from (name for name, _ in _names(text))


def _prepositions(words: Sequence[str]) -> re.Pattern[str]:
    if {"from", "origin", "departure", "start"} & set(words):
        return re.compile(r"\bfrom\s+$", re.IGNORECASE)
    if {"to", "destination", "target", "end"} & set(words):
        return re.compile(r"\b(?:to|into|for)\s+$", re.IGNORECASE)
    return re.compile(r"\b(?:in|at|near)\s+$", re.IGNORECASE)


def _names(text: str) -> Iterator[tuple[str, str]]:
    """Yield each name and the text before it."""
    for match in _PROPER.finditer(text):
        words = match[0].split(" ")
        start = match.start()
        while words and words[0].lower().removesuffix("'s") in _NOT_NAMES:
            start += len(words[0]) + 1
            words = words[1:]
        name = re.sub(r"['\u2019]s$", "", " ".join(words)).rstrip(".'\u2019")
        if not name or (_alone(text, match, words) and not _acts(text[match.end() :], match[0])):
            continue
        yield name, text[:start]


def _alone(text: str, match: re.Match[str], words: Sequence[str]) -> bool:
    """Say whether the word is capital only because a sentence begins with it."""
    before = text[: match.start()].rstrip()
    begins = not before or before[-1] in ".!?:\n"
    return begins and len(words) == len(match[0].split(" ")) == 1


def _acts(after: str, name: str) -> bool:
    """Say whether what begins a sentence is somebody: Ada's, Ada has, Ada, Bob and Cem."""
    if re.search(r"['\u2019]s$", name):
        return True
    return _ACTS.match(after) is not None


def _dates(text: str) -> Iterator[str]:
    """Yield the dates of a text: as ISO 8601 where it says day and month, else as it says them."""
    yield from _ISO.findall(text)
    year = re.search(r"\b(20\d\d)\b", text)
    for match in _DAY_MONTH.finditer(text):
        day, month, said = (
            (match[1], match[2], match[3]) if match[1] else (match[5], match[4], match[6])
        )
        number = next(n for n, name in enumerate(_MONTHS, 1) if name.startswith(month[:3].lower()))
        yield f"{said or (year[1] if year else '2026')}-{number:02d}-{int(day):02d}"
    yield from (match[0] for match in _RELATIVE.finditer(text))


def _asked(clause: str, question: str) -> str:
    """Return a clause as a question of its own."""
    text = clause.strip()
    if text in question and question.strip().endswith("?") and not text.endswith(("?", ".", "!")):
        text = f"{text[0].upper()}{text[1:]}?"
    return text


def _stand_in(sort: Sort, material: Material) -> str | None:
    """Return what to say where nothing of the sort was named."""
    if sort == "person" and _MYSELF.search(material.question):
        return "me"
    return None if sort == "expression" else _phrase(material.clause)


def _phrase(text: str) -> str | None:
    """Return the words that carry a clause's meaning, a few of them, as they stand in it."""
    words = [word for word in re.findall(r"[\w'\u2019-]+", text) if content_words(word)]
    kept = [word for word in words if word.lower() not in _NOT_NAMES][-_SHARED:]
    return " ".join(kept) or None
