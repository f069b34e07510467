"""The wrappers, judged by the spans that they leave and by what they leave alone."""

import asyncio
import contextlib
import dataclasses
import decimal
import functools
import inspect
import json
import uuid
import weakref
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from openinference.instrumentation import REDACTED_VALUE, TraceConfig
from openinference.instrumentation import TracerProvider as OpenInferenceTracerProvider
from openinference.semconv.trace import (
    DocumentAttributes,
    OpenInferenceMimeTypeValues,
    OpenInferenceSpanKindValues,
    SpanAttributes,
)
from opentelemetry import context
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler
from opentelemetry.trace import StatusCode, Tracer

from rag_tutorials.schema import RetrievalResult
from rag_tutorials.tracing import (
    ATTR_INPUT_VALUE,
    ATTR_LLM_MODEL_NAME,
    ATTR_OUTPUT_VALUE,
    ATTR_RETRIEVAL_DOCUMENT_COUNT,
    ATTR_RETRIEVAL_DOCUMENTS,
    ATTR_RETRIEVAL_TOP_K,
    build_traced_rag_pipeline,
    traced_generation,
    traced_retrieval,
)

KIND = SpanAttributes.OPENINFERENCE_SPAN_KIND
INPUT_MIME = SpanAttributes.INPUT_MIME_TYPE
OUTPUT_MIME = SpanAttributes.OUTPUT_MIME_TYPE
TEXT = OpenInferenceMimeTypeValues.TEXT.value
JSON = OpenInferenceMimeTypeValues.JSON.value
QUESTION = "Wie lange darf ich im Ausland arbeiten?"
RESULTS = [
    RetrievalResult("international-work-00", 0.83, "dense", "Fourteen days a year."),
    RetrievalResult("remote-work-01", 0.41, "dense", "Two days a week — at home."),
    RetrievalResult("vpn-00", 0.12, "dense", "Always use the VPN."),
]


def retrieve(question: str, top_k: int = 5) -> list[RetrievalResult]:
    """Find the passages that answer a question."""
    return RESULTS[:top_k]


def answer(question: str, context: list[str], *, temperature: float = 0.0) -> str:
    """Answer from the context."""
    return f"{context[0]} ({temperature})" if context else "I don't know."


async def retrieve_async(question: str, top_k: int = 5) -> list[RetrievalResult]:
    """Find the passages that answer a question."""
    await asyncio.sleep(0)
    return RESULTS[:top_k]


async def answer_async(question: str, context: list[str]) -> str:
    """Answer from the context."""
    await asyncio.sleep(0)
    return context[0]


