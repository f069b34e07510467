"""An agent at a harbour office: a subject that the stub was not made for, of each kind a few."""

import ast
import json
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date as calendar_date
from typing import Any

import pytest

from rag_tutorials.stub_llm.answering.conversation import Conversation, Message, Tool
from rag_tutorials.stub_llm.replying.reply import reply_to

RULES = (
    "A visiting boat pays 14 euros a night at the guest pier.",
    "The fuel pump is open from 7:00 to 19:00.",
    "Visitors may stay for at most 21 nights in a row.",
    "Anchoring in the fairway is forbidden.",
    "The crane lifts boats of up to 12 tonnes.",
    "One lift by the crane costs 180 euros.",
    "Skippers report their arrival on VHF channel 9.",
    "The code of the shower doors changes every Monday.",
)
BOATS = {
    "Seagull": {"owner": "Mara", "length_m": 9, "weight_t": 5},
    "Pelican": {"owner": "Jonas", "length_m": 12, "weight_t": 11},
}
BERTHS = {"B12": True, "A3": False}
HIGH_WATER = {"2026-06-03": "11:40", "2026-06-04": "12:25"}
KNOTS = {"Kiel": 18, "Lisbon": 9}
SMALL = {"a", "is", "the", "of", "in", "at", "on", "what", "does", "do", "which", "to", "it", "by"}
SIGNS: Mapping[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def words(text: str) -> set[str]:
    return {word.rstrip("s") for word in re.findall(r"\w+", text.lower())} - SMALL


def search_rules(query: str) -> Any:
    shared = {rule: len(words(query) & words(rule)) for rule in RULES}
    best = sorted((rule for rule in RULES if shared[rule]), key=lambda rule: -shared[rule])
    return {"results": best[:3]}


def boat_info(boat: str) -> Any:
    if boat not in BOATS:
        raise ValueError(f"no boat is named {boat!r}; known are {', '.join(BOATS)}")
    return {"boat": boat, **BOATS[boat]}


def berth_status(berth: str) -> Any:
    if not re.fullmatch(r"[A-Z]\d+", berth):
        raise ValueError("a berth is a capital letter and a number, such as B12")
    return {"berth": berth, "free": BERTHS[berth]}


def tide(date: str) -> Any:
    calendar_date.fromisoformat(date)
    return {"date": date, "high_water": HIGH_WATER[date]}


def wind(place: str) -> Any:
    if place not in KNOTS:
        raise ConnectionError("the weather service does not answer")
    return {"place": place, "wind_knots": KNOTS[place]}


def calculator(expression: str) -> Any:
    def value(node: ast.expr) -> float:
        match node:
            case ast.BinOp(left, sign, right):
                return SIGNS[type(sign)](value(left), value(right))
            case ast.Constant(int() | float() as number):
                return number
        raise ValueError(f"{expression!r} is no sum")

    return value(ast.parse(expression, mode="eval").body)


def book_lift(boat: str, date: str) -> Any:
    calendar_date.fromisoformat(date)
    return {"boat": boat, "date": date, "confirmation": "L-204"}


def to_feet(metres: float) -> Any:
    if not isinstance(metres, int | float):
        raise TypeError("metres must be a number")
    return {"metres": metres, "feet": round(metres * 3.28, 1)}


TEXT, NUMBER = {"type": "string"}, {"type": "number"}


def tool(name: str, description: str, **properties: Any) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return Tool(name, description, schema)


ISO = {"type": "string", "description": "A date, YYYY-MM-DD."}
TOOLS = (
    tool("search_rules", "Search the harbour's rules.", query=TEXT),
    tool("boat_info", "Owner, length and weight of a boat.", boat=TEXT),
    tool("berth_status", "Whether a berth is free.", berth=TEXT),
    tool("tide", "Time of high water on a date.", date=ISO),
    tool("wind", "Wind forecast for a place.", place=TEXT),
    tool("calculator", "Evaluate an arithmetic expression.", expression=TEXT),
    tool("book_lift", "Book the crane for a boat on a date.", boat=TEXT, date=ISO),
    tool("to_feet", "Convert metres to feet.", metres=NUMBER),
)
SUBMIT = tool("submit_answer", "Give the final answer.", answer=TEXT, confident={"type": "boolean"})
FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        search_rules,
        boat_info,
        berth_status,
        tide,
        wind,
        calculator,
        book_lift,
        to_feet,
    )
}
ROUTE = {
    "type": "object",
    "properties": {
        "desk": {
            "type": "string",
            "enum": ["berths", "crane", "fuel", "complaints"],
            "description": "berths: places for boats, and nights. crane: lifting boats out of the "
            "water. fuel: diesel and petrol. complaints: whatever a guest is unhappy with.",
        }
    },
    "required": ["desk"],
}
CRITIQUE = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}, "problems": {"type": "array", "items": TEXT}},
    "required": ["ok", "problems"],
}
PIER = f"Context: {RULES[0]}\nQuestion: What does a night at the guest pier cost?\n"
Call = tuple[str, dict[str, Any]]


