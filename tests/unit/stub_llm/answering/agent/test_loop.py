"""Whole loops, as an agent's program runs them: model, calls, results, until there is an answer."""

import ast
import datetime
import json
import operator
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from rag_tutorials.stub_llm.answering.conversation import (
    AnswerMode,
    Conversation,
    Message,
    Tool,
)
from rag_tutorials.stub_llm.language.lexical import similarity
from rag_tutorials.stub_llm.replying.reply import reply_to

TEXT = {"type": "string"}
DAYS = {"Ada": 12, "Bob": 7}
PASSAGES = (
    "Up to 5 days of annual leave may be carried over into the next year, until 31 March.",
    "Employees may work remotely three days a week.",
    "The probation period lasts six months.",
)
SIGNS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


def tool(name: str, description: str, **properties: Any) -> Tool:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    return Tool(name, description, schema)


def search_handbook(query: str) -> Any:
    return {"results": [{"text": passage} for passage in PASSAGES]}


def leave_balance(employee: str) -> Any:
    if employee not in DAYS:
        return f"Error: no employee named {employee!r}; known: {', '.join(DAYS)}"
    return {"employee": employee, "days_left": DAYS[employee]}


def calculator(expression: str) -> Any:
    def value(node: ast.expr) -> float:
        match node:
            case ast.BinOp(left, sign, right):
                return SIGNS[type(sign)](value(left), value(right))
            case ast.Constant(int() | float() as number):
                return number
        raise ValueError(expression)

    return value(ast.parse(expression, mode="eval").body)


def weekday(date: str) -> Any:
    return f"{datetime.date.fromisoformat(date):%A}"


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "search_handbook": search_handbook,
    "leave_balance": leave_balance,
    "calculator": calculator,
    "weekday": weekday,
}
TOOLS = (
    tool("search_handbook", "Search the employee handbook.", query=TEXT),
    tool("leave_balance", "Days of annual leave that an employee has left.", employee=TEXT),
    tool("calculator", "Evaluate an arithmetic expression.", expression=TEXT),
    tool("weekday", "The day of the week of a date.", date={**TEXT, "description": "YYYY-MM-DD"}),
)


class Loop:
    """A conversation that goes on; ``calls`` are those of the last question."""

    def __init__(self, functions: dict[str, Callable[..., Any]] = FUNCTIONS) -> None:
        self.functions = functions
        self.messages: list[Message] = []
        self.calls: list[tuple[str, Any]] = []

    def ask(
        self,
        question: str,
        *,
        tools: Sequence[Tool] = TOOLS,
        mode: AnswerMode = "grounded",
        limit: int = 8,
        **options: Any,
    ) -> str | None:
        self.calls = []
        self.messages.append(Message("user", question))
        for _ in range(limit):
            reply = reply_to(Conversation(list(self.messages), tools, **options), mode)
            self.messages.append(Message("assistant", reply.text, reply.tool_calls))
            if not reply.tool_calls:
                return reply.text
            for call in reply.tool_calls:
                result = self._run(call.name, call.arguments)
                self.messages.append(Message("tool", result, answers_call=call.id))
        return None

    def _run(self, name: str, text: str) -> str:
        try:
            arguments = json.loads(text)
            self.calls.append((name, arguments))
            result = self.functions[name](**arguments)
        except Exception as error:
            return f"Error: {error}"
        return result if isinstance(result, str) else json.dumps(result)


ADA, BOB = ("leave_balance", {"employee": "Ada"}), ("leave_balance", {"employee": "Bob"})


def searched(query: str) -> tuple[str, Any]:
    return "search_handbook", {"query": query}


def calculated(expression: str) -> tuple[str, Any]:
    return "calculator", {"expression": expression}