class Traces:
    """A tracer of its own and the spans that it made."""

    def __init__(self, provider: TracerProvider) -> None:
        self.exporter = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer: Tracer = provider.get_tracer("test")

    @property
    def spans(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    @property
    def names(self) -> list[str]:
        return [span.name for span in self.spans]

    @property
    def span(self) -> ReadableSpan:
        (span,) = self.spans
        return span

    def attributes(self, name: str) -> dict[str, Any]:
        (span,) = (span for span in self.spans if span.name == name)
        return dict(span.attributes or {})


# A plain SDK tracer and one of the class that Phoenix's register() gives.
@pytest.fixture(params=[TracerProvider, OpenInferenceTracerProvider], ids=["sdk", "openinference"])
def traces(request: pytest.FixtureRequest) -> Traces:
    return Traces(request.param())


def document(index: int, field: str) -> str:
    return f"{ATTR_RETRIEVAL_DOCUMENTS}.{index}.{field}"


def test_names_are_those_of_openinference() -> None:
    assert ATTR_INPUT_VALUE == "input.value"
    assert ATTR_OUTPUT_VALUE == "output.value"
    assert ATTR_LLM_MODEL_NAME == "llm.model_name"
    assert ATTR_RETRIEVAL_DOCUMENTS == "retrieval.documents"
    for name in (ATTR_RETRIEVAL_DOCUMENT_COUNT, ATTR_RETRIEVAL_TOP_K):
        assert not f"{name}.".startswith(f"{ATTR_RETRIEVAL_DOCUMENTS}.")


def test_retrieval_span_is_complete(traces: Traces) -> None:
    results = traced_retrieval(retrieve, traces.tracer)(QUESTION, top_k=2)

    assert results == RESULTS[:2]
    assert traces.span.name == "retrieval"
    assert traces.span.status.status_code is StatusCode.UNSET
    assert traces.attributes("retrieval") == {
        KIND: OpenInferenceSpanKindValues.RETRIEVER.value,
        ATTR_INPUT_VALUE: QUESTION,
        INPUT_MIME: TEXT,
        ATTR_RETRIEVAL_TOP_K: 2,
        ATTR_RETRIEVAL_DOCUMENT_COUNT: 2,
        document(0, DocumentAttributes.DOCUMENT_ID): "international-work-00",
        document(0, DocumentAttributes.DOCUMENT_CONTENT): "Fourteen days a year.",
        document(0, DocumentAttributes.DOCUMENT_SCORE): 0.83,
        document(0, DocumentAttributes.DOCUMENT_METADATA): '{"source": "dense"}',
        document(1, DocumentAttributes.DOCUMENT_ID): "remote-work-01",
        document(1, DocumentAttributes.DOCUMENT_CONTENT): "Two days a week — at home.",
        document(1, DocumentAttributes.DOCUMENT_SCORE): 0.41,
        document(1, DocumentAttributes.DOCUMENT_METADATA): '{"source": "dense"}',
        ATTR_OUTPUT_VALUE: json.dumps(
            [
                {"id": "international-work-00", "score": 0.83},
                {"id": "remote-work-01", "score": 0.41},
            ]
        ),
        OUTPUT_MIME: JSON,
    }


def test_generation_span_is_complete(traces: Traces) -> None:
    generate = traced_generation(answer, traces.tracer, "gpt-4.1-mini")
    context = ["Vierzehn Tage für alle.", 'Two "days".']

    assert generate(QUESTION, context, temperature=0.5) == "Vierzehn Tage für alle. (0.5)"
    assert traces.span.name == "generation"
    assert traces.span.status.status_code is StatusCode.UNSET
    attributes = traces.attributes("generation")
    prompt = attributes.pop(ATTR_INPUT_VALUE)
    assert json.loads(prompt) == {"question": QUESTION, "context": context}
    assert "für alle" in prompt  # to be read by people
    assert attributes == {
        KIND: OpenInferenceSpanKindValues.LLM.value,
        ATTR_LLM_MODEL_NAME: "gpt-4.1-mini",
        INPUT_MIME: JSON,
        ATTR_OUTPUT_VALUE: "Vierzehn Tage für alle. (0.5)",
        OUTPUT_MIME: TEXT,
    }


def test_generation_without_context_records_the_question_as_text(traces: Traces) -> None:
    def complete(prompt: str) -> str:
        return prompt.upper()

    assert traced_generation(complete, traces.tracer)("hello") == "HELLO"
    attributes = traces.attributes("generation")
    assert (attributes[ATTR_INPUT_VALUE], attributes[INPUT_MIME]) == ("hello", TEXT)
    assert ATTR_LLM_MODEL_NAME not in attributes


def test_generation_records_no_other_argument(traces: Traces) -> None:
    def complete(question: str, context: list[str], api_key: str, *, notes: list[str]) -> str:
        return "done"

    def ask(prompt: str, secret: str, *, notes: list[str]) -> str:
        return "done"

    traced_generation(complete, traces.tracer)(
        QUESTION, ["passage"], "the-secret", notes=["the-secret"]
    )
    traced_generation(ask, traces.tracer)("prompt", "the-secret", notes=["the-secret"])

    assert len(traces.spans) == 2
    for span in traces.spans:
        assert "the-secret" not in span.to_json()
    assert (traces.spans[1].attributes or {})[ATTR_INPUT_VALUE] == "prompt"


def test_pipeline_makes_one_trace_of_three_spans(traces: Traces) -> None:
    pipeline = build_traced_rag_pipeline(
        retriever=retrieve, answer_fn=answer, tracer=traces.tracer, model_name="gpt-4.1-mini"
    )

    assert pipeline(QUESTION) == "Fourteen days a year. (0.0)"
    retrieval, generation, root = traces.spans
    assert traces.names == ["retrieval", "generation", "rag-pipeline"]
    assert root.parent is None
    for child in (retrieval, generation):
        assert child.parent is not None
        assert child.parent.span_id == root.context.span_id
        assert child.context.trace_id == root.context.trace_id
    assert traces.attributes("rag-pipeline") == {
        KIND: OpenInferenceSpanKindValues.CHAIN.value,
        ATTR_INPUT_VALUE: QUESTION,
        INPUT_MIME: TEXT,
        ATTR_OUTPUT_VALUE: "Fourteen days a year. (0.0)",
        OUTPUT_MIME: TEXT,
    }
    assert traces.attributes("generation")[ATTR_LLM_MODEL_NAME] == "gpt-4.1-mini"
    context = json.loads(traces.attributes("generation")[ATTR_INPUT_VALUE])["context"]
    assert context == [result.text for result in RESULTS]


def test_pipeline_takes_top_k_at_the_call_and_as_a_default(traces: Traces) -> None:
    pipeline = build_traced_rag_pipeline(
        retriever=retrieve, answer_fn=answer, tracer=traces.tracer, top_k=1
    )
    pipeline(QUESTION)
    pipeline(QUESTION, top_k=2)
    pipeline(question=QUESTION, top_k=3)

    retrievals = [span.attributes or {} for span in traces.spans if span.name == "retrieval"]
    assert [span[ATTR_RETRIEVAL_TOP_K] for span in retrievals] == [1, 2, 3]
    assert [span[ATTR_RETRIEVAL_DOCUMENT_COUNT] for span in retrievals] == [1, 2, 3]
    roots = [span.attributes or {} for span in traces.spans if span.name == "rag-pipeline"]
    assert [root[ATTR_INPUT_VALUE] for root in roots] == [QUESTION] * 3
    assert str(inspect.signature(pipeline)).startswith("(question: str, top_k: int = 1)")


@pytest.mark.parametrize(
    ("retriever", "answer_fn"),
    [(retrieve_async, answer_async), (retrieve, answer_async), (retrieve_async, answer)],
    ids=["both", "answer", "retriever"],
)
def test_pipeline_is_async_if_a_part_is(
    traces: Traces, retriever: Callable[..., Any], answer_fn: Callable[..., Any]
) -> None:
    pipeline = build_traced_rag_pipeline(
        retriever=retriever, answer_fn=answer_fn, tracer=traces.tracer
    )

    async def ask_twice_at_once() -> list[str]:
        return await asyncio.gather(pipeline(QUESTION), pipeline(QUESTION, top_k=1))

    assert inspect.iscoroutinefunction(pipeline)
    answers = asyncio.run(ask_twice_at_once())
    assert [text.startswith("Fourteen days a year.") for text in answers] == [True, True]
    roots = {span.context.span_id: span for span in traces.spans if span.name == "rag-pipeline"}
    children = [span for span in traces.spans if span.name != "rag-pipeline"]
    assert len(roots) == 2
    by_root: dict[int, list[str]] = {root: [] for root in roots}
    for child in children:
        assert child.parent is not None
        assert child.context.trace_id == roots[child.parent.span_id].context.trace_id
        by_root[child.parent.span_id].append(child.name)
    assert sorted(map(sorted, by_root.values())) == [["generation", "retrieval"]] * 2


def test_an_async_span_lasts_as_long_as_its_work(traces: Traces) -> None:
    seen: list[int] = []

    async def slow(question: str, context: list[str]) -> str:
        await asyncio.sleep(0)
        seen.append(len(traces.spans))  # nothing is exported while it works
        return "late"

    assert asyncio.run(traced_generation(slow, traces.tracer)(QUESTION, [])) == "late"
    assert seen == [0]
    assert traces.attributes("generation")[ATTR_OUTPUT_VALUE] == "late"


class Retriever:
    """A retriever with state."""

    def __init__(self) -> None:
        self.client = object()

    def __call__(self, question: str, top_k: int = 2) -> list[RetrievalResult]:
        return RESULTS[:top_k]

    def search(self, question: str, top_k: int = 2) -> list[RetrievalResult]:
        """Search."""
        return RESULTS[:top_k]


class AsyncRetriever:
    async def __call__(self, question: str, top_k: int = 2) -> list[RetrievalResult]:
        return RESULTS[:top_k]


def positional_only(query: str, k: int = 3, /) -> list[RetrievalResult]:
    return RESULTS[:k]


def anything(*args: Any, **kwargs: Any) -> list[RetrievalResult]:
    return RESULTS


@pytest.mark.parametrize(
    ("retriever", "args", "kwargs", "top_k"),
    [
        (retrieve, (QUESTION,), {}, 5),
        (retrieve, (QUESTION, 1), {}, 1),
        (retrieve, (), {"top_k": 1, "question": QUESTION}, 1),
        (retrieve_async, (QUESTION,), {"top_k": 1}, 1),
        (functools.partial(retrieve, top_k=1), (QUESTION,), {}, 1),
        (functools.partial(retrieve, top_k=1), (QUESTION,), {"top_k": 2}, 2),
        (functools.partial(retrieve, question=QUESTION), (), {}, 5),
        (functools.partial(retrieve_async, top_k=1), (QUESTION,), {}, 1),
        (Retriever(), (QUESTION,), {}, 2),
        (Retriever().search, (), {"question": QUESTION}, 2),
        (AsyncRetriever(), (QUESTION,), {}, 2),
        (functools.partial(AsyncRetriever(), top_k=1), (QUESTION,), {}, 1),
        (positional_only, (QUESTION, 1), {}, None),
        (anything, (QUESTION,), {"top_k": 1}, 1),
        (anything, (), {"question": QUESTION}, None),
        (lambda text, top_k=4: RESULTS, (), {"text": QUESTION}, 4),
        (lambda text, *rest, top_k=4: RESULTS, (QUESTION, "more", "rest"), {}, 4),
    ],
)
def test_any_callable_and_any_way_to_pass_the_arguments(
    traces: Traces,
    retriever: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    top_k: int | None,
) -> None:
    wrapped = traced_retrieval(retriever, traces.tracer)
    expected, got = retriever(*args, **kwargs), wrapped(*args, **kwargs)
    if inspect.isawaitable(expected):
        assert inspect.iscoroutinefunction(wrapped)
        expected, got = asyncio.run(_both(expected, got))

    assert got == expected
    attributes = traces.attributes("retrieval")
    assert attributes[ATTR_INPUT_VALUE] == QUESTION
    assert attributes.get(ATTR_RETRIEVAL_TOP_K) == top_k
    assert attributes[ATTR_RETRIEVAL_DOCUMENT_COUNT] == len(expected)


async def _both(first: Any, second: Any) -> tuple[Any, Any]:
    return await first, await second


@pytest.mark.parametrize(
    ("fn", "name", "doc"),
    [
        (retrieve, "retrieve", retrieve.__doc__),
        (retrieve_async, "retrieve_async", retrieve.__doc__),
        (functools.partial(retrieve, top_k=1), "retrieve", retrieve.__doc__),
        (Retriever(), "Retriever", "A retriever with state."),
        (Retriever().search, "search", "Search."),
    ],
)
def test_a_wrapper_keeps_signature_name_and_docstring(
    traces: Traces, fn: Callable[..., Any], name: str, doc: str
) -> None:
    wrapped = traced_retrieval(fn, traces.tracer)

    assert inspect.signature(wrapped) == inspect.signature(fn)
    assert wrapped.__name__ == name
    assert wrapped.__doc__ == doc
    assert inspect.unwrap(wrapped, stop=lambda f: f is fn) is fn
    assert "client" not in vars(wrapped)


def test_a_bad_call_fails_as_it_does_without_the_wrapper(traces: Traces) -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'question'"):
        traced_retrieval(retrieve, traces.tracer)()  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="unexpected keyword argument 'nope'"):
        traced_retrieval(retrieve, traces.tracer)(QUESTION, nope=1)  # type: ignore[call-arg]
    assert [span.status.status_code for span in traces.spans] == [StatusCode.ERROR] * 2


