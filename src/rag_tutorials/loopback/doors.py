"""Doors for servers: connections of other users get one sentence, and nothing else."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import socketserver
import time
from typing import Any
from urllib.parse import urlsplit

from rag_tutorials.loopback.peers import refusal

_LINGER_S = 10.0  # what is still on its way must be read, or the client loses the answer
_ACCEPT_S = 1.0
_OWN_HOSTS = {"localhost", "127.0.0.1", "::1"}


class OwnUserProtocol(asyncio.Protocol):
    """For ``uvicorn.Config(http=…)``: uvicorn's own protocol for those who may pass.

    It decides once a connection, before a byte is read: requests that follow cost nothing,
    WebSockets are included, and no header (``X-Forwarded-For``) has a say.
    """

    def __init__(self, **arguments: Any) -> None:
        self._arguments = arguments
        self._refusal: str | None = None

    def connection_made(self, transport: Any) -> None:
        """Let uvicorn take over, or stay."""
        self._transport: asyncio.WriteTransport = transport
        self._refusal = refusal(transport.get_extra_info("socket"))
        if self._refusal is None:
            from uvicorn.protocols.http.auto import AutoHTTPProtocol

            http = AutoHTTPProtocol(**self._arguments)
            transport.set_protocol(http)
            http.connection_made(transport)

    def data_received(self, data: bytes) -> None:
        """Answer the first that is asked."""
        if self._refusal is None:
            return  # it has been answered
        self._transport.write(_forbidden(self._refusal))
        self._refusal = None
        self._transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_S, self._transport.close)


class OwnUserMixIn(socketserver.TCPServer):
    """For the standard library's servers: before ``ThreadingHTTPServer`` among the bases."""

    def server_activate(self) -> None:
        """Listen; a client that is gone before it is accepted must not block the server."""
        super().server_activate()
        self.socket.settimeout(_ACCEPT_S)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Let a handler answer those who may pass, and turn the others away."""
        if (sentence := refusal(request)) is None:
            super().finish_request(request, client_address)
            return
        with contextlib.suppress(OSError):
            request.settimeout(_LINGER_S)
            if request.recv(65_536):
                request.sendall(_forbidden(sentence))
                request.shutdown(socket.SHUT_WR)
                end = time.monotonic() + _LINGER_S
                while time.monotonic() < end and request.recv(65_536):
                    pass


def is_foreign(host: str | None, origin: str | None) -> bool:
    """Say whether a request's Host or Origin shows that a page of another site sends it.

    A page may reach a loopback server through the browser of the server's own user, under the
    page's own name even (DNS rebinding). Programs send no Origin.
    """
    try:
        if urlsplit(f"//{host}").hostname not in _OWN_HOSTS:
            return True
    except ValueError:
        return True
    return origin is not None and origin != f"http://{host}"


def _forbidden(sentence: str) -> bytes:
    body = f"{sentence}\n".encode()
    head = (
        "HTTP/1.1 403 Forbidden\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body
