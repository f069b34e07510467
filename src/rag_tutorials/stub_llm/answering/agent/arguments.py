"""The arguments of a call: each property gets a value of the sort that it asks for.

What sort that is, its name, its description and its schema say: an expression, a person, a place,
a date, a question for a search. A whole sentence is an argument of a search only.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rag_tutorials.stub_llm.answering import json_schema, routing, structured
from rag_tutorials.stub_llm.answering.agent import sums
from rag_tutorials.stub_llm.answering.conversation import Tool
from rag_tutorials.stub_llm.answering.structured import MONTHS, words_of
from rag_tutorials.stub_llm.language.lexical import content_words

Sort = Literal["expression", "person", "place", "date", "question", "number", "other"]

_PERSONS = """
    employee person name user colleague customer manager member staff recipient attendee who patient
    student guest owner author assignee contact traveller traveler visitor volunteer teacher driver
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
_ISO = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_MONTH = "|".join(f"{month[:3]}(?:{month[3:]})?" for month in MONTHS)
_DAY_MONTH = re.compile(
    rf"\b(\d{{1,2}})(?:st|nd|rd|th)?(?: of)? ({_MONTH})\b\.?(?:,? (\d{{4}}))?"
    rf"|\b({_MONTH})\.? (\d{{1,2}})(?:st|nd|rd|th)?\b(?:,? (\d{{4}}))?",
    re.IGNORECASE,
)
_RELATIVE = re.compile(
    r"\b(?:today|tomorrow|yesterday"
    r"|(?:next |this |last )?(?:mon|tues|wednes|thurs|fri|satur|sun)day"
    r"|(?:next|this|last) (?:week|month|year)"
    rf"|{'|'.join(MONTHS)})\b",
    re.IGNORECASE,
)
_WORD = r"[A-Z][\w'\u2019-]*"
_PROPER = re.compile(rf"\b{_WORD}(?: (?:(?:de|del|da|of|the|upon|van|von) )?{_WORD})*")
_IDENTIFIER = re.compile(r"\b[A-Z]{1,6}[-_]?\d+\b|\b\d{3,}\b")
_WITH_DIGIT = re.compile(r"\b(?=\w*\d)(?=\w*[A-Za-z])[\w-]+\b")
_QUOTED = re.compile(r"\"([^\"\n]+)\"|\u201c([^\u201d\n]+)\u201d|(?<!\w)'([^'\n]+)'(?!\w)")
_ACTS = re.compile(
    r"\s*(?:$|[?,]|(?:and|or|has|is|was|wants|needs|takes|asks|would|will|can|may|had)\b)"
)
_DATED = {"year", "month", "day"}
_BESIDE_A_NUMBER = re.compile(r"(?:[\w-]+\s+){0,2}\d[\d.,]*(?:\s+[\w-]+){0,2}")
_IN = re.compile(r"\bin\s+$")
_ARTICLE = re.compile(r"\b(?:the|a|an)\s+$", re.IGNORECASE)
_PLACED = re.compile(r"\b(?:in|to|from|at|near|for|of)\s+$", re.IGNORECASE)
_NOT_NAME_LIST = """
    i a an the what which who whom whose when where why how is are am was were do does did can could
    may might must shall should will would has have had and or but also then if please find look
    search tell give show get calculate compute convert add subtract multiply divide book send check
    list compare say ask let us my your our his her their its this that these those there it he she
    they we you yes no not until since for of in on at to from by with about hello hi hey thanks
    thank plan cancel create make set order reserve ship deliver register remind open close write
    read answer explain summarize summarise translate describe first second finally next after
    before during while all any each every i'm i'd i've what's who's where's when's how's let's
    monday tuesday wednesday thursday friday saturday sunday eur usd gbp chf jpy
"""
_NOT_NAMES = frozenset([*_NOT_NAME_LIST.split(), *MONTHS])
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
    guide = "\n".join(routing.guide_of(root))
    filled = structured.fill(root, structured.Facts(material.clause, guide=guide))
    values: dict[str, Any] = dict(filled) if isinstance(filled, dict) else {}
    _set_numbers(values, tool, material.clause)
    if lacks_a_number(tool, material.clause):
        values.update(zip(required, map(float, material.numbers), strict=False))
    taken: set[str] = set()
    people, undated = _people(properties, material), _without_dates(material.clause)
    for name, schema in properties.items():
        if is_list_of_names(name, schema) and (names := _listed(name, schema, material)):
            values[name] = names
        if not isinstance(schema, Mapping) or not _is_plain_text(schema):
            continue
        sort = sort_of(name, schema)
        found = values.get(name)
        elsewhere = ("", material.clause, *people)
        found = found if isinstance(found, str) and found in undated else ""
        if sort == "other" and found not in elsewhere:
            taken.add(found)
            continue  # what a schema's filler found for this name
        value = None
        if sort == "other":
            value = _text_value(sort, name, schema, material, taken.union(people))
        if value is None:
            value = _text_value(sort, name, schema, material, taken)
        if value is not None:
            values[name] = value
            taken.add(value)
        elif name in required:
            said = "" if sort == "expression" else values.get(name, "")
            values[name] = _stand_in(sort, material) or said
        else:
            values.pop(name, None)
    said = {name: values[name] for name in properties if name in values}
    return said if json_schema.checked(root).fits(said, root) else filled


