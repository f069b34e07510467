"""Phoenix's exporters send each span whole, whichever processor of the kernel they serve."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def keep_spans_whole(package: Any) -> None:
    """Let a lone surrogate or bytes in a span lose neither it nor the others of its batch.

    ``package`` is Phoenix, imported. Called again, this changes nothing.
    """
    for exporter in (package.otel.HTTPSpanExporter, package.otel.GRPCSpanExporter):
        exporter.export = _whole(super(exporter, exporter).export)


def _whole(export: Any) -> Any:
    from rag_tutorials.tracing import whole_span  # most of what it needs, Phoenix has imported

    def export_whole(self: Any, spans: Sequence[Any]) -> Any:
        return export(self, [whole_span(span) for span in spans])

    return export_whole
