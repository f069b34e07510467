import asyncio
import json
from collections.abc import Iterator
from typing import Any, Literal

import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from rag_tutorials.stub_llm import StubLLM
from rag_tutorials.stub_llm.language import tokens

MODEL = "gpt-4.1-mini"
FACT = "Employees may work abroad for 14 days a year."
PROMPT = (
    f"Context:\n[1] Laptops are encrypted.\n\n[2] {FACT}\n\n"
    "Question: How many days may employees work abroad?"
)
OFF_TOPIC = "Context:\n[1] Laptops are encrypted.\n\nQuestion: Who won the chess tournament?"
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Weather in a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}},
            "required": ["city"],
            "additionalProperties": False,
        },
        "strict": True,
    },
}


class Finding(BaseModel):
    answer: str
    days: int
    topic: Literal["expenses", "work abroad"]


@pytest.fixture(scope="module")
def stub() -> Iterator[StubLLM]:
    with StubLLM.start() as running:
        yield running


@pytest.fixture(scope="module")
def client(stub: StubLLM) -> Iterator[OpenAI]:
    with OpenAI(base_url=stub.base_url, api_key="stub", max_retries=0) as running:
        yield running


def ask(content: str) -> Any:
    return [{"role": "user", "content": content}]


def test_an_answer_comes_from_the_context(client: OpenAI) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=ask(PROMPT))
    (choice,) = completion.choices
    assert choice.message.content == FACT
    assert choice.message.role == "assistant"
    assert choice.finish_reason == "stop"
    assert completion.model == MODEL
    assert completion.usage is not None
    assert completion.usage.prompt_tokens == tokens.count_messages([PROMPT])
    assert completion.usage.completion_tokens == tokens.count(FACT)
    assert completion.usage.total_tokens == tokens.count_messages([PROMPT]) + tokens.count(FACT)


def test_what_the_context_does_not_hold_is_not_known(client: OpenAI) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=ask(OFF_TOPIC))
    assert "I don't know" in str(completion.choices[0].message.content)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Hello!", "Hello! How can I help you?"),
        ("What is 2 + 3 * 4?", "14"),
        ("Say: traces are trees.", "traces are trees"),
        ("Rewrite as a search query: may I work abroad?", "may I work abroad?"),
        ("Rephrase it.\n\nQuestion: may I work abroad?", "may I work abroad?"),
        ("Summarise this: Traces are trees. Spans are nodes.", "Traces are trees."),
        ("Summarize.\n\nContext:\n[1] One. Two.\n[2] Three. Four.", "One. Three."),
        ("2 ** 1000000 + 1 / 0", "I don't know"),
        ("Who won the chess tournament?", "I don't know"),
    ],
)
def test_chat_without_context(client: OpenAI, text: str, expected: str) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=ask(text))
    assert str(completion.choices[0].message.content).startswith(expected)


def test_earlier_turns_are_remembered(client: OpenAI) -> None:
    messages: Any = [
        {"role": "system", "content": "You are helpful."},
        {"role": "user", "content": "My favourite colour is teal."},
        {"role": "assistant", "content": "Noted."},
        {"role": "user", "content": "What is my favourite colour?"},
    ]
    completion = client.chat.completions.create(model=MODEL, messages=messages)
    assert completion.choices[0].message.content == "My favourite colour is teal."


def test_content_parts_and_developer_messages_are_read(client: OpenAI) -> None:
    context, question = PROMPT.split("\n\nQuestion: ")
    messages: Any = [
        {"role": "developer", "content": context},
        {"role": "user", "content": [{"type": "text", "text": question}]},
    ]
    completion = client.chat.completions.create(model=MODEL, messages=messages)
    assert completion.choices[0].message.content == FACT


def test_the_same_request_gets_the_same_answer_from_every_server(client: OpenAI) -> None:
    first = client.chat.completions.create(model=MODEL, messages=ask(PROMPT))
    with StubLLM.start() as other, OpenAI(base_url=other.base_url, api_key="x") as second:
        again = second.chat.completions.create(model=MODEL, messages=ask(PROMPT))
    assert first.to_dict() == again.to_dict()
    different = client.chat.completions.create(model=MODEL, messages=ask(OFF_TOPIC))
    assert different.id != first.id


def test_a_stream_gives_one_token_a_chunk_and_the_usage_when_asked(client: OpenAI) -> None:
    chunks = list(
        client.chat.completions.create(
            model=MODEL,
            messages=ask(PROMPT),
            stream=True,
            stream_options={"include_usage": True},
        )
    )
    deltas = [chunk.choices[0].delta for chunk in chunks[:-1]]
    assert deltas[0].role == "assistant"
    assert [d.content for d in deltas[1:-1]] == tokens.pieces(FACT)
    assert chunks[-2].choices[0].finish_reason == "stop"
    plain = client.chat.completions.create(model=MODEL, messages=ask(PROMPT))
    assert chunks[-1].choices == []
    assert chunks[-1].usage == plain.usage
    assert {chunk.usage for chunk in chunks[:-1]} == {None}
    assert len({chunk.id for chunk in chunks}) == 1


def test_a_stream_has_no_usage_unless_asked(client: OpenAI) -> None:
    chunks = client.chat.completions.create(model=MODEL, messages=ask(PROMPT), stream=True)
    assert {chunk.usage for chunk in chunks} == {None}