@pytest.mark.parametrize(
    ("question", "calls", "answer"),
    [
        ("Can Ada take 20 days in July?", [ADA], "Ada has 12 days left."),
        ("Calculate 12 * 3.5", [calculated("12 * 3.5")], "12 * 3.5 = 42."),
        ("What is 12 + 5?", [calculated("12 + 5")], "12 + 5 = 17."),
        ("What is 20 % of 300?", [calculated("300 * 20 / 100")], "300 * 20 / 100 = 60."),
        (
            "What weekday is 3 May 2026?",
            [("weekday", {"date": "2026-05-03"})],
            "Sunday.",
        ),
        (
            "How long is the probation period?",
            [searched("How long is the probation period?")],
            "The probation period lasts six months.",
        ),
        (
            "How many days of annual leave may be carried over, and how many has Ada left?",
            [searched("How many days of annual leave may be carried over?"), ADA],
            f"{PASSAGES[0]} Ada has 12 days left.",
        ),
    ],
)
def test_arguments_are_of_the_sort_that_a_tool_asks_for(
    question: str, calls: list[Any], answer: str
) -> None:
    loop = Loop()
    assert loop.ask(question) == answer
    assert loop.calls == calls


@pytest.mark.parametrize("parallel", [True, False])
@pytest.mark.parametrize(
    ("question", "calls"),
    [
        (
            "Look up how many days may be carried over, then add it to Ada's balance.",
            [searched("Look up how many days may be carried over"), ADA, calculated("5 + 12")],
        ),
        ("How many days will Ada have left if she takes 5?", [ADA, calculated("12 - 5")]),
        ("How many days do Ada and Bob have left together?", [ADA, BOB, calculated("12 + 7")]),
        ("How many more days does Ada have than Bob?", [ADA, BOB, calculated("12 - 7")]),
        ("Add 3 to Bob's leave balance.", [BOB, calculated("7 + 3")]),
    ],
)
def test_a_later_step_takes_an_earlier_result(
    question: str, calls: list[Any], parallel: bool
) -> None:
    loop = Loop()
    answer = loop.ask(question, parallel_tool_calls=parallel)
    assert loop.calls == calls
    assert answer is not None
    assert answer.startswith(calls[-1][1]["expression"])


def test_calls_are_compared_as_json() -> None:
    """A client that writes the arguments in another way is not asked for the same call again."""
    question = Message("user", "How many days does Ada have left?")
    first = reply_to(Conversation([question], TOOLS), "grounded").tool_calls[0]
    assert first.arguments == '{"employee": "Ada"}'
    rewritten = type(first)(first.id, first.name, '{ "employee":"Ada" }')
    told = Message("tool", '{"employee": "Ada", "days_left": 12}', answers_call=first.id)
    messages = [question, Message("assistant", "", [rewritten]), told]
    assert reply_to(Conversation(messages, TOOLS), "grounded").text == "Ada has 12 days left."


def test_after_an_error_the_arguments_change() -> None:
    loop = Loop()
    assert loop.ask("How many days does Ada Lovelace have left?") == "Ada has 12 days left."
    assert loop.calls == [("leave_balance", {"employee": "Ada Lovelace"}), ADA]


def test_after_an_error_another_tool_is_tried_and_then_the_end_is_honest() -> None:
    loop = Loop()
    answer = loop.ask("How many days does Carol have left?")
    assert [name for name, _ in loop.calls] == ["leave_balance", "search_handbook"]
    assert answer is not None
    assert answer.startswith("I could not find out")
    assert "no employee named 'Carol'" in answer


def test_what_passes_by_itself_is_called_once_more() -> None:
    answers = iter(["Error: the service timed out, try again", '{"employee": "Ada", "days": 12}'])
    loop = Loop({**FUNCTIONS, "leave_balance": lambda employee: next(answers)})
    assert loop.ask("How many days does Ada have left?") == "Ada has 12 days."
    assert loop.calls == [ADA, ADA]


def test_an_error_that_stays_ends_the_loop() -> None:
    loop = Loop(dict.fromkeys(FUNCTIONS, lambda **arguments: "Error: temporarily unavailable"))
    answer = loop.ask("How many days does Ada have left?", limit=12)
    assert answer is not None
    assert answer.startswith("I could not find out")


