"""The environment variables around Phoenix. Nothing else in the course writes them."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Container, Iterator
from pathlib import Path

from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.propagate import set_global_textmap
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rag_tutorials.course.embedded.addresses import root_path
from rag_tutorials.loopback import HOST

WORKING_DIR = "PHOENIX_WORKING_DIR"
PORT = "PHOENIX_PORT"
_ROOT_PATH = "PHOENIX_HOST_ROOT_PATH"
_QUIET = {
    # Nothing of ours leaves this machine, and nothing waits for a network that is not there.
    "PHOENIX_HOST": HOST,
    "PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false",
    "PHOENIX_TELEMETRY_ENABLED": "false",
    "PHOENIX_ALLOWED_SANDBOX_PROVIDERS": "NONE",
    "PHOENIX_DISCOVER_CONFIG": "false",  # a .env.phoenix above the notebook's folder
    # Both are needed to save the 1.5 s that an MCP server costs at start.
    "PHOENIX_ENABLE_MCP_SERVER": "false",
    "PHOENIX_DISABLE_AGENT_ASSISTANT": "true",
}
# What is set under these names changes what is recorded, how much of it, or where it goes: what a
# lesson says would be false, or spans lost. The course sets what it needs itself.
_FOREIGN = ("PHOENIX_", "OTEL_", "OPENINFERENCE_")
_OURS = {WORKING_DIR, PORT, _ROOT_PATH, *_QUIET}
_removed: list[str] = []
_NOISE = (
    "Skipped unsupported reflection",
    "Column-expression-level unary distinct",
    "Default value .* is not JSON serializable",
)


def keep_quiet() -> None:
    """Keep Phoenix on this machine and off the page; before its import."""
    os.environ.update(_QUIET)
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message)
    logging.getLogger("phoenix.server.app").setLevel(logging.ERROR)


def remove_foreign(but: Container[str] = ()) -> None:
    """Take the variables out of the way that change what is recorded or where it goes.

    Those in ``but`` stay.
    """
    found = [name for name in sorted(os.environ) if name.startswith(_FOREIGN)]
    found = [name for name in found if name not in _OURS and name not in but]
    for name in found:
        del os.environ[name]
    _removed.extend(name for name in found if name not in _removed)
    if "OTEL_PROPAGATORS" in found:  # read already, when OpenTelemetry was imported
        set_global_textmap(
            CompositePropagator([TraceContextTextMapPropagator(), W3CBaggagePropagator()])
        )


def removed() -> list[str]:
    """Return the variables that were taken out of the way, in this call or an earlier one."""
    return list(_removed)


def place(port: int, folder: Path) -> None:
    """Say where Phoenix is to listen and to keep its traces.

    Raises:
        CourseError: the setting that says how a browser reaches it cannot be used.
    """
    path = root_path(port)
    os.environ[WORKING_DIR] = str(folder)
    os.environ[PORT] = str(port)
    os.environ.pop(_ROOT_PATH, None)
    if path:
        os.environ[_ROOT_PATH] = path


@contextlib.contextmanager
def lent_folder(folder: Path) -> Iterator[None]:
    """Lend Phoenix a folder, which its import makes: in the home folder unless told otherwise."""
    if WORKING_DIR in os.environ:
        yield
        return
    os.environ[WORKING_DIR] = str(folder)
    try:
        yield
    finally:
        del os.environ[WORKING_DIR]