@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_an_exception_is_recorded_once_a_span_and_passes_through(
    traces: Traces, is_async: bool
) -> None:
    error = ConnectionError("Chroma is away")

    def fail(question: str, context: list[str]) -> str:
        raise error

    async def fail_async(question: str, context: list[str]) -> str:
        raise error

    pipeline = build_traced_rag_pipeline(
        retriever=retrieve, answer_fn=fail_async if is_async else fail, tracer=traces.tracer
    )
    with pytest.raises(ConnectionError) as caught:
        asyncio.run(pipeline(QUESTION)) if is_async else pipeline(QUESTION)

    assert caught.value is error
    assert traces.names == ["retrieval", "generation", "rag-pipeline"]
    retrieval, *failed = traces.spans
    assert retrieval.status.status_code is StatusCode.UNSET
    assert retrieval.events == ()
    for span in failed:
        assert span.status.status_code is StatusCode.ERROR
        assert span.status.description == "ConnectionError: Chroma is away"
        assert [event.name for event in span.events] == ["exception"]
        assert ATTR_INPUT_VALUE in (span.attributes or {})
        assert ATTR_OUTPUT_VALUE not in (span.attributes or {})


def test_max_chars_cuts_visibly_and_only_the_record(traces: Traces) -> None:
    pipeline = build_traced_rag_pipeline(
        retriever=retrieve, answer_fn=answer, tracer=traces.tracer, max_chars=8
    )

    assert pipeline(QUESTION) == "Fourteen days a year. (0.0)"
    root = traces.attributes("rag-pipeline")
    assert root[ATTR_INPUT_VALUE] == f"{QUESTION[:8]}… [{len(QUESTION) - 8} more characters]"
    assert root[ATTR_OUTPUT_VALUE] == "Fourteen… [19 more characters]"
    content = traces.attributes("retrieval")[document(0, DocumentAttributes.DOCUMENT_CONTENT)]
    assert content == "Fourteen… [13 more characters]"
    prompt = json.loads(traces.attributes("generation")[ATTR_INPUT_VALUE])
    assert prompt["question"] == root[ATTR_INPUT_VALUE]
    assert prompt["context"][0] == content


