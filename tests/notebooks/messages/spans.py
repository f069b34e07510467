"""Spans, their values and their context; instrumentors."""

from __future__ import annotations

import contextvars
import importlib
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import context, trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor

from messages import closed_port

_TRACER = TracerProvider().get_tracer("messages")


def _ended() -> trace.Span:
    span = _TRACER.start_span("ended")
    span.end()
    return span


def attribute_after_end() -> None:
    _ended().set_attribute("answer", "30 days")


def call_after_end() -> None:
    _ended().set_status(trace.StatusCode.ERROR)


def ended_twice() -> None:
    _ended().end()


def span_not_recorded() -> None:
    print(trace.get_current_span().attributes)  # type: ignore[attr-defined]


def with_forgotten() -> None:
    _TRACER.start_as_current_span("one").set_attribute("answer", "30 days")  # type: ignore


def span_as_context() -> None:
    _TRACER.start_span("child", context=_TRACER.start_span("parent"))  # type: ignore[arg-type]


def tracer_without_name() -> None:
    TracerProvider().get_tracer("")


def invalid_type() -> None:
    _TRACER.start_span("one").set_attribute("client", object())  # type: ignore[arg-type]


def invalid_key() -> None:
    _TRACER.start_span("one").set_attribute(1, "a number as key")  # type: ignore[arg-type]


def _limited(**limits: int) -> trace.Span:
    provider = TracerProvider(span_limits=SpanLimits(**limits))
    return provider.get_tracer("messages").start_span("one")


def value_cut() -> None:
    _limited(max_attribute_length=5).set_attribute("answer", "30 days")


def attributes_full() -> None:
    _limited(max_attributes=1).set_attributes({"one": 1, "two": 2})


def _send(name: str, attribute: object) -> None:
    with closed_port() as port:
        exporter = OTLPSpanExporter(f"http://127.0.0.1:{port}/v1/traces", timeout=0.1)
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        span = provider.get_tracer("messages").start_span(name)
        span.set_attribute("answer", attribute)  # type: ignore[arg-type]
        span.end()


def value_not_encoded() -> None:
    _send("one", 2**64)


def batch_not_encoded() -> None:
    _send("half an emoji: \ud83d", 1)


def _streaming() -> Iterator[int]:
    with _TRACER.start_as_current_span("stream"):
        yield from range(2)


def failed_to_detach() -> None:
    stream = _streaming()
    contextvars.copy_context().run(next, stream)
    stream.close()


different_context = failed_to_detach  # both lines stand in one report


def token_used_twice() -> None:
    token = context.attach(context.get_current())
    context.detach(token)
    context.detach(token)


def token_is_none() -> None:
    context.detach(None)  # type: ignore[arg-type]


def baggage_entry() -> None:
    extract({"baggage": "session id=1"})


def instrumented_twice() -> None:
    for _ in range(2):
        OpenAIInstrumentor().instrument()
    OpenAIInstrumentor().uninstrument()


def not_instrumented() -> None:
    OpenAIInstrumentor().uninstrument()


def instrumentor_missing() -> None:
    importlib.import_module("openinference.instrumentation.langchain")


def _with_openai(version: str) -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        about = Path(folder, f"openai-{version}.dist-info", "METADATA")
        about.parent.mkdir()
        about.write_text(f"Metadata-Version: 2.1\nName: openai\nVersion: {version}\n")
        patch.setattr(sys, "path", [folder, *sys.path])
        OpenAIInstrumentor().instrument()
    OpenAIInstrumentor().uninstrument()


def version_not_instrumented() -> None:
    _with_openai("0.28.0")
