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


CASES: tuple[tuple[str, str, dict[str, str]], ...] = (
    ("ToolSelectionEvaluator", "correct", tools(call("leave_balance", employee="Ada"))),
    ("ToolSelectionEvaluator", "incorrect", tools(call("search_handbook", query=ASKED))),
    ("ToolInvocationEvaluator", "correct", tools(call("leave_balance", employee="Ada"))),
    ("ToolInvocationEvaluator", "incorrect", tools(call("leave_balance", employee="Bob"))),
    ("ToolInvocationEvaluator", "incorrect", tools(call("leave_balance"))),
    ("ToolInvocationEvaluator", "incorrect", tools('leave_balance(employee="Ada", year=1)')),
    ("CompletenessEvaluator", "complete", said(ASKED, "Ada has 12 days left.")),
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
    ("PiiDetectionEvaluator", "no_pii_detected", said(ASKED, "12 days, until 31 March 2027.")),
    ("ConcisenessEvaluator", "concise", {"input": ASKED, "output": "Ada has 12 days left."}),
    (
        "ConcisenessEvaluator",
        "verbose",
        {"input": ASKED, "output": "Great question! Ada has 12 days left. I hope this helps."},
    ),
    ("RefusalEvaluator", "refused", {"input": ASKED, "output": "I don't know."}),
    ("RefusalEvaluator", "answered", {"input": ASKED, "output": "Ada has 12 days left."}),
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
