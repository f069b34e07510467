import json
from typing import Any

import pytest

from rag_tutorials.stub_llm.answering.conversation import Conversation, Message
from rag_tutorials.stub_llm.replying.framed import reply_to

TRIP = "Ada worked 3 days in Lisbon."
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
        "required": ["city", "days"],
    }
)


def said(*messages: Message, **options: Any) -> str:
    return reply_to(Conversation(messages, **options), "grounded").text


@pytest.mark.parametrize("json_object", [True, False])
@pytest.mark.parametrize(
    "prompt",
    [
        f"Reply in JSON with the keys city and days: {TRIP}",
        f"{TRIP} Reply with a JSON object with fields `city` (string) and `days` (integer).",
        f"Extract JSON with these keys:\n- city: where\n- days: how many\n\n{TRIP}",
        f'{TRIP}\nRespond in JSON like {{"city": "Paris", "days": 2}}',
        f'Return a JSON object in the format {{"city": <string>, "days": <int>}} for: {TRIP}',
        f"Output JSON containing city, days.\n{TRIP}",
        f"Respond with JSON that fits this schema: {SCHEMA}\n{TRIP}",
    ],
)
def test_json_has_the_keys_that_the_prompt_describes(prompt: str, json_object: bool) -> None:
    reply = said(Message("user", prompt), json_object=json_object)
    assert json.loads(reply) == {"city": "Lisbon", "days": 3}


@pytest.mark.parametrize(
    ("keys", "text", "values"),
    [
        ("name, age and city", "Bob is 42 and lives in Oslo.", ["Bob", 42, "Oslo"]),
        ("name, age, city", "Alice, 30, lives in Paris.", [None, 30, "Paris"]),
        ("person and country", "Grace spent 2 weeks in Portugal.", [None, "Portugal"]),
        ("region_name and year", "It rained in Tuscany in 1965.", ["Tuscany", 1965]),
        ("date and amount", "Invoice of 2024-05-01 over 120 euros.", ["2024-05-01", 120]),
        ("country and capital", "The capital of France is Paris.", ["France", "Paris"]),
    ],
)
def test_a_key_gets_what_it_can_mean_or_nothing(
    keys: str, text: str, values: list[str | int | None]
) -> None:
    reply = said(Message("user", f"Return JSON with the keys {keys}.\n{text}"))
    assert list(json.loads(reply).values()) == values


def test_what_the_prompt_says_of_the_form_is_no_fact_beside_a_schema() -> None:
    prompt = f"Reply in JSON with the keys city and days: {TRIP}"
    reply = said(Message("user", prompt), schema=json.loads(SCHEMA))
    assert json.loads(reply) == {"city": "Lisbon", "days": 3}


def test_a_fence_is_written_where_one_is_asked_for() -> None:
    system = Message("system", f"Answer in json that matches this json_schema:\n{SCHEMA}")
    user = Message("user", f"{TRIP}\n\nReturn the JSON within a ```json codeblock.")
    reply = said(system, user)
    assert reply.startswith("```json\n")
    assert json.loads(reply.removeprefix("```json\n").removesuffix("\n```"))["city"] == "Lisbon"


def test_a_question_about_json_stays_a_question() -> None:
    prompt = "Context:\nJSON is a text format for data.\n\nQuestion: What is JSON?"
    assert said(Message("user", prompt)) == "JSON is a text format for data."


OUTPUTS = (
    "Respond with the corresponding output fields, starting with the field `[[ ## answer ## ]]`, "
    "then `[[ ## days ## ]]` (must be formatted as a valid Python int), and then ending with the "
    "marker for `[[ ## completed ## ]]`."
)


def test_fields_between_markers_are_context_and_question() -> None:
    prompt = (
        '[[ ## context ## ]]\n["Employees may work abroad for 14 days.", "Laptops are locked."]\n\n'
        f"[[ ## question ## ]]\nHow many days may employees work abroad?\n\n{OUTPUTS}"
    )
    assert said(Message("user", prompt)) == (
        "[[ ## answer ## ]]\nEmployees may work abroad for 14 days.\n\n"
        "[[ ## days ## ]]\n14\n\n[[ ## completed ## ]]"
    )
