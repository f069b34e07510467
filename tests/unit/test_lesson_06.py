"""The checks of lesson 06 tell a half-solved exercise from a solved one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_ON, ParentBasedTraceIdRatio

from rag_tutorials.course.exercises import find, lesson_06

NAMES = {"service.name": "handbook-app", "deployment.environment.name": "production"}
SOLVED: dict[str, Any] = {
    "processor": BatchSpanProcessor,
    "timeout": 2,
    "sampler": ParentBasedTraceIdRatio(0.5),
    "names": NAMES,
    "redacts": True,
}


class Redacting(SpanProcessor):
    def __init__(self, inner: SpanProcessor) -> None:
        self.inner = inner

    def on_end(self, span: ReadableSpan) -> None:
        fields = ("context", "parent", "resource", "start_time", "end_time")
        self.inner.on_end(ReadableSpan(span.name, **{name: getattr(span, name) for name in fields}))

    def shutdown(self) -> None:
        self.inner.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self.inner.force_flush(timeout_millis)


def solution(**changes: Any) -> Callable[[str], TracerProvider]:
    wanted = {**SOLVED, **changes}

    def production_provider(endpoint: str) -> TracerProvider:
        provider = TracerProvider(
            sampler=wanted["sampler"], resource=Resource(wanted["names"]), shutdown_on_exit=False
        )
        inner = wanted["processor"](OTLPSpanExporter(endpoint, timeout=wanted["timeout"]))
        provider.add_span_processor(Redacting(inner) if wanted["redacts"] else inner)
        return provider

    return production_provider


def judged(make: Callable[[str], Any]) -> bool:
    exercise = find("06.5")
    assert exercise.run is not None
    return exercise.returns.holds(exercise.run(None, make))  # type: ignore[union-attr]


def test_a_provider_for_production_passes() -> None:
    assert judged(solution())


@pytest.mark.parametrize(
    "change",
    [
        {"processor": SimpleSpanProcessor},
        {"timeout": 10},
        {"sampler": ALWAYS_ON},
        {"sampler": ParentBasedTraceIdRatio(0.1)},
        {"names": {"service.name": "handbook-app"}},
        {"names": {**NAMES, "service.name": "app"}},
        {"redacts": False},
    ],
    ids=lambda change: "-".join(change),
)
def test_one_point_that_does_not_hold_is_seen(change: dict[str, Any]) -> None:
    assert not judged(solution(**change))


def test_what_is_no_provider_is_seen() -> None:
    assert not judged(lambda endpoint: None)


def test_the_timeout_is_read_from_the_exporter() -> None:
    # The exporter has no public way to ask; a new release that keeps it elsewhere turns this red.
    provider = solution(timeout=1.5)("http://127.0.0.1:9/v1/traces")
    assert lesson_06.timeouts_of(provider) == [1.5]
    provider.shutdown()
