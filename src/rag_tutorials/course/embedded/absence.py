"""Spans for a Phoenix that is not there are given up at once.

OpenTelemetry's exporter tries again for its whole timeout, ten seconds, and a processor that is not
batching keeps its caller waiting for each span.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from opentelemetry.sdk.trace.export import SpanExportResult

from rag_tutorials.course.embedded.endpoints import is_ours
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.ports import listens

# Where the exporter itself says what it lost.
_logger = logging.getLogger("opentelemetry.exporter.otlp.proto.http.trace_exporter")


def give_up_at_once(package: Any, phoenix: EmbeddedPhoenix) -> None:
    """Let Phoenix's exporter look whether anybody is there, where that is in doubt.

    It is in doubt while this kernel has no Phoenix running, and after a failure: as long as all is
    well, an export costs nothing more. Once in an absence it is said that spans are lost.

    It goes around what ``keep_spans_whole`` puts there anew each time, so call it after that.
    """
    exporter = package.otel.HTTPSpanExporter
    export = exporter.export

    def export_to_somebody(self: Any, spans: Sequence[Any]) -> Any:
        failed = getattr(self, "_failed_before", False)
        doubtful = failed or package.active_session() is None
        if doubtful and is_ours(self._endpoint, phoenix) and not listens(phoenix.port):
            if not getattr(self, "_told_absence", False):
                _logger.error(
                    "Nothing listens at %s: this notebook's Phoenix has ended, or never started, "
                    "and spans are lost. Run the cells at the top of this notebook again.",
                    phoenix.url,
                )
            self._failed_before = self._told_absence = True
            return SpanExportResult.FAILURE
        result = export(self, spans)
        self._failed_before = result is not SpanExportResult.SUCCESS
        self._told_absence = False
        return result

    exporter.export = export_to_somebody