@dataclass
class Case:
    """What is asked, the calls that bring the answer, and what the answer must hold.

    A call without arguments may have any. ``first`` is a question that was asked before.
    """

    kind: str
    question: str
    calls: Sequence[Call | str] = ()
    says: str = ""  # a regular expression
    never: str | None = None
    first: str | None = None
    options: dict[str, Any] = field(default_factory=dict)
    tools: Sequence[Tool] = TOOLS
    most: int = 4


def case(kind: str, question: str, calls: Sequence[Call | str], says: str, **more: Any) -> Case:
    return Case(kind, question, calls, says, **more)


FINAL: dict[str, Any] = {"tools": (*TOOLS, SUBMIT), "options": {"tool_choice": "required"}}
ROUTED: dict[str, Any] = {"tools": (), "options": {"schema": ROUTE}}
JUDGED: dict[str, Any] = {"tools": (), "options": {"schema": CRITIQUE}}
SEARCH = "search_rules"
SEAGULL, PELICAN = ("boat_info", {"boat": "Seagull"}), ("boat_info", {"boat": "Pelican"})
JUNE_3 = ("tide", {"date": "2026-06-03"})
KIEL = ("wind", {"place": "Kiel"})
SURE = "(?i)mara|jonas"
OPEN = "(?i)(n't|not|no boat|unable|does not)"

CASES = (
    case("search", "What does a night at the guest pier cost?", [SEARCH], "14 euros"),
    case("search", "When is the fuel pump open?", [SEARCH], "7:00"),
    case("search", "Is anchoring in the fairway allowed?", [SEARCH], "forbidden"),
    case("search", "On which VHF channel do skippers report?", [SEARCH], "channel 9"),
    case("one tool", "Who owns the Seagull?", [SEAGULL], "Mara", never="Jonas"),
    case("one tool", "Is berth B12 free?", [("berth_status", {"berth": "B12"})], "B12.*free"),
    case("one tool", "How windy will it be in Kiel?", [KIEL], "18"),
    case("one tool", "What is 14 * 3?", [("calculator", {"expression": "14 * 3"})], "42"),
    case("typed", "When is high water on 3 June 2026?", [JUNE_3], "11:40"),
    case("typed", "How many feet are 9 metres?", [("to_feet", {"metres": 9})], r"29\.5"),
    case(
        "typed",
        "Please book the crane for the Pelican on 14 July 2026.",
        [("book_lift", {"boat": "Pelican", "date": "2026-07-14"})],
        "L-204",
    ),
    case("typed", "How much is 7 times 14?", ["calculator"], "98"),
    case(
        "two tools",
        "How windy is it in Kiel, and when is high water on 3 June 2026?",
        [KIEL, JUNE_3],
        "18.*11:40",
    ),
    case(
        "two tools",
        "Who owns the Pelican, and is berth A3 free?",
        [PELICAN, ("berth_status", {"berth": "A3"})],
        "Jonas.*(not free|no)",
    ),
    case(
        "two tools",
        "How long may visitors stay, and how heavy is the Seagull?",
        [SEARCH, SEAGULL],
        "21 nights.*5",
    ),
    case(
        "two tools",
        "What does a lift by the crane cost, and how windy will it be in Lisbon?",
        [SEARCH, ("wind", {"place": "Lisbon"})],
        "180.*9",
    ),
    case(
        "chain",
        "Look up what a night at the guest pier costs and multiply it by 5.",
        [SEARCH, ("calculator", {"expression": "14 * 5"})],
        "70",
    ),
    case(
        "chain",
        "How long is the Seagull in feet?",
        [SEAGULL, ("to_feet", {"metres": 9})],
        r"29\.5",
    ),
    case(
        "chain",
        "Find the weight of the Seagull and of the Pelican and add them.",
        [SEAGULL, PELICAN, ("calculator", {"expression": "5 + 11"})],
        "16",
    ),
    case(
        "chain",
        "Look up the price of a lift by the crane, then add 14 to it.",
        [SEARCH, "calculator"],
        "194",
    ),
    case("follow-up", "And the Pelican?", [PELICAN], "Jonas", first="Who owns the Seagull?"),
    case(
        "follow-up",
        "And on 4 June 2026?",
        [("tide", {"date": "2026-06-04"})],
        "12:25",
        first="When is high water on 3 June 2026?",
    ),
    case(
        "follow-up",
        "And in Lisbon?",
        [("wind", {"place": "Lisbon"})],
        r"\b9\b",
        first="How windy will it be in Kiel?",
    ),
    case(
        "follow-up",
        "What about A3?",
        [("berth_status", {"berth": "A3"})],
        "(?i)not free|no|taken",
        first="Is berth B12 free?",
    ),
    case("error", "Who owns the Segull?", ["boat_info", SEAGULL], "Mara"),
    case(
        "error",
        "Is berth b12 free?",
        ["berth_status", ("berth_status", {"berth": "B12"})],
        "B12.*free",
    ),
    case("error", "When is high water on the 3rd of June 2026?", [JUNE_3], "11:40"),
    case("error", "How many feet are nine metres?", [("to_feet", {"metres": 9})], r"29\.5"),
    case("honest", "Who owns the Kraken?", [], OPEN, never=SURE),
    case("honest", "How windy will it be in Oslo?", [], OPEN, never=r"\d"),
    case("honest", "Which restaurants near here serve fish?", [], OPEN, never=r"\d"),
    case(
        "final", "What does a night at the guest pier cost?", [SEARCH, SUBMIT.name], "14", **FINAL
    ),
    case("final", "Who owns the Pelican?", [PELICAN, SUBMIT.name], "Jonas", **FINAL),
    case("final", "What is 14 * 3?", ["calculator", SUBMIT.name], "42", **FINAL),
    case("route", "I want my boat lifted out of the water next week.", [], "crane", **ROUTED),
    case("route", "Where can I get diesel?", [], "fuel", **ROUTED),
    case("route", "I am unhappy with the noise of the next boat.", [], "complaints", **ROUTED),
    case(
        "reflection",
        f"{PIER}Draft: A night costs 14 euros.\nCriticise the draft. Say what is wrong with it.",
        [],
        r'(?s)"ok": ?true.*"problems": ?\[\]',
        **JUDGED,
    ),
    case(
        "reflection",
        f"{PIER}Draft: A night costs 40 euros.\nCriticise the draft. Say what is wrong with it.",
        [],
        r'(?s)"ok": ?false.*"problems": ?\[".*(14|40)',
        **JUDGED,
    ),
    case(
        "reflection",
        f"{PIER}Draft: A night costs 40 euros.\nFeedback: the context says 14 euros, not 40.\n"
        "Write the draft again, using the feedback.",
        [],
        "14 euros",
        never="40",
        tools=(),
    ),
)


