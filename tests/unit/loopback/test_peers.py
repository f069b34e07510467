"""Whose connection it is. Another user's socket is made by being that user for a moment."""

from __future__ import annotations

import os
import socket
import struct
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from rag_tutorials.loopback import HOST, peers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells")
NOBODY = 65_534
Listener = socket.socket


@pytest.fixture
def listener() -> Iterator[Listener]:
    with socket.create_server((HOST, 0)) as server:
        yield server


def connect(listener: Listener, client: socket.socket) -> tuple[socket.socket, socket.socket]:
    client.connect(listener.getsockname())
    return client, listener.accept()[0]


def socket_of(uid: int) -> socket.socket:
    if os.geteuid() != 0:
        pytest.skip("Only root can make a socket of another user.")
    os.seteuid(uid)
    try:
        return socket.socket()
    finally:
        os.seteuid(0)


@pytest.fixture(params=["netlink", "proc"])
def table(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Where the user is known from; the other one is missing."""
    if request.param == "proc":
        monkeypatch.setattr(peers, "_SOCK_DIAG", 31)  # no such protocol
    else:
        monkeypatch.setattr(peers, "_TABLES", (Path("/nowhere/tcp"),))
    return str(request.param)


@pytest.mark.usefixtures("table")
def test_the_own_user_passes(listener: Listener) -> None:
    client, accepted = connect(listener, socket.socket())
    with client, accepted:
        assert peers.refusal(accepted) is None


@pytest.mark.usefixtures("table")
def test_an_ipv4_address_written_as_ipv6_is_the_same_address(listener: Listener) -> None:
    client = socket.socket(socket.AF_INET6)
    client.connect((f"::ffff:{HOST}", listener.getsockname()[1]))
    with client, listener.accept()[0] as accepted:
        assert peers.refusal(accepted) is None


@pytest.mark.usefixtures("table")
def test_ipv6_is_known_too() -> None:
    if not socket.has_dualstack_ipv6():
        pytest.skip("This machine has no IPv6.")
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as server:
        client, accepted = connect(server, socket.socket(socket.AF_INET6))
        with client, accepted:
            assert peers.refusal(accepted) is None


@pytest.mark.usefixtures("table")
def test_another_user_is_refused(listener: Listener) -> None:
    client, accepted = connect(listener, socket_of(NOBODY))
    with client, accepted:
        assert "another user" in (peers.refusal(accepted) or "")


@pytest.mark.usefixtures("table")
def test_another_user_gains_nothing_by_closing_early(listener: Listener) -> None:
    client, accepted = connect(listener, socket_of(NOBODY))
    with accepted:
        client.sendall(b"DELETE / HTTP/1.1\r\n\r\n")
        client.close()
        assert "connect again" in (peers.refusal(accepted) or "")


@pytest.mark.usefixtures("table")
def test_a_connection_that_was_reset_is_refused(listener: Listener) -> None:
    client, accepted = connect(listener, socket.socket())
    with accepted:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
        assert "connect again" in (peers.refusal(accepted) or "")


@pytest.mark.usefixtures("table")
def test_a_client_that_only_stopped_sending_passes(listener: Listener) -> None:
    client, accepted = connect(listener, socket.socket())
    with client, accepted:
        client.shutdown(socket.SHUT_WR)
        assert peers.refusal(accepted) is None


@pytest.mark.usefixtures("table")
def test_root_passes_at_another_users_server(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    client, accepted = connect(listener, socket_of(0))
    monkeypatch.setattr(os, "geteuid", lambda: NOBODY)
    with client, accepted:
        assert peers.refusal(accepted) is None


@pytest.mark.parametrize("uid", [0, NOBODY])
def test_a_client_bound_to_a_device_is_known_all_the_same(listener: Listener, uid: int) -> None:
    client = socket_of(uid)
    client.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, b"lo\0")
    client, accepted = connect(listener, client)
    with client, accepted:
        refused = peers.refusal(accepted)
        assert (refused is None) == (uid == 0)
        assert uid == 0 or "another user" in (refused or "")


def test_who_cannot_be_known_is_refused(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "_SOCK_DIAG", 31)
    monkeypatch.setattr(peers, "_TABLES", (Path("/nowhere/tcp"),))
    client, accepted = connect(listener, socket.socket())
    with client, accepted:
        assert "does not say" in (peers.refusal(accepted) or "")


def test_where_the_system_does_not_tell_everybody_passes(
    listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")
    client, accepted = connect(listener, socket_of(NOBODY))
    with client, accepted:
        assert peers.refusal(accepted) is None


def test_a_port_that_changes_hands_is_judged_anew(listener: Listener) -> None:
    """The same two addresses, first of the own user, then of another."""
    client, accepted = connect(listener, socket.socket())
    address = client.getsockname()
    assert peers.refusal(accepted) is None
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    accepted.close()
    client = socket_of(NOBODY)
    client.bind(address)
    client, accepted = connect(listener, client)
    with client, accepted:
        assert accepted.getpeername() == address
        assert "another user" in (peers.refusal(accepted) or "")


def test_many_may_ask_at_once(listener: Listener) -> None:
    pairs = [connect(listener, socket.socket()) for _ in range(50)]
    answers: list[str | None] = []
    threads = [
        threading.Thread(target=lambda one=accepted: answers.append(peers.refusal(one)))
        for _, accepted in pairs
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [None] * len(pairs)
    for pair in pairs:
        for one in pair:
            one.close()
