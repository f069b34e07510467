import asyncio
import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import AsyncOpenAI, BadRequestError, NotFoundError, OpenAI
from pydantic import BaseModel

from rag_tutorials.stub_llm import StubLLM
from rag_tutorials.stub_llm.language import tokens

MODEL = "gpt-4.1-mini"
FACT = "Employees may work abroad for 14 days a year."
PROMPT = f"Context:\n[1] {FACT}\n\nQuestion: How many days may employees work abroad?"
WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "Weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}


class Finding(BaseModel):
    answer: str
    days: int


@pytest.fixture(scope="module")
def stub() -> Iterator[StubLLM]:
    with StubLLM.start() as running:
        yield running


@pytest.fixture(scope="module")
def client(stub: StubLLM) -> Iterator[OpenAI]:
    with OpenAI(base_url=stub.base_url, api_key="stub", max_retries=0) as running:
        yield running


def test_an_answer_comes_from_the_context(client: OpenAI) -> None:
    response = client.responses.create(model=MODEL, instructions="Be brief.", input=PROMPT)
    assert response.output_text == FACT
    assert response.status == "completed"
    assert response.usage is not None
    assert response.usage.input_tokens == tokens.count_messages(["Be brief.", PROMPT])
    assert response.usage.output_tokens == tokens.count(FACT)
    again = client.responses.create(model=MODEL, instructions="Be brief.", input=PROMPT)
    assert response.to_dict() == again.to_dict()
    assert client.responses.retrieve(response.id).to_dict() == response.to_dict()


def test_messages_and_content_parts_are_read(client: OpenAI) -> None:
    part = {"type": "input_text", "text": PROMPT}
    messages: Any = [
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [part]},
    ]
    assert client.responses.create(model=MODEL, input=messages).output_text == FACT


def test_the_events_of_a_stream(client: OpenAI) -> None:
    events = list(client.responses.create(model=MODEL, input=PROMPT, stream=True))
    names = [event.type for event in events]
    assert names[:4] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
    ]
    assert names[-4:] == [
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert [event.sequence_number for event in events] == list(range(len(events)))
    deltas = [event.delta for event in events if event.type == "response.output_text.delta"]
    assert deltas == tokens.pieces(FACT)
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == FACT
    assert last.response.usage is not None


def test_parse_and_its_stream(client: OpenAI) -> None:
    expected = Finding(answer=FACT, days=14)
    parsed = client.responses.parse(model=MODEL, input=PROMPT, text_format=Finding)
    assert parsed.output_parsed == expected
    with client.responses.stream(model=MODEL, input=PROMPT, text_format=Finding) as stream:
        assert stream.get_final_response().output_parsed == expected


def test_a_tool_call_and_the_answer_from_its_result(client: OpenAI) -> None:
    question = "What's the weather in Rome?"
    first = client.responses.create(model=MODEL, input=question, tools=[WEATHER])
    (call,) = first.output
    assert call.type == "function_call"
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Rome"})
    output: Any = {
        "type": "function_call_output",
        "call_id": call.call_id,
        "output": "It is 20 degrees.",
    }
    by_id = client.responses.create(
        model=MODEL, previous_response_id=first.id, input=[output], tools=[WEATHER]
    )
    assert by_id.output_text == "It is 20 degrees."
    replayed: Any = [{"role": "user", "content": question}, call.to_dict(), output]
    by_items = client.responses.create(model=MODEL, input=replayed, tools=[WEATHER])
    assert by_items.output_text == "It is 20 degrees."


def test_streamed_arguments_add_up(client: OpenAI) -> None:
    with client.responses.stream(
        model=MODEL, input="What's the weather in Rome?", tools=[WEATHER]
    ) as stream:
        (call,) = stream.get_final_response().output
    assert call.type == "function_call"
    assert call.arguments == '{"city": "Rome"}'


def test_a_text_that_is_too_long_is_incomplete(client: OpenAI) -> None:
    fact = " ".join(f"word{n}" for n in range(20)) + " ends."
    response = client.responses.create(model=MODEL, input=f"Say: {fact}", max_output_tokens=16)
    assert response.status == "incomplete"
    assert response.incomplete_details is not None
    assert response.incomplete_details.reason == "max_output_tokens"
    assert response.usage is not None
    assert response.usage.output_tokens == 16


def test_the_conversation_goes_on_from_an_earlier_response(client: OpenAI) -> None:
    first = client.responses.create(model=MODEL, input="My favourite colour is teal.")
    second = client.responses.create(
        model=MODEL, previous_response_id=first.id, input="What is my favourite colour?"
    )
    assert second.output_text == "My favourite colour is teal."


def test_a_response_that_was_not_stored_is_not_found(client: OpenAI) -> None:
    response = client.responses.create(model=MODEL, input="Say nothing stored", store=False)
    with pytest.raises(NotFoundError):
        client.responses.retrieve(response.id)
    with pytest.raises(BadRequestError) as caught:
        client.responses.create(model=MODEL, previous_response_id=response.id, input="And?")
    assert caught.value.code == "previous_response_not_found"


def test_the_async_client(stub: StubLLM) -> None:
    async def run() -> tuple[str, Finding | None, str]:
        async with AsyncOpenAI(base_url=stub.base_url, api_key="stub") as client:
            plain = await client.responses.create(model=MODEL, input=PROMPT)
            parsed = await client.responses.parse(model=MODEL, input=PROMPT, text_format=Finding)
            async with client.responses.stream(model=MODEL, input=PROMPT) as stream:
                final = await stream.get_final_response()
        return plain.output_text, parsed.output_parsed, final.output_text

    assert asyncio.run(run()) == (FACT, Finding(answer=FACT, days=14), FACT)
