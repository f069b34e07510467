"""How the check of 08.3 finds the timeout of an exporter."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter

from rag_tutorials.course.exercises.lesson_08 import timeouts_of


class Wrapping(SpanExporter):
    def __init__(self, inner: SpanExporter) -> None:
        self.inside = [inner]

    def export(self, spans: Any) -> Any:
        return self.inside[0].export(spans)


@pytest.mark.parametrize("processor", [SimpleSpanProcessor, BatchSpanProcessor])
@pytest.mark.parametrize("wrap", [lambda exporter: exporter, Wrapping])
def test_the_timeout_is_read_from_the_exporter(processor: Any, wrap: Any) -> None:
    # The exporter has no public way to ask; a new release that keeps it elsewhere turns this red.
    provider = TracerProvider(shutdown_on_exit=False)
    exporter = OTLPSpanExporter("http://127.0.0.1:9/v1/traces", timeout=1.5)
    provider.add_span_processor(processor(wrap(exporter)))
    assert timeouts_of(provider) == [1.5]
    provider.shutdown()


def test_a_provider_that_sends_nowhere_has_none() -> None:
    assert timeouts_of(TracerProvider(shutdown_on_exit=False)) == []
