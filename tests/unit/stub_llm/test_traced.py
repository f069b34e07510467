"""What tracing and evaluation see of the stub: the instrumentor's spans and phoenix.evals."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from openai import APIConnectionError, OpenAI, RateLimitError
from openinference.instrumentation.openai import OpenAIInstrumentor
from openinference.semconv.trace import SpanAttributes
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

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
    with OpenAI(base_url=stub.base_url, api_key="stub", max_retries=2) as running:
        yield running


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    yield memory
    instrumentor.uninstrument()


def only(exporter: InMemorySpanExporter) -> tuple[ReadableSpan, dict[str, Any]]:
    (span,) = exporter.get_finished_spans()
    return span, dict(span.attributes or {})


def test_a_chat_call_is_an_llm_span_with_tokens(
    client: OpenAI, exporter: InMemorySpanExporter
) -> None:
    completion = client.chat.completions.create(model=MODEL, messages=PROMPT)
    span, attributes = only(exporter)
    assert span.name == "ChatCompletion"
    assert attributes[SpanAttributes.OPENINFERENCE_SPAN_KIND] == "LLM"
    assert attributes[SpanAttributes.LLM_MODEL_NAME] == MODEL
    assert attributes["llm.output_messages.0.message.content"] == FACT
    assert completion.usage is not None
    assert attributes[SpanAttributes.LLM_TOKEN_COUNT_TOTAL] == completion.usage.total_tokens


def test_a_stream_leaves_the_whole_text_the_first_token_and_the_usage(
    client: OpenAI, exporter: InMemorySpanExporter
) -> None:
    for _ in client.chat.completions.create(
        model=MODEL, messages=PROMPT, stream=True, stream_options={"include_usage": True}
    ):
        pass
    span, attributes = only(exporter)
    assert [event.name for event in span.events] == ["First Token Stream Event"]
    assert attributes["llm.output_messages.0.message.content"] == FACT
    assert attributes[SpanAttributes.LLM_TOKEN_COUNT_COMPLETION] > 0


def test_a_response_and_its_stream(client: OpenAI, exporter: InMemorySpanExporter) -> None:
    prompt = PROMPT[0]["content"]
    client.responses.create(model=MODEL, input=prompt)
    for _ in client.responses.create(model=MODEL, input=prompt, stream=True):
        pass
    for span in exporter.get_finished_spans():
        attributes = dict(span.attributes or {})
        assert span.name == "Response"
        assert FACT in str(attributes[SpanAttributes.OUTPUT_VALUE])
        assert attributes[SpanAttributes.LLM_TOKEN_COUNT_COMPLETION] > 0
    assert len(exporter.get_finished_spans()) == 2


def test_tool_calls_and_embeddings(client: OpenAI, exporter: InMemorySpanExporter) -> None:
    tool: Any = {
        "type": "function",
        "function": {
            "name": "get_weather",
            "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
        },
    }
    client.chat.completions.create(
        model=MODEL, messages=[{"role": "user", "content": "Weather in Rome?"}], tools=[tool]
    )
    client.embeddings.create(model="text-embedding-3-small", input=["one text", "another"])
    chat, embedding = (dict(span.attributes or {}) for span in exporter.get_finished_spans())
    call = "llm.output_messages.0.message.tool_calls.0.tool_call.function"
    assert chat[f"{call}.name"] == "get_weather"
    assert json.loads(str(chat[f"{call}.arguments"])) == {"city": "Rome"}
    assert embedding[SpanAttributes.OPENINFERENCE_SPAN_KIND] == "EMBEDDING"
    assert embedding["embedding.embeddings.1.embedding.text"] == "another"
    vector: Any = embedding["embedding.embeddings.1.embedding.vector"]
    assert len(vector) == 1536


def test_retries_make_one_span(
    stub: StubLLM, client: OpenAI, exporter: InMemorySpanExporter
) -> None:
    stub.fault("rate_limit", times=2, seconds=0.01)
    client.chat.completions.create(model=MODEL, messages=PROMPT)
    span, _ = only(exporter)
    assert span.status.status_code is StatusCode.OK
    assert len(stub.requests) == 3


def test_faults_show_as_errors(
    stub: StubLLM, client: OpenAI, exporter: InMemorySpanExporter
) -> None:
    once = client.with_options(max_retries=0)
    with stub.fault("rate_limit"), pytest.raises(RateLimitError):
        once.chat.completions.create(model=MODEL, messages=PROMPT)
    stub.fault("cut_stream", after=2)
    stream = once.chat.completions.create(model=MODEL, messages=PROMPT, stream=True)
    with pytest.raises(APIConnectionError):
        list(stream)
    for span in exporter.get_finished_spans():
        assert span.status.status_code is StatusCode.ERROR
        assert "exception" in [event.name for event in span.events]
    assert len(exporter.get_finished_spans()) == 2


@pytest.mark.slow
def test_the_evaluators_of_phoenix_get_their_verdicts(stub: StubLLM) -> None:
    from phoenix.evals import LLM, create_classifier
    from phoenix.evals.metrics import FaithfulnessEvaluator
    from phoenix.evals.metrics.retrieval_relevance import RetrievalRelevanceEvaluator

    llm = LLM(
        provider="openai",
        model=MODEL,
        base_url=stub.base_url,
        api_key="stub",
        initial_per_second_request_rate=1000,
    )
    faithfulness = FaithfulnessEvaluator(llm=llm)
    relevance = RetrievalRelevanceEvaluator(llm=llm)

    def faithful(output: str) -> str | None:
        row = {"input": QUESTION, "output": output, "context": f"{FACT} Laptops are encrypted."}
        return faithfulness.evaluate(row)[0].label

    assert faithful(FACT) == "faithful"
    assert faithful(answers.contradict(FACT)) == "unfaithful"
    assert faithful(answers.invent(QUESTION)) == "unfaithful"
    (score,) = relevance.evaluate({"input": QUESTION, "context": FACT})
    assert (score.label, score.score) == ("relevant", 1.0)
    assert score.explanation
    (score,) = relevance.evaluate({"input": "Is there a sauna?", "context": FACT})
    assert score.label == "irrelevant"
    helpful = create_classifier(
        name="helpful",
        prompt_template="Question: {input}\nAnswer: {output}\nDoes the answer help?",
        llm=llm,
        choices={"yes": (1, "it helps"), "no": (0, "it does not")},
    )
    (score,) = helpful.evaluate({"input": QUESTION, "output": "I don't know."})
    assert (score.label, score.score) == ("no", 0)
