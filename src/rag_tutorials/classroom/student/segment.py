"""Requests of spans in a file, one after another, and the spans in them."""

from __future__ import annotations

import gzip
import json
import struct
import zlib
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans

_HEAD = struct.Struct("<II")  # how long the header is, and the body
_UNPACK: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.decompress,
    "deflate": zlib.decompress,
}


@dataclass(frozen=True, slots=True)
class Piece:
    """One span, in a resource and a scope of its own, and the project that a header named."""

    span: ResourceSpans
    project: str | None

    @property
    def trace_id(self) -> str:
        """The trace's id in hexadecimal."""
        return str(self.span.scope_spans[0].spans[0].trace_id.hex())

    @property
    def key(self) -> bytes:
        """What tells this span from all others."""
        [one] = self.span.scope_spans[0].spans
        return bytes(one.trace_id + one.span_id)


def frame(body: bytes, encoding: str, project: str | None) -> bytes:
    """Return a request as it stands in a file."""
    head = json.dumps([encoding, project]).encode()
    return _HEAD.pack(len(head), len(body)) + head + body


def pieces(file: Path) -> Iterator[Piece]:
    """Yield the spans of a file; what is cut off at its end, or no request, is left out.

    A file that is gone has none.
    """
    for body, project in _requests(file):
        try:
            request = ExportTraceServiceRequest.FromString(body)
        except DecodeError:
            continue
        for resource_spans in request.resource_spans:
            for scope_spans in resource_spans.scope_spans:
                for span in scope_spans.spans:
                    one = ResourceSpans(
                        resource=resource_spans.resource, schema_url=resource_spans.schema_url
                    )
                    scope = one.scope_spans.add(
                        scope=scope_spans.scope, schema_url=scope_spans.schema_url
                    )
                    scope.spans.append(span)
                    yield Piece(one, project)


def spans_in(body: bytes, encoding: str) -> int:
    """Return how many spans a request holds; 0 where it is none."""
    try:
        unpack = _UNPACK.get(encoding)
        request = ExportTraceServiceRequest.FromString(unpack(body) if unpack else body)
    except (DecodeError, OSError, EOFError, zlib.error):
        return 0
    scopes = (scope for one in request.resource_spans for scope in one.scope_spans)
    return sum(len(scope.spans) for scope in scopes)


def mentions(file: Path, trace_ids: Collection[str]) -> bool:
    """Say whether a file may hold spans of these traces: quickly, without reading the spans."""
    wanted = [bytes.fromhex(one) for one in trace_ids]
    return any(one in body for body, _ in _requests(file) for one in wanted)


def _requests(file: Path) -> Iterator[tuple[bytes, str | None]]:
    """Yield the body of each request, and the project that a header named."""
    try:
        content = file.read_bytes()
    except FileNotFoundError:
        return
    at = 0
    while at + _HEAD.size <= len(content):
        of_head, of_body = _HEAD.unpack_from(content, at)
        begin = at + _HEAD.size + of_head
        at = begin + of_body
        if at > len(content):
            return  # its kernel was killed while it wrote
        try:
            encoding, project = json.loads(content[begin - of_head : begin])
            unpack = _UNPACK.get(encoding)
            yield (unpack(content[begin:at]) if unpack else content[begin:at]), project
        except (ValueError, TypeError, OSError, EOFError, zlib.error):
            continue
