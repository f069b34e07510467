"""The running server: a socket on the loopback interface, a thread, a way to stop it."""

import asyncio
import atexit
import contextlib
import logging
import os
import socket
import threading
from typing import TYPE_CHECKING, Any, Self

from rag_tutorials.loopback import HOST
from rag_tutorials.loopback.doors import OwnUserProtocol
from rag_tutorials.loopback.stoppable import Stoppable
from rag_tutorials.stub_llm.control.faults import Api, Fault, FaultName
from rag_tutorials.stub_llm.control.journal import RequestRecord

if TYPE_CHECKING:
    from rag_tutorials.stub_llm.app import Gateway

_START_SECONDS = 30.0
_STOP_SECONDS = 10.0


class StubLLM(Stoppable):
    """A running stub; make one with :meth:`start`.

    Use it as a context manager or call :meth:`stop`; it also stops when the interpreter exits.
    """

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.port: int = sock.getsockname()[1]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._server: Any = None
        self._failure: BaseException | None = None
        self._started = threading.Event()
        self._thread = threading.Thread(target=self._run, name="stub-llm", daemon=True)
        self._gateway: Gateway | None = None

    @classmethod
    def start(cls, port: int = 0) -> Self:
        """Start a server on the loopback interface and return when it answers.

        ``port`` 0 takes a free one. Raises ``OSError`` when the port cannot be had.
        """
        stub = cls(_listen(port))
        stub._thread.start()
        ready = stub._started.wait(_START_SECONDS)
        if stub._failure is not None or not ready:
            stub.stop()
            raise RuntimeError(
                f"The stubbed LLM did not start on port {stub.port}: "
                f"{stub._failure or 'no answer in time'}."
            ) from stub._failure
        atexit.register(stub.stop)
        return stub

    @property
    def base_url(self) -> str:
        """The address for ``OPENAI_BASE_URL``, such as ``http://127.0.0.1:4010/v1``."""
        return f"http://{HOST}:{self.port}/v1"

    def fault(
        self,
        name: FaultName,
        *,
        times: int | None = None,
        path: Api | None = None,
        **options: float,
    ) -> Fault:
        """Make the server or its model misbehave until the returned fault ends.

        ``times`` ends it after that many requests; ``path`` limits it to one API. Options by
        name: ``latency(seconds)``, ``first_token(seconds, between)``, ``rate_limit(seconds)``,
        ``server_error``, ``hang``, ``cut_stream(after)``, ``ignore_context``,
        ``contradict_context``; for an agent ``wrong_tool``, ``bad_arguments``, ``loop``. Raises
        ``ValueError`` that lists what exists for anything else.
        """
        return self._state.faults.add(name, times=times, path=path, options=options)

    @property
    def faults(self) -> list[Fault]:
        """The active faults, in the order in which they were set."""
        return self._state.faults.active()

    def clear_faults(self) -> None:
        """End all faults."""
        self._state.faults.clear()

    @property
    def requests(self) -> list[RequestRecord]:
        """The most recent requests (1,000 at most), oldest first; never keys or bodies."""
        return self._state.journal.records()

    def clear_requests(self) -> None:
        """Forget the requests so far."""
        self._state.journal.clear()

    def stop(self) -> None:
        """Stop the server at once, hanging requests included; a second call does nothing."""
        atexit.unregister(self.stop)
        if self._loop is not None and self._gateway is not None and self._thread.is_alive():
            self._server.should_exit = True
            # The loop may have closed in between.
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._gateway.stopping.set)
            self._thread.join(_STOP_SECONDS)
        self._socket.close()

    def __repr__(self) -> str:
        state = "running" if self._thread.is_alive() else "stopped"
        return f"<StubLLM {self.base_url}, {state}>"

    @property
    def _state(self) -> "Gateway":
        assert self._gateway is not None
        return self._gateway

    def _run(self) -> None:
        try:
            # Imported here: whoever talks to a real model never pays for a web server.
            import uvicorn

            from rag_tutorials.stub_llm.app import Gateway

            _quiet_uvicorn()
            self._gateway = Gateway()
            config = uvicorn.Config(
                self._gateway.app,
                log_config=None,
                access_log=False,
                lifespan="off",
                http=OwnUserProtocol,
                ws="none",
                server_header=False,
                timeout_graceful_shutdown=1,
            )
            stub = self

            class Server(uvicorn.Server):
                async def startup(self, sockets: list[socket.socket] | None = None) -> None:
                    await super().startup(sockets)
                    stub._loop = asyncio.get_running_loop()
                    stub._started.set()

            self._server = Server(config)
            self._server.run(sockets=[self._socket])
        except BaseException as error:
            self._failure = error
        finally:
            self._started.set()


def _listen(port: int) -> socket.socket:
    # With the protocol given, asyncio too sees TCP and sets TCP_NODELAY on what it accepts. Without
    # it Nagle's algorithm and delayed acknowledgements cost some 40 ms a call.
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if os.name == "posix":
        # A port whose last connections are only just closed can be had again. On Windows the same
        # option would let two programs share a port.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((HOST, port))
    except OSError as error:
        sock.close()
        raise OSError(
            error.errno,
            f"Port {port} on {HOST} cannot be used ({error.strerror}): "
            "stop the program that holds it, or leave the port out to get a free one",
        ) from error
    return sock


class _OwnThreadFilter(logging.Filter):
    """Drop what uvicorn says about our server: start-up lines, and cut streams, which are wanted.

    uvicorn's loggers are shared by all servers of the process, Phoenix's among them, so their
    levels are not ours to change.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        return record.threadName != "stub-llm" or record.exc_info is not None


_FILTER = _OwnThreadFilter()


def _quiet_uvicorn() -> None:
    logging.getLogger("uvicorn.error").addFilter(_FILTER)
