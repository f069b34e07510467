"""The traces to diagnose before lesson 01 (``entrance``) and after the last (``exit``).

Both have the same kinds, one of them twice, in another order and with other requests; some findings
are true of none, so that no answer follows from the others.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from openinference.instrumentation import (
    Document,
    Message,
    TokenCount,
    get_input_attributes,
    get_llm_attributes,
    get_output_attributes,
    get_retriever_attributes,
    get_tool_attributes,
)
from openinference.semconv.trace import SpanAttributes

from rag_tutorials.course.judging.quiz import Case, Finding, Step, quiz
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.spans import SpanRecord, as_text

MODEL = "gpt-4.1-mini"
MASK = "__REDACTED__"
REQUEST = "request.id"
LONG_S = 5  # longer than anything here takes: the request itself is never slow
_IBAN = re.compile(r"\bDE\d{20}\b")


def retrieval(question: str, passages: Sequence[str], start: int, end: int, **more: Any) -> Step:
    """A retriever's span with the passages that it found."""
    documents = [
        Document(id=f"chunk-{rank}", content=text, score=round(0.82 - 0.07 * rank, 2))
        for rank, text in enumerate(passages)
    ]
    attributes = {
        **get_input_attributes(question),
        **get_retriever_attributes(documents=documents),
        **more,
    }
    return Step("retrieval", "RETRIEVER", start, end, attributes=attributes)


def generation(
    question: str, answer: str, tokens: tuple[int, int], start: int, end: int, **more: Any
) -> Step:
    """A model's span with what it was asked and what it said."""
    name = more.pop("name", "generation")
    children, error = more.pop("children", ()), more.pop("error", "")
    attributes = {
        **get_input_attributes(question),
        **get_output_attributes(answer),
        **get_llm_attributes(
            model_name=MODEL,
            input_messages=[Message(role="user", content=question)],
            output_messages=[Message(role="assistant", content=answer)],
            token_count=TokenCount(
                prompt=tokens[0], completion=tokens[1], total=tokens[0] + tokens[1]
            ),
        ),
        **more,
    }
    return Step(name, "LLM", start, end, children, attributes, error)


def request(question: str, answer: str, *steps: Step, **more: Any) -> Step:
    """The root of a request to the handbook application."""
    attributes = {**get_input_attributes(question), **get_output_attributes(answer), **more}
    end = max(step.end for step in steps) + 12
    return Step("rag-request", "CHAIN", 0, end, steps, attributes)


def rag(question: str, passages: Sequence[str], answer: str, fact: str) -> Case:
    """A plain request: retrieve, generate, answer."""
    steps = (
        retrieval(question, passages, 4, 140),
        generation(question, answer, (190, 24), 146, 1040),
    )
    return Case((request(question, answer, *steps),), fact)


def swallowed(question: str, error: str, step: str) -> Case:
    """A step that fails, and a program that answers as if it had not."""
    sorry = "Something went wrong, please ask again later."
    good = retrieval(question, ["Receipts are kept for six years."], 5, 150)
    if step == "retrieval":
        failed = Step(
            "retrieval", "RETRIEVER", 5, 130, (), get_input_attributes(question), error=error
        )
        return Case((request(question, sorry, failed),))
    failed = generation(question, "", (0, 0), 160, 310, error=error)
    return Case((request(question, sorry, good, failed),))


def in_pieces(question: str, passage: str, answer: str, number: str, fact: str) -> Case:
    """The model is called where the request's context is not known: a trace of its own."""
    mark = {REQUEST: number}
    first = request(question, answer, retrieval(question, [passage], 4, 130, **mark), **mark)
    apart = generation(question, answer, (170, 20), 150, 1030, **mark)
    return Case((replace(first, end=1040), apart), fact)


def wrong_parent(
    question: str, passage: str, answer: str, other: str, numbers: tuple[str, str], fact: str
) -> Case:
    """A step of another request, in this one's trace."""
    own, foreign = ({REQUEST: number} for number in numbers)
    steps = (
        retrieval(question, [passage], 4, 140, **own),
        generation(question, answer, (180, 22), 150, 1020, **own),
        retrieval(other, ["The meeting room on the second floor has a screen."], 610, 760,
                  **foreign),
    )  # fmt: skip
    return Case((request(question, answer, *steps, **own),), fact)


