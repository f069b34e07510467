"""``phoenix.otel.register`` as the course needs it: a cell that calls it can be run again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rag_tutorials.course.embedded.guards import put_around


def guard(package: Any) -> None:
    """Let ``package.otel.register`` be called again."""
    if not hasattr(package.otel.register, "__wrapped__"):
        put_around(package.otel.register, once)


def once(register: Callable[..., Any]) -> Callable[..., Any]:
    """Let a cell that calls ``register`` be run again.

    OpenTelemetry keeps the first global provider. Called again for the same project, this returns
    that provider, which then exports to the endpoint given last.
    """
    known: dict[str, tuple[str | None, Any]] = {}

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
