"""What an exporter logs: real requests, to receivers that refuse, hang or are not there."""

from __future__ import annotations

import functools
import logging
from concurrent.futures import ThreadPoolExecutor

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as OverGrpc
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter

from messages import closed_port
from rag_tutorials.course.equipment.receiver import PATH, Receiver

A_LONG_TIME = 60.0  # seconds; what is looked for is said long before


@functools.cache
def _receiver() -> Receiver:
    return Receiver.start()


class _NoSecondAttempt(logging.Handler):
    """Shuts an exporter down as soon as it says that it will try again."""

    def __init__(self, exporter: SpanExporter) -> None:
        super().__init__()
        self._exporter = exporter

    def emit(self, record: logging.LogRecord) -> None:
        if record.getMessage().startswith("Transient error"):
            self._exporter.shutdown()


def _export(exporter: SpanExporter) -> None:
    provider = TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    impatient = _NoSecondAttempt(exporter)
    logging.getLogger().addHandler(impatient)
    provider.get_tracer("messages").start_span("one").end()
    logging.getLogger().removeHandler(impatient)


def _answered(status: int) -> None:
    with _receiver().fault(status):
        _export(OTLPSpanExporter(_receiver().endpoint, timeout=A_LONG_TIME))


def export_400() -> None:
    _answered(400)


def export_401() -> None:
    _answered(401)


def export_403() -> None:
    _answered(403)


def export_404() -> None:
    _export(OTLPSpanExporter(_receiver().endpoint + PATH))  # the path is doubled


def export_413() -> None:
    _answered(413)


def export_500() -> None:
    _answered(500)


def export_429() -> None:
    _answered(429)


def export_503() -> None:
    _answered(503)


export_at_shutdown = export_503  # the exporter is shut down while it waits


def export_gave_up() -> None:
    with _receiver().fault(seconds=30):  # until the receiver stops
        _export(OTLPSpanExporter(_receiver().endpoint, timeout=0.5))


def export_refused() -> None:
    with closed_port() as port:
        _export(OTLPSpanExporter(f"http://127.0.0.1:{port}{PATH}", timeout=A_LONG_TIME))


def export_without_scheme() -> None:
    _export(OTLPSpanExporter(f"localhost:6006{PATH}"))


def export_https() -> None:
    _export(OTLPSpanExporter(_receiver().endpoint.replace("http", "https"), timeout=A_LONG_TIME))


def export_proxy() -> None:
    with closed_port() as port, pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", f"http://127.0.0.1:{port}")
        patch.setenv("HTTP_PROXY", f"http://127.0.0.1:{port}")
        patch.delenv("no_proxy", raising=False)
        patch.delenv("NO_PROXY", raising=False)
        _export(OTLPSpanExporter(_receiver().endpoint, timeout=A_LONG_TIME))


def export_http_to_grpc() -> None:
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    _export(OTLPSpanExporter(f"http://127.0.0.1:{port}{PATH}", timeout=A_LONG_TIME))
    server.stop(None).wait()


def export_grpc_to_http() -> None:
    _export(OverGrpc(_receiver().url, timeout=A_LONG_TIME))


def export_grpc_refused() -> None:
    with closed_port() as port:
        _export(OverGrpc(f"http://127.0.0.1:{port}", timeout=A_LONG_TIME))


def export_key_with_newline() -> None:
    _export(OTLPSpanExporter(_receiver().endpoint, headers={"Authorization": "Bearer KEY\n"}))


def export_too_large() -> None:
    _export(OTLPSpanExporter(_receiver().endpoint, max_request_size=10))