def test_nothing_is_cut_unless_asked(traces: Traces) -> None:
    long = "x" * 100_000
    traced_generation(lambda question, context: question, traces.tracer)(long, [long])

    attributes = traces.attributes("generation")
    assert attributes[ATTR_OUTPUT_VALUE] == long
    assert json.loads(attributes[ATTR_INPUT_VALUE])["context"] == [long]


def test_max_chars_leaves_a_text_of_that_length(traces: Traces) -> None:
    traced_generation(lambda question: "12345", traces.tracer, max_chars=5)("12345")
    attributes = traces.attributes("generation")
    assert (attributes[ATTR_INPUT_VALUE], attributes[ATTR_OUTPUT_VALUE]) == ("12345", "12345")


def test_max_chars_below_zero_is_refused(traces: Traces) -> None:
    for wrap in (traced_retrieval, traced_generation):
        with pytest.raises(ValueError, match="max_chars must be 0 or more"):
            wrap(retrieve, traces.tracer, max_chars=-1)


def test_values_of_other_types(traces: Traces) -> None:
    generate = traced_generation(lambda messages: {"text": "né"}, traces.tracer)
    generate([{"role": "user", "content": "hi"}])
    attributes = traces.attributes("generation")
    assert json.loads(attributes[ATTR_INPUT_VALUE]) == [{"role": "user", "content": "hi"}]
    assert attributes[INPUT_MIME] == JSON
    assert (attributes[ATTR_OUTPUT_VALUE], attributes[OUTPUT_MIME]) == ('{"text": "né"}', JSON)


def test_results_of_other_types(traces: Traces) -> None:
    score: Any = np.float32(0.5)
    results = [RetrievalResult("a-00", score, "dense", "A"), "just text"]
    traced_retrieval(lambda question: results, traces.tracer)(QUESTION)

    attributes = traces.attributes("retrieval")
    assert attributes[document(0, DocumentAttributes.DOCUMENT_SCORE)] == 0.5
    assert attributes[document(1, DocumentAttributes.DOCUMENT_CONTENT)] == "just text"
    assert attributes[ATTR_RETRIEVAL_DOCUMENT_COUNT] == 2


def test_no_results_are_recorded_as_none_found(traces: Traces) -> None:
    assert traced_retrieval(lambda question: [], traces.tracer)(QUESTION) == []
    attributes = traces.attributes("retrieval")
    assert attributes[ATTR_RETRIEVAL_DOCUMENT_COUNT] == 0
    assert attributes[ATTR_OUTPUT_VALUE] == "[]"