def test_a_follow_up_question_takes_what_it_leaves_out_from_the_turns_before() -> None:
    loop = Loop()
    loop.ask("How many days does Ada have left?")
    assert loop.ask("And Bob?") == "Bob has 7 days left."
    assert loop.calls == [BOB]
    assert loop.ask("How many days did you say Bob has?") == "Bob has 7 days left."
    assert loop.calls == []
    loop = Loop()
    loop.ask("How many days of annual leave may be carried over?")
    assert loop.ask("Until when?") == PASSAGES[0]
    assert loop.calls == [searched("Until when days of annual leave may be carried over?")]
    assert loop.ask("What about remote work?") == PASSAGES[1]


def test_a_hand_off_is_no_result_to_tell() -> None:
    hand_off = tool("transfer_to_leave", "Hand over to the leave agent: vacation and leave.")
    loop = Loop({**FUNCTIONS, "transfer_to_leave": lambda: {"assistant": "leave"}})
    assert loop.ask("I want to ask about my leave.", tools=[hand_off], limit=1) is None
    assert loop.calls == [("transfer_to_leave", {})]
    messages = [Message("user", "How many days does Ada have left?"), *loop.messages[1:]]
    after = reply_to(Conversation(messages, TOOLS[1:2]), "grounded")
    assert [call.name for call in after.tool_calls] == ["leave_balance"]
    result = Message(
        "tool", '{"employee": "Ada", "days_left": 12}', answers_call=after.tool_calls[0].id
    )
    messages += [Message("assistant", "", after.tool_calls), result]
    assert reply_to(Conversation(messages, TOOLS[1:2]), "grounded").text == "Ada has 12 days left."


def test_a_call_that_is_required_is_made_also_after_results() -> None:
    final = tool("final_result", "The final response.", employee=TEXT, days={"type": "integer"})
    loop = Loop({**FUNCTIONS, "final_result": lambda **arguments: "done"})
    question, tools = "How many days does Ada have left?", [TOOLS[1], final]
    loop.ask(question, tools=tools, tool_choice="required", limit=2)
    assert loop.calls == [ADA, ("final_result", {"employee": "Ada", "days": 12})]


@pytest.mark.parametrize(
    ("mode", "calls"),
    [
        ("wrong_tool", [searched("How many days does Ada have left?")]),
        ("loop", [ADA, ADA, ADA]),
        ("bad_arguments", []),
    ],
)
def test_faults_turn_single_decisions(mode: AnswerMode, calls: list[Any]) -> None:
    loop = Loop()
    loop.ask("How many days does Ada have left?", mode=mode, limit=3)
    assert loop.calls == calls


def test_broken_arguments_are_no_json_and_the_next_turn_mends_them() -> None:
    loop = Loop()
    question = Message("user", "How many days does Ada have left?")
    (call,) = reply_to(Conversation([question], TOOLS), "bad_arguments").tool_calls
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(call.arguments)
    error = Message("tool", "Error: the arguments are no JSON", answers_call=call.id)
    loop.messages = [question, Message("assistant", "", [call]), error]
    (again,) = reply_to(Conversation(loop.messages, TOOLS), "grounded").tool_calls
    assert json.loads(again.arguments) == {"employee": "Ada"}


def test_answers_vary_with_the_seed_and_the_temperature_alone() -> None:
    context = "\n\n".join([*PASSAGES, "Up to 10 days of annual leave may be taken at once."])
    asked = [Message("user", f"Context:\n{context}\nQuestion: How many days of annual leave?")]

    def answer(**options: Any) -> str:
        return reply_to(Conversation(asked, **options), "grounded").text

    best = answer()
    assert {answer() for _ in range(3)} == {best}
    assert [answer(seed=n) for n in range(20)] == [answer(seed=n) for n in range(20)]
    assert len({answer(seed=n) for n in range(20)}) > 1
    assert {answer(seed=n, temperature=0.0) for n in range(20)} == {best}