def _set_numbers(values: dict[str, Any], tool: Tool, clause: str) -> None:
    """Take numbers from outside the dates, and optional ones only where they stand by name."""
    undated = _without_dates(clause)
    required = tool.parameters.get("required") or []
    filled = structured.fill(tool.parameters, structured.Facts(undated))
    found: Mapping[str, Any] = filled if isinstance(filled, Mapping) else {}
    for name, schema in (tool.parameters.get("properties") or {}).items():
        number = isinstance(schema, Mapping) and schema.get("type") in ("integer", "number")
        if not number or name not in values or _DATED & set(words_of(name)):
            continue
        stems = set(content_words(" ".join([*words_of(name), str(schema.get("description", ""))])))
        beside = set(content_words(" ".join(_BESIDE_A_NUMBER.findall(undated))))
        if name in required or stems & beside:
            values[name] = found.get(name, values[name])
        else:
            del values[name]


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


def stands_in(tool: Tool, material: Material) -> bool:
    """Say whether a tool requires the name of something, and the material holds none."""
    properties: Mapping[str, Any] = tool.parameters.get("properties") or {}
    for name in tool.parameters.get("required") or []:
        schema = properties.get(name)
        if not isinstance(schema, Mapping):
            continue
        plain = _is_plain_text(schema) and sort_of(name, schema) == "other"
        if (plain or is_list_of_names(name, schema)) and not any(
            names_a_value(name, text) for text in material.texts
        ):
            return True
    return False


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


def is_list_of_names(name: str, schema: Any) -> bool:
    """Say whether a property is an array of names of persons, places or things."""
    if not isinstance(schema, Mapping) or schema.get("type") != "array":
        return False
    items = schema.get("items")
    if not isinstance(items, Mapping) or not _is_plain_text(items):
        return False
    return sort_of(name, items) in ("person", "place", "other")


def takes_a_list(tool: Tool) -> bool:
    """Say whether a tool takes several names or words in one call."""
    lists = (
        schema.get("items")
        for schema in (tool.parameters.get("properties") or {}).values()
        if isinstance(schema, Mapping) and schema.get("type") == "array"
    )
    return any(isinstance(items, Mapping) and items.get("type") == "string" for items in lists)


def names_a_value(name: str, text: str) -> bool:
    """Say whether a text holds a name, an identifier or a quotation for a property."""
    if _WITH_DIGIT.search(text):
        return True
    return next(_candidates("other", words_of(name), text), None) is not None


def dates_in(text: str) -> list[str]:
    """Return the dates of a text as it says them."""
    found = [match for pattern in (_ISO, _DAY_MONTH, _RELATIVE) for match in pattern.finditer(text)]
    return [match[0] for match in sorted(found, key=lambda match: (match.start(), -match.end()))]


def _without_dates(text: str) -> str:
    for date in dates_in(text):
        text = text.replace(date, " ")
    return text


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


def _listed(name: str, schema: Mapping[str, Any], material: Material) -> list[str]:
    """Return the names for an array, those of the nearest text that has any."""
    sort, words = sort_of(name, schema["items"]), words_of(name)
    for text in material.texts:
        if found := list(dict.fromkeys(_candidates(sort, words, text))):
            return found
    return []


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
        yield from _identifiers(text)
    if sort == "other":
        yield from ("".join(groups) for groups in _QUOTED.findall(text))
    if sort == "person":
        found = [(name, before) for name, before in _names(text) if not _IN.search(before)]
        yield from (name for name, before in found if not _ARTICLE.search(before))
        yield from (name for name, before in found if _ARTICLE.search(before))
        yield from _identifiers(text)
    elif sort == "place":
        found = list(_names(text))
        wanted = _prepositions(words)
        yield from (name for name, before in found if wanted.search(before))
        yield from (name for name, before in found if _PLACED.search(before))
        yield from (name for name, _ in found)
    else:
        found = list(_names(text))
        # "the Falcon for Ada Lovelace": a thing has an article, a person has none.
        if sort == "other":
            yield from (name for name, before in found if _ARTICLE.search(before))
        yield from (name for name, _ in found)


def _people(properties: Mapping[str, Any], material: Material) -> list[str]:
    """Return the names that a call needs for its persons, and other properties rather not."""
    found: list[str] = []
    for name, schema in properties.items():
        if not isinstance(schema, Mapping) or not _is_plain_text(schema):
            continue
        if sort_of(name, schema) == "person":
            words = words_of(name)
            named = (one for text in material.texts for one in _candidates("person", words, text))
            found += next(([one] for one in named if one not in found), [])
    return found


def _identifiers(text: str) -> Iterator[str]:
    """Yield the codes and long numbers of a text; the year of a date is none."""
    yield from (match[0] for match in _IDENTIFIER.finditer(_without_dates(text)))


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
        if len(words) > 2 and words[1] in ("the", "a", "an") and _begins(text, start):
            start += len(" ".join(words[:2])) + 1  # "Order the Lasagne": what begins is no name
            words = words[2:]
        name = re.sub(r"['\u2019]s$", "", " ".join(words)).rstrip(".'\u2019")
        if not name or (_alone(text, match, words) and not _acts(text[match.end() :], match[0])):
            continue
        yield name, text[:start]


def _alone(text: str, match: re.Match[str], words: Sequence[str]) -> bool:
    """Say whether the word is capital only because a sentence begins with it."""
    return _begins(text, match.start()) and len(words) == len(match[0].split(" ")) == 1


def _begins(text: str, at: int) -> bool:
    """Say whether a sentence begins at a place."""
    before = text[:at].rstrip()
    return not before or before[-1] in ".!?:\n"


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
        number = next(n for n, name in enumerate(MONTHS, 1) if name.startswith(month[:3].lower()))
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
