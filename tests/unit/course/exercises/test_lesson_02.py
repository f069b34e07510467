"""What lesson 02 says of events and logs holds for the versions that it names."""

from __future__ import annotations

import json
import re
import warnings
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import InMemoryLogRecordExporter, SimpleLogRecordProcessor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider

NOTEBOOK = Path(__file__).parents[4] / "notebooks" / "02_events_and_errors.ipynb"
CELLS = {
    cell["id"]: "".join(cell["source"]) for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]
}


@pytest.fixture
def tracer() -> Any:
    return TracerProvider().get_tracer("test")


def test_the_table_names_the_versions_that_are_installed() -> None:
    [sdk] = re.findall(r"(?m)^\| Python's SDK (\S+) \|", CELLS["explain-logs"])
    [phoenix] = re.findall(r"(?m)^\| Phoenix (\S+) \|", CELLS["explain-logs"])
    assert sdk == version("opentelemetry-sdk")
    assert version("arize-phoenix").startswith(f"{phoenix}.")


def test_an_event_and_an_exception_are_recorded_on_the_span_without_a_warning(tracer: Any) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with suppress(KeyError), tracer.start_as_current_span("work") as span:
            span.add_event("fallback")
            span.record_exception(ValueError())
            raise KeyError
    assert isinstance(span, ReadableSpan)
    assert [event.name for event in span.events] == ["fallback", "exception", "exception"]


def test_a_named_log_record_has_the_ids_of_its_span_and_is_no_event_of_it(tracer: Any) -> None:
    kept = InMemoryLogRecordExporter()
    provider = LoggerProvider()
    provider.add_log_record_processor(SimpleLogRecordProcessor(kept))
    with tracer.start_as_current_span("work") as span:
        provider.get_logger("test").emit(event_name="fallback", exception=ValueError("no"))
    [record] = [each.log_record for each in kept.get_finished_logs()]
    context = span.get_span_context()
    assert (record.event_name, record.trace_id, record.span_id) == (
        "fallback",
        context.trace_id,
        context.span_id,
    )
    assert record.attributes is not None
    assert record.attributes["exception.type"] == "ValueError"
    assert not span.events


def test_the_filter_of_the_lesson_gives_a_line_from_outside_any_span_zeros() -> None:
    names: dict[str, Any] = {}
    exec(f"from opentelemetry import trace\n{CELLS['log-ids']}", names)
    names["log"].info("nobody's")
    assert names["log_file"].getvalue() == f"INFO {'0' * 32} {'0' * 16} nobody's\n"
