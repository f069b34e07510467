"""Ports on the loopback interface."""

from __future__ import annotations

import os
import socket

from rag_tutorials.loopback import HOST


def listens(port: int) -> bool:
    """Say whether a program listens on this loopback port now."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex((HOST, port)) == 0


def is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port now."""
    if listens(port):
        return False
    with socket.socket() as probe:
        if os.name == "posix":
            # As the server does: a port in TIME_WAIT after a restarted kernel is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def free_port(*preferred: int | None) -> int:
    """Return the first of the preferred loopback ports that is free, else one the system picks."""
    for port in preferred:
        if port is not None and is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
