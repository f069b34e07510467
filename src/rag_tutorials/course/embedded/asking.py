"""Small questions to Phoenix over HTTP that its client does not ask."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Sequence
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from rag_tutorials.course.base.errors import sentence_of

_VERSION = "x-phoenix-server-version"  # a header of each of Phoenix's answers

# Loopback never goes through a proxy.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


def answers(url: str, timeout: float = 2.0) -> bool:
    """Say whether Phoenix is up at ``url``, after ``timeout`` seconds at most."""
    return trouble(url, timeout) is None


def trouble(url: str, timeout: float = 2.0) -> str | None:
    """Return what is wrong at ``url``, as the beginning of a sentence, or None: Phoenix answers.

    It takes ``timeout`` seconds at most for each step: to connect, to answer.
    """
    try:
        with _opener.open(f"{url}/readyz", timeout=timeout) as answer:
            if answer.status == 200 and _VERSION in answer.headers:
                return None
    except HTTPError as answer:
        if _VERSION in answer.headers:
            return f"Phoenix at {url} is not ready (HTTP {answer.code})"
    except OSError as error:
        cause = getattr(error, "reason", error)
        if isinstance(cause, TimeoutError):
            return f"What listens at {url} does not answer within {timeout:g} s"
        if isinstance(cause, ConnectionRefusedError):
            return f"Nothing listens at {url}: this notebook's Phoenix has ended, or never started"
        return f"What listens at {url} ends the connection ({sentence_of(error)})"
    except HTTPException:
        return f"The program at {url} is not Phoenix: it speaks no HTTP"
    return f"The program at {url} is not Phoenix"


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
    try:
        with _opener.open(request, timeout=timeout) as answer:
            data: Any = json.load(answer)["data"]
        summaries = {span_id: data[f"c{number}"] for number, span_id in enumerate(span_ids)}
        return {
            span_id: float(cost)
            for span_id, span in summaries.items()
            if (cost := _inner(span, "costSummary", "total", "cost")) is not None
        }
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        return {}


def _inner(data: Any, *keys: str) -> Any:
    """Follow keys inwards; None where the way ends."""
    for key in keys:
        data = None if data is None else data.get(key)
    return data