def converse(one: Case) -> tuple[list[Call], str]:
    """Return the calls of the last question, and its answer."""
    messages: list[Message] = []
    calls: list[Call] = []
    answer = ""
    for question in filter(None, (one.first, one.question)):
        messages.append(Message("user", question))
        calls, answer = [], "(none)"
        for _ in range(6):
            reply = reply_to(Conversation(list(messages), one.tools, **one.options), "grounded")
            messages.append(Message("assistant", reply.text, reply.tool_calls))
            if not reply.tool_calls:
                answer = reply.text
                break
            made = [(call.name, json.loads(call.arguments)) for call in reply.tool_calls]
            calls += made
            if final := [arguments for name, arguments in made if name == SUBMIT.name]:
                answer = final[0]["answer"]
                break
            for call, (name, arguments) in zip(reply.tool_calls, made, strict=True):
                messages.append(Message("tool", result_of(name, arguments), answers_call=call.id))
    return calls, answer


def result_of(name: str, arguments: dict[str, Any]) -> str:
    try:
        return json.dumps(FUNCTIONS[name](**arguments))
    except Exception as error:
        return f"Error: {error}"


def wrong(one: Case) -> str | None:
    """Say what is wrong with a conversation, if anything is."""
    calls, answer = converse(one)
    said = f"{one.question!r}: {calls} -> {answer!r}"
    if not re.search(one.says, answer) or (one.never and re.search(one.never, answer)):
        return f"answer of {said}"
    if len(calls) > one.most or len(calls) != len({json.dumps(call) for call in calls}):
        return f"too many calls of {said}"
    fits = len(calls) == len(one.calls) and all(
        call[0] == wanted if isinstance(wanted, str) else call == wanted
        for call, wanted in zip(calls, one.calls, strict=False)
    )
    return None if fits or not one.calls else f"calls of {said}"


# The sentence that says "costs" is not found for a question that says "price".
OTHER_WORDS = "Look up the price of a lift by the crane, then add 14 to it."


@pytest.mark.parametrize(
    "one",
    [one for one in CASES if one.question != OTHER_WORDS],
    ids=lambda one: f"{one.kind}: {one.question[-50:]}",
)
def test_what_is_asked_is_answered_by_the_calls_that_it_needs(one: Case) -> None:
    assert wrong(one) is None


def test_what_the_text_says_in_other_words_is_missed_and_not_calculated_with() -> None:
    [one] = [one for one in CASES if one.question == OTHER_WORDS]
    calls, answer = converse(one)
    assert [name for name, _ in calls] == ["search_rules"]
    assert "I don't know" in answer
