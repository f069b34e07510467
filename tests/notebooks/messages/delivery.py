"""The provider, its processors, and the variables that set them."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    SimpleSpanProcessor,
    SpanExporter,
    SpanExportResult,
)
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased


def no_provider_yet() -> None:
    trace.get_tracer_provider().add_span_processor(  # type: ignore[attr-defined]
        SimpleSpanProcessor(InMemorySpanExporter())
    )


def provider_set_twice() -> None:
    for _ in range(2):
        trace.set_tracer_provider(TracerProvider())


def queue_full() -> None:
    may_go_on = threading.Event()

    class Waiting(InMemorySpanExporter):
        def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
            may_go_on.wait()
            return SpanExportResult.SUCCESS

    provider = TracerProvider()
    provider.add_span_processor(
        BatchSpanProcessor(Waiting(), max_queue_size=2, max_export_batch_size=1)
    )
    for _ in range(10):
        provider.get_tracer("messages").start_span("one of many").end()
    may_go_on.set()
    provider.shutdown()


def _one_span(exporter: SpanExporter, *, shut_down: str = "") -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    if shut_down == "provider":
        provider.shutdown()
    if shut_down == "exporter":
        exporter.shutdown()
    provider.get_tracer("messages").start_span("one").end()


def processor_shut_down() -> None:
    _one_span(InMemorySpanExporter(), shut_down="provider")


def exporter_shut_down() -> None:
    _one_span(OTLPSpanExporter(), shut_down="exporter")


def exporter_raises() -> None:
    _one_span(OTLPSpanExporter)  # type: ignore[arg-type]  # the parentheses are missing


def batch_larger_than_queue() -> None:
    BatchSpanProcessor(InMemorySpanExporter(), max_queue_size=100)


def _provider_with(**variables: str) -> None:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        TracerProvider()
        BatchSpanProcessor(InMemorySpanExporter()).shutdown()
        OTLPSpanExporter()


def batch_setting() -> None:
    _provider_with(OTEL_BSP_SCHEDULE_DELAY="5s")


def unknown_sampler() -> None:
    _provider_with(OTEL_TRACES_SAMPLER="always")


def sampler_argument() -> None:
    _provider_with(OTEL_TRACES_SAMPLER="traceidratio", OTEL_TRACES_SAMPLER_ARG="10")


def sampling_rate() -> None:
    TraceIdRatioBased(10)


def resource_attribute() -> None:
    _provider_with(OTEL_RESOURCE_ATTRIBUTES="service.name")


def headers_variable() -> None:
    _provider_with(OTEL_EXPORTER_OTLP_HEADERS="Authorization: Bearer KEY")


def timeout_variable() -> None:
    _provider_with(OTEL_EXPORTER_OTLP_TIMEOUT="10s")


def compression_variable() -> None:
    _provider_with(OTEL_EXPORTER_OTLP_COMPRESSION="zip")