# Another subject, with other tools: what is computed from the request works there too.
RULES = (
    "Books may be borrowed for 28 days, films for 7 days.",
    "A loan can be renewed twice, unless somebody has reserved the book.",
    "The fine is 20 cents for each day that a book is late.",
    "Members under 16 need the signature of a parent.",
    "A lost book costs its price and a fee of 5 euros.",
    "Guests may use the computers for 60 minutes a day.",
    "New members pay 12 euros a year.",
)
LOANS = {"Mara": ["Dune", "Emma"], "Jonas": ["Ulysses"]}
FINES = {"Mara": 3.4, "Jonas": 7}
HOURS = {"Central": "9 to 20", "Harbour": "10 to 18"}


def search_rules(query: str) -> Any:
    best = sorted(RULES, key=lambda rule: -similarity(query, rule))[:3]
    return {"passages": [{"text": rule} for rule in best]}


def open_loans(member: str) -> Any:
    if member not in LOANS:
        return f"Error: unknown member '{member}'. Known members: Mara, Jonas"
    return {"member": member, "open_loans": len(LOANS[member]), "titles": LOANS[member]}


def fines_due(member: str) -> Any:
    if member not in FINES:
        return {"error": f"no member {member}"}
    return {"member": member, "fine": FINES[member], "currency": "EUR"}


def opening_hours(branch: str) -> Any:
    if branch not in HOURS:
        return "Error: branch must be one of Central, Harbour"
    return {"branch": branch, "hours": HOURS[branch]}


def days_between(start_date: str, end_date: str) -> Any:
    first, last = map(datetime.date.fromisoformat, (start_date, end_date))
    return {"days": (last - first).days}


def reserve_book(title: str, member: str) -> Any:
    return {"reserved": True, "title": title, "member": member}


LIBRARY = (
    tool("search_rules", "Search the rules of the library.", query=TEXT),
    tool("open_loans", "The books that a member has borrowed.", member=TEXT),
    tool("fines_due", "The fine that a member has to pay.", member=TEXT),
    tool("opening_hours", "When a branch of the library is open.", branch=TEXT),
    tool("calculator", "Evaluate an arithmetic expression.", expression=TEXT),
    tool(
        "days_between",
        "Number of days between two dates.",
        start_date={**TEXT, "format": "date"},
        end_date={**TEXT, "format": "date"},
    ),
    tool("reserve_book", "Reserve a book for a member.", title=TEXT, member=TEXT),
)
IN_THE_LIBRARY: dict[str, Callable[..., Any]] = {
    function.__name__: function
    for function in (
        search_rules,
        open_loans,
        fines_due,
        opening_hours,
        calculator,
        days_between,
        reserve_book,
    )
}


@pytest.mark.parametrize(
    ("questions", "answer"),
    [
        (["How long may films be borrowed?"], ["7 days"]),
        (["How often can a loan be renewed?"], ["twice"]),
        (["Do members under 16 need a signature?"], ["signature of a parent"]),
        (["Is there a swimming pool?"], ["don't know"]),
        (["Which books has Mara borrowed?"], ["Dune", "Emma"]),
        (["What fine does Jonas have to pay?"], ["7 EUR"]),
        (["When is the Harbour branch open?"], ["10 to 18"]),
        (["How many days are there between 2026-11-20 and 2026-12-01?"], ["11"]),
        (['Reserve "Dune" for Jonas.'], ["reserved", "Dune"]),
        (["Calculate (3 + 4) * 6"], ["42"]),
        (["How much is 100 divided by 8?"], ["12.5"]),
        (
            ["Which books has Mara borrowed, and when is the Central branch open?"],
            ["Dune", "9 to 20"],
        ),
        (["What fine do Mara and Jonas have to pay?"], ["3.4 EUR", "7 EUR"]),
        (["What do Mara and Jonas have to pay in total?"], ["10.4"]),
        (["Look up the fine for each late day, then multiply it by 9."], ["180"]),
        (["How much more does Jonas have to pay than Mara?"], ["3.6"]),
        (["Find the yearly fee of new members and divide it by 4."], ["3"]),
        (["If Jonas pays 2 of his fine, how much is left after paying 2?"], ["7 - 2 = 5"]),
        (["Which books has Mara Jensen borrowed?"], ["Dune"]),
        (["When is the Central Library branch open?"], ["9 to 20"]),
        (["What fine does Zoe have to pay?"], ["could not find out", "no member Zoe"]),
        (["Which books has Mara borrowed?", "And Jonas?"], ["Ulysses"]),
        (["How long may books be borrowed?", "And films?"], ["7 days"]),
        (["What fine does Jonas have to pay?", "Which books has he borrowed?"], ["Ulysses"]),
        (["How long may guests use the computers?", "How long did you say?"], ["60 minutes"]),
    ],
)
def test_another_subject_is_no_harder(questions: list[str], answer: list[str]) -> None:
    loop = Loop(IN_THE_LIBRARY)
    for question in questions:
        said = loop.ask(question, tools=LIBRARY)
    assert said is not None
    for part in answer:
        assert part in said


