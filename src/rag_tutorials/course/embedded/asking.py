"""Small questions to Phoenix over HTTP that its client does not ask."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode

from rag_tutorials.course.base.errors import sentence_of

MOST_ALIASES = 50  # in a GraphQL query; Phoenix refuses one with more
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
    data = _query(url, "{ projects { edges { node { name traceCount } } } }", timeout)
    edges = _inner(data, "projects", "edges")
    if not isinstance(edges, list):
        return None
    nodes = [_inner(edge, "node") for edge in edges]
    return {str(_inner(node, "name")): int(_inner(node, "traceCount") or 0) for node in nodes}


def annotations_of(
    url: str,
    project: str,
    of: str,
    ids: Sequence[str],
    timeout: float = 5.0,
    headers: Mapping[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Return the annotations and notes of spans, traces or sessions as REST has them, newest first.

    The client leaves notes out, and has no way to read those of a session. ``of`` is ``span``,
    ``trace`` or ``session``. An id that the project does not have has no annotations. A Phoenix
    that asks for a key gets it with ``headers``.

    Raises:
        OSError: Phoenix does not answer, or refuses.
    """
    found: list[dict[str, Any]] = []
    for start in range(0, len(ids), 50):
        wanted: dict[str, Any] = {f"{of}_ids": list(ids[start : start + 50]), "limit": 1000}
        while True:
            query = urlencode(wanted, doseq=True)
            place = f"{url}/v1/projects/{quote(project, safe='')}/{of}_annotations?{query}"
            asked = urllib.request.Request(place, headers=dict(headers or {}))
            try:
                with _opener.open(asked, timeout=timeout) as answer:
                    page: Any = json.load(answer)
            except HTTPError as error:
                if error.code == HTTPStatus.NOT_FOUND:
                    break  # none of the ids, or not even the project
                raise
            found += page["data"]
            if not page["next_cursor"]:
                break
            wanted["cursor"] = page["next_cursor"]
    return found


def costs(url: str, span_ids: Sequence[str], timeout: float = 2.0) -> dict[str, float]:
    """Return what the spans cost (US dollars), as far as Phoenix knows a price for the model.

    Only its GraphQL interface, made for its own pages, tells; without an answer, no span has a
    cost.
    """
    found: dict[str, float] = {}
    for start in range(0, len(span_ids), MOST_ALIASES):
        some = dict(enumerate(span_ids[start : start + MOST_ALIASES]))
        fields = " ".join(
            f'c{number}: getSpanByOtelId(spanId: "{one}") {{ costSummary {{ total {{ cost }} }} }}'
            for number, one in some.items()
        )
        data = _query(url, f"{{ {fields} }}", timeout)
        if data is None:  # nor would the next one be answered
            break
        for number, one in some.items():
            cost = _inner(data, f"c{number}", "costSummary", "total", "cost")
            if isinstance(cost, (int, float)):
                found[one] = float(cost)
    return found


def _query(url: str, query: str, timeout: float) -> Any:
    """Ask Phoenix's GraphQL interface; None where there is no answer that can be read."""
    request = urllib.request.Request(
        f"{url}/graphql",
        data=json.dumps({"query": query}).encode(),
        headers={"content-type": "application/json"},
    )
    try:
        with _opener.open(request, timeout=timeout) as answer:
            return _inner(json.load(answer), "data")
    except (OSError, HTTPException, ValueError):
        return None


def _inner(data: Any, *keys: str) -> Any:
    """Follow keys inwards; None where the way ends."""
    for key in keys:
        data = data.get(key) if isinstance(data, dict) else None
    return data