def test_an_iterator_of_results_is_not_consumed(traces: Traces) -> None:
    results = traced_retrieval(lambda question: iter(RESULTS), traces.tracer)(QUESTION)
    assert list(results) == RESULTS


@dataclasses.dataclass
class Passage:
    """A result of somebody else's class, with what a result has."""

    chunk_id: Any = "b"
    text: Any = "B"
    source: Any = "dense"

    @property
    def score(self) -> float:
        raise ConnectionError("the index is away")


def odd(**fields: Any) -> RetrievalResult:
    return dataclasses.replace(RESULTS[1], **fields)


ID, CONTENT, SCORE, METADATA = (
    DocumentAttributes.DOCUMENT_ID,
    DocumentAttributes.DOCUMENT_CONTENT,
    DocumentAttributes.DOCUMENT_SCORE,
    DocumentAttributes.DOCUMENT_METADATA,
)


@pytest.mark.parametrize(
    ("result", "field"),
    [
        *((odd(score=score), SCORE) for score in (None, "0.9", float("nan"), float("inf"), True)),
        (odd(score=np.array([0.1, 0.2])), SCORE),
        (odd(chunk_id=None), ID),
        (odd(chunk_id=["a"]), ID),
        (odd(text=None), CONTENT),
        (odd(text=b"\xff"), CONTENT),
        (odd(source=None), METADATA),
        (Passage(), SCORE),
        (object.__new__(RetrievalResult), None),
        (None, None),
        (object(), None),
        pytest.param(weakref.proxy(Passage()), None, id="gone"),
    ],
)
def test_only_the_field_that_cannot_be_recorded_is_left_out_and_named_once(
    traces: Traces, caplog: pytest.LogCaptureFixture, result: Any, field: str | None
) -> None:
    results = [RESULTS[0], result, RESULTS[2], result]
    retrieval = traced_retrieval(lambda question: results, traces.tracer)
    for _ in range(2):
        assert retrieval(QUESTION) is results

    for span in traces.spans:
        attributes = dict(span.attributes or {})
        assert span.status.status_code is StatusCode.UNSET
        assert attributes[ATTR_RETRIEVAL_DOCUMENT_COUNT] == 4
        for good in (0, 2):
            for key in (ID, CONTENT, SCORE, METADATA):
                assert document(good, key) in attributes
        if field is not None:
            left = {key for key in (ID, CONTENT, SCORE, METADATA) if document(1, key) in attributes}
            assert left == {ID, CONTENT, SCORE, METADATA} - {field}
        json.loads(attributes[ATTR_OUTPUT_VALUE], parse_constant=pytest.fail)
    said = [record.getMessage() for record in caplog.records]
    if field is not None:
        (sentence,) = said
        assert document(1, field) in sentence
    assert said
    assert len(set(said)) == len(said)


@pytest.mark.parametrize(
    ("fields", "key", "expected"),
    [
        ({"score": np.float32(0.5)}, SCORE, 0.5),
        ({"score": np.array([0.5])}, SCORE, 0.5),
        ({"score": decimal.Decimal("0.5")}, SCORE, 0.5),
        ({"chunk_id": 7}, ID, "7"),
        ({"chunk_id": uuid.UUID(int=3)}, ID, "00000000-0000-0000-0000-000000000003"),
        ({"chunk_id": "half \ud83d"}, ID, "half \ufffd"),
        ({"source": Path("index")}, METADATA, '{"source": "index"}'),
        ({"source": "half \ud83d"}, METADATA, '{"source": "half \ufffd"}'),
        ({"text": b"bytes"}, CONTENT, "bytes"),
        ({"text": "half \ud83d"}, CONTENT, "half \ufffd"),
    ],
)
def test_a_field_that_can_be_recorded_is(
    traces: Traces,
    caplog: pytest.LogCaptureFixture,
    fields: dict[str, Any],
    key: str,
    expected: object,
) -> None:
    traced_retrieval(lambda question: [odd(**fields)], traces.tracer)(QUESTION)
    attributes = traces.attributes("retrieval")
    assert attributes[document(0, key)] == expected
    assert (
        len([name for name in attributes if name.startswith(f"{ATTR_RETRIEVAL_DOCUMENTS}.")]) == 4
    )
    assert caplog.records == []


@pytest.mark.parametrize(
    ("top_k", "expected"),
    [(np.int64(3), 3), (True, None), ("3", None), (2.5, None), (2**70, None), (None, None)],
)
def test_top_k_is_a_number_or_left_out(
    traces: Traces, caplog: pytest.LogCaptureFixture, top_k: Any, expected: int | None
) -> None:
    traced_retrieval(lambda question, top_k: RESULTS, traces.tracer)(QUESTION, top_k=top_k)
    found = traces.attributes("retrieval").get(ATTR_RETRIEVAL_TOP_K)
    assert (found, type(found)) == (expected, type(expected))
    left_out = expected is None and top_k is not None
    assert [ATTR_RETRIEVAL_TOP_K in r.getMessage() for r in caplog.records] == [True] * left_out