# A third subject: a search by another name, a look-up that is no search, tools of which each has a
# word in common with questions that are not its own, errors and numbers in records.
GUIDE = (
    "The tasting room is open from 10:30 to 18:00; on Sundays it closes at 16:00.",
    "A guided tour of the cellar lasts 75 minutes and costs 16 euros a person.",
    "The red wines rest in oak barrels for 18 months.",
    "A case holds 6 bottles.",
)
MEMBERS = {
    "Clara Moreau": {"level": "gold", "bottles_reserved": 18, "discount_percent": 15},
    "Igor Petrov": {"level": "silver", "bottles_reserved": 7, "discount_percent": 10},
}
WINES = {"Riesling": (340, 9.5), "Silvaner": (415, 8.5), "Pinot Noir": (96, 17)}


def consult_guide(question: str) -> Any:
    best = sorted(GUIDE, key=lambda passage: -similarity(question, passage))[:2]
    return {"found": [{"page": GUIDE.index(passage), "passage": passage} for passage in best]}


def member_lookup(full_name: str) -> Any:
    if full_name not in MEMBERS:
        known = ", ".join(MEMBERS)
        return {"error": f"there is no member {full_name!r}; known members: {known}"}
    return {"member": full_name, **MEMBERS[full_name]}


def wine_stock(wine: str) -> Any:
    return {"wine": wine, "bottles_in_stock": WINES[wine][0], "price_eur": WINES[wine][1]}


def market_stall(when: str) -> Any:
    if "." not in when:
        raise ValueError(f"cannot read {when!r}: write the day as DD.MM.YYYY")
    return {"when": when, "stall": "row C"}


