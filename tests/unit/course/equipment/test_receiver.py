"""The receiver that misbehaves on demand."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.trace import format_trace_id

from rag_tutorials.course.equipment import Receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.start() as running:
        yield running


def provider_for(receiver: Receiver, **exporter: object) -> TracerProvider:
    provider = TracerProvider(
        resource=Resource({"service.name": "test"}),
        span_limits=SpanLimits(max_span_attributes=4),
        shutdown_on_exit=False,
    )
    otlp = OTLPSpanExporter(receiver.endpoint, **{"timeout": 5, **exporter})  # type: ignore[arg-type]
    provider.add_span_processor(SimpleSpanProcessor(otlp))
    return provider


def post(receiver: Receiver, path: str = "/v1/traces", **options: object) -> httpx.Response:
    with httpx.Client(trust_env=False, timeout=120) as client:
        return client.post(receiver.url + path, content=b"", **options)  # type: ignore[arg-type]


@pytest.mark.parametrize("compression", Compression)
def test_spans_come_back_as_they_were_sent(receiver: Receiver, compression: Compression) -> None:
    tracer = provider_for(receiver, compression=compression).get_tracer("test")
    with tracer.start_as_current_span("request") as span:
        for number in range(3):
            span.set_attribute(f"dropped.{number}", "x")
        span.set_attributes({"text": "größer", "flag": True, "list": [1, 2], "number": 0.5})
    [arrived] = receiver.spans
    assert arrived.name == "request"
    assert arrived.trace_id == format_trace_id(span.get_span_context().trace_id)
    assert arrived.attributes == {"text": "größer", "flag": True, "list": [1, 2], "number": 0.5}
    assert arrived.dropped_attributes == 3
    assert arrived.resource["service.name"] == "test"
    assert "größer".encode() in receiver.everything
    receiver.clear()
    assert (receiver.spans, receiver.statuses, receiver.everything) == ([], [], b"")
    assert (receiver.requests, receiver.paths, receiver.headers) == ([], [], [])


def test_only_a_200_accepts(receiver: Receiver) -> None:
    tracer = provider_for(receiver).get_tracer("test")
    with receiver.fault(401):
        tracer.start_span("refused").end()
    tracer.start_span("accepted").end()
    assert [span.name for span in receiver.spans] == ["accepted"]
    assert receiver.statuses == [401, 200]


def test_a_fault_ends_after_its_times(receiver: Receiver) -> None:
    with receiver.fault(503, retry_after=0.01, times=2):
        provider_for(receiver).get_tracer("test").start_span("late").end()
        assert [span.name for span in receiver.spans] == ["late"]
    assert receiver.statuses == [503, 503, 200]


def test_retry_after_is_a_header(receiver: Receiver) -> None:
    with receiver.fault(429, retry_after=2):
        answer = post(receiver)
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "2")
    assert "retry-after" not in post(receiver).headers


def test_another_path_is_not_found(receiver: Receiver) -> None:
    assert post(receiver, "/v1/traces/v1/traces").status_code == 404
    assert receiver.paths == ["/v1/traces/v1/traces"]
    assert receiver.spans == []


def test_a_stop_does_not_wait_for_a_hanging_request(receiver: Receiver) -> None:
    answers: list[int] = []
    with receiver.fault(seconds=30):
        waiting = threading.Thread(target=lambda: answers.append(post(receiver).status_code))
        waiting.start()
        while not receiver.headers:
            waiting.join(0.01)
        receiver.stop()
        waiting.join(20)
    assert answers == [503]
    assert "stopped" in repr(receiver)
    receiver.stop()
    with pytest.raises(httpx.ConnectError):
        post(receiver)


def test_a_client_that_gives_up_is_no_noise(
    receiver: Receiver, capsys: pytest.CaptureFixture[str]
) -> None:
    with (
        receiver.fault(seconds=0.3),
        httpx.Client(trust_env=False, timeout=0.05) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.post(receiver.endpoint, content=b"")
    assert post(receiver).status_code == 200
    receiver.stop()
    assert capsys.readouterr().err == ""


def test_a_door_passes_on_what_comes_and_what_is_answered(receiver: Receiver) -> None:
    with Receiver.start(before=receiver.url) as door:
        provider = provider_for(door, compression=Compression.Gzip, headers={"x-who": "me"})
        with receiver.fault(401, times=1):
            provider.get_tracer("t").start_span("refused").end()
        provider.get_tracer("t").start_span("accepted").end()
        assert post(door, "/elsewhere").status_code == 404
        assert door.paths == ["/v1/traces", "/v1/traces", "/elsewhere"]
        assert door.statuses == [401, 200, 404]
        assert [span.name for span in door.spans] == ["accepted"]
    assert [span.span_id for span in receiver.spans] == [span.span_id for span in door.spans]
    assert receiver.headers[0]["x-who"] == "me"
