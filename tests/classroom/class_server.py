"""A class on the loopback interface that misbehaves on demand, and spans to send to it."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rag_tutorials.classroom.base.membership import Membership
from rag_tutorials.classroom.base.wire import CHECK, PROJECT_NAME, REPORTS, Report

KEY = "made-up.key-of.a-class"
LESSON = "01_manual_spans"
PATIENCE_S = 120.0


def until(state: Callable[[], Any]) -> Any:
    """Wait until a state is reached, and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := state()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.01)
    return found


@dataclass
class Arrived:
    """One request that was taken: spans by project, or annotations."""

    path: str
    when: float
    spans: list[tuple[str, Any]] = field(default_factory=list)
    annotations: list[dict[str, Any]] = field(default_factory=list)


@dataclass
class Fault:
    """What is answered in the place of 200: a status, after some seconds, so many times."""

    status: int = 503
    seconds: float = 0.0
    headers: dict[str, str] = field(default_factory=dict)
    times: int = 1_000_000
    only: str = "/"
    fits: Callable[[ExportTraceServiceRequest], bool] | None = None


class ClassServer:
    """Takes spans and annotations as Phoenix does; ``fault`` makes it misbehave."""

    def __init__(self, port: int = 0) -> None:
        self.arrived: list[Arrived] = []
        self.asked: list[tuple[float, str, int]] = []
        self.keys: set[str] = set()
        self.fault: Fault | None = None
        self.ending = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                server._answer(self, b"")

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if self.headers.get("Content-Encoding") == "gzip":
                    body = gzip.decompress(body)
                server._answer(self, body)

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", port), Handler)
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True).start()

    @property
    def port(self) -> int:
        return int(self._server.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def spans(self, project: str) -> list[Any]:
        return [span for one in self.arrived for where, span in one.spans if where == project]

    def reports(self) -> list[str]:
        return [span.name for span in self.spans(REPORTS)]

    def annotations(self) -> list[dict[str, Any]]:
        return [each for one in self.arrived for each in one.annotations]

    def stop(self) -> None:
        self.ending.set()
        self._server.shutdown()
        self._server.server_close()

    def _answer(self, handler: BaseHTTPRequestHandler, body: bytes) -> None:
        path = handler.path
        self.keys.add(handler.headers.get("Authorization", ""))
        kind = handler.headers.get("Content-Type", "application/json")
        request = ExportTraceServiceRequest()
        if path == "/v1/traces":
            request.ParseFromString(body)
        status, headers = 200, {"x-phoenix-server-version": "20.26.1"}
        fault = self.fault
        if (
            fault is not None
            and fault.times > 0
            and path.startswith(fault.only)
            and (fault.fits is None or fault.fits(request))
        ):
            fault.times -= 1
            self.ending.wait(fault.seconds)
            status, headers = fault.status, headers | fault.headers
        self.asked.append((time.monotonic(), path, status))
        if status == 200:
            self._take(path, request, body)
        content = ExportTraceServiceResponse().SerializeToString()
        if kind == "application/json":
            content = b'{"data":[]}'
        try:
            handler.send_response(status)
            for name, value in {"Content-Type": kind, **headers}.items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(content)))
            handler.end_headers()
            handler.wfile.write(content)
        except OSError:
            pass  # nobody waits for it any more

    def _take(self, path: str, request: ExportTraceServiceRequest, body: bytes) -> None:
        one = Arrived(path, time.monotonic())
        for resource_spans in request.resource_spans:
            [project] = [
                each.value.string_value
                for each in resource_spans.resource.attributes
                if each.key == PROJECT_NAME
            ]
            for scope in resource_spans.scope_spans:
                one.spans += [(project, span) for span in scope.spans]
        if path.startswith("/v1/trace_annotations"):
            one.annotations = json.loads(body)["data"]
        self.arrived.append(one)


def member_of(server: ClassServer, verdicts_only: bool = False, pace: float = 1e6) -> Membership:
    return Membership(server.url, KEY, "Ada Lovelace", pace, verdicts_only)


def made(names: Sequence[str], project: str = LESSON) -> tuple[ReadableSpan, ...]:
    """Return ended spans of these names, each a trace of its own."""
    kept = InMemorySpanExporter()
    provider = TracerProvider(resource=Resource({PROJECT_NAME: project}))
    provider.add_span_processor(SimpleSpanProcessor(kept))
    for name in names:
        provider.get_tracer("test").start_span(name).end()
    return kept.get_finished_spans()


def body_of(spans: Sequence[ReadableSpan]) -> bytes:
    return encode_spans(spans).SerializeToString()


def trace_id_of(span: ReadableSpan) -> str:
    context = span.get_span_context()
    assert context is not None
    return f"{context.trace_id:032x}"


def report(name: str = "01.2", trace_ids: Sequence[str] = (), **more: Any) -> Report:
    whole = {
        "student": "ada-lovelace",
        "event": CHECK,
        "lesson": LESSON,
        "state": "not yet",
        "sentence": "The span `b` is missing.",
        "attempt": 1,
        "project": f"ada-lovelace.{LESSON}",
        "evidence": '{"given": []}',
        **more,
    }
    return Report(name=name, when=datetime.now(UTC), trace_ids=tuple(trace_ids), **whole)
