"""The embedded Phoenix: its environment, its storage, and what can go wrong around it."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import re
import socket
import warnings
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.embedded import running
from rag_tutorials.course.embedded.addresses import browser_url, root_path
from rag_tutorials.course.embedded.fast_imports import fast_imports
from rag_tutorials.loopback import HOST

TESTED_PHOENIX = "20.26"
WORKING_DIR = "PHOENIX_WORKING_DIR"
_COPIES = 20
_QUIET = {
    # Nothing of ours leaves this machine, and nothing waits for a network that is not there.
    "PHOENIX_HOST": HOST,
    "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    "PHOENIX_TELEMETRY_ENABLED": "false",
    "PHOENIX_ALLOWED_SANDBOX_PROVIDERS": "NONE",
    # Both are needed to save the 1.5 s that an MCP server costs at start.
    "PHOENIX_ENABLE_MCP_SERVER": "false",
    "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
}
# They send traces elsewhere, or change where register() thinks that Phoenix is.
_MISLEADING = ("PHOENIX_COLLECTOR_ENDPOINT", "PHOENIX_SQL_DATABASE_URL", "PHOENIX_API_KEY")
_NOISE = (
    "Skipped unsupported reflection",
    "Column-expression-level unary distinct",
    "Default value .* is not JSON serializable",
)


def is_free(port: int) -> bool:
    """Say whether a server could listen on this loopback port now."""
    with socket.socket() as probe:
        probe.settimeout(0.2)
        if probe.connect_ex((HOST, port)) == 0:
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


def free_port(preferred: int | None = None) -> int:
    """Return the preferred loopback port if it is free, else one that the system picks."""
    if preferred is not None and is_free(preferred):
        return preferred
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


class Storage:
    """One folder of traces, held by one kernel for as long as it lives."""

    def __init__(self, path: Path, lock: FileLock) -> None:
        self.path = path
        self._lock = lock

    @classmethod
    def claim(cls, parent: Path, name: str) -> Storage:
        """Take ``parent/name``, or ``name-2``, ``name-3`` … while other kernels hold them.

        The lock is the operating system's: it ends with the kernel, however that ends.

        Raises:
            CourseError: too many kernels hold this notebook, or the folder cannot be written.
        """
        for number in range(1, _COPIES + 1):
            path = parent / (name if number == 1 else f"{name}-{number}")
            try:
                path.mkdir(parents=True, exist_ok=True)
                lock = FileLock(path / "kernel.lock", blocking=False)
                lock.acquire()
            except Timeout:
                continue
            except OSError as error:
                raise CourseError(
                    f"The traces' folder {path} cannot be used ({sentence_of(error)}); free some "
                    "space or set COURSE_STATE_DIR to a folder you may write to, and restart the "
                    "kernel."
                ) from error
            return cls(path, lock)
        raise CourseError(
            f"{_COPIES} kernels already run {name}; shut some down (menu Kernel, "
            "Shut Down All Kernels) and run this cell again."
        )


def set_environment(port: int, storage: Path) -> list[str]:
    """Set what Phoenix reads at import and at launch; return the variables taken out of its way."""
    removed = [name for name in _MISLEADING if os.environ.pop(name, None) is not None]
    keep_quiet()
    os.environ[WORKING_DIR] = str(storage)
    _use_port(port)
    return removed


def keep_quiet() -> None:
    """Keep Phoenix on this machine and off the page; before its import."""
    os.environ.update(_QUIET)
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message)
    logging.getLogger("phoenix.server.app").setLevel(logging.ERROR)


def _use_port(port: int) -> None:
    os.environ["PHOENIX_PORT"] = str(port)
    os.environ.pop("PHOENIX_HOST_ROOT_PATH", None)
    if path := root_path(port):
        os.environ["PHOENIX_HOST_ROOT_PATH"] = path


def import_phoenix() -> str:
    """Import Phoenix quickly and put the course's guards around its start. Return its version.

    Raises:
        CourseError: Phoenix is missing or does not import.
    """
    try:
        version = metadata.version("arize-phoenix")
        with fast_imports(leave_out=version_remark(version) is None):
            import phoenix
            import phoenix.otel
            import phoenix.server.app
    except Exception as error:
        raise CourseError(
            f"Phoenix cannot be imported ({sentence_of(error)}); run "
            "`python scripts/course.py lab` again, which repairs the environment."
        ) from error
    try:
        _guard(phoenix)
    except AttributeError as error:
        raise CourseError(
            f"Phoenix {version} does not have what the course builds on ({error}); it was tested "
            f"with {TESTED_PHOENIX}: run `python scripts/course.py lab` again, which installs it."
        ) from error
    return version


def version_remark(version: str) -> str | None:
    """Return a sentence if this Phoenix is older or newer than the tested one."""
    have, tested = _release(version), _release(TESTED_PHOENIX)
    if have[: len(tested)] == tested:
        return None
    age = "older" if have < tested else "newer"
    return (
        f"Phoenix {version} is {age} than {TESTED_PHOENIX}, with which the course was tested; if "
        "something looks different, run `python scripts/course.py lab`, which installs that one."
    )


def _release(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


def _guard(phoenix: Any) -> None:
    """Wrap ``launch_app`` and ``register``, once a kernel."""
    if hasattr(phoenix.launch_app, "__wrapped__"):
        return
    app = phoenix.server.app
    app.GrpcServer = _without_grpc(app.GrpcServer)
    phoenix.launch_app = _never_none(phoenix.launch_app, phoenix.active_session)
    phoenix.otel.register = _once(phoenix.otel.register)


def _without_grpc(receiver: Callable[..., Any]) -> Callable[..., Any]:
    """Phoenix's gRPC receiver listens on every interface and nothing sets that; HTTP is enough."""

    def disabled(*args: Any, **kwargs: Any) -> Any:
        return receiver(*args, **{**kwargs, "disabled": True})

    return disabled


