"""What a question needs: which tool for which part of it, and which part waits for another."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag_tutorials.stub_llm.answering.agent import sums
from rag_tutorials.stub_llm.answering.agent.arguments import (
    Material,
    can_be_called,
    is_calculator,
    is_list_of_names,
    lacks_a_number,
    names_a_value,
    names_in,
    sort_of,
    stands_in,
    takes_a_list,
)
from rag_tutorials.stub_llm.answering.agent.history import is_hand_off
from rag_tutorials.stub_llm.answering.agent.wording import asked_words, shared
from rag_tutorials.stub_llm.answering.clauses import clauses
from rag_tutorials.stub_llm.answering.conversation import Tool
from rag_tutorials.stub_llm.answering.structured import words_of
from rag_tutorials.stub_llm.language.lexical import content_words

_LOOKS_UP = {"search", "lookup", "look", "find", "retrieve", "retrieval", "query", "fetch", "ask"}
_ASKED_FOR = {"query", "question", "q", "search"}
_ASKS = re.compile(
    r"\s*(?:what|which|who|whom|whose|when|where|why|how|is|are|do|does|did|can|may|must|should)\b",
    re.IGNORECASE,
)
_SAYS_MORE = re.compile(
    r"\s*(?:the|my|his|her|its|our|their) \w+(?: \w+)? (?:is|are|(?:should|will|shall) be) [^?]+$",
    re.IGNORECASE,
)
"""A statement about what is asked for otherwise: "The name is Ada"."""
_SMALL_TALK = re.compile(
    r"\s*(?:hi|hello|hey|thanks|thank you|good (?:morning|day))\b", re.IGNORECASE
)
_REFERS = re.compile(
    r"\b(?:it|its|that|this|them|these|those|both|the (?:result|number|sum|total|answer|amount|"
    r"figure|price|rate|value|two|difference))\b",
    re.IGNORECASE,
)

_REFERS_TO_SOMEBODY = re.compile(
    r"\b(?:he|she|they|him|her|his|their|them|it|its|there)\b", re.IGNORECASE
)

_THRESHOLD = 2.0
"""What a tool must score to be called of the model's own accord: one word of its name, or two words
of its description or parameters."""
_NAMED = 1.0
"""What a name in the question counts for a tool that takes a person, a place or another name."""
_HEADLESS = 1.0
"""What a tool loses in rank whose name is asked for by halves, without what it gives."""
_FULL_NAME = 0.5
_CHANGES = """
    add approve book buy cancel create delete insert order pay post publish remove request reserve
    schedule send set ship submit update write
"""
_CHANGING = frozenset(_CHANGES.split())
"""What a tool's name begins with that does something: it never stands in for another tool."""


@dataclass(frozen=True, slots=True)
class Need:
    """A part of a question and the tool for it.

    Args:
        tool: The tool that fits best.
        clause: The part of the question.
        others: Further tools that may do, the best first, should this one fail.
        takes: Places, in the plan, of the needs whose results this one uses.
    """

    tool: Tool
    clause: str
    others: tuple[Tool, ...] = ()
    takes: tuple[int, ...] = ()


def plan(tools: Sequence[Tool], question: str) -> list[Need]:
    """Return what a question needs, in the order in which it can be had.

    The question is cut into clauses, and each goes to the tool that shares most words with it; a
    search takes the questions that no other tool fits. A clause that says what to calculate takes
    the results of what it speaks of: those are looked up first. So does a tool that works on a
    number which the question does not name ("how long is it in feet?").
    """
    lookups = [tool for tool in tools if not is_calculator(tool)]
    calculator = next((tool for tool in tools if is_calculator(tool)), None)
    parts = [part for part in clauses(question) if content_words(part) or sums.in_signs(part)]
    parts = [part for part in parts if not _SAYS_MORE.match(part)] or parts
    needs: list[Need] = []
    for part in parts:
        sums_up = calculator is not None and _calculates(part)
        fitting = _fitting(lookups, part, question)
        if not (sums_up and _is_only_a_sum(part)) or _speaks_of(fitting, part):
            if sums_up and not fitting and not needs:
                fitting = [tool for tool in (_search(lookups, part),) if tool]
            if not sums_up or not needs or _is_looked_up(fitting, part):
                for need in _for_each_name(fitting, part):
                    if not _joins_a_list(need, needs):
                        needs += [need, *_conversion(lookups, need, len(needs))]
        if sums_up and calculator is not None:
            waits = tuple(n for n, need in enumerate(needs) if need.tool is not calculator)
            earlier = tuple(n for n, need in enumerate(needs) if need.tool is calculator)[-1:]
            alone = _is_only_a_sum(part) and not _speaks_of(fitting, part)
            uses = () if alone else waits
            uses = uses or (earlier if _REFERS.search(part) else ())
            needs.append(Need(calculator, part, (), uses))
    if len(needs) < 2 and not any(need.tool is calculator for need in needs):
        # One call, and parts that only say more about it: it gets the whole question.
        fitting = [needs[0].tool, *needs[0].others] if needs else []
        fitting = fitting or _fitting(lookups, question, question)
        needs = _for_each_name(fitting, question)
    adds_up = sums.operation_of(question) is not None
    if calculator and adds_up and len(needs) > 1 and all(n.tool is not calculator for n in needs):
        # "How many do Ada and Bob have together?"
        needs.append(Need(calculator, question, (), tuple(range(len(needs)))))
    return needs


