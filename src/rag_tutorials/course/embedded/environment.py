"""The environment variables around Phoenix. Nothing else in the course writes them."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path

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


def keep_quiet() -> None:
    """Keep Phoenix on this machine and off the page; before its import."""
    os.environ.update(_QUIET)
    for message in _NOISE:
        warnings.filterwarnings("ignore", message=message)
    logging.getLogger("phoenix.server.app").setLevel(logging.ERROR)


def remove_misleading() -> list[str]:
    """Take the variables away that send traces elsewhere; return their names."""
    return [name for name in _MISLEADING if os.environ.pop(name, None) is not None]


def place(port: int, folder: Path) -> None:
    """Say where Phoenix is to listen and to keep its traces."""
    os.environ[WORKING_DIR] = str(folder)
    os.environ[PORT] = str(port)
    os.environ.pop(_ROOT_PATH, None)
    if path := root_path(port):
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
