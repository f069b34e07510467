"""Phoenix's own exporters in a course kernel."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag_tutorials.course.embedded.whole_spans import keep_spans_whole
from rag_tutorials.course.equipment import Receiver


@pytest.mark.slow
@pytest.mark.parametrize("batch", [False, True])
def test_half_a_character_loses_no_span(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: bool
) -> None:
    monkeypatch.setenv("PHOENIX_WORKING_DIR", str(tmp_path))
    import phoenix.otel

    for exporter in (phoenix.otel.HTTPSpanExporter, phoenix.otel.GRPCSpanExporter):
        monkeypatch.setattr(exporter, "export", exporter.export)  # taken back after the test
    keep_spans_whole(phoenix)
    keep_spans_whole(phoenix)

    with Receiver.start() as receiver:
        provider = phoenix.otel.register(
            endpoint=receiver.endpoint,
            protocol="http/protobuf",
            batch=batch,
            verbose=False,
            set_global_tracer_provider=False,
        )
        later = phoenix.otel.SimpleSpanProcessor(
            endpoint=receiver.endpoint, protocol="http/protobuf"
        )
        provider.add_span_processor(later, replace_default_processor=False)
        tracer = provider.get_tracer("test")
        with pytest.raises(ValueError, match="half"), tracer.start_as_current_span("failed"):
            raise ValueError("half \ud83d")
        tracer.start_span("bytes", attributes={"key": b"bytes", "half \ud83d": 1}).end()
        tracer.start_span("good").end()
        provider.shutdown()

        assert sorted(span.name for span in receiver.spans) == sorted(
            ["failed", "bytes", "good"] * 2
        )
