"""How the check of 08.3 finds the timeout of an exporter; whether a sample can be made again."""

from __future__ import annotations

import json
from pathlib import Path
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


def test_a_sample_made_again_has_new_ids_and_the_same_decisions() -> None:
    # What an earlier run, of another ratio, left in Phoenix is no trace of this one.
    notebook = Path(__file__).parents[4] / "notebooks" / "08_sampling_and_redaction.ipynb"
    cells = ["".join(cell["source"]) for cell in json.loads(notebook.read_text("utf-8"))["cells"]]
    names: dict[str, Any] = {}
    exec(next(cell for cell in cells if "class RepeatableDecisions" in cell), names)
    make, position = names["RepeatableDecisions"], names["position"]
    first, again = make(455), make(455)
    once = [f"{first.generate_trace_id():032x}" for _ in range(10)]
    twice = [f"{again.generate_trace_id():032x}" for _ in range(10)]
    assert not set(once) & set(twice)
    assert list(map(position, once)) == list(map(position, twice))
