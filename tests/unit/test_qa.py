"""Answering from a context, synchronously and asynchronously, over real HTTP."""

import asyncio
import gc
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI

from rag_tutorials.qa import (
    DEFAULT_CHAT_MODEL,
    answer_with_context,
    answer_with_context_async,
    build_messages,
)
from rag_tutorials.stub_llm import StubLLM

QUESTION = "How many days of annual leave does a full-time employee have?"
CONTEXT = [
    "A full-time employee has 28 days of annual leave in a calendar year.",
    "Dogs are allowed on the ground floor on Fridays.",
]


def answer_in_a_loop(*arguments: object, **options: object) -> str:
    return asyncio.run(answer_with_context_async(*arguments, **options))


BOTH = pytest.mark.parametrize(
    "answer", [answer_with_context, answer_in_a_loop], ids=["sync", "async"]
)


@pytest.fixture(autouse=True)
def stub() -> Iterator[StubLLM]:
    with StubLLM.start() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", running.base_url)
        patch.setenv("OPENAI_API_KEY", "stub")
        patch.delenv("OPENAI_CHAT_MODEL", raising=False)
        yield running


@BOTH
def test_answers_from_the_context(answer: Callable[..., str]) -> None:
    assert "28 days" in answer(QUESTION, CONTEXT)
    assert answer(question=QUESTION, context=CONTEXT) == answer(QUESTION, CONTEXT)


@BOTH
@pytest.mark.parametrize("context", [[], ["Lifts are not used."]])
def test_does_not_know_what_the_context_does_not_say(
    answer: Callable[..., str], context: list[str]
) -> None:
    assert "don't know" in answer(QUESTION, context)


@BOTH
@pytest.mark.parametrize(
    ("argument", "variable", "expected"),
    [
        (None, None, DEFAULT_CHAT_MODEL),
        (None, "", DEFAULT_CHAT_MODEL),
        (None, "gpt-4o-mini", "gpt-4o-mini"),
        ("gpt-4.1", "gpt-4o-mini", "gpt-4.1"),
    ],
)
def test_the_model_is_given_or_from_the_environment_or_the_default(
    answer: Callable[..., str],
    stub: StubLLM,
    monkeypatch: pytest.MonkeyPatch,
    argument: str | None,
    variable: str | None,
    expected: str,
) -> None:
    if variable is not None:
        monkeypatch.setenv("OPENAI_CHAT_MODEL", variable)

    answer(QUESTION, CONTEXT, model=argument)

    assert [request.model for request in stub.requests] == [expected]


@BOTH
def test_an_empty_question_is_refused(answer: Callable[..., str], stub: StubLLM) -> None:
    with pytest.raises(ValueError, match="The question is empty"):
        answer(" ", CONTEXT)
    assert stub.requests == []


@BOTH
@pytest.mark.parametrize(
    ("question", "context", "message"),
    [
        ("Hm \ud83d?", CONTEXT, "The question holds half a character"),
        (None, CONTEXT, "The question must be a text, not NoneType"),
        (QUESTION, ["fine", "half \udc4d"], "Passage 2 holds half a character"),
        (QUESTION, [None], "Passage 1 must be a text, not NoneType"),
        (QUESTION, CONTEXT[0], "The context must be a list of texts, not str"),
        (QUESTION, None, "The context must be a list of texts, not NoneType"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(
    answer: Callable[..., str],
    stub: StubLLM,
    monkeypatch: pytest.MonkeyPatch,
    question: Any,
    context: Any,
    message: str,
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL")  # not even a client is asked for
    monkeypatch.delenv("OPENAI_API_KEY")
    with pytest.raises(ValueError, match=message):
        answer(question, context)
    assert stub.requests == []


@BOTH
@pytest.mark.parametrize("context", [tuple(CONTEXT), [*CONTEXT, ""]])
def test_any_iterable_of_passages_is_a_context(answer: Callable[..., str], context: Any) -> None:
    assert "28 days" in answer(QUESTION, context)
    assert "28 days" in answer(QUESTION, iter(context))


def test_the_prompt_numbers_the_passages_and_demands_the_context() -> None:
    system, user = build_messages("Why?", ["First.", "Second."])

    assert system["role"] == "system"
    assert "only the context" in system["content"]
    assert "I don't know" in system["content"]
    assert user == {
        "role": "user",
        "content": "Context:\n[1] First.\n\n[2] Second.\n\nQuestion: Why?",
    }


def test_the_clients_exceptions_pass_through(stub: StubLLM) -> None:
    stub.fault("rate_limit")

    with (
        OpenAI(base_url=stub.base_url, api_key="stub", max_retries=0) as client,
        pytest.raises(openai.RateLimitError),
    ):
        answer_with_context(QUESTION, CONTEXT, client=client)


def test_the_clients_exceptions_pass_through_asynchronously(stub: StubLLM) -> None:
    stub.fault("rate_limit")

    async def ask() -> str:
        async with AsyncOpenAI(base_url=stub.base_url, api_key="stub", max_retries=0) as client:
            return await answer_with_context_async(QUESTION, CONTEXT, client=client)

    with pytest.raises(openai.RateLimitError):
        asyncio.run(ask())


def test_concurrent_answers_are_those_of_single_calls() -> None:
    questions = [QUESTION, "On which day are dogs allowed?", "Who is the chief executive?"] * 4

    async def ask_all() -> list[str]:
        return await asyncio.gather(*(answer_with_context_async(q, CONTEXT) for q in questions))

    assert asyncio.run(ask_all()) == [answer_with_context(q, CONTEXT) for q in questions]


def test_asynchronous_answers_leave_no_connection_behind() -> None:
    gc.collect()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        answer_in_a_loop(QUESTION, CONTEXT)
        gc.collect()

    assert [str(warning.message) for warning in caught if "unclosed" in str(warning.message)] == []
