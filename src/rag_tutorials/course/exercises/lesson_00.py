"""The exercise of lesson 00, start here."""

from __future__ import annotations

from openinference.semconv.trace import SpanAttributes

from rag_tutorials.course.judging.checks import Exercise, Found

FIRST_DOCUMENT = f"{SpanAttributes.RETRIEVAL_DOCUMENTS}.0.document"


def _first(found: Found, field: str) -> object:
    return found.named("retrieval")[0].attributes[f"{FIRST_DOCUMENT}.{field}"]


EXERCISES = (
    Exercise(
        id="00.1",
        title="Read the first document off a trace",
        facts={
            "chunk": lambda found: _first(found, "id"),
            "score": lambda found: _first(found, "score"),
        },
        hints=(
            "Open the span `retrieval` of the trace `complaint`; the best document comes first.",
            "In the tab Attributes, look for the keys that begin with `retrieval.documents.0`.",
            f"The values of `{FIRST_DOCUMENT}.id` and of `{FIRST_DOCUMENT}.score`, the latter "
            "with two digits.",
        ),
    ),
)
