"""Critique and revision: right on right and on wrong answers, with a reason."""

import json

import pytest

from rag_tutorials.stub_llm.answering.conversation import Conversation, Message
from rag_tutorials.stub_llm.replying.reply import reply_to

QUESTION = "How many days of annual leave may be carried over?"
RIGHT = "Up to 5 days of annual leave may be carried over into the next year, until 31 March."
CONTEXT = f"{RIGHT}\n\nEmployees may work remotely three days a week."
WRONG = (
    "Up to 16 days of annual leave may be carried over.",
    "I don't know.",
    "Employees may work remotely three days a week.",
)
SCHEMA = {
    "type": "object",
    "properties": {
        "ok": {"type": "boolean"},
        "problems": {"type": "array", "items": {"type": "string"}},
        "suggestion": {"type": "string"},
    },
    "required": ["ok", "problems", "suggestion"],
}


def in_tags(answer: str) -> str:
    return f"<question>{QUESTION}</question><context>{CONTEXT}</context><answer>{answer}</answer>"


def critique(answer: str) -> str:
    messages = [Message("system", "Critique the answer."), Message("user", in_tags(answer))]
    return reply_to(Conversation(messages), "grounded").text


@pytest.mark.parametrize("answer", [RIGHT, *WRONG])
def test_a_critique_tells_right_from_wrong_and_why(answer: str) -> None:
    text = critique(answer)
    if answer == RIGHT:
        assert text.startswith("No problems: ")
    else:
        assert text.startswith("Problem: ")
        assert RIGHT in text  # what to say instead


@pytest.mark.parametrize("answer", [RIGHT, *WRONG])
def test_a_critique_fits_the_form_that_is_asked_for(answer: str) -> None:
    prompt = f"Review the answer.\nQuestion: {QUESTION}\nContext: {CONTEXT}\nAnswer: {answer}"
    reply = reply_to(Conversation([Message("user", prompt)], schema=SCHEMA), "grounded")
    found = json.loads(reply.text)
    assert found["ok"] is (answer == RIGHT)
    assert bool(found["problems"]) is not found["ok"]
    assert found["suggestion"] == ("" if found["ok"] else RIGHT)


@pytest.mark.parametrize("answer", [RIGHT, *WRONG])
def test_a_revision_uses_the_feedback(answer: str) -> None:
    text = f"{in_tags(answer)}<feedback>{critique(answer)}</feedback>"
    messages = [
        Message("system", "Revise the answer, using the feedback."),
        Message("user", text),
    ]
    assert reply_to(Conversation(messages), "grounded").text == RIGHT


def test_an_agent_looks_back_at_its_own_answer() -> None:
    messages = [Message("system", f"Answer from the context.\nContext:\n{CONTEXT}")]

    def say(text: str) -> str:
        messages.append(Message("user", text))
        messages.append(Message("assistant", reply_to(Conversation(messages), "grounded").text))
        return messages[-1].content

    assert say(QUESTION) == RIGHT
    assert say("Reflect on your answer: is it right?").startswith("No problems: ")
    assert say("Now revise your answer, using the critique.") == RIGHT
    worse = reply_to(Conversation(messages[:-1]), "contradict_context").text
    assert worse not in (RIGHT, "")  # reflection that makes a right answer wrong


RETURNS = "Unopened bottles may be returned within 14 days; opened bottles cannot be returned."


@pytest.mark.parametrize(("days", "good"), [(14, True), (40, False)])
def test_an_answer_is_held_against_the_half_of_a_sentence_that_it_takes_up(
    days: int, good: bool
) -> None:
    prompt = (
        f"Context: {RETURNS}\nQuestion: Within how many days may unopened bottles be returned?\n"
        f"Draft: Unopened bottles may be returned within {days} days.\n"
        "Review the draft: is it acceptable, and what are its flaws?"
    )
    schema = {
        "type": "object",
        "properties": {
            "acceptable": {"type": "boolean"},
            "flaws": {"type": "array", "items": {"type": "string"}},
        },
        "required": ["acceptable", "flaws"],
    }
    found = json.loads(
        reply_to(Conversation([Message("user", prompt)], schema=schema), "grounded").text
    )
    assert found["acceptable"] is good
    assert bool(found["flaws"]) is not good
    assert all("40" in flaw and RETURNS in flaw for flaw in found["flaws"])  # what to say instead
