import json
from typing import Any

import pytest

from rag_tutorials.stub_llm.answering.agent.turn import decide
from rag_tutorials.stub_llm.answering.conversation import Conversation, Message, Tool
from rag_tutorials.stub_llm.replying.reply import reply_to


def tool(name: str, description: str, **properties: Any) -> Tool:
    required = [key for key, schema in properties.items() if "default" not in schema]
    return Tool(
        name,
        description,
        {"type": "object", "properties": properties, "required": required},
    )


TEXT = {"type": "string"}
TOOLS = (
    tool("search_handbook", "Search the employee handbook.", query=TEXT),
    tool(
        "get_leave_balance",
        "Days of leave that an employee has left.",
        employee_id=TEXT,
        year={"type": "integer"},
    ),
    tool(
        "convert_currency",
        "Convert an amount of money.",
        amount={"type": "number"},
        from_currency={"type": "string"},
        to_currency={"type": "string", "enum": ["EUR", "USD", "GBP"]},
    ),
    tool(
        "get_weather",
        "Weather in a city.",
        city=TEXT,
        unit={"type": "string", "enum": ["celsius", "fahrenheit"]},
        hourly={"type": "boolean", "default": False},
    ),
)


def calls(question: str, **options: Any) -> list[tuple[str, dict[str, Any]]]:
    conversation = Conversation([Message("user", question)], TOOLS, **options)
    return [(c.name, json.loads(c.arguments)) for c in decide(conversation, question).calls]


PARIS = ("get_weather", {"city": "Paris", "unit": "celsius"})


@pytest.mark.parametrize(
    ("question", "expected"),
    [
        ("What's the weather in Paris?", [PARIS]),
        (
            "What's the weather in Paris in fahrenheit?",
            [("get_weather", {"city": "Paris", "unit": "fahrenheit"})],
        ),
        (
            "What's the weather in Paris and Berlin?",
            [PARIS, ("get_weather", {"city": "Berlin", "unit": "celsius"})],
        ),
        *(
            (
                question,
                [
                    ("get_weather", {"city": city, "unit": "celsius"})
                    for city in ("Paris", "Berlin", "New York")
                ],
            )
            for question in (
                "What is the weather in Paris, Berlin and New York?",
                "Weather in Paris, Berlin, and New York today",
                "The weather in Paris, in Berlin and in New York, please",
                "How is the weather in Paris / Berlin as well as New York?",
            )
        ),
        (
            "Convert 300.5 EUR to USD",
            [
                (
                    "convert_currency",
                    {"amount": 300.5, "from_currency": "EUR", "to_currency": "USD"},
                )
            ],
        ),
        (
            "How much leave does E-1042 have in 2026?",
            [("get_leave_balance", {"employee_id": "E-1042", "year": 2026})],
        ),
        (
            "May I bring my dog to the office?",
            [("search_handbook", {"query": "May I bring my dog to the office?"})],
        ),
        (
            "Look up the home office stipend and convert 300 EUR to GBP.",
            [
                ("search_handbook", {"query": "Look up the home office stipend"}),
                (
                    "convert_currency",
                    {"amount": 300, "from_currency": "EUR", "to_currency": "GBP"},
                ),
            ],
        ),
        ("Hello!", []),
        ("Thanks a lot.", []),
    ],
)
def test_the_tool_that_fits_is_called(question: str, expected: list[Any]) -> None:
    assert calls(question) == expected


def test_tool_choice_is_obeyed() -> None:
    assert calls("What's the weather in Paris?", tool_choice="none") == []
    assert len(calls("Hello!", tool_choice="required")) == 1
    forced = calls(
        "What's the weather in Paris?", tool_choice="required", forced_tool="search_handbook"
    )
    assert forced == [("search_handbook", {"query": "What's the weather in Paris?"})]


def test_without_parallel_calls_one_goes_out_at_a_time() -> None:
    question = "What's the weather in Paris and Berlin?"
    asked: list[Message] = [Message("user", question)]
    seen = []
    for _ in range(5):
        conversation = Conversation(asked, TOOLS, parallel_tool_calls=False)
        made = decide(conversation, question).calls
        if not made:
            break
        (call,) = made
        seen.append(json.loads(call.arguments)["city"])
        asked.append(Message("assistant", "", [call]))
        asked.append(Message("tool", "18 degrees", answers_call=call.id))
    assert seen == ["Paris", "Berlin"]


def test_call_ids_differ_within_a_reply_and_stay_the_same_between_replies() -> None:
    conversation = Conversation([Message("user", "What's the weather in Paris and Berlin?")], TOOLS)
    ids = [call.id for call in reply_to(conversation, "grounded").tool_calls]
    assert len(set(ids)) == 2
    assert ids == [call.id for call in reply_to(conversation, "grounded").tool_calls]


@pytest.mark.parametrize(
    ("result", "expected"),
    [
        ('{"city": "Paris", "degrees": 18}', "Paris has 18 degrees."),
        ("It is 18 degrees in Paris.", "It is 18 degrees in Paris."),
        (
            '{"results": [{"text": "Dogs sleep in the park."}, '
            '{"text": "The weather in Paris is mild in May."}]}',
            "The weather in Paris is mild in May.",
        ),
    ],
)
def test_the_reply_uses_the_result(result: str, expected: str) -> None:
    question = Message("user", "What's the weather in Paris?")
    first = reply_to(Conversation([question], TOOLS), "grounded")
    (call,) = first.tool_calls
    answered = [
        question,
        Message("assistant", "", [call]),
        Message("tool", result, answers_call=call.id),
    ]
    reply = reply_to(Conversation(answered, TOOLS), "grounded")
    assert not reply.tool_calls
    assert reply.text == expected


def test_a_new_question_is_not_answered_by_old_results() -> None:
    question = Message("user", "What's the weather in Paris?")
    (call,) = reply_to(Conversation([question], TOOLS), "grounded").tool_calls
    again = [
        question,
        Message("assistant", "", [call]),
        Message("tool", "18", answers_call=call.id),
        Message("assistant", "18."),
        question,
    ]
    assert len(reply_to(Conversation(again, TOOLS), "grounded").tool_calls) == 1
