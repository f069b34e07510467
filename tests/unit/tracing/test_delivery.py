"""Spans arrive whole over real HTTP: no value loses its span, none loses another's."""

import logging
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, SpanContext, StatusCode, TraceFlags, Tracer

from rag_tutorials.course.equipment import Receiver
from rag_tutorials.tracing import protect_exports, record_failure
from rag_tutorials.tracing._delivery import WholeSpanExporter, whole_span

HALF, MENDED = "half \ud83d end", "half \ufffd end"
OTHER = SpanContext(1, 1, is_remote=True, trace_flags=TraceFlags(1))


class MuteError(Exception):
    """Its text cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


def name(tracer: Tracer) -> None:
    tracer.start_span(HALF).end()


def no_name(tracer: Tracer) -> None:
    tracer.start_span(5).end()  # type: ignore[arg-type]


def attribute(tracer: Tracer) -> None:
    tracer.start_span("attribute", attributes={"key": HALF}).end()


def key(tracer: Tracer) -> None:
    tracer.start_span("key", attributes={HALF: "value"}).end()


def inside(tracer: Tracer) -> None:
    tracer.start_span("inside", attributes={"key": ["a", HALF], "map": {HALF: {"a": HALF}}}).end()


def some_bytes(tracer: Tracer) -> None:
    tracer.start_span("bytes", attributes={"key": b"ab\xff", "list": [b"ab"]}).end()


def number(tracer: Tracer) -> None:
    tracer.start_span("number", attributes={"key": 2**64}).end()


def exception(tracer: Tracer) -> None:
    with pytest.raises(ValueError, match="half"), tracer.start_as_current_span("exception"):
        raise ValueError(HALF)


def event(tracer: Tracer) -> None:
    span = tracer.start_span("event")
    span.add_event(HALF, {HALF: HALF, "bytes": b"ab"}, timestamp=1.5)  # type: ignore[arg-type]
    span.end()


def link(tracer: Tracer) -> None:
    tracer.start_span("link", links=[Link(OTHER, {"key": HALF})]).end()


def times(tracer: Tracer) -> None:
    span = tracer.start_span("times", start_time=1.5)  # type: ignore[arg-type]
    span.end(end_time=-4)


def kind(tracer: Tracer) -> None:
    tracer.start_span("kind", kind="server").end()  # type: ignore[arg-type]


ODD = (
    name,
    no_name,
    attribute,
    key,
    inside,
    some_bytes,
    number,
    exception,
    event,
    link,
    times,
    kind,
)
NAMES = {MENDED, "5", *(one.__name__ for one in ODD[2:] if one is not some_bytes), "bytes", "good"}


def make(tracer: Tracer) -> None:
    """Make all the odd spans, and a good one."""
    for one in ODD:
        one(tracer)
    tracer.start_span("good").end()


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.start() as running:
        yield running


@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
def test_no_value_loses_a_span(
    receiver: Receiver,
    caplog: pytest.LogCaptureFixture,
    processor: Callable[[SpanExporter], SpanProcessor],
) -> None:
    provider = TracerProvider()
    exporter = OTLPSpanExporter(f"{receiver.url}/v1/traces")
    provider.add_span_processor(processor(WholeSpanExporter(exporter)))
    make(provider.get_tracer(HALF, HALF))
    provider.shutdown()

    assert {span.name for span in receiver.spans} == NAMES
    assert [r.message for r in caplog.records if r.levelno >= logging.ERROR] == []
    found = {span.name: span.attributes for span in receiver.spans}
    assert found["attribute"] == {"key": MENDED}
    assert found["key"] == {MENDED: "value"}
    assert found["bytes"] == {"key": "ab\\xff", "list": ["ab"]}
    assert found["number"] == {"key": str(2**64)}


@pytest.mark.slow
@pytest.mark.parametrize("batch", [False, True])
def test_no_value_loses_a_span_of_phoenix_register(
    receiver: Receiver,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    batch: bool,
) -> None:
    monkeypatch.setenv("PHOENIX_WORKING_DIR", str(tmp_path_factory.mktemp("phoenix")))
    from phoenix.otel import HTTPSpanExporter, register

    provider = register(
        endpoint=f"{receiver.url}/v1/traces",
        protocol="http/protobuf",
        batch=batch,
        verbose=False,
        set_global_tracer_provider=False,
    )
    (processor,) = provider._active_span_processor._span_processors
    for _ in range(2):  # a second time changes nothing
        protect_exports(provider)
    make(provider.get_tracer(HALF))
    provider.shutdown()

    assert isinstance(processor.span_exporter, HTTPSpanExporter)
    assert {span.name for span in receiver.spans} == NAMES
    assert len(receiver.spans) == len(NAMES)


def finished(do: Callable[[Tracer], None], **options: Any) -> ReadableSpan:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": "a"}), **options)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    do(provider.get_tracer("scope", "1", "http://schema", {"a": "b"}))
    (span,) = exporter.get_finished_spans()
    return span


def test_a_span_without_odd_values_stays_the_same_object() -> None:
    def good(tracer: Tracer) -> None:
        attributes = {"text": "grüße 🎉", "vector": [0.1, 0.2], "number": 2**63 - 1, "none": None}
        with tracer.start_as_current_span("good", links=[Link(OTHER, attributes)]) as span:
            span.set_attributes(attributes)
            span.add_event("event", attributes)
            span.set_status(StatusCode.ERROR, "a description")

    span = finished(good)
    assert whole_span(span) is span


def test_a_copy_keeps_everything_else() -> None:
    def odd(tracer: Tracer) -> None:
        with tracer.start_as_current_span("odd", links=[Link(OTHER, {"a": 1})] * 3) as span:
            span.set_attributes({"first": 1, "second": 2, "third": HALF})
            span.add_event("one")
            span.add_event("two", {"a": 1})
            span.add_event("three")
            span.set_status(StatusCode.ERROR, HALF)

    limits = SpanLimits(max_span_attributes=2, max_events=2, max_links=2)
    span = finished(odd, span_limits=limits)
    copy = whole_span(span)
    assert copy is not span
    assert dict(copy.attributes or {}) == {"second": 2, "third": MENDED}
    assert copy.status.description == MENDED
    assert (copy.dropped_attributes, copy.dropped_events, copy.dropped_links) == (1, 1, 1)
    assert copy.resource is span.resource
    for same in ("context", "parent", "kind", "start_time", "end_time"):
        assert getattr(copy, same) == getattr(span, same)
    assert copy.events == span.events
    assert copy.links == span.links
    assert copy.instrumentation_scope is span.instrumentation_scope


def test_a_resource_is_made_whole_too() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({"service.name": HALF}))
    provider.add_span_processor(SimpleSpanProcessor(WholeSpanExporter(exporter)))
    provider.get_tracer("test").start_span("good").end()
    (span,) = exporter.get_finished_spans()
    assert dict(span.resource.attributes) == {"service.name": MENDED}


def test_a_processor_that_tells_no_exporter_is_left_alone() -> None:
    class Export(SpanExporter):
        seen: list[ReadableSpan]

        def export(self, spans: Any) -> SpanExportResult:
            self.seen = list(spans)
            return SpanExportResult.SUCCESS

    provider, exporter = TracerProvider(), Export()
    provider.add_span_processor(SpanProcessor())
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    protect_exports(provider)
    provider.get_tracer("test").start_span(HALF).end()
    assert [span.name for span in exporter.seen] == [MENDED]


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        (ValueError("plain"), "ValueError: plain"),
        (ValueError(HALF), f"ValueError: {MENDED}"),
        (MuteError(), "MuteError: <MuteError without a text: RuntimeError>"),
        (ExceptionGroup("both", [ValueError(HALF)]), "ExceptionGroup: both (1 sub-exception)"),
        (KeyboardInterrupt(), "KeyboardInterrupt: "),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_failure_is_recorded_whatever_its_text_is(error: BaseException, sentence: str) -> None:
    def fail(tracer: Tracer) -> None:
        with tracer.start_as_current_span("failed") as span:
            assert record_failure(span, error) == sentence

    span = finished(fail)
    (recorded,) = span.events
    assert (span.status.status_code, span.status.description) == (StatusCode.ERROR, sentence)
    assert recorded.name == "exception"
    assert (recorded.attributes or {})["exception.type"].endswith(type(error).__name__)
    encode_spans([span])
