"""The trace that an exercise expects, stated as a tree.

span("rag-request", "CHAIN",
     span("retrieval", "RETRIEVER", attributes={"input.value": str}),
     span("generation", "LLM", status="OK"))
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

TYPE_WORDS = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}


@dataclass(frozen=True, slots=True)
class Rule:
    """A condition on a value, with the words that say it, and the hint for one that breaks it."""

    words: str
    holds: Callable[[Any], bool]
    hint: str = ""


@dataclass(frozen=True, slots=True)
class ExpectedSpan:
    """A span that should be there. Made by :func:`span`."""

    name: str
    kind: str | None
    children: tuple[ExpectedSpan, ...]
    status: str | None
    attributes: Mapping[str, Any]
    events: Mapping[str, int | Mapping[str, Any]]
    links: tuple[str, ...]
    times: int | None
    ordered: bool
    exact: bool
    hint: str
    annotations: Mapping[str, int | Mapping[str, Any]] = field(default_factory=dict)


def span(
    name: str,
    kind: str | None = None,
    *children: ExpectedSpan,
    status: str | None = None,
    attributes: Mapping[str, Any] | None = None,
    events: Mapping[str, int | Mapping[str, Any]] | None = None,
    links: Sequence[str] = (),
    times: int | None = 1,
    ordered: bool = True,
    exact: bool = False,
    hint: str = "",
    annotations: Mapping[str, int | Mapping[str, Any]] | None = None,
) -> ExpectedSpan:
    """Say which span should be there. What is not said may be anything.

    Args:
        name: The span's name.
        kind: Its OpenInference kind, ``"RETRIEVER"``; ``"UNKNOWN"`` for a span without one.
        children: The spans directly under it, as trees.
        status: ``"OK"``, ``"ERROR"``, ``"UNSET"``, or ``"not ERROR"``.
        attributes: Key to what its value should be: ``...`` present, ``None`` absent, a type
            (``float`` takes whole numbers too), a :class:`Rule`, or the value itself.
        events: Event name to how many there should be (0: none), or to the attributes that one
            such event should have, said like those of the span.
        links: Names of the spans that it should link to.
        times: How many of these there should be; ``None``: one or more.
        ordered: The children start in the order given.
        exact: There are no other children.
        hint: What to do when this span is missing or is not as it should be.
        annotations: Annotation name to how many there should be (0: none), or to the fields that
            one such annotation should have (``label``, ``score``, ``explanation``, ``kind``,
            ``identifier``, ``source``), said like attributes. A note has the name ``note``.
    """
    return ExpectedSpan(
        name, kind, children, status, attributes or {}, events or {}, tuple(links), times,
        ordered, exact, hint, annotations or {},
    )  # fmt: skip


def every(expected: Sequence[ExpectedSpan]) -> Iterator[ExpectedSpan]:
    """Yield the expected spans and all below them."""
    for one in expected:
        yield one
        yield from every(one.children)


def size_of(expected: Sequence[ExpectedSpan]) -> int:
    """Return how many spans are expected, at least."""
    return sum(
        (1 if one.times is None else one.times) * (1 + size_of(one.children)) for one in expected
    )


def said_of(annotations: Mapping[str, int | Mapping[str, Any]]) -> int:
    """Return how many annotations are wanted, at least."""
    return sum(need if isinstance(need, int) else 1 for need in annotations.values())
