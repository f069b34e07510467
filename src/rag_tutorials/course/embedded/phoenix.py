"""The one object that says which Phoenix is this kernel's."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

from rag_tutorials.course.embedded import addresses, environment
from rag_tutorials.course.embedded.mishaps import Mishaps
from rag_tutorials.course.embedded.ports import free_port
from rag_tutorials.course.embedded.storage import Storage
from rag_tutorials.course.embedded.tap import Listener
from rag_tutorials.loopback import HOST


class EmbeddedPhoenix:
    """The Phoenix of this kernel: its port, the folder of its traces, its version, who listens.

    Whoever needs one of them is given this object or the value. Only :meth:`use_port` tells
    Phoenix, which reads the environment.
    """

    def __init__(self, storage: Storage, *preferred_ports: int | None) -> None:
        """Hold the storage, and choose the first preferred port that is free, else another."""
        self.storage = storage
        self.port = free_port(*preferred_ports)
        self.mishaps = Mishaps(storage.path)
        self.version = metadata.version("arize-phoenix")
        self.listeners: list[Listener] = []

    @property
    def folder(self) -> Path:
        """Where the traces are kept."""
        return self.storage.path

    @property
    def url(self) -> str:
        """Phoenix for code, such as ``http://127.0.0.1:6006``."""
        return f"http://{HOST}:{self.port}"

    @property
    def otlp_endpoint(self) -> str:
        """Where spans are sent: OTLP over HTTP."""
        return f"{self.url}/v1/traces"

    @property
    def browser_url(self) -> str:
        """Phoenix for the student's browser; behind a hub, a path on the hub's host."""
        return addresses.browser_url(self.port)

    def use_port(self, port: int) -> None:
        """Be at this port, and tell Phoenix."""
        self.port = port
        environment.place(port, self.folder)