@pytest.mark.parametrize(
    ("results", "output"),
    [
        (None, None),
        ({"a": float("nan"), "half \ud83d": 1}, '{"a": null, "half \ufffd": 1}'),
        ("half \ud83d", "half \ufffd"),
        (b"bytes", "bytes"),
        (iter(RESULTS), None),
        (map(str, RESULTS), None),
        (object(), None),
        (5, "5"),
    ],
)
def test_results_that_are_no_sequence_are_recorded_as_output_if_they_can_be(
    traces: Traces, results: Any, output: str | None
) -> None:
    assert traced_retrieval(lambda question: results, traces.tracer)(QUESTION) is results
    attributes = traces.attributes("retrieval")
    assert attributes.get(ATTR_OUTPUT_VALUE) == output
    assert ATTR_RETRIEVAL_DOCUMENT_COUNT not in attributes


class Shy:
    """An iterator of which nobody can tell whether it has a ``close``."""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return "piece"

    @property
    def close(self) -> Callable[[], None]:
        raise ConnectionError("the index is away")


@pytest.mark.parametrize("make", [lambda: weakref.proxy(Passage()), Shy], ids=["gone", "shy"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_result_that_raises_when_it_is_looked_at_reaches_the_caller(
    traces: Traces, caplog: pytest.LogCaptureFixture, make: Callable[[], Any], is_async: bool
) -> None:
    result = make()

    async def give_async(question: str) -> Any:
        return result

    fn: Any = give_async if is_async else lambda question: result
    given = traced_retrieval(fn, traces.tracer)(QUESTION)
    assert (asyncio.run(given) if is_async else given) is result
    assert traces.span.status.status_code is StatusCode.UNSET
    assert traces.attributes("retrieval")[ATTR_INPUT_VALUE] == QUESTION
    assert len(caplog.records) == 1


def test_documents_as_tuples_mappings_and_other_things(traces: Traces) -> None:
    results = ({"chunk_id": "a", "text": "A"}, ("b", 0.5), {"page": 1}, "just text", Passage())
    traced_retrieval(lambda question: results, traces.tracer)(QUESTION)
    attributes = traces.attributes("retrieval")
    assert attributes[document(0, ID)] == "a"
    contents = [attributes[document(index, CONTENT)] for index in range(5)]
    assert contents == ["A", '["b", 0.5]', '{"page": 1}', "just text", "B"]
    assert json.loads(attributes[ATTR_OUTPUT_VALUE]) == [{"id": "a"}, {"id": "b"}]


class Lazy(list[RetrievalResult]):
    """A sequence that cannot be read to its end."""

    def __iter__(self) -> Iterator[RetrievalResult]:
        yield RESULTS[0]
        raise ConnectionError("the index is away")


def test_results_that_cannot_be_read_to_their_end_are_recorded_as_far_as_they_go(
    traces: Traces, caplog: pytest.LogCaptureFixture
) -> None:
    results = Lazy(RESULTS)
    assert traced_retrieval(lambda question: results, traces.tracer)(QUESTION) is results
    attributes = traces.attributes("retrieval")
    assert attributes[document(0, ID)] == RESULTS[0].chunk_id
    assert attributes[ATTR_RETRIEVAL_DOCUMENT_COUNT] == 3
    (sentence,) = [record.getMessage() for record in caplog.records]
    assert "retrieval.documents.1" in sentence
    assert "ConnectionError" in sentence


def test_json_that_is_cut_is_not_called_json(traces: Traces) -> None:
    traced_generation(lambda messages: {"text": "x" * 99}, traces.tracer, max_chars=9)(["x" * 99])
    attributes = traces.attributes("generation")
    assert (attributes[INPUT_MIME], attributes[OUTPUT_MIME]) == (TEXT, TEXT)


def test_a_passage_that_cannot_be_read_is_left_out_alone(
    traces: Traces, caplog: pytest.LogCaptureFixture
) -> None:
    passages = [MuteError(), "half \ud83d", None, 5]
    traced_generation(answer_any, traces.tracer)(QUESTION, passages)
    prompt = json.loads(traces.attributes("generation")[ATTR_INPUT_VALUE])
    assert prompt == {"question": QUESTION, "context": [None, "half \ufffd", None, "5"]}
    (sentence,) = [record.getMessage() for record in caplog.records]
    assert "context" in sentence


def answer_any(question: Any, context: Any) -> Any:
    return "yes"


@pytest.mark.parametrize("fails", [False, True])
def test_half_a_character_anywhere_is_replaced_whatever_the_exporter(
    traces: Traces, caplog: pytest.LogCaptureFixture, fails: bool
) -> None:
    half = "half \ud83d"

    def answer_or_fail(question: str, context: list[str]) -> str:
        if fails:
            raise ValueError(half)
        return half

    pipeline = build_traced_rag_pipeline(
        retriever=lambda question, top_k: [odd(text=half), odd(chunk_id=half)],
        answer_fn=answer_or_fail,
        tracer=traces.tracer,
    )
    with pytest.raises(ValueError, match="half") if fails else contextlib.nullcontext():
        assert pipeline(half) is half
    encode_spans(traces.spans)
    assert caplog.records == []
    for span in traces.spans:
        assert "half \ufffd" in (span.attributes or {})[ATTR_INPUT_VALUE]


class MuteError(Exception):
    """Its text cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


@pytest.mark.parametrize(
    "error",
    [
        MuteError(),
        ValueError("half \ud83d"),
        ExceptionGroup("both", [ValueError("half \ud83d")]),
        StopIteration(1),
        KeyboardInterrupt(),
        SystemExit(3),
        GeneratorExit(),
        asyncio.CancelledError(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_the_callers_error_passes_and_is_recorded_whatever_it_is(
    traces: Traces, error: BaseException
) -> None:
    def fail(question: str) -> str:
        raise error

    with pytest.raises(type(error)) as caught:
        traced_generation(fail, traces.tracer)(QUESTION)

    assert caught.value is error
    assert "fail" in [entry.name for entry in caught.traceback]
    assert traces.span.status.status_code is StatusCode.ERROR
    assert [event.name for event in traces.span.events] == ["exception"]
    encode_spans(traces.spans)


def test_an_await_that_is_cancelled_is_an_error(traces: Traces) -> None:
    async def wait(question: str) -> str:
        await asyncio.Event().wait()
        return "never"

    async def cancel() -> None:
        task = asyncio.create_task(traced_generation(wait, traces.tracer)(QUESTION))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(cancel())
    assert traces.span.status.description == "CancelledError: "


class Broken(SpanProcessor):
    """A span processor with a mistake in it."""

    def __init__(self, where: str) -> None:
        self.where = where

    def on_start(self, *_: object, **__: object) -> None:
        if self.where == "start":
            raise RuntimeError("a mistake at the start")

    def on_end(self, span: ReadableSpan) -> None:
        if self.where == "end":
            raise RuntimeError("a mistake at the end")


@pytest.mark.parametrize("where", ["start", "end"])
@pytest.mark.parametrize("is_async", [False, True], ids=["sync", "async"])
def test_a_broken_span_processor_costs_neither_result_nor_error(
    traces: Traces, where: str, is_async: bool
) -> None:
    def retrieve_or_fail(question: str, top_k: int = 5) -> list[RetrievalResult]:
        if not question:
            raise LookupError("no question")
        return RESULTS

    async def retrieve_or_fail_async(question: str, top_k: int = 5) -> list[RetrievalResult]:
        return retrieve_or_fail(question)

    provider = TracerProvider()
    provider.add_span_processor(Broken(where))
    fn: Any = retrieve_or_fail_async if is_async else retrieve_or_fail
    retrieval = traced_retrieval(fn, provider.get_tracer("test"))
    before = context.get_current()

    def call(question: str) -> Any:
        return asyncio.run(retrieval(question)) if is_async else retrieval(question)

    assert call(QUESTION) is RESULTS
    with pytest.raises(LookupError, match="no question"):
        call("")
    assert context.get_current() == before


def test_more_documents_than_the_sdk_keeps_by_default() -> None:
    traces = Traces(OpenInferenceTracerProvider())
    traced_retrieval(lambda question: RESULTS * 50, traces.tracer)(QUESTION)
    attributes = traces.attributes("retrieval")
    assert document(149, DocumentAttributes.DOCUMENT_CONTENT) in attributes
    assert document(0, DocumentAttributes.DOCUMENT_ID) in attributes
    assert traces.span.dropped_attributes == 0


def test_wrapping_twice_makes_one_span(traces: Traces) -> None:
    other = Traces(TracerProvider())
    once = traced_retrieval(retrieve, other.tracer)
    twice = traced_retrieval(once, traces.tracer)

    twice(QUESTION)
    assert (traces.names, other.names) == (["retrieval"], [])
    once(QUESTION)
    assert (traces.names, other.names) == (["retrieval"], ["retrieval"])


def test_wrappers_of_two_kinds_nest(traces: Traces) -> None:
    inner = traced_generation(lambda question: "yes", traces.tracer)
    traced_retrieval(inner, traces.tracer)(QUESTION)
    assert traces.names == ["generation", "retrieval"]


def test_pipeline_uses_traced_parts_as_they_are(traces: Traces) -> None:
    pipeline = build_traced_rag_pipeline(
        retriever=traced_retrieval(retrieve, traces.tracer, max_chars=3),
        answer_fn=traced_generation(answer, traces.tracer, "small-model"),
        tracer=traces.tracer,
        model_name="large-model",
    )
    pipeline(QUESTION)

    assert traces.names == ["retrieval", "generation", "rag-pipeline"]
    assert traces.attributes("generation")[ATTR_LLM_MODEL_NAME] == "small-model"
    assert traces.attributes("retrieval")[ATTR_INPUT_VALUE].startswith("Wie… [")


def test_a_decorator_over_a_wrapper_is_kept(traces: Traces) -> None:
    calls: list[str] = []
    traced = traced_retrieval(retrieve, traces.tracer)

    @functools.wraps(traced)
    def counted(question: str, top_k: int = 5) -> list[RetrievalResult]:
        calls.append(question)
        return traced(question, top_k)

    traced_retrieval(counted, traces.tracer)(QUESTION)
    assert calls == [QUESTION]
    assert traces.names == ["retrieval", "retrieval"]


def stream(question: str) -> Iterator[str]:
    yield question


async def stream_async(question: str) -> AsyncIterator[str]:
    yield question


def test_generator_functions_are_refused(traces: Traces) -> None:
    with pytest.raises(TypeError, match="stream is a generator function"):
        traced_generation(stream, traces.tracer)
    with pytest.raises(TypeError, match="stream is a generator function"):
        traced_retrieval(functools.partial(stream), traces.tracer)
    with pytest.raises(TypeError, match="stream_async is a generator function"):
        traced_generation(stream_async, traces.tracer)


class Response:
    """A response that comes in pieces, as the OpenAI client gives it."""

    def __init__(self) -> None:
        self.closed = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        return "piece"

    def close(self) -> None:
        self.closed += 1


class AsyncResponse:
    def __init__(self) -> None:
        self.closed = 0

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        return "piece"

    async def close(self) -> None:
        self.closed += 1


@pytest.mark.parametrize(
    "result",
    [stream(QUESTION), stream_async(QUESTION), Response(), AsyncResponse()],
    ids=lambda result: type(result).__name__,
)
def test_a_stream_is_refused_at_the_first_call(result: Any) -> None:
    traces = Traces(TracerProvider())
    before = context.get_current()
    generate = traced_generation(lambda question: result, traces.tracer)
    with pytest.raises(TypeError, match=r"<lambda> returned a stream: .*Wrap a function that"):
        generate(QUESTION)
    assert traces.span.status.status_code is StatusCode.ERROR
    assert context.get_current() == before
    if isinstance(result, Response):
        assert result.closed == 1
    if inspect.isgenerator(result):
        assert inspect.getgeneratorstate(result) == inspect.GEN_CLOSED


@pytest.mark.parametrize("result", [AsyncResponse(), Response()], ids=["async", "sync"])
def test_a_stream_of_an_async_function_is_refused_and_closed(traces: Traces, result: Any) -> None:
    async def generate(question: str) -> Any:
        return result

    result.closed = 0
    with pytest.raises(TypeError, match="generate returned a stream"):
        asyncio.run(traced_generation(generate, traces.tracer)(QUESTION))
    assert result.closed == 1


def test_what_is_not_callable_is_refused(traces: Traces) -> None:
    with pytest.raises(TypeError, match="Only a callable can be traced, got NoneType"):
        traced_retrieval(None, traces.tracer)  # type: ignore[arg-type]


def test_a_plain_function_that_returns_an_awaitable_is_refused(traces: Traces) -> None:
    generate = traced_generation(lambda q, c: answer_async(q, c), traces.tracer)
    with pytest.raises(TypeError, match="returned an awaitable"):
        generate(QUESTION, [])
    assert traces.span.status.status_code is StatusCode.ERROR


def test_pipeline_asks_for_a_retriever_with_top_k(traces: Traces) -> None:
    with pytest.raises(TypeError, match="takes no argument named top_k"):
        build_traced_rag_pipeline(
            retriever=lambda question: RESULTS, answer_fn=answer, tracer=traces.tracer
        )
    accepting = build_traced_rag_pipeline(
        retriever=lambda question, **kwargs: RESULTS, answer_fn=answer, tracer=traces.tracer
    )
    assert accepting(QUESTION).startswith("Fourteen")


@pytest.mark.parametrize("provider", [TracerProvider, OpenInferenceTracerProvider])
@pytest.mark.parametrize("sampler", [ALWAYS_ON, ALWAYS_OFF], ids=["sampled", "not sampled"])
def test_an_unsampled_call_builds_no_attributes(
    provider: type[TracerProvider], sampler: Sampler
) -> None:
    looked_at: list[str] = []

    class Question(str):
        def __len__(self) -> int:
            looked_at.append(self)
            return super().__len__()

    traces = Traces(provider(sampler=sampler))
    pipeline = build_traced_rag_pipeline(
        retriever=retrieve, answer_fn=lambda q, c: "yes", tracer=traces.tracer, max_chars=99
    )
    assert pipeline(Question(QUESTION)) == "yes"
    assert bool(looked_at) is bool(traces.spans) is (sampler is ALWAYS_ON)


def test_masking_covers_every_input() -> None:
    traces = Traces(OpenInferenceTracerProvider(config=TraceConfig(hide_inputs=True)))
    build_traced_rag_pipeline(retriever=retrieve, answer_fn=answer, tracer=traces.tracer)(QUESTION)

    for name in ("rag-pipeline", "retrieval", "generation"):
        assert traces.attributes(name)[ATTR_INPUT_VALUE] == REDACTED_VALUE
    assert not any(QUESTION in span.to_json() for span in traces.spans)


def test_masking_covers_every_output() -> None:
    config = TraceConfig(hide_inputs=True, hide_outputs=True)
    traces = Traces(OpenInferenceTracerProvider(config=config))
    build_traced_rag_pipeline(retriever=retrieve, answer_fn=answer, tracer=traces.tracer)(QUESTION)

    assert len(traces.spans) == 3
    for span in traces.spans:
        assert not any(result.text in span.to_json(indent=None) for result in RESULTS)
        assert "Fourteen" not in span.to_json()


def test_masking_does_not_depend_on_how_an_attribute_is_set() -> None:
    traces = Traces(OpenInferenceTracerProvider(config=TraceConfig(hide_inputs=True)))
    secret = {ATTR_INPUT_VALUE: "secret"}
    with traces.tracer.start_as_current_span("at start", attributes=secret):
        pass
    with traces.tracer.start_as_current_span("one by one") as span:
        span.set_attribute(ATTR_INPUT_VALUE, "secret")
    with traces.tracer.start_as_current_span("together") as span:
        span.set_attributes(secret)
    for name in traces.names:
        assert traces.attributes(name) == {ATTR_INPUT_VALUE: REDACTED_VALUE}
    assert len(traces.names) == 3