VINEYARD = (
    tool("member_lookup", "A member of the wine club: level, bottles, discount.", full_name=TEXT),
    tool("wine_price", "Price of a wine.", wine=TEXT),
    tool("consult_guide", "Look something up in the visitors' guide.", question=TEXT),
    tool("wine_stock", "Bottles in stock and price of a wine.", wine=TEXT),
    tool("tours_on", "Guided tours on a day.", day={**TEXT, "description": "YYYY-MM-DD"}),
    tool("market_stall", "Where the stall is on a market day.", when=TEXT),
    tool("compute", "Work out a formula.", formula=TEXT),
    tool("bottles_from", "How many bottles a volume fills.", litres={"type": "number"}),
    tool("compare_wines", "Compare wines.", wines={"type": "array", "items": TEXT}),
    tool(
        "ship_wine",
        "Send bottles of wine to somebody.",
        recipient={"type": "object", "properties": {"name": TEXT, "city": TEXT}},
        bottles={"type": "integer"},
    ),
    tool(
        "route_enquiry",
        "Pass an enquiry on.",
        department={
            "type": "string",
            "enum": ["kitchen", "accounts"],
            "description": "kitchen: dishes, allergies; accounts: invoices, refunds",
        },
    ),
    tool(
        "reserve_tasting",
        "Reserve a tasting.",
        guest_name=TEXT,
        date={**TEXT, "format": "date"},
        people={"type": "integer"},
    ),
)
AT_THE_VINEYARD: dict[str, Callable[..., Any]] = {
    "member_lookup": member_lookup,
    "wine_price": lambda wine: {"wine": wine, "price_eur": WINES[wine][1]},
    "consult_guide": consult_guide,
    "wine_stock": wine_stock,
    "tours_on": lambda day: {"day": day, "tours": ["11:00", "15:00"]},
    "market_stall": market_stall,
    "compute": lambda formula: {"formula": formula, "value": calculator(formula)},
    "bottles_from": lambda litres: {"litres": litres, "bottles": int(litres / 0.75)},
    "compare_wines": lambda wines: [{"wine": wine, "price_eur": WINES[wine][1]} for wine in wines],
    "ship_wine": lambda recipient, bottles: {"parcel": "P-88"},
    "route_enquiry": lambda department: {"ticket": 502, "department": department},
    "reserve_tasting": lambda **asked: {"booking": "T-731"},
}
CLARA = ("member_lookup", {"full_name": "Clara Moreau"})
IGOR = ("member_lookup", {"full_name": "Igor Petrov"})


def guided(question: str) -> tuple[str, Any]:
    return "consult_guide", {"question": question}


def priced(wine: str) -> tuple[str, Any]:
    return "wine_stock", {"wine": wine}


def worked_out(formula: str) -> tuple[str, Any]:
    return "compute", {"formula": formula}


@pytest.mark.parametrize(
    ("question", "calls", "answer"),
    [
        # A search is what takes a question, and a look-up of persons is none.
        ("Until when is the tasting room open?", ..., GUIDE[0]),
        # No name, no call that needs one; nothing is sent that nobody wants to be sent.
        ("How long do the red wines rest in barrels?", ..., GUIDE[2]),
        (
            "Look up how many months the red wines rest in barrels and divide it by 12.",
            [
                guided("Look up how many months the red wines rest in barrels"),
                worked_out("18 / 12"),
            ],
            "18 / 12 = 1.5.",
        ),
        # Asking somebody to tell is not asking what was said.
        (
            "Could you tell me which level Clara Moreau has?",
            [CLARA],
            "Clara Moreau's level is gold, Clara Moreau has 18 bottles reserved and Clara Moreau's "
            "discount is 15 percent.",
        ),
        # A tool that converts is not called for a word that the first tool answers.
        (
            "How many bottles of Pinot Noir are in stock?",
            [priced("Pinot Noir")],
            "Pinot Noir has 96 bottles in stock and Pinot Noir's price is 17 EUR.",
        ),
        ("How many bottles do 225 litres fill?", ..., "There are 300 bottles."),
        (
            "How many bottles have Clara Moreau and Igor Petrov reserved together?",
            [CLARA, IGOR, worked_out("18 + 7")],
            "18 + 7 = 25.",
        ),
        # So many of something that has a price.
        (
            "What do 6 bottles of Silvaner cost?",
            [("wine_price", {"wine": "Silvaner"}), worked_out("8.5 * 6")],
            "8.5 * 6 = 51.",
        ),
        (
            "What does the cellar tour cost for 7 people?",
            [guided("What does the cellar tour cost for 7 people?"), worked_out("16 * 7")],
            "16 * 7 = 112.",
        ),
        (
            "Please work out what 48 bottles at 12.50 euros each come to.",
            [worked_out("48 * 12.50")],
            "48 * 12.50 = 600.",
        ),
        # What was asked with is not what is answered.
        (
            "Which tours are there on 12 May 2026?",
            [("tours_on", {"day": "2026-05-12"})],
            "The tours are 11:00 and 15:00.",
        ),
        (
            "Compare the Riesling, the Silvaner and the Pinot Noir.",
            [("compare_wines", {"wines": ["Riesling", "Silvaner", "Pinot Noir"]})],
            ...,
        ),
        (
            "Send 12 bottles to Clara Moreau in Worms.",
            [
                (
                    "ship_wine",
                    {"recipient": {"name": "Clara Moreau", "city": "Worms"}, "bottles": 12},
                )
            ],
            ...,
        ),
        (
            "Can a refund be had for an invoice that was paid twice?",
            [("route_enquiry", {"department": "accounts"})],
            ...,
        ),
        (
            "Reserve a tasting on 2026-11-07 for 12 people; the name is Clara Moreau.",
            [
                (
                    "reserve_tasting",
                    {"guest_name": "Clara Moreau", "date": "2026-11-07", "people": 12},
                )
            ],
            ...,
        ),
        # Errors in records, and a form of dates that only the error names.
        (
            "What discount does Igro Petrov get?",
            [("member_lookup", {"full_name": "Igro Petrov"}), IGOR],
            ...,
        ),
        (
            "What discount does Igor get?",
            [("member_lookup", {"full_name": "Igor"}), IGOR],
            ...,
        ),
        (
            "Where is the stall on 12 May 2026?",
            [("market_stall", {"when": "2026-05-12"}), ("market_stall", {"when": "12.05.2026"})],
            ...,
        ),
    ],
)
def test_a_tool_is_called_for_what_it_is_for(question: str, calls: Any, answer: Any) -> None:
    loop = Loop(AT_THE_VINEYARD)
    said = loop.ask(question, tools=VINEYARD)
    assert calls is ... or loop.calls == calls
    assert said is not None
    assert answer is ... or said == answer
    assert "could not" not in said
    assert "{" not in said