def _for_each_name(fitting: Sequence[Tool], clause: str) -> list[Need]:
    """A need for the best tool; one for each person or place of several."""
    if not fitting:
        return []
    tool, *others = fitting
    instead = tuple(other for other in others if words_of(other.name)[0] not in _CHANGING)
    properties = tool.parameters.get("properties") or {}
    named = [key for key, part in properties.items() if _takes_a_name(key, part)]
    names = list(dict.fromkeys(names_in(clause)))
    if len(names) < 2 or len(named) != 1:
        return [Need(tool, clause, instead)]
    parts = []
    for name in names:
        part = clause
        for other in names:
            part = part if other == name else re.sub(rf"\b{re.escape(other)}\b", "", part)
        parts.append(part)
    return [Need(tool, part, instead) for part in parts]


def _joins_a_list(need: Need, needs: list[Need]) -> bool:
    """Give a part to an earlier need, where one call takes several names at once."""
    for place, other in enumerate(needs):
        if other.tool is need.tool and takes_a_list(need.tool):
            needs[place] = replace(other, clause=f"{other.clause} {need.clause}")
            return True
    return False


def _conversion(tools: Sequence[Tool], source: Need, place: int) -> list[Need]:
    """A need for the tool that works on the number which the need at ``place`` brings.

    It is asked for by what the tool that brings the number does not speak of.
    """
    clause = source.clause
    fit = [tool for tool in tools if lacks_a_number(tool, clause)]
    told = _words(source.tool)
    fit = [tool for tool in fit if _score(tool, clause, told) >= _THRESHOLD]
    return [Need(best_tool(fit, clause), clause, (), (place,))] if fit else []


def best_tool(tools: Sequence[Tool], question: str) -> Tool:
    """Return the tool that shares most words with a question, however few these are."""
    return max(tools, key=lambda tool: _score(tool, question))


def _calculates(part: str) -> bool:
    return sums.in_signs(part) is not None or (
        sums.operation_of(part) is not None and bool(sums.numbers_in(part) or _REFERS.search(part))
    )


def _is_only_a_sum(part: str) -> bool:
    """Say whether a clause holds all that is to be calculated."""
    if sums.in_signs(part):
        return True
    return sums.expression(part, []) is not None and not _REFERS.search(part)


def _speaks_of(fitting: Sequence[Tool], part: str) -> bool:
    """Say whether a clause names what a tool is for, and for whom, beside its numbers."""
    return bool(fitting) and sums.in_signs(part) is None and _score(fitting[0], part) > _THRESHOLD


def _is_looked_up(fitting: Sequence[Tool], part: str) -> bool:
    """Say whether a clause that calculates also speaks of something to look up."""
    return bool(fitting) and _score(fitting[0], part) >= _THRESHOLD


def _fitting(tools: Sequence[Tool], clause: str, question: str) -> list[Tool]:
    """The tools for a clause, the best first; none when the clause asks for nothing."""
    whole = question if _REFERS_TO_SOMEBODY.search(clause) else ""
    material = Material(clause, whole)
    asks = bool(_ASKS.match(clause) or "?" in clause or _LOOKS_UP & set(words_of(clause)))
    scored = [
        (tool, _score(tool, clause))
        for tool in tools
        if can_be_called(tool, material) and not (asks and _changes_unasked(tool, clause))
    ]
    fit = [tool for tool, score in scored if score >= _THRESHOLD]
    fit.sort(key=lambda tool: -_rank(tool, clause))
    if asks or fit:
        search = _search(tools, clause)
        fit += [search] if search and search not in fit else []
    if asks:  # what would have to be made up for a tool is better searched for
        fit.sort(key=lambda tool: stands_in(tool, material))
    if not fit:  # who cannot help hands over to whom it concerns at all
        fit = [tool for tool, score in scored if score and is_hand_off(tool.name)]
        fit = [best_tool(fit, clause)] if fit else []
    return fit


