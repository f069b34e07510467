"""The doors of real servers."""

from __future__ import annotations

import http.client
import os
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import uvicorn

from rag_tutorials.loopback import HOST, peers
from rag_tutorials.loopback.doors import OwnUserMixIn, OwnUserProtocol, is_foreign

NOBODY = 65_534
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
    "Sec-WebSocket-Version": "13",
}


class Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()

    do_GET = do_DELETE = do_POST  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None: ...


class StandardServer(OwnUserMixIn, ThreadingHTTPServer):
    daemon_threads = True


async def application(scope: Any, receive: Any, send: Any) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.accept"})
        return
    while (await receive()).get("more_body"):
        pass
    await send({"type": "http.response.start", "status": 200})
    await send({"type": "http.response.body"})


@contextmanager
def standard() -> Iterator[int]:
    with StandardServer((HOST, 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.01,)).start()
        yield server.server_address[1]
        server.shutdown()


@contextmanager
def asgi(loop: Any) -> Iterator[int]:
    config = uvicorn.Config(
        application, http=OwnUserProtocol, loop=loop, lifespan="off", log_level="warning"
    )
    server = uvicorn.Server(config)
    with socket.create_server((HOST, 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        port = listener.getsockname()[1]
        # What it imports to begin is read before a test is another user, as all threads are then.
        with client(port) as own:
            own.request("GET", "/")
            own.getresponse().read()
        yield port
        server.should_exit = True
        thread.join()


@pytest.fixture(params=["standard", "asyncio", "auto"])
def port(request: pytest.FixtureRequest) -> Iterator[int]:
    with standard() if request.param == "standard" else asgi(request.param) as port:
        yield port


@contextmanager
def client(port: int, uid: int | None = None) -> Iterator[http.client.HTTPConnection]:
    """A connection of this user, or of another one."""
    connection = http.client.HTTPConnection(HOST, port, timeout=120)
    if uid is not None:
        if sys.platform != "linux" or os.geteuid() != 0:
            pytest.skip("Only root on Linux can make another user's connection.")
        os.seteuid(uid)
        try:
            connection.sock = socket.socket()
        finally:
            os.seteuid(0)
        connection.sock.settimeout(60)
        connection.sock.connect((HOST, port))
    yield connection
    connection.close()


def test_the_own_user_is_answered_request_after_request(port: int) -> None:
    with client(port) as own:
        for method in ("GET", "POST", "DELETE"):
            own.request(method, "/", b"x" * 100_000)
            answer = own.getresponse()
            answer.read()
            assert answer.status == 200


@pytest.mark.parametrize("size", [0, 2_000_000])
@pytest.mark.parametrize("headers", [{}, {"X-Forwarded-For": HOST}, WEBSOCKET])
def test_another_user_is_told_why_and_gets_nothing(
    port: int, headers: dict[str, str], size: int
) -> None:
    with client(port, NOBODY) as other:
        other.request("DELETE", "/", b"x" * size, headers)
        answer = other.getresponse()
        assert answer.status == 403
        assert answer.read().decode().startswith("Refused: this connection comes from another user")


def test_a_connection_is_judged_once(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    known = peers._user_of_peer
    monkeypatch.setattr(peers, "_user_of_peer", lambda one: asked.append(one) or known(one))
    with client(port) as own:
        for _ in range(5):
            own.request("GET", "/", headers={"Content-Length": "0"})
            own.getresponse().read()
            if own.sock is None:
                return  # the standard library's servers speak HTTP/1.0
    if sys.platform == "linux":
        assert len(asked) == 1


def test_a_websocket_of_the_own_user_passes() -> None:
    with asgi("auto") as port, client(port) as own:
        own.request("GET", "/", headers=WEBSOCKET)
        assert own.getresponse().status == 101


@pytest.mark.parametrize("host", ["localhost:6006", "127.0.0.1:6006", "[::1]:6006", "LOCALHOST"])
def test_a_program_on_this_machine_is_no_stranger(host: str) -> None:
    assert not is_foreign(host, None)
    assert not is_foreign(host, f"http://{host}")


@pytest.mark.parametrize(
    ("host", "origin"),
    [
        (None, None),
        ("", None),
        ("attacker.example:6006", None),
        ("attacker.example:6006", "http://attacker.example:6006"),
        ("127.0.0.1.attacker.example", None),
        ("localhost:6006", "http://attacker.example"),
        ("localhost:6006", "http://localhost:8888"),
        ("localhost:6006", "https://localhost:6006"),
        ("localhost:6006", "null"),
        ("[::1", None),
        ("user@attacker.example", None),
        ("localhost@attacker.example", None),
    ],
)
def test_a_page_of_another_site_is_a_stranger(host: str | None, origin: str | None) -> None:
    assert is_foreign(host, origin)