def _never_none(launch: Callable[..., Any], active: Callable[[], Any]) -> Callable[..., Any]:
    """Make a launch that fails an error, and one whose port was taken meanwhile a success."""

    @functools.wraps(launch)
    def launch_app(*args: Any, **kwargs: Any) -> Any:
        if WORKING_DIR not in os.environ:
            raise CourseError(
                "Phoenix has no port and no folder yet; run the cell with prepare() above first."
            )
        said = io.StringIO()
        cause = "it gave no reason"
        announced = int(os.environ["PHOENIX_PORT"])
        for _attempt in range(2):
            if active() is None:
                _use_port(free_port(announced))
            try:
                with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                    session = launch(*args, **kwargs)
            except Exception as error:
                cause = sentence_of(error)
                continue
            if session is not None:
                port = int(os.environ["PHOENIX_PORT"])
                running.note(port)
                if port != announced:
                    print(
                        f"Port {announced} was taken meanwhile; Phoenix is at {browser_url(port)}"
                    )
                return session
            lines = [line.strip() for line in said.getvalue().splitlines() if "rror" in line]
            cause = lines[-1] if lines else cause
        raise CourseError(
            f"Phoenix did not start ({cause}); run this cell again, and if that does not help, "
            "restart the kernel (menu Kernel, Restart Kernel) and look at "
            "`python scripts/course.py doctor`."
        )

    return launch_app


def _once(register: Callable[..., Any]) -> Callable[..., Any]:
    """Let a cell that calls ``register`` be run again.

    OpenTelemetry keeps the first global provider. Called again for the same project, this returns
    that provider, which then exports to the endpoint given last.
    """
    known: dict[str, tuple[str | None, Any]] = {}

    @functools.wraps(register)
    def register_once(*args: Any, **kwargs: Any) -> Any:
        plain = not args and set(kwargs) <= {"project_name", "endpoint", "protocol", "verbose"}
        project = kwargs.get("project_name")
        if not plain or project is None:
            return register(*args, **kwargs)
        endpoint = kwargs.get("endpoint")
        if project not in known:
            known[project] = (endpoint, register(**kwargs))
        elif known[project][0] != endpoint:
            from phoenix.otel import SimpleSpanProcessor

            provider = known[project][1]
            provider.add_span_processor(SimpleSpanProcessor(endpoint=endpoint))
            known[project] = (endpoint, provider)
        return known[project][1]

    return register_once
