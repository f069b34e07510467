"""Small questions to Phoenix over HTTP that its client does not ask."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from typing import Any

# Loopback never goes through a proxy.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str, timeout: float = 2.0) -> bool:
    """Say whether Phoenix is up at ``url``, after ``timeout`` seconds at most."""
    try:
        with _opener.open(f"{url}/readyz", timeout=timeout) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


def trace_counts(url: str, timeout: float = 5.0) -> dict[str, int] | None:
    """Return how many traces each project of the Phoenix at ``url`` has; None without an answer."""
    question = "{ projects { edges { node { name traceCount } } } }"
    request = urllib.request.Request(
        f"{url}/graphql",
        data=json.dumps({"query": question}).encode(),
        headers={"content-type": "application/json"},
    )
    try:
        with _opener.open(request, timeout=timeout) as answer:
            edges: Any = json.load(answer)["data"]["projects"]["edges"]
        return {str(edge["node"]["name"]): int(edge["node"]["traceCount"]) for edge in edges}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def costs(url: str, span_ids: Sequence[str], timeout: float = 2.0) -> dict[str, float]:
    """Return what the spans cost (US dollars), as far as Phoenix knows a price for the model.

    Only its GraphQL interface, made for its own pages, tells; without an answer, no span has a
    cost.
    """
    fields = " ".join(
        f'c{number}: getSpanByOtelId(spanId: "{span_id}") {{ costSummary {{ total {{ cost }} }} }}'
        for number, span_id in enumerate(span_ids)
    )
    request = urllib.request.Request(
        f"{url}/graphql",
        data=json.dumps({"query": f"{{ {fields} }}"}).encode(),
        headers={"content-type": "application/json"},
    )
    found: dict[str, float] = {}
    try:
        with _opener.open(request, timeout=timeout) as answer:
            data: Any = json.load(answer)["data"]
        for number, span_id in enumerate(span_ids):
            cost = data[f"c{number}"]["costSummary"]["total"]["cost"]
            if cost is not None:
                found[span_id] = float(cost)
    except (OSError, ValueError, KeyError, TypeError):
        return found
    return found
