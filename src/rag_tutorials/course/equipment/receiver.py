"""An OTLP receiver on the loopback interface that misbehaves on demand and keeps what it gets.

It may also stand before a backend as its door: what comes goes on to the backend, whose answers go
back.
"""

from __future__ import annotations

import atexit
import gzip
import threading
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.error import HTTPError

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

from rag_tutorials.loopback import HOST
from rag_tutorials.loopback.doors import OwnUserMixIn
from rag_tutorials.loopback.stoppable import Stoppable

PATH = "/v1/traces"
LONGEST_WAIT_S = 30.0
_BACKEND_S = 60.0
_NOT_PASSED = {"host", "connection", "content-length", "accept-encoding"}
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Arrived:
    """A span as it came over the wire."""

    name: str
    trace_id: str
    span_id: str
    attributes: dict[str, Any]
    dropped_attributes: int
    resource: dict[str, Any]


@dataclass(slots=True)
class _Fault:
    status: int = 200
    seconds: float = 0.0
    retry_after: float | None = None
    times: int | None = None


@dataclass(slots=True)
class _Journal:
    lock: threading.Lock = field(default_factory=threading.Lock)
    stopping: threading.Event = field(default_factory=threading.Event)
    fault: _Fault | None = None
    paths: list[str] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def next_fault(self) -> _Fault:
        with self.lock:
            fault = self.fault
            if fault is None:
                return _Fault()
            if fault.times is not None:
                fault.times -= 1
                if fault.times <= 0:
                    self.fault = None
            return fault


class Receiver(Stoppable):
    """A running receiver for OTLP over HTTP with protobuf; make one with :meth:`start`.

    It listens on a free loopback port, and stops with :meth:`stop`, with its ``with`` block, or
    with the interpreter.
    """

    def __init__(self, server: _Server) -> None:
        self._server = server
        self._journal = server.journal
        self._thread = threading.Thread(
            target=server.serve_forever, args=(0.05,), name="otlp-receiver", daemon=True
        )

    @classmethod
    def start(cls, before: str | None = None) -> Self:
        """Start a receiver and return when it accepts connections.

        Args:
            before: The base address of a backend, to stand before it. Without one, the receiver
                answers by itself.
        """
        receiver = cls(_Server(before))
        receiver._thread.start()
        atexit.register(receiver.stop)
        return receiver

    @property
    def url(self) -> str:
        """The base URL, for ``OTEL_EXPORTER_OTLP_ENDPOINT``."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    @property
    def endpoint(self) -> str:
        """Where spans are sent: the base URL and ``/v1/traces``."""
        return self.url + PATH

    @property
    def statuses(self) -> list[int]:
        """The status of each answer so far, oldest first."""
        return list(self._journal.statuses)

    @property
    def paths(self) -> list[str]:
        """The path of each request so far, oldest first; only ``/v1/traces`` takes spans."""
        return list(self._journal.paths)

    @property
    def headers(self) -> list[dict[str, str]]:
        """The headers of each request so far, names in lower case, oldest first."""
        return list(self._journal.headers)

    @property
    def everything(self) -> bytes:
        """All that was accepted, as the bytes that came over the wire, decompressed.

        Protobuf keeps texts as UTF-8: a search for a secret here sees every corner of a span.
        """
        return b"\n".join(self._journal.bodies)

    @property
    def requests(self) -> list[ExportTraceServiceRequest]:
        """What was accepted, as the messages of the protocol, oldest first."""
        return [ExportTraceServiceRequest.FromString(body) for body in list(self._journal.bodies)]

    @property
    def spans(self) -> list[Arrived]:
        """The spans that were accepted, in order of arrival."""
        return [span for request in self.requests for span in _arrived(request)]

    def clear(self) -> None:
        """Forget what arrived."""
        with self._journal.lock:
            self._journal.bodies.clear()
            self._journal.paths.clear()
            self._journal.statuses.clear()
            self._journal.headers.clear()

    @contextmanager
    def fault(
        self,
        status: int = 200,
        *,
        seconds: float = 0.0,
        retry_after: float | None = None,
        times: int | None = None,
    ) -> Iterator[None]:
        """Misbehave while the ``with`` block runs, or for ``times`` requests of it.

        A request is answered after ``seconds`` (30 at most) with ``status`` and, if given, a
        Retry-After header of ``retry_after`` seconds. Only a status of 200 accepts the spans.
        """
        with self._journal.lock:
            self._journal.fault = _Fault(status, min(seconds, LONGEST_WAIT_S), retry_after, times)
        try:
            yield
        finally:
            with self._journal.lock:
                self._journal.fault = None

    def stop(self) -> None:
        """Stop at once, waiting requests included; a second call does nothing."""
        atexit.unregister(self.stop)
        if not self._journal.stopping.is_set():
            self._journal.stopping.set()
            self._server.shutdown()
            self._server.server_close()
            self._thread.join()

    def __repr__(self) -> str:
        state = "stopped" if self._journal.stopping.is_set() else "running"
        return f"<Receiver {self.url}, {state}>"


class _Server(OwnUserMixIn, ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, before: str | None) -> None:
        self.journal = _Journal()
        self.before = before
        super().__init__((HOST, 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up waiting is what a fault is for: nothing to print."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def do_POST(self) -> None:
        journal = self.server.journal
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with journal.lock:
            journal.paths.append(self.path)
            journal.headers.append({name.lower(): each for name, each in self.headers.items()})
        if self.server.before is not None:
            self._pass_on(self.server.before, body)
            return
        fault = journal.next_fault()
        if journal.stopping.wait(fault.seconds) or self.path != PATH:
            self._answer(503 if journal.stopping.is_set() else 404)
            return
        self._note(fault.status, body)
        retry = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
        self._answer(fault.status, retry)

    def _pass_on(self, backend: str, body: bytes) -> None:
        passed = {
            name: each for name, each in self.headers.items() if name.lower() not in _NOT_PASSED
        }
        request = urllib.request.Request(backend + self.path, body, passed)
        try:
            with _opener.open(request, timeout=_BACKEND_S) as answer:
                status, content = answer.status, answer.read()
        except HTTPError as answer:
            status, content = answer.code, answer.read()
        self._note(status, body)
        self._answer(status, content=content)

    def _note(self, status: int, body: bytes) -> None:
        """Keep what was answered, and what was accepted, before the client is told."""
        if status == 200:
            body = _UNPACK.get(self.headers.get("content-encoding", ""), bytes)(body)
        with self.server.journal.lock:
            self.server.journal.statuses.append(status)
            if status == 200:
                self.server.journal.bodies.append(body)

    def _answer(
        self, status: int, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> None:
        if content is None:
            content = ExportTraceServiceResponse().SerializeToString()
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", "application/x-protobuf")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing on stderr."""


def _arrived(request: ExportTraceServiceRequest) -> Iterator[Arrived]:
    for resource in request.resource_spans:
        sender = _plain(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Arrived(
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    _plain(span.attributes),
                    span.dropped_attributes_count,
                    sender,
                )


def _plain(attributes: Any) -> dict[str, Any]:
    pairs: Iterator[KeyValue] = iter(attributes)
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind) if kind else None
