"""Annotations: what somebody said of a span or of a session after it had happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from rag_tutorials.course.embedded import asking

Annotated = Literal["span", "trace", "session"]
NOTE = "note"  # the name under which Phoenix keeps notes


@dataclass(frozen=True, slots=True)
class Annotation:
    """One annotation, or a note: that has the name ``note`` and its text as explanation.

    ``on`` is the id of the span, trace or session; ``kind`` is who judged, ``HUMAN``, ``LLM`` or
    ``CODE``; ``source`` is the way it came: ``APP`` from Phoenix's pages, ``API`` from a program.
    One thing has at most one annotation of a name and an identifier.
    """

    on: str
    name: str
    kind: str
    label: str | None
    score: float | None
    explanation: str | None
    identifier: str
    source: str

    @property
    def fields(self) -> Mapping[str, Any]:
        """What it says, by field; a field that says nothing is left out."""
        names = ("kind", "label", "score", "explanation", "identifier", "source")
        values = {name: getattr(self, name) for name in names}
        return {name: value for name, value in values.items() if value not in (None, "")}


def read_annotations(
    url: str, project: str, of: Annotated, ids: Iterable[str]
) -> tuple[Annotation, ...]:
    """Return the annotations of spans, traces or sessions, notes included, oldest first.

    Raises:
        OSError: Phoenix does not answer.
    """
    found = asking.annotations_of(url, project, of, tuple(ids))
    return tuple(_from_phoenix(one, one[f"{of}_id"]) for one in reversed(found))


def _from_phoenix(one: Mapping[str, Any], on: str) -> Annotation:
    result = one.get("result") or {}
    return Annotation(
        on=on,
        name=one["name"],
        kind=one["annotator_kind"],
        label=result.get("label"),
        score=result.get("score"),
        explanation=result.get("explanation"),
        identifier=one.get("identifier") or "",
        source=one["source"],
    )