def test_parse_gives_the_model_that_was_asked_for(client: OpenAI) -> None:
    completion = client.chat.completions.parse(
        model=MODEL, messages=ask(PROMPT), response_format=Finding
    )
    expected = Finding(answer=FACT, days=14, topic="work abroad")
    assert completion.choices[0].message.parsed == expected
    with client.chat.completions.stream(
        model=MODEL, messages=ask(PROMPT), response_format=Finding
    ) as stream:
        assert stream.get_final_completion().choices[0].message.parsed == expected


def test_json_mode_gives_json(client: OpenAI) -> None:
    completion = client.chat.completions.create(
        model=MODEL,
        messages=ask(f"Answer in JSON.\n\n{PROMPT}"),
        response_format={"type": "json_object"},
    )
    assert json.loads(str(completion.choices[0].message.content)) == {"answer": FACT}


def test_a_tool_call_and_the_answer_from_its_result(client: OpenAI) -> None:
    question = ask("What's the weather in Paris?")
    first = client.chat.completions.create(model=MODEL, messages=question, tools=[WEATHER])
    message = first.choices[0].message
    assert first.choices[0].finish_reason == "tool_calls"
    assert message.content is None
    assert message.tool_calls
    (call,) = message.tool_calls
    assert call.type == "function"
    assert (call.function.name, call.function.arguments) == ("get_weather", '{"city": "Paris"}')
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "It is 18 degrees."}
    second = client.chat.completions.create(
        model=MODEL, messages=[*question, message, result], tools=[WEATHER]
    )
    assert second.choices[0].message.content == "It is 18 degrees."
    assert second.choices[0].finish_reason == "stop"


def test_streamed_tool_calls_add_up(client: OpenAI) -> None:
    with client.chat.completions.stream(
        model=MODEL, messages=ask("What's the weather in Paris and Berlin?"), tools=[WEATHER]
    ) as stream:
        message = stream.get_final_completion().choices[0].message
    assert [json.loads(c.function.arguments)["city"] for c in message.tool_calls or []] == [
        "Paris",
        "Berlin",
    ]


def test_a_forced_tool_ends_with_stop_as_at_openai(client: OpenAI) -> None:
    completion = client.chat.completions.create(
        model=MODEL,
        messages=ask("Rome"),
        tools=[WEATHER],
        tool_choice={"type": "function", "function": {"name": "get_weather"}},
    )
    assert completion.choices[0].finish_reason == "stop"
    assert completion.choices[0].message.tool_calls


def test_limits_and_stop_sequences_cut_the_text(client: OpenAI) -> None:
    short = client.chat.completions.create(
        model=MODEL, messages=ask(PROMPT), max_completion_tokens=3
    )
    assert short.choices[0].message.content == "".join(tokens.pieces(FACT)[:3])
    assert short.choices[0].finish_reason == "length"
    assert short.usage is not None
    assert short.usage.completion_tokens == 3
    stopped = client.chat.completions.create(model=MODEL, messages=ask(PROMPT), stop=[" abroad"])
    assert stopped.choices[0].message.content == "Employees may work"
    assert stopped.choices[0].finish_reason == "stop"


def test_several_choices(client: OpenAI) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=ask(PROMPT), n=2)
    assert [choice.index for choice in completion.choices] == [0, 1]
    assert completion.usage is not None
    assert completion.usage.completion_tokens == 2 * tokens.count(FACT)


def test_the_async_client_and_many_calls_at_once(stub: StubLLM) -> None:
    async def run() -> tuple[list[str | None], str, Finding | None]:
        async with AsyncOpenAI(base_url=stub.base_url, api_key="stub") as client:
            plain = await asyncio.gather(
                *(
                    client.chat.completions.create(model=MODEL, messages=ask(f"Say number {n}"))
                    for n in range(40)
                )
            )
            stream = await client.chat.completions.create(
                model=MODEL, messages=ask(PROMPT), stream=True
            )
            streamed = "".join([chunk.choices[0].delta.content or "" async for chunk in stream])
            parsed = await client.chat.completions.parse(
                model=MODEL, messages=ask(PROMPT), response_format=Finding
            )
        texts = [completion.choices[0].message.content for completion in plain]
        return texts, streamed, parsed.choices[0].message.parsed

    texts, streamed, parsed = asyncio.run(run())
    assert texts == [f"number {n}" for n in range(40)]
    assert streamed == FACT
    assert parsed is not None
    assert parsed.days == 14


def test_models_are_listed_and_found(client: OpenAI) -> None:
    names = [model.id for model in client.models.list()]
    assert {MODEL, "text-embedding-3-small"} <= set(names)
    assert client.models.retrieve(MODEL).id == MODEL


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("Traces are trees.", 4),
        ("in 2026", 3),
        ("internationally", 2),
        ("a\n\nb", 4),
    ],
)
def test_tokens_are_counted_as_documented(text: str, count: int) -> None:
    assert tokens.count(text) == count


@pytest.mark.parametrize(
    "text", [PROMPT, "naïve  café — 漢字 🎉\t\n x_y", "1,234.56 e-mail's", "\r\n\x00"]
)
def test_token_pieces_lose_nothing(text: str) -> None:
    assert "".join(tokens.pieces(text)) == text