def _score(tool: Tool, clause: str, told: Collection[str] = ()) -> float:
    """How well a tool fits a clause, whose words that are akin to ``told`` do not count."""
    asked = {word for word in asked_words(clause) if not shared([word], told)}
    name = set(content_words(" ".join(words_of(tool.name))))
    said = [tool.description]
    values: list[str] = []
    unnamed: set[str] = set()
    takes_a_name = False
    for key, schema in _leaves(tool.parameters):
        said.append(" ".join(words_of(key)))
        options = [str(value) for value in schema.get("enum") or []]
        description = str(schema.get("description", ""))
        # What is said of each way to go counts as the name of the way.
        (values if any(one in description for one in options) else said).append(description)
        values += options
        if _takes_a_name(key, schema) or is_list_of_names(key, schema):
            takes_a_name = True
            if not names_a_value(key, clause):
                unnamed |= set(content_words(" ".join(words_of(key))))
    described = set(content_words(" ".join(said))) - name
    mentioned = set(content_words(" ".join(values))) - name - described
    # "Do red wines need oxygen?" speaks of wines and names none: no call for one of them.
    name, described = name - unnamed, described - unnamed
    by_name = shared(asked, name)
    others = shared(asked, name | described) - by_name
    words = 2 * by_name + others + 2 * len(asked & mentioned)
    return words + _NAMED * (takes_a_name and bool(names_in(clause)))


def _rank(tool: Tool, clause: str) -> float:
    """The score, by which tools that fit are put in order.

    A name like "bike_price" is about a price: a question about bikes alone is less its own. A name
    of several words is rather a person's.
    """
    asked = asked_words(clause)
    words = [word for word in words_of(tool.name) if content_words(word)]
    score = _score(tool, clause)
    if words and words[0] not in _CHANGING | _LOOKS_UP:
        *modifiers, head = (content_words(word) for word in words)
        if not shared(asked, head) and any(shared(asked, word) for word in modifiers):
            score -= _HEADLESS
    full = any(" " in name for name in names_in(clause))
    person = any(sort_of(key, schema) == "person" for key, schema in _leaves(tool.parameters))
    return score + _FULL_NAME * (full and person)


def _changes_unasked(tool: Tool, clause: str) -> bool:
    """Say whether a tool does something that the clause does not speak of doing."""
    verbs = {text[0] for text in (words_of(tool.name), words_of(tool.description)) if text}
    asked = set(content_words(clause))
    return bool(verbs & _CHANGING) and not asked & set(content_words(" ".join(verbs)))


def _words(tool: Tool) -> set[str]:
    """The stems of all that a tool says of itself."""
    said = [tool.name, tool.description]
    for key, schema in _leaves(tool.parameters):
        said += [key, str(schema.get("description", ""))]
    return set(content_words(" ".join(word for text in said for word in words_of(text))))


def _leaves(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the properties of an object, those of objects in it too."""
    for key, part in (schema.get("properties") or {}).items():
        if isinstance(part, Mapping):
            yield key, part
            yield from _leaves(part)


def _takes_a_name(key: str, schema: Any) -> bool:
    """Say whether an argument is the name of something: a person, a place, a thing."""
    if not isinstance(schema, Mapping) or schema.get("type") != "string":
        return False
    return sort_of(key, schema) in ("person", "place", "other") and "enum" not in schema


def _search(tools: Sequence[Tool], question: str) -> Tool | None:
    """The tool that takes any question: one that asks for it, else one whose name looks up."""
    if _SMALL_TALK.match(question) and "?" not in question:
        return None
    for searches in (_asks_for_a_question, _looks_up_anything):
        for tool in tools:
            changes = words_of(tool.name)[:1] and words_of(tool.name)[0] in _CHANGING
            if searches(tool) and not changes and not is_hand_off(tool.name):
                return tool
    return None


def _asks_for_a_question(tool: Tool) -> bool:
    names = tool.parameters.get("required") or list(tool.parameters.get("properties") or {})
    return bool(names) and all(_ASKED_FOR & set(words_of(name)) for name in names)


def _looks_up_anything(tool: Tool) -> bool:
    """Say whether a tool's name looks up, and nothing that it requires is of a sort of its own."""
    properties = tool.parameters.get("properties") or {}
    sorts = {
        sort_of(name, properties[name])
        for name in tool.parameters.get("required") or []
        if isinstance(properties.get(name), Mapping)
    }
    return bool(_LOOKS_UP & set(words_of(tool.name))) and sorts <= {"question", "other"}
