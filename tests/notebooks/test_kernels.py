"""The opening of a notebook, in real kernels: side by side, again, interrupted, restarted."""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest

from rag_tutorials.course.embedded.ports import free_port

pytestmark = pytest.mark.xdist_group("kernels")

TRACE = """
with tracer_provider.get_tracer("test").start_as_current_span("{name}") as span:
    pass
"""
TRACE_ID = "course.read_back(span)[0].trace_id"


@dataclass
class Opened:
    kernel: Any
    outputs: list[Any]
    port: int
    folder: str


@pytest.fixture(scope="module")
def opened(start_kernel: Any, tmp_path_factory: pytest.TempPathFactory) -> list[Opened]:
    """Three kernels at once, two of them on the same notebook, behind a proxy that is dead."""
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        proxy = f"http://127.0.0.1:{unused.getsockname()[1]}"
    environment = {
        "COURSE_STATE_DIR": str(tmp_path_factory.mktemp("a state with spaces")),
        **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy"), proxy),
    }
    found = []
    for name in ("00_start_here", "01_manual_spans", "00_start_here"):
        # Kernels of other tests use the lessons' own ports at the same time.
        kernel = start_kernel({**environment, "PHOENIX_PORT": str(free_port())})
        outputs = kernel.open_course(name)
        assert not any(output.error for output in outputs), outputs
        found.append(
            Opened(
                kernel, outputs, kernel.ask("course.port"), kernel.ask("str(course.traces_folder)")
            )
        )
    return found


def test_the_opening_prints_two_calm_lines(opened: list[Opened]) -> None:
    for one in opened:
        prepared, launched = one.outputs
        assert prepared.stdout.count("\n") == 2
        assert f"http://localhost:{one.port}" in prepared.stdout
        assert not launched.stdout
        assert not prepared.stderr
        assert not launched.stderr


def test_each_kernel_has_its_own_port_and_storage(opened: list[Opened]) -> None:
    assert len({one.port for one in opened}) == 3
    assert len({one.folder for one in opened}) == 3
    assert all((Path(one.folder) / "phoenix.db").is_file() for one in opened)


def test_no_trace_lands_in_anothers_phoenix(opened: list[Opened]) -> None:
    for one in opened:
        one.kernel.run(TRACE.format(name="mine"))
    trace_ids = [one.kernel.ask(TRACE_ID) for one in opened]
    for one in opened:
        found = [bool(one.kernel.ask(f"len(course.fetch_trace({i!r}))")) for i in trace_ids]
        assert found.count(True) == 1


def test_nothing_listens_beyond_loopback(opened: list[Opened]) -> None:
    for one in opened:
        sockets = psutil.Process(one.kernel.ask("__import__('os').getpid()")).net_connections()
        listening = [found.laddr for found in sockets if found.status == psutil.CONN_LISTEN]
        assert one.port in {address.port for address in listening}
        for address in listening:
            assert ipaddress.ip_address(address.ip).is_loopback, address


def test_the_opening_can_be_run_again(opened: list[Opened]) -> None:
    kernel = opened[0].kernel
    kernel.run(TRACE.format(name="before") + "before = span")
    for output in kernel.open_course("00_start_here"):
        assert not output.error
        assert not output.stderr
    assert kernel.ask("course.port") == opened[0].port
    kernel.run(TRACE.format(name="after"))
    assert kernel.ask("course.read_back(before)[0].name") == "before"
    assert kernel.ask("course.read_back(span)[0].name") == "after"


def test_a_bare_launch_again_keeps_the_traces(opened: list[Opened]) -> None:
    kernel = opened[1].kernel
    kernel.run(TRACE.format(name="before") + "before = span")
    output = kernel.run("px.launch_app(use_temp_dir=False) is not None")
    assert output.value == "True", output
    assert kernel.ask("course.port") == opened[1].port
    kernel.run(TRACE.format(name="after"))
    assert kernel.ask("course.read_back(before)[0].name") == "before"
    assert kernel.ask("course.read_back(span)[0].name") == "after"


def test_an_interrupt_leaves_phoenix_running(opened: list[Opened]) -> None:
    kernel = opened[0].kernel
    running = kernel.send_until_it_prints("print('on', flush=True); __import__('time').sleep(60)")
    kernel.manager.interrupt_kernel()
    assert "KeyboardInterrupt" in kernel.wait(running).error
    kernel.run(TRACE.format(name="after the interrupt"))
    assert kernel.ask("course.read_back(span)[0].name") == "after the interrupt"


def test_traces_outlive_a_restart_even_if_the_port_is_taken(opened: list[Opened]) -> None:
    one = opened[0]
    one.kernel.run(TRACE.format(name="old"))
    trace_id = one.kernel.ask(TRACE_ID)
    one.kernel.restart()
    with socket.socket() as other_program:
        other_program.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other_program.bind(("127.0.0.1", one.port))
        other_program.listen()
        outputs = one.kernel.open_course("00_start_here")
        assert not any(output.error or output.stderr for output in outputs)
        assert one.kernel.ask("course.port") != one.port
        assert one.kernel.ask("str(course.traces_folder)") == one.folder
        assert one.kernel.ask(f"course.read_back({trace_id!r})[0].name") == "old"


def test_a_database_that_cannot_be_used_is_set_aside_and_named(opened: list[Opened]) -> None:
    kernel, folder = opened[2].kernel, Path(opened[2].folder)
    kernel.run("px.close_app()")
    for leftover in folder.glob("phoenix.db*"):
        leftover.unlink()
    (folder / "phoenix.db").write_bytes(b"not a database" * 100)
    output = kernel.run("px.launch_app(use_temp_dir=False) is not None")
    assert output.value == "True", output
    [aside] = folder.glob("phoenix-unusable-*.db")
    assert aside.read_bytes() == b"not a database" * 100
    assert (
        f"could not be used (DatabaseError: file is not a database); they are kept as {aside}"
        in (output.stdout)
    )
    kernel.run(TRACE.format(name="after"))
    assert kernel.ask("course.read_back(span)[0].name") == "after"


def test_the_program_that_took_phoenixs_port_is_named_and_the_opening_mends_it(
    opened: list[Opened],
) -> None:
    one = opened[1]
    one.kernel.run(TRACE.format(name="before") + "before = span")
    one.kernel.run("px.close_app()")
    error = one.kernel.run("course.read_back(before)").error
    assert error.startswith(f"CourseError: Nothing listens at http://127.0.0.1:{one.port}"), error
    with socket.create_server(("127.0.0.1", one.port)) as other:

        def greet() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection = other.accept()[0]
                    connection.recv(1000)
                    connection.sendall(b"220 mail.example.org ESMTP\r\n")
                    connection.close()

        threading.Thread(target=greet, daemon=True).start()
        error = one.kernel.run("course.read_back(before)").error
        assert "is not Phoenix: it speaks no HTTP; run the cells at the top" in error
        outputs = one.kernel.open_course("01_manual_spans")
        assert not any(output.error for output in outputs)
        assert one.kernel.ask("course.read_back(before)[0].name") == "before"
        one.kernel.run(TRACE.format(name="after"))
        assert one.kernel.ask("course.read_back(span)[0].name") == "after"