@pytest.mark.parametrize("order", [("patient", "dish"), ("dish", "patient")])
def test_a_thing_has_an_article_and_a_person_has_none(order: tuple[str, str]) -> None:
    order_meal = tool("order_meal", "Order a meal.", **dict.fromkeys(order, TEXT))
    loop = Loop({"order_meal": lambda **asked: {"order": 77}})
    loop.ask("Order the Lasagne for Ines Prado.", tools=[order_meal])
    assert loop.calls == [("order_meal", {"patient": "Ines Prado", "dish": "Lasagne"})]


def test_a_date_gives_no_number_and_no_name() -> None:
    visit = Tool(
        "schedule_visit",
        "Schedule a visit to an animal.",
        {
            "type": "object",
            "properties": {
                "visitor": TEXT,
                "day": {**TEXT, "description": "YYYY-MM-DD"},
                "animal": TEXT,
                "children": {"type": "integer"},
            },
            "required": ["visitor", "day", "animal"],
        },
    )
    asked = {"visitor": "Hana Kim", "day": "2026-10-20", "animal": "Pepper"}
    loop = Loop({"schedule_visit": lambda **given: {"visit": "V-9"}})
    loop.ask("Schedule a visit of Hana Kim to Pepper on 20 October 2026.", tools=[visit])
    assert loop.calls == [("schedule_visit", asked)]
    loop.ask(
        "Schedule a visit of Hana Kim to Pepper on 20 October 2026 with 2 children.", tools=[visit]
    )
    assert loop.calls == [("schedule_visit", {**asked, "children": 2})]


def test_a_number_is_no_result_of_texts_that_do_not_answer() -> None:
    guide = {"consult_guide": lambda question: [{"text": "Founded in 1974."}, {"text": "No dogs."}]}
    loop = Loop({**AT_THE_VINEYARD, **guide})
    said = loop.ask("Look up the entrance fee and multiply it by 3.", tools=VINEYARD)
    assert [name for name, _ in loop.calls] == ["consult_guide"]
    assert said == "I don't know: the context does not say."


