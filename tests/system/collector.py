"""A real OpenTelemetry collector between an application and Phoenix: the program of ``rotel``."""

from __future__ import annotations

import importlib.util
import socket
import subprocess
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from several_phoenix import START_S, MissingProgramError, free_port
from traffic import eventually


@dataclass
class Collector:
    """A collector that runs."""

    url: str
    process: subprocess.Popen[bytes]
    log_file: Path

    @property
    def log(self) -> str:
        """What it has said so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    def listens(self) -> bool:
        """Say whether it takes connections."""
        try:
            socket.create_connection(("127.0.0.1", int(self.url.rpartition(":")[2])), 1).close()
        except OSError:
            return False
        return True


@contextmanager
def collector(
    folder: Path, phoenix: str, key: str, keeps_trying: str = "300s"
) -> Iterator[Collector]:
    """Run one that sends to a Phoenix with a key, and keeps what it could not send for a while.

    Raises:
        MissingProgramError: the package has no program for this machine.
    """
    found = importlib.util.find_spec("rotel")
    if found is None or found.origin is None:
        raise MissingProgramError(
            "rotel, a collector as a package, has no program for this platform"
        )
    folder.mkdir(parents=True)
    http, grpc = (f"127.0.0.1:{free_port()}" for _ in range(2))
    exporter = {
        "ENDPOINT": phoenix,
        "PROTOCOL": "http",
        "CUSTOM_HEADERS": f"authorization=Bearer {key}",
        "RETRY_INITIAL_BACKOFF": "200ms",
        "RETRY_MAX_BACKOFF": "1s",
        "RETRY_MAX_ELAPSED_TIME": keeps_trying,
    }
    environment = {
        "LD_LIBRARY_PATH": str(sysconfig.get_config_var("LIBDIR")),  # it is linked with libpython
        "ROTEL_OTLP_HTTP_ENDPOINT": http,
        "ROTEL_OTLP_GRPC_ENDPOINT": grpc,
        "ROTEL_EXPORTER": "otlp",
        **{f"ROTEL_OTLP_EXPORTER_{name}": value for name, value in exporter.items()},
    }
    log_file = folder / "log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(
            [Path(found.origin).with_name("rotel-agent"), "start"],
            env=environment,
            cwd=folder,
            stdout=log,
            stderr=log,
        )
    running = Collector(f"http://{http}", process, log_file)
    try:
        eventually(lambda: running.listens() or process.poll() is not None)
        if process.poll() is not None:
            raise MissingProgramError(
                f"rotel's program does not run on this machine: {running.log.strip()}"
            )
        yield running
    finally:
        process.terminate()
        process.wait(START_S)
