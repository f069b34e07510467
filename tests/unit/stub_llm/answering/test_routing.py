"""A route is chosen by what the request says of it."""

import json
from typing import Any

import pytest

from rag_tutorials.stub_llm.answering.conversation import Conversation, Message
from rag_tutorials.stub_llm.replying.reply import reply_to

WAYS = {
    "time_off": "vacation, leave and holidays",
    "money": "expenses, travel costs and salary",
    "machines": "laptops, phones and other devices",
    "other": "anything else",
}
IN_THE_DESCRIPTION = {
    "enum": list(WAYS),
    "description": "; ".join(f"{way}: {meaning}" for way, meaning in WAYS.items()),
}
IN_CONSTANTS = {"oneOf": [{"const": way, "description": said} for way, said in WAYS.items()]}
IN_THE_PROMPT = {"type": "string", "enum": list(WAYS)}
QUESTIONS = {
    "How many vacation days do I get?": "time_off",
    "Can I claim travel costs?": "money",
    "My laptop is broken.": "machines",
    "What is the meaning of life?": "other",
}


@pytest.mark.parametrize("form", [IN_THE_DESCRIPTION, IN_CONSTANTS, IN_THE_PROMPT])
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_route_is_the_one_whose_description_fits(form: dict[str, Any], question: str) -> None:
    lines = "\n".join(f"- {way}: {meaning}" for way, meaning in WAYS.items())
    said = f"Choose a route.\n{lines}" if form is IN_THE_PROMPT else "Choose a route."
    schema = {"type": "object", "properties": {"route": form}, "required": ["route"]}
    conversation = Conversation([Message("system", said), Message("user", question)], schema=schema)
    reply = reply_to(conversation, "grounded").text
    assert json.loads(reply) == {"route": QUESTIONS[question]}


def test_a_plan_has_a_step_for_each_part_of_the_question() -> None:
    schema = {
        "type": "object",
        "properties": {"steps": {"type": "array", "items": {"type": "string"}}},
        "required": ["steps"],
    }
    question = "Find out how many days may be carried over, then add Ada's balance."
    reply = reply_to(Conversation([Message("user", question)], schema=schema), "grounded").text
    assert json.loads(reply) == {
        "steps": ["Find out how many days may be carried over", "add Ada's balance."]
    }
