"""A tracer provider whose backends are chosen by the environment alone."""

import os
from collections.abc import Iterator
from pathlib import Path

from openinference.instrumentation import TracerProvider as OpenInferenceTracerProvider
from opentelemetry.environment_variables import OTEL_TRACES_EXPORTER
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import (
    BatchSpanProcessor,
    ConsoleSpanExporter,
    SimpleSpanProcessor,
)

from rag_tutorials.tracing._delivery import WholeSpanExporter
from rag_tutorials.tracing._provider import _Console

FILE_PREFIX = "file:"


def provider_from_environment() -> TracerProvider:
    """Make a tracer provider that sends where OTEL_TRACES_EXPORTER says; it is not set globally.

    The variable is OpenTelemetry's: names separated by commas, each a place that gets every span.

    - ``otlp``, also when the variable is not set: an OTLP/HTTP receiver, in batches. The exporter
      reads OTEL_EXPORTER_OTLP_ENDPOINT (a base URL), OTEL_EXPORTER_OTLP_HEADERS,
      OTEL_EXPORTER_OTLP_TIMEOUT and so on; the batches follow OTEL_BSP_*.
    - ``console``: stdout, at once.
    - ``file:PATH``: appended to a file, one JSON object a line, at once. OpenTelemetry has no
      standard name for a file; this one is ours.
    - ``none``: nowhere.

    The SDK reads the rest: OTEL_SERVICE_NAME, OTEL_RESOURCE_ATTRIBUTES, OTEL_TRACES_SAMPLER,
    OTEL_SDK_DISABLED, OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT. The variables know one OTLP endpoint; for
    two, add a processor or use a Collector. What is queued leaves at a normal end of the program.

    https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/

    Raises:
        ValueError: OTEL_TRACES_EXPORTER has a name that is none of these.
        OSError: the file cannot be opened.
    """
    provider = OpenInferenceTracerProvider()
    for processor in _processors(os.environ.get(OTEL_TRACES_EXPORTER, "").strip() or "otlp"):
        provider.add_span_processor(processor)
    return provider


def _processors(names: str) -> Iterator[SpanProcessor]:
    for name in (each.strip() for each in names.split(",")):
        if name == "otlp":
            yield BatchSpanProcessor(WholeSpanExporter(OTLPSpanExporter()))
        elif name == "console":
            yield SimpleSpanProcessor(WholeSpanExporter(_Console()))
        elif name.startswith(FILE_PREFIX) and name != FILE_PREFIX:
            path = Path(name.removeprefix(FILE_PREFIX))
            yield SimpleSpanProcessor(WholeSpanExporter(_JsonLines(path)))
        elif name != "none":
            raise ValueError(
                f"{OTEL_TRACES_EXPORTER} has {name!r}; it takes otlp, console, file:PATH and none, "
                "separated by commas."
            )


class _JsonLines(ConsoleSpanExporter):
    """Appends spans to a file, one a line; several programs may write to the same one."""

    def __init__(self, path: Path) -> None:
        super().__init__(out=path.open("a", encoding="utf-8"), formatter=_as_line)

    def shutdown(self) -> None:
        self.out.close()


def _as_line(span: ReadableSpan) -> str:
    return f"{span.to_json(indent=None)}\n"
