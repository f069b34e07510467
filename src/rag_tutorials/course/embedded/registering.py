"""``phoenix.otel`` as the course needs it: its recipes reach this kernel's Phoenix.

Outside the course Phoenix listens at ports 6006 (HTTP) and 4317 (gRPC), and ``phoenix.otel`` sends
there unless told otherwise. Here each kernel's Phoenix has a port of its own, and gRPC is closed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlparse

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded.endpoints import (
    is_deserted_default,
    is_loopback_http,
    is_ours,
)
from rag_tutorials.course.embedded.guards import put_around
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix

_REUSABLE = {
    "project_name",
    "endpoint",
    "protocol",
    "verbose",
    "batch",
    "headers",
    "api_key",
    "auto_instrument",
    "set_global_tracer_provider",
}


def guard(package: Any, phoenix: EmbeddedPhoenix | None) -> None:
    """Let ``register`` be called again, and without an endpoint reach this Phoenix."""
    otel = package.otel.otel
    put_around(otel.register, lambda register: once(register, otel))
    if phoenix is not None:
        route = _Route(otel, phoenix)
        put_around(otel._normalized_endpoint, route.around)
        _prepend_endpoint(otel.HTTPSpanExporter, route.of_http)
        _prepend_endpoint(otel.GRPCSpanExporter, route.of_grpc)


class _Route:
    """Where spans go that are sent with a given endpoint, or with none."""

    def __init__(self, otel: Any, phoenix: EmbeddedPhoenix) -> None:
        self._otel = otel
        self._phoenix = phoenix
        self._told: set[str] = set()

    def around(self, normalized: Callable[..., Any]) -> Callable[..., Any]:
        """Wrap the function that every part of ``phoenix.otel`` asks for its endpoint.

        It returns a parsed URL, whose path decides between HTTP and gRPC, and the URL.
        """

        def route(endpoint: str | None = None, use_http: bool = False) -> Any:
            if self._is_here(endpoint):
                return urlparse(self._phoenix.otlp_endpoint), self._phoenix.otlp_endpoint
            if endpoint is None and is_loopback_http(self._otel.get_env_collector_endpoint()):
                use_http = True  # a Phoenix of the course: its gRPC port is closed
            return normalized(endpoint, use_http)

        return route

    def of_http(self, endpoint: str | None) -> str | None:
        """Return the endpoint of an exporter that was given this one."""
        if endpoint is not None and self._is_here(endpoint):
            return self._phoenix.otlp_endpoint
        return endpoint

    def of_grpc(self, endpoint: str | None) -> str | None:
        """Return the endpoint of a gRPC exporter.

        Raises:
            CourseError: it would be this Phoenix, which has no gRPC.
        """
        if self._is_here(endpoint):
            raise CourseError(
                "This notebook's Phoenix takes no gRPC, which would be open to the network; write "
                "HTTPSpanExporter() in place of GRPCSpanExporter(...)."
            )
        return endpoint

    def _is_here(self, endpoint: str | None) -> bool:
        """Say whether the endpoint, or the environment where it is left out, means this Phoenix."""
        named = endpoint or self._otel.get_env_collector_endpoint()
        if not named or is_ours(named, self._phoenix):
            return True
        if not is_deserted_default(named):
            return False
        if named not in self._told:
            self._told.add(named)
            print(
                f"Nobody listens at {named}, where Phoenix is outside the course; spans go to "
                f"this notebook's Phoenix, {self._phoenix.otlp_endpoint}."
            )
        return True


def _prepend_endpoint(exporter: Any, route: Callable[[str | None], str | None]) -> None:
    """Let an exporter's class send its ``endpoint`` through ``route``."""
    init = getattr(exporter.__init__, "__wrapped__", exporter.__init__)

    def init_there(self: Any, endpoint: str | None = None, *args: Any, **kwargs: Any) -> None:
        init(self, route(endpoint), *args, **kwargs)

    init_there.__wrapped__ = init  # type: ignore[attr-defined]
    exporter.__init__ = init_there


def once(register: Callable[..., Any], otel: Any) -> Callable[..., Any]:
    """Let a cell that calls ``register`` be run again.

    OpenTelemetry keeps the first global provider. Called again for the same project, this returns
    that provider, which then exports to the endpoint given last, and to no other.
    """
    from opentelemetry import trace

    known: dict[str, Any] = {}

    def register_once(*args: Any, **kwargs: Any) -> Any:
        reusable = not args and set(kwargs) <= _REUSABLE
        if not reusable or not kwargs.get("set_global_tracer_provider", True):
            return register(*args, **kwargs)
        project = kwargs.get("project_name") or otel.get_env_project_name()
        current = trace.get_tracer_provider()
        if isinstance(current, otel.TracerProvider):  # made before this guard, perhaps
            known.setdefault(str(current.resource.attributes.get(otel.PROJECT_NAME)), current)
        if project not in known:
            known[project] = register(**kwargs)
        else:
            _send_elsewhere(known[project], _processor(otel, **kwargs))
            if kwargs.get("auto_instrument"):
                otel._auto_instrument_installed_openinference_libraries(known[project])
        return known[project]

    return register_once


def _processor(
    otel: Any,
    *,
    endpoint: str | None = None,
    headers: Mapping[str, str] | None = None,
    protocol: str | None = None,
    batch: bool = False,
    api_key: str | None = None,
    **_: Any,
) -> Any:
    """Make the processor that ``register`` would make."""
    if api_key:
        headers = {**(headers or {}), "authorization": f"Bearer {api_key}"}
    kind = otel.BatchSpanProcessor if batch else otel.SimpleSpanProcessor
    return kind(endpoint=endpoint, headers=headers, protocol=protocol)


def _send_elsewhere(provider: Any, processor: Any) -> None:
    """Put a processor in the place of Phoenix's default one, which ends in the background.

    What it still holds leaves for where it was going; a place that is dead keeps nobody waiting.
    """
    old = provider._default_processor
    if old is not None:
        every = provider._active_span_processor
        with every._lock:
            every._span_processors = tuple(one for one in every._span_processors if one is not old)
        if not getattr(old, "_shutdown", False):
            threading.Thread(target=old.shutdown, daemon=True).start()
    provider.add_span_processor(processor, replace_default_processor=False)
    provider._default_processor = processor
