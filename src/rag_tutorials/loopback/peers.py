"""Whose process is at the other end of a loopback connection. Linux knows; others do not tell.

The system's table of TCP connections names the user of each end. One row of it is asked for over
netlink (sock_diag(7)), in microseconds however long the table is. A system without that, or a
client bound to a network device, which netlink would have to name, is looked up in
``/proc/net/tcp`` and ``tcp6`` (proc(5)).
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol

_TABLES = (Path("/proc/net/tcp"), Path("/proc/net/tcp6"))
_SOCK_DIAG, _SOCK_DIAG_BY_FAMILY, _REQUEST = 4, 20, 1
_ANY = 0xFFFFFFFF
_HEADER = struct.Struct("=IHHII")  # nlmsghdr
_FOUND = struct.Struct("=IIIII")  # the end of inet_diag_msg: expires, queues, uid, inode
_FOUND_AT = _HEADER.size + 4 + 48
_MAPPED = bytes(10) + b"\xff\xff"

Address = tuple[str, int]


class Connection(Protocol):
    """A socket, or what stands for it in an event loop."""

    def getsockname(self) -> Any:
        """Return the address of this end."""

    def getpeername(self) -> Any:
        """Return the address of the other end.

        Raises:
            OSError: the connection is gone.
        """


def refusal(connection: Connection) -> str | None:
    """Return why an accepted connection is refused, in a sentence, or None if it may pass.

    The own user and root pass. Refused are every other user, and a connection whose other end
    nobody holds any more: the table shows it as root's. Where the system does not tell (macOS,
    Windows), everybody passes.
    """
    if sys.platform != "linux":
        return None
    uid = _user_of_peer(connection)
    if uid is not None and uid in (0, os.geteuid()):
        return None
    if uid is None:
        return (
            "Refused: the system does not say which user this connection comes from, as when it "
            "is closed already; connect again."
        )
    return (
        "Refused: this connection comes from another user of this machine; the server answers "
        "its own user alone, so connect as the user who started it."
    )


def _user_of_peer(connection: Connection) -> int | None:
    try:
        local, peer = connection.getsockname()[:2], connection.getpeername()[:2]
        found = _ask(peer, local) or _look_up(peer, local)
        # As long as this end lives no other connection has its addresses: the row was the peer's.
        connection.getpeername()
    except OSError:
        return None
    if found is None:
        return None
    uid, inode = found
    # A connection that its process has closed has no inode, and its user may read 0.
    return uid if inode else None


def _ask(local: Address, remote: Address) -> tuple[int, int] | None:
    """Return user and inode of the connection's end at ``local``, as netlink says."""
    if sys.platform != "linux":
        return None
    family = socket.AF_INET6 if ":" in local[0] else socket.AF_INET
    ends = (socket.inet_pton(family, host) for host, _ in (local, remote))
    query = struct.pack("=BBBxI", family, socket.IPPROTO_TCP, 0, _ANY)
    query += struct.pack("!HH16s16s", local[1], remote[1], *ends)
    query += struct.pack("=III", 0, _ANY, _ANY)
    header = _HEADER.pack(_HEADER.size + len(query), _SOCK_DIAG_BY_FAMILY, _REQUEST, 0, 0)
    with (
        contextlib.suppress(OSError),
        socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as netlink,
    ):
        netlink.settimeout(1.0)
        netlink.send(header + query)
        answer = netlink.recv(4096)
        if _HEADER.unpack_from(answer)[1] == _SOCK_DIAG_BY_FAMILY:
            *_, uid, inode = _FOUND.unpack_from(answer, _FOUND_AT)
            return uid, inode
    return None


def _look_up(local: Address, remote: Address) -> tuple[int, int] | None:
    """Return the same as the tables in ``/proc`` say."""
    wanted = set(zip(_notations(local), _notations(remote), strict=True))
    for table in _TABLES:
        with contextlib.suppress(OSError):
            for line in table.read_text("ascii").splitlines()[1:]:
                row = line.split()
                if (row[1], row[2]) in wanted:
                    return int(row[7]), int(row[9])
    return None


def _notations(address: Address) -> Iterator[str]:
    """Yield how the tables write an address: as it is, and an IPv4 address mapped into IPv6."""
    host, port = address
    packed = socket.inet_pton(socket.AF_INET6 if ":" in host else socket.AF_INET, host)
    for each in (packed, (_MAPPED + packed)[-16:]):
        words = struct.unpack(f"={len(each) // 4}I", each)
        yield "".join(f"{word:08X}" for word in words) + f":{port:04X}"
