from typing import Any

import pytest

from rag_tutorials.stub_llm.answering import answers
from rag_tutorials.stub_llm.answering.judge import judge, pick_label, read_fields

CONTEXT = (
    "Employees may work abroad for 14 days a year. The manager approves the trip.\n\n"
    "The home office stipend is 300 EUR. Contractors must not use the VPN."
)
QUESTION = "How many days may employees work abroad?"


def schema(*labels: str, described: bool = False) -> dict[str, Any]:
    label = (
        {"oneOf": [{"const": name, "description": name} for name in labels]}
        if described
        else {"type": "string", "enum": list(labels)}
    )
    properties = {"explanation": {"type": "string"}, "label": label}
    return {"type": "object", "properties": properties, "required": list(properties)}


def label(prompt: str, *labels: str) -> str:
    verdict = judge(prompt, schema(*labels))
    assert verdict is not None
    assert verdict["explanation"]
    return str(verdict["label"])


def faithful(response: str) -> str:
    prompt = (
        f"<data>\n<query>{QUESTION}</query>\n<context>{CONTEXT}</context>\n"
        f"<response>{response}</response>\n</data>"
    )
    return label(prompt, "faithful", "unfaithful")


@pytest.mark.parametrize(
    "response",
    [
        "Employees may work abroad for 14 days a year.",
        "14 days a year.",
        "I don't know.",
        "Contractors must not use the VPN.",
    ],
)
def test_what_the_context_says_is_faithful(response: str) -> None:
    assert faithful(response) == "faithful"


@pytest.mark.parametrize(
    "response",
    [
        "Employees may work abroad for 90 days a year.",
        "Employees may work abroad for 300 days a year.",
        "Employees must work abroad for 14 days a year.",
        "Employees may not work abroad for 14 days a year.",
        "Contractors must use the VPN.",
        "Penguins catch fish during the long antarctic winter.",
        answers.invent(QUESTION),
        *(
            answers.contradict(sentence)
            for sentence in (
                "Employees may work abroad for 14 days a year.",
                "The manager approves the trip.",
                "The home office stipend is 300 EUR.",
                "Contractors must not use the VPN.",
            )
        ),
    ],
)
def test_what_the_context_does_not_say_is_unfaithful(response: str) -> None:
    assert faithful(response) == "unfaithful"


@pytest.mark.parametrize(
    ("request_text", "expected"),
    [(QUESTION, "relevant"), ("Which gym has a sauna?", "irrelevant")],
)
def test_relevance(request_text: str, expected: str) -> None:
    prompt = (
        f"<request>{request_text}</request><retrieved_information>{CONTEXT}</retrieved_information>"
    )
    assert label(prompt, "relevant", "irrelevant") == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ("Employees may work 14 days abroad.", "correct"),
        ("Employees may work 30 days abroad.", "incorrect"),
    ],
)
def test_correctness_against_a_reference(output: str, expected: str) -> None:
    prompt = f"Question: {QUESTION}\nReference: 14 days abroad\nAnswer: {output}\nIs it right?"
    assert label(prompt, "correct", "incorrect") == expected


@pytest.mark.parametrize(
    ("output", "expected"),
    [("Employees may work abroad.", "correct"), ("I don't know.", "incorrect")],
)
def test_correctness_without_a_reference(output: str, expected: str) -> None:
    prompt = f"<input>{QUESTION}</input><output>{output}</output>"
    assert label(prompt, "correct", "incorrect") == expected


def test_refusal_and_length() -> None:
    declined = f"<input>{QUESTION}</input><output>I'm sorry, I cannot answer that.</output>"
    assert label(declined, "refused", "answered") == "refused"
    assert (
        label(declined.replace("I'm sorry, I cannot", "You"), "refused", "answered") == "answered"
    )
    wordy = f"<input>{QUESTION}</input><output>{'word ' * 80}</output>"
    assert label(wordy, "concise", "verbose") == "verbose"
    assert label(declined, "concise", "verbose") == "concise"


def test_described_labels_work_too() -> None:
    prompt = f"<input>{QUESTION}</input><output>I don't know.</output>"
    verdict = judge(prompt, schema("good", "bad", described=True))
    assert verdict is not None
    assert verdict["label"] == "bad"


@pytest.mark.parametrize(
    ("labels", "good", "bad"),
    [
        (["faithful", "unfaithful"], "faithful", "unfaithful"),
        (["unrelated", "relevant"], "relevant", "unrelated"),
        (["no", "yes"], "yes", "no"),
        (["hallucinated", "factual"], "factual", "hallucinated"),
        (["not_helpful", "helpful"], "helpful", "not_helpful"),
        (["A", "B", "C"], "A", "C"),
    ],
)
def test_labels_are_told_apart_by_their_wording(labels: list[str], good: str, bad: str) -> None:
    assert pick_label(labels, True) == good
    assert pick_label(labels, False) == bad


def test_what_is_no_evaluation_is_not_judged() -> None:
    rag = f"Context:\n{CONTEXT}\n\nQuestion: {QUESTION}"
    assert judge(rag, None) is None
    assert judge(rag, {"type": "object", "properties": {"answer": {"type": "string"}}}) is None
    assert judge("Choose a label.", schema("a", "b")) is None


def test_fields_are_found_in_older_prompt_styles() -> None:
    prompt = (
        "[BEGIN DATA]\n************\n[Question]: Why?\n************\n"
        "[Reference text]: Because.\n[END DATA]"
    )
    assert read_fields(prompt) == {"question": "Why?", "context": "Because."}
