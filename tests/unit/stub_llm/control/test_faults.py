import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from openai import APIConnectionError, APITimeoutError, InternalServerError, OpenAI, RateLimitError

from rag_tutorials.stub_llm import StubLLM
from rag_tutorials.stub_llm.answering import answers

MODEL = "gpt-4.1-mini"
QUESTION = "How many days may employees work abroad?"
FACT = "Employees may work abroad for 14 days a year."
PROMPT: Any = [{"role": "user", "content": f"Context:\n{FACT}\n\nQuestion: {QUESTION}"}]


@pytest.fixture
def stub() -> Iterator[StubLLM]:
    with StubLLM.start() as running:
        yield running


@pytest.fixture
def client(stub: StubLLM) -> Iterator[OpenAI]:
    with OpenAI(base_url=stub.base_url, api_key="stub", max_retries=0) as running:
        yield running


def ask(client: OpenAI) -> str | None:
    completion = client.chat.completions.create(model=MODEL, messages=PROMPT)
    return completion.choices[0].message.content


def test_a_rate_limit_says_when_to_come_back(stub: StubLLM, client: OpenAI) -> None:
    with stub.fault("rate_limit", seconds=2.5), pytest.raises(RateLimitError) as caught:
        ask(client)
    assert caught.value.code == "rate_limit_exceeded"
    assert caught.value.response.headers["retry-after"] == "3"
    assert caught.value.response.headers["retry-after-ms"] == "2500"
    assert ask(client) == FACT


def test_retries_are_seen_by_the_server_alone(stub: StubLLM, client: OpenAI) -> None:
    stub.fault("rate_limit", times=2, seconds=0.01)
    assert ask(client.with_options(max_retries=2)) == FACT
    assert [record.status for record in stub.requests] == [429, 429, 200]
    assert stub.faults == []


def test_a_server_error(stub: StubLLM, client: OpenAI) -> None:
    with stub.fault("server_error") as fault:
        with pytest.raises(InternalServerError):
            ask(client)
        assert fault.hits == 1
    assert ask(client) == FACT


def test_an_ungrounded_and_a_contradicting_answer(stub: StubLLM, client: OpenAI) -> None:
    with stub.fault("ignore_context"):
        assert ask(client) == answers.invent(QUESTION)
    with stub.fault("contradict_context"):
        contradiction = ask(client)
    assert contradiction == answers.contradict(FACT)
    assert contradiction != FACT
    assert ask(client) == FACT


def test_a_cut_stream(stub: StubLLM, client: OpenAI) -> None:
    seen: list[Any] = []
    stub.fault("cut_stream", after=3)
    assert ask(client) == FACT  # not a stream, so not its business
    stream = client.chat.completions.create(model=MODEL, messages=PROMPT, stream=True)
    with pytest.raises(APIConnectionError):
        seen.extend(stream)
    assert len(seen) == 3


def test_latency_holds_back_the_response_and_first_token_the_stream(
    stub: StubLLM, client: OpenAI
) -> None:
    def times() -> tuple[float, float, float, int]:
        start = time.perf_counter()
        stream = client.chat.completions.create(model=MODEL, messages=PROMPT, stream=True)
        opened = time.perf_counter() - start
        next(iter(stream))
        first = time.perf_counter() - start
        rest = sum(1 for _ in stream)
        return opened, first, time.perf_counter() - start, rest

    # Waits have a lower bound on every machine; nothing is said about an upper one, so neither
    # about what lies between two moments: the first may be seen late.
    with stub.fault("latency", seconds=0.2):
        assert times()[0] >= 0.2
    with stub.fault("first_token", seconds=0.3, between=0.02):
        _, first, whole, rest = times()
    assert first >= 0.3
    assert rest > 5
    assert whole >= 0.3 + 0.02 * 5


def test_a_hang_runs_into_the_clients_timeout(stub: StubLLM, client: OpenAI) -> None:
    stub.fault("hang", times=1)
    with pytest.raises(APITimeoutError):
        ask(client.with_options(timeout=0.2))
    assert ask(client) == FACT
    assert [record.status for record in stub.requests] == [None, 200]


@pytest.mark.parametrize("fault", ["hang", "latency", "first_token"])
def test_stopping_ends_waiting_requests_at_once(fault: Any) -> None:
    stub = StubLLM.start()
    stub.fault(fault, **({} if fault == "hang" else {"seconds": 3600}))
    failures: list[Exception] = []

    def wait() -> None:
        try:
            with OpenAI(base_url=stub.base_url, api_key="stub", max_retries=0) as client:
                for _ in client.chat.completions.create(model=MODEL, messages=PROMPT, stream=True):
                    pass
        except Exception as error:
            failures.append(error)

    waiting = threading.Thread(target=wait)
    waiting.start()
    while not stub.requests:
        time.sleep(0.01)
    stub.stop()
    waiting.join(120)
    assert not waiting.is_alive()
    assert len(failures) == 1
    assert "stub-llm" not in [thread.name for thread in threading.enumerate()]


def test_a_fault_can_be_limited_to_one_api(stub: StubLLM, client: OpenAI) -> None:
    stub.fault("server_error", path="embeddings")
    assert ask(client) == FACT
    assert client.responses.create(model=MODEL, input="Say yes").output_text == "yes"
    with pytest.raises(InternalServerError):
        client.embeddings.create(model="text-embedding-3-small", input="x")


def test_faults_add_up_and_a_refusal_leaves_the_others_unused(
    stub: StubLLM, client: OpenAI
) -> None:
    stub.fault("rate_limit", times=1, seconds=0)
    stub.fault("server_error", times=1)
    stub.fault("contradict_context", times=1)
    with pytest.raises(RateLimitError):
        ask(client)
    with pytest.raises(InternalServerError):
        ask(client)
    assert ask(client) == answers.contradict(FACT)
    assert ask(client) == FACT


def test_faults_are_listed_and_cleared(stub: StubLLM) -> None:
    first = stub.fault("latency", seconds=0.5, times=3)
    second = stub.fault("hang", path="chat")
    assert stub.faults == [first, second]
    assert "seconds=0.5" in repr(first)
    assert "3 more times" in repr(first)
    first.stop()
    first.stop()
    assert stub.faults == [second]
    stub.clear_faults()
    assert stub.faults == []


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("slow", {}, "latency, first_token, rate_limit"),
        ("latency", {"minutes": 1}, "it takes seconds"),
        ("hang", {"seconds": 1}, "no options"),
        ("latency", {"seconds": -1}, "seconds"),
        ("latency", {"seconds": "1"}, "seconds"),
        ("latency", {"seconds": float("nan")}, "seconds"),
        ("cut_stream", {"after": 1.5}, "whole number"),
        ("hang", {"times": 0}, "at least 1"),
        ("hang", {"times": "2"}, "whole number"),
        ("hang", {"path": "models"}, "chat, responses, embeddings"),
    ],
)
def test_a_fault_that_cannot_be_is_refused(
    stub: StubLLM, name: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        stub.fault(name, **options)
    assert stub.faults == []
