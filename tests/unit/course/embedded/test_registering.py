"""``register`` called again."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from rag_tutorials.course.embedded import registering


def test_register_again_returns_the_provider_and_follows_the_endpoint() -> None:
    made: list[SimpleNamespace] = []

    def register(**arguments: Any) -> Any:
        made.append(SimpleNamespace(arguments=arguments, add_span_processor=added.append))
        return made[-1]

    added: list[Any] = []
    once = registering.once(register)
    first = once(project_name="a", endpoint="http://127.0.0.1:1/v1/traces", verbose=False)
    again = once(project_name="a", endpoint="http://127.0.0.1:1/v1/traces", verbose=False)
    assert first is again
    assert not added
    other = once(project_name="a", endpoint="http://127.0.0.1:1/v1/traces", batch=True)
    assert other is not first