def test_a_conversion_takes_the_number_of_its_own_unit() -> None:
    bread, ounces = (
        tool("product", "Price and weight in grams of a product.", product=TEXT),
        tool("grams_in_ounces", "Convert grams to ounces.", grams={"type": "number"}),
    )
    loop = Loop(
        {
            "product": lambda product: {"product": product, "price_eur": 2.6, "grams": 120},
            "grams_in_ounces": lambda grams: {"ounces": round(grams / 28.35, 2)},
        }
    )
    said = loop.ask("How many ounces does the Walnut Twist weigh?", tools=[bread, ounces])
    assert loop.calls[-1] == ("grams_in_ounces", {"grams": 120})
    assert said == "There are 4.23 ounces."


def test_a_record_of_lists_is_told_about_whom_it_is() -> None:
    shifts = tool("member_shifts", "Shifts of a member.", member=TEXT)
    loop = Loop({"member_shifts": lambda member: {"member": member, "shifts": ["Friday"]}})
    assert loop.ask("Which shifts does Omar Said have?", tools=[shifts]) == (
        "Omar Said's shifts are Friday."
    )


def test_a_letter_is_a_value_where_its_name_stands_before_it() -> None:
    status = tool("hall_status", "State of a hall.", hall={"type": "string", "enum": ["A", "B"]})
    loop = Loop({"hall_status": lambda hall: {"hall": hall, "open": True}})
    loop.ask("What is the state of hall B?", tools=[status])
    assert loop.calls == [("hall_status", {"hall": "B"})]


def test_names_are_found_in_what_an_error_offers() -> None:
    def card(reader_name: str) -> Any:
        if reader_name != "Mina Sato":
            raise ValueError(f"none for {reader_name}; there are cards for Mina Sato, Karl Brandt")
        return {"reader": reader_name, "card": "valid"}

    loop = Loop({"reader_card": card})
    loop.ask("Is the card of Mina valid?", tools=[tool("reader_card", "Card.", reader_name=TEXT)])
    assert loop.calls[-1] == ("reader_card", {"reader_name": "Mina Sato"})
    assert len(loop.calls) == 2


def test_each_text_of_an_error_record_is_read() -> None:
    def price_of(wine: str) -> Any:
        if wine != "Riesling":
            hint = "did you mean one of Riesling, Silvaner?"
            return {"error": "wine not found", "message": f"no wine {wine!r}, {hint}"}
        return {"wine": wine, "price_eur": 9.5}

    loop = Loop({"wine_price": price_of})
    said = loop.ask("What is the price of the Reisling?", tools=[VINEYARD[1]])
    assert loop.calls[-1] == ("wine_price", {"wine": "Riesling"})
    assert said == "Riesling's price is 9.5 EUR."


def test_a_text_that_came_as_json_is_read_as_a_text() -> None:
    loop = Loop({"consult_guide": lambda question: json.dumps("\n\n".join(GUIDE))})
    assert loop.ask("How many bottles does a case hold?", tools=[VINEYARD[2]]) == GUIDE[3]


def test_what_times_out_is_asked_again_alike() -> None:
    answers = iter([{"error": "timed out after 5 s, try again"}, {"member": "Igor Petrov"}])
    loop = Loop({**AT_THE_VINEYARD, "member_lookup": lambda full_name: next(answers)})
    loop.ask("What level does Igor Petrov have?", tools=VINEYARD)
    assert loop.calls == [IGOR, IGOR]


def test_two_parts_that_need_the_same_call_share_it() -> None:
    loop = Loop(AT_THE_VINEYARD)
    loop.ask("What level does Clara Moreau in Worms have?", tools=VINEYARD)
    assert loop.calls == [CLARA]


def test_who_cannot_help_hands_over_to_whom_it_concerns() -> None:
    tools = [
        tool("transfer_to_cellar", "Hand over to the cellar master, who knows about barrels."),
        tool("transfer_to_accounts", "Hand over to accounts: invoices."),
    ]
    loop = Loop({"transfer_to_cellar": lambda: {"assistant": "cellar"}})
    loop.ask("How long do red wines rest in oak barrels?", tools=tools, limit=1)
    assert loop.calls == [("transfer_to_cellar", {})]