def twice(question: str, passage: str, answer: str, tokens: tuple[int, int], fact: str) -> Case:
    """A span by hand around an automatic one, both with the tokens of the same call."""
    call = generation(question, answer, tokens, 160, 980, name="ChatCompletion")
    by_hand = generation(question, answer, tokens, 150, 990, children=(call,))
    found = retrieval(question, [passage], 4, 140)
    return Case((request(question, answer, found, by_hand),), fact)


def loop(question: str, tool: str, arguments: dict[str, Any], result: str, answer: str) -> Case:
    """An agent that makes the same call again and again."""
    steps: list[Step] = []
    for at in range(0, 4 * 700, 700):
        steps.append(generation(question, "", (240 + at // 10, 18), at + 5, at + 420))
        attributes = {
            **get_tool_attributes(name=tool, parameters=arguments),
            **get_input_attributes(json.dumps(arguments)),
            **get_output_attributes(result),
        }
        steps.append(Step(tool, "TOOL", at + 430, at + 690, attributes=attributes))
    attributes = {**get_input_attributes(question), **get_output_attributes(answer)}
    return Case((Step("agent", "AGENT", 0, 2900, tuple(steps), attributes),))


def secret(account: str) -> Case:
    """What is masked in the model's span stands in the retriever's."""
    question = f"Is {account} the account that my salary goes to?"
    answer = "Yes, that account is on file."
    model = generation(MASK, MASK, (160, 9), 150, 820)
    found = retrieval(question, ["Salaries are paid to the account on file."], 4, 140)
    return Case((request(MASK, answer, found, model),))


def _documents(found: Found) -> str:
    return "\n".join(
        as_text(value)
        for span in found.of_kind("RETRIEVER")
        for key, value in span.attributes.items()
        if key.endswith("document.content")
    )


def _answer(found: Found) -> str:
    return as_text(found.roots[0].attributes.get(SpanAttributes.OUTPUT_VALUE, ""))


def _missed(found: Found, case: Case) -> bool:
    return bool(case.fact) and case.fact not in _answer(found)


def _seconds(found: Found, kind: str) -> float:
    return max((one.milliseconds / 1000 for one in found.of_kind(kind)), default=0.0)


def _counted_again(found: Found, span: SpanRecord) -> bool:
    key = SpanAttributes.LLM_TOKEN_COUNT_TOTAL
    return key in span.attributes and any(
        above.attributes.get(key) == span.attributes[key] for above in found.above(span)
    )


def _same_calls(found: Found) -> int:
    calls = ((one.name, one.attributes.get("input.value")) for one in found.of_kind("TOOL"))
    return max(Counter(calls).values(), default=0)


def _hidden_and_seen(found: Found) -> bool:
    texts = [as_text(value) for one in found.spans for value in one.attributes.values()]
    return MASK in texts and any(map(_IBAN.search, texts))


FINDINGS = (
    Finding("all well", "nothing is wrong", lambda found, case: not _wrong(found, case)),
    Finding(
        "retrieval",
        "the answer is wrong; the passage that it needs was not found",
        lambda found, case: _missed(found, case) and case.fact not in _documents(found),
        "09",
    ),
    Finding(
        "generation",
        "the answer is wrong; the passage was there, and the model said something else",
        lambda found, case: _missed(found, case) and case.fact in _documents(found),
        "09",
    ),
    Finding(
        "swallowed",
        "a step failed, and no status says so",
        lambda found, case: any(
            event.name == "exception" and one.status != "ERROR"
            for one in found.spans
            for event in one.events
        ),
        "02",
    ),
    Finding(
        "in pieces",
        "one request, several traces",
        lambda found, case: len(found.trace_ids) > 1,
        "05",
    ),
    Finding(
        "wrong parent",
        "a step of another request hangs in it",
        lambda found, case: (
            len({one.attributes[REQUEST] for one in found.spans if REQUEST in one.attributes}) > 1
        ),
        "05",
    ),
    Finding(
        "twice",
        "one call of the model is counted twice",
        lambda found, case: any(_counted_again(found, one) for one in found.of_kind("LLM")),
        "04",
    ),
    Finding(
        "slow retrieval",
        f"the search alone takes more than {LONG_S} seconds",
        lambda found, case: _seconds(found, "RETRIEVER") > LONG_S,
        "09",
    ),
    Finding(
        "slow model",
        f"the model alone takes more than {LONG_S} seconds",
        lambda found, case: _seconds(found, "LLM") > LONG_S,
        "09",
    ),
    Finding(
        "loop",
        "an agent repeats itself",
        lambda found, case: _same_calls(found) > 2,
        "10",
    ),
    Finding(
        "secret",
        "something is masked in one place and readable in another",
        lambda found, case: _hidden_and_seen(found),
        "08",
    ),
)


def _wrong(found: Found, case: Case) -> bool:
    return any(one.holds(found, case) for one in FINDINGS if one.id != "all well")


_CARRY = "Up to 10 days of unused annual leave carry over into the next year."
_ABROAD = "An employee works abroad for 30 days in a calendar year at most."
_PROBATION = "The probation period lasts six months."
_NOTICE = "After the probation period the notice period is three months."
_RECEIPT = "Expenses are claimed within 30 days of the purchase, with a receipt."
_SICK = "A doctor's note is required from the fourth day of sick leave."
_ALLOWANCE = "The remote work allowance is 40 euros a month."
_PARKING = "Parking spaces are lent to visitors by the reception desk."
_MENU = "The canteen opens at 11:30 and closes at 14:00."

QUIZZES = (
    quiz(
        "entrance",
        (
            twice(
                "How long is the probation period?",
                _PROBATION, "The probation period lasts six months.", (171, 9), "six months",
            ),
            rag(
                "When must I send a doctor's note?",
                [_MENU, _PARKING, _ALLOWANCE], "Please ask the reception desk.", "fourth day",
            ),
            loop(
                "How many days has Ada left?", "leave_balance", {"employee": "ada"},
                "no such employee: ada", "I could not find that out.",
            ),
            rag(
                "How many days may I work abroad?",
                [_ABROAD, _CARRY, _ALLOWANCE], "You may work abroad for 60 days a year.",
                "30 days",
            ),
            rag(
                "How much is the remote work allowance?",
                [_ALLOWANCE, _ABROAD, _MENU], "It is 40 euros a month.", "40 euros",
            ),
            in_pieces(
                "How long is the notice period?", _NOTICE, "It is three months.", "r-2107",
                "three months",
            ),
            secret("DE02120300000000202051"),
            swallowed("How long are receipts kept?", "the index hung up", "retrieval"),
            rag(
                "From which day of sick leave is a note required?",
                ["A sick child is looked after for up to 12 days a year.", _CARRY, _NOTICE],
                "A note is required after 12 days.", "fourth day",
            ),
            wrong_parent(
                "Within how many days do I claim expenses?", _RECEIPT, "Within 30 days.",
                "Which room has a screen?", ("r-4418", "r-4419"), "30 days",
            ),
        ),
        FINDINGS,
    ),
    quiz(
        "exit",
        (
            swallowed("For how many years are receipts kept?", "the model hung up", "generation"),
            rag(
                "Until when may I use what carries over?",
                ["What has been carried over expires on 31 March.", _CARRY, _ABROAD],
                "It expires at the end of June.", "31 March",
            ),
            rag(
                "How long does the probation period last?",
                [_NOTICE, "A talk takes place after six weeks.", _CARRY],
                "It lasts three months.", "six months",
            ),
            in_pieces(
                "From which day do I need a doctor's note?", _SICK, "From the fourth day.",
                "r-8031", "fourth day",
            ),
            loop(
                "Which rule is about parking?", "search_handbook", {"query": "parking rule"},
                "[]", "The handbook says nothing about that.",
            ),
            rag(
                "How many days of leave carry over?",
                [_CARRY, _NOTICE, _ABROAD], "10 days.", "10 days",
            ),
            wrong_parent(
                "What is the remote work allowance?", _ALLOWANCE, "40 euros a month.",
                "Is there a room with a screen?", ("r-9002", "r-8990"), "40 euros",
            ),
            rag(
                "How long is the notice period after the probation period?",
                [_MENU, _ABROAD, _PARKING], "It opens at 11:30.", "three months",
            ),
            twice(
                "How many days a year may I work abroad?", _ABROAD, "30 days at most.",
                (164, 7), "30 days",
            ),
            secret("DE02500105170137075030"),
        ),
        FINDINGS,
    ),
)  # fmt: skip
