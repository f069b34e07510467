"""Which addresses mean this kernel's Phoenix.

Phoenix's own recipes say where it is by leaving the endpoint out, by its default address, or by
an address without the path of the receiver. Here its port is another, and its gRPC port is closed.
"""

from __future__ import annotations

from urllib.parse import ParseResult, urlparse

from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.ports import listens

_LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0", "::")
_DEFAULT_PORTS = (6006, 4317)  # HTTP and gRPC, where Phoenix is outside the course


def is_ours(endpoint: str, phoenix: EmbeddedPhoenix) -> bool:
    """Say whether an address, with or without scheme and path, is this kernel's Phoenix."""
    return _port_here(_parse(endpoint)) == phoenix.port


def is_deserted_default(endpoint: str) -> bool:
    """Say whether it is Phoenix's default address on this machine, and nobody is there."""
    port = _port_here(_parse(endpoint))
    return port in _DEFAULT_PORTS and not listens(port)


def is_loopback_http(endpoint: str) -> bool:
    """Say whether it is a server on this machine, and not one at the port of gRPC."""
    port = _port_here(_parse(endpoint))
    return port is not None and port != _DEFAULT_PORTS[1]


def _parse(endpoint: str) -> ParseResult:
    endpoint = endpoint.strip()
    return urlparse(endpoint if "//" in endpoint else f"//{endpoint}")


def _port_here(url: ParseResult) -> int | None:
    """Return the port if the address is on this machine."""
    try:
        return (url.port or 80) if url.hostname in _LOOPBACK else None
    except ValueError:  # no number
        return None
