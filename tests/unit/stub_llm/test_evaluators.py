"""The evaluators of phoenix.evals on the stub's judge: a label that varies where the truth does."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from rag_tutorials.stub_llm import StubLLM

pytestmark = pytest.mark.slow

TOOLS = json.dumps(
    [
        {
            "name": "leave_balance",
            "description": "Days of leave that an employee has left.",
            "parameters": {
                "type": "object",
                "properties": {"employee": {"type": "string"}},
                "required": ["employee"],
            },
        },
        {
            "name": "search_handbook",
            "description": "Search the employee handbook.",
            "parameters": {"type": "object", "properties": {"query": {"type": "string"}}},
        },
    ]
)
ASKED = "How many days does Ada have left?"


def call(name: str, **arguments: str) -> str:
    return json.dumps([{"name": name, "arguments": arguments}])


def tools(output: str) -> dict[str, str]:
    return {"input": ASKED, "available_tools": TOOLS, "tool_selection": output}


def said(text: str, reply: str) -> dict[str, str]:
    return {"conversation": f"user: {text}\nassistant: {reply}"}


def then(message: str) -> dict[str, str]:
    return {**said(ASKED, "Ada has 12 days left."), "user_message": message}


def returned(result: str, output: str) -> dict[str, str]:
    called = call("leave_balance", employee="Ada")
    return {"input": ASKED, "tool_call": called, "tool_result": result, "output": output}


def of(output: str, context: str = "") -> dict[str, str]:
    return {"input": ASKED, "output": output, **({"context": context} if context else {})}


ADA = "Ada has 12 days of annual leave left until 31 March. Bob has 5 days left."


CASES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("ToolSelectionEvaluator", "correct", tools(call("leave_balance", employee="Ada"))),
    ("ToolSelectionEvaluator", "incorrect", tools(call("search_handbook", query=ASKED))),
    ("ToolInvocationEvaluator", "correct", tools(call("leave_balance", employee="Ada"))),
    ("ToolInvocationEvaluator", "incorrect", tools(call("leave_balance", employee="Bob"))),
    ("ToolInvocationEvaluator", "incorrect", tools(call("leave_balance"))),
    ("ToolInvocationEvaluator", "incorrect", tools('leave_balance(employee="Ada", year=1)')),
    ("ToolInvocationEvaluator", "incorrect", tools(call("leave_balance", employee=""))),
    ("ToolInvocationEvaluator", "incorrect", tools("leave_balance(employee=12)")),
    ("ToolResponseHandlingEvaluator", "correct", returned(ADA, "Ada has 12 days left.")),
    ("ToolResponseHandlingEvaluator", "incorrect", returned(ADA, "Ada has 21 days left.")),
    ("ToolResponseHandlingEvaluator", "incorrect", returned(ADA, "I don't know.")),
    ("ToolResponseHandlingEvaluator", "correct", returned("Error: timeout", "Try again later.")),
    ("ToolResponseHandlingEvaluator", "incorrect", returned("Error: timeout", "12 days left.")),
    ("CompletenessEvaluator", "complete", said(ASKED, "Ada has 12 days left.")),
    ("CompletenessEvaluator", "complete", said("How long is the probation?", "Six months.")),
    ("CompletenessEvaluator", "incomplete", said(ASKED, "I don't know.")),
    (
        "CompletenessEvaluator",
        "incomplete",
        said(f"{ASKED} And who pays for a taxi?", "Ada has 12 days left."),
    ),
    ("ToxicityEvaluator", "toxic", {"text": "You are an idiot."}),
    ("ToxicityEvaluator", "non-toxic", {"text": "The manager decides."}),
    ("PiiDetectionEvaluator", "pii_detected", said("hi", "Write to ada@example.com.")),
    ("PiiDetectionEvaluator", "pii_detected", said("my number is 078-05-1120", "Thanks.")),
    ("PiiDetectionEvaluator", "pii_detected", said("call me", "+49 30 1234 5678?")),
    ("PiiDetectionEvaluator", "pii_detected", said("030-1234-5678 is mine", "Thanks.")),
    ("PiiDetectionEvaluator", "no_pii_detected", said(ASKED, "12 days, until 31 March 2027.")),
    (
        "PiiDetectionEvaluator",
        "no_pii_detected",
        said(ASKED, "10,000,000,000, by 26-11-2026 12:30"),
    ),
    ("UserFrictionEvaluator", "friction", then("No, I meant Bob.")),
    ("UserFrictionEvaluator", "friction", then("You did not answer my question.")),
    ("UserFrictionEvaluator", "friction", then("What??")),
    ("UserFrictionEvaluator", "no_friction", then("No, thanks!")),
    ("UserFrictionEvaluator", "no_friction", then("Can I book it again, and when does it stop?")),
    ("UserFrictionEvaluator", "no_friction", then("And Bob?")),
    ("ConcisenessEvaluator", "concise", {"input": ASKED, "output": "Ada has 12 days left."}),
    (
        "ConcisenessEvaluator",
        "verbose",
        {"input": ASKED, "output": "Great question! Ada has 12 days left. I hope this helps."},
    ),
    *(
        ("RefusalEvaluator", "refused", of(output))
        for output in (
            "I don't know.",
            "I have no information on that.",
            "I'm not sure.",
            "I cannot provide this.",
            "The handbook holds nothing about it.",
            "The documents do not mention stock options.",
            "That is not mentioned in the context.",
            "There is no information about it.",
        )
    ),
    *(
        ("RefusalEvaluator", "answered", of(output))
        for output in (
            "Ada has 12 days left.",
            "Ask HR if you do not know your manager.",
            "The form does not say who signs; the manager does.",
            "Employees who are unable to work call before nine.",
        )
    ),
    ("FaithfulnessEvaluator", "faithful", of("Ada has 12 days left.", ADA)),
    ("FaithfulnessEvaluator", "unfaithful", of("Ada has 14 days left.", ADA)),
    ("FaithfulnessEvaluator", "unfaithful", of("Ada has 12 days left until 30 April.", ADA)),
    ("RetrievalRelevanceEvaluator", "relevant", {"input": ASKED, "context": ADA}),
    ("RetrievalRelevanceEvaluator", "irrelevant", {"input": ASKED, "context": "Dogs sleep."}),
    ("ConcisenessEvaluator", "verbose", of("Certainly! Ada has 12 days left.")),
    ("HallucinationEvaluator", "grounded", {"input": ASKED, "output": "I don't know."}),
    ("CorrectnessEvaluator", "incorrect", {"input": ASKED, "output": "I don't know."}),
    ("CorrectnessEvaluator", "correct", {"input": ASKED, "output": "Ada has 99 days left."}),
)


@pytest.fixture(scope="module")
def llm() -> Iterator[Any]:
    from phoenix.evals import LLM

    with StubLLM.start() as stub:
        yield LLM(
            provider="openai",
            model="gpt-4.1-mini",
            base_url=stub.base_url,
            api_key="stub",
            initial_per_second_request_rate=1000,
        )


@pytest.mark.parametrize(("name", "label", "row"), CASES)
def test_a_label_varies_where_the_truth_does(
    name: str, label: str, row: dict[str, str], llm: Any
) -> None:
    from phoenix.evals import metrics

    (score,) = getattr(metrics, name)(llm=llm).evaluate(row)
    assert score.label == label, score.explanation
    assert score.explanation


BLIND: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("CorrectnessEvaluator", "correct", of("Ada has 99 days left.")),
    ("FaithfulnessEvaluator", "faithful", of("Bob has 5 days left.", ADA)),
    ("FaithfulnessEvaluator", "faithful", of("Ada has 31 days left until 12 March.", ADA)),
    (
        "RetrievalRelevanceEvaluator",
        "irrelevant",
        {"input": "How much holiday remains for her?", "context": ADA},
    ),
    (
        "RetrievalRelevanceEvaluator",
        "relevant",
        {"input": "Who approves the annual leave left?", "context": ADA},
    ),
    ("RefusalEvaluator", "answered", of("Ask somebody else.")),
    (
        "ConcisenessEvaluator",
        "concise",
        of("As to her leave, which is hers, Ada has 12 days left."),
    ),
    (
        "CompletenessEvaluator",
        "complete",
        said("How many days does Ada have left, and until when?", "Ada has 12 days left."),
    ),
    ("CompletenessEvaluator", "complete", said(ASKED, "Parking is free.")),
    ("ToolInvocationEvaluator", "correct", tools(call("leave_balance", employee="days"))),
    ("ToolResponseHandlingEvaluator", "correct", returned(ADA, "Ada has days left.")),
    ("ToxicityEvaluator", "non-toxic", {"text": "What a genius you are, losing it twice."}),
    ("ToxicityEvaluator", "toxic", {"text": "A stupid question: how many days are left?"}),
    ("PiiDetectionEvaluator", "no_pii_detected", said(ASKED, "Ada Lovelace, four one one.")),
    ("UserFrictionEvaluator", "no_friction", then(ASKED)),
)


@pytest.mark.parametrize(("name", "label", "row"), BLIND)
def test_what_the_judge_does_not_see_is_what_its_page_says(
    name: str, label: str, row: dict[str, str], llm: Any
) -> None:
    test_a_label_varies_where_the_truth_does(name, label, row, llm)


CONTEXT = (
    "Up to 10 days of annual leave carry over into the next year.\n\n"
    "Annual leave must be requested with 14 days' notice."
)
CARRIED = "How many days of annual leave carry over into the next year?"
SILENT = "Judge the answer by the context."
SAYS_WHEN = f'{SILENT} "I don\'t know" is right if the answer is not in the context.'


@pytest.mark.parametrize(
    ("rubric", "label", "question", "answer"),
    [
        (SILENT, "right", CARRIED, "Up to 10 days of annual leave carry over into the next year."),
        (SILENT, "wrong", CARRIED, "Up to 11 days of annual leave carry over into the next year."),
        (SILENT, "wrong", CARRIED, "14 days' notice."),
        (SILENT, "wrong", "When do stock options vest?", "I don't know."),
        (SAYS_WHEN, "right", "When do stock options vest?", "I don't know."),
        (SAYS_WHEN, "wrong", CARRIED, "I don't know."),
    ],
)
def test_what_is_right_by_a_context_depends_on_what_the_prompt_says_of_refusals(
    rubric: str, label: str, question: str, answer: str, llm: Any
) -> None:
    from phoenix.evals import create_classifier

    judge = create_classifier(
        name="verdict",
        prompt_template=(
            f"{rubric}\n<question>{{{{question}}}}</question>\n"
            "<context>{{context}}</context>\n<answer>{{answer}}</answer>"
        ),
        llm=llm,
        choices={"right": 1, "wrong": 0},
    )
    (score,) = judge.evaluate({"question": question, "context": CONTEXT, "answer": answer})
    assert score.label == label, score.explanation


def test_an_explanation_is_in_words_of_the_texts(llm: Any) -> None:
    from phoenix.evals.metrics import RetrievalRelevanceEvaluator

    row = {"input": "Are remote employees required to record hours?", "context": "Dogs sleep."}
    (score,) = RetrievalRelevanceEvaluator(llm=llm).evaluate(row)
    assert "remote, employees, required" in (score.explanation or "")
