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
