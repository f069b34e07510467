"""Free ports on the loopback interface."""

from __future__ import annotations

import socket

import pytest

from rag_tutorials.course.embedded.ports import free_port, is_free


def test_the_preferred_port_is_taken_when_it_is_free() -> None:
    port = free_port()
    assert is_free(port)
    assert free_port(port) == port


@pytest.mark.parametrize("interface", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_somebody_holds_is_passed_over(interface: str) -> None:
    with socket.socket() as other:
        other.bind((interface, 0))
        other.listen()
        taken = other.getsockname()[1]
        assert not is_free(taken)
        assert free_port(taken) != taken
        free = free_port()
        assert free_port(taken, None, free) == free
