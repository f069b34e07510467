"""The exercise and the predictions of lesson 00, start here."""

from __future__ import annotations

from openinference.semconv.trace import SpanAttributes

from rag_tutorials.course.judging.content import Exercise, Found, Seen
from rag_tutorials.course.judging.prediction import Prediction

NOTICE = "seven weeks"  # what the handbook says of leave after a birth
FIRST_DOCUMENT = f"{SpanAttributes.RETRIEVAL_DOCUMENTS}.0.document"


def _first(seen: Seen, field: str) -> object:
    return seen.found.named("retrieval")[0].attributes[f"{FIRST_DOCUMENT}.{field}"]


def _whose_fault(found: Found) -> str:
    retrieval, *_ = found.named("retrieval")
    passages = [str(value) for key, value in retrieval.attributes.items() if "content" in key]
    if not any(NOTICE in passage for passage in passages):
        return "retrieval"
    answer = str(found.named("generation")[0].attributes.get("output.value"))
    return "nobody" if NOTICE in answer else "generation"


EXERCISES = (
    Exercise(
        id="00.1",
        title="Read the first document off a trace",
        minutes=2,
        facts={
            "chunk": lambda seen: _first(seen, "id"),
            "score": lambda seen: _first(seen, "score"),
        },
        hints=(
            "Open the span `retrieval` of the trace `complaint`; the best document comes first.",
            "In the tab Attributes, look for the keys that begin with `retrieval.documents.0`.",
            f"The values of `{FIRST_DOCUMENT}.id` and of `{FIRST_DOCUMENT}.score`, the latter "
            "with two digits.",
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="00.a",
        title="How many spans does one question make?",
        truth=len,
        answer=4,
        because="Your own span, the two steps, and `rag-pipeline` around the steps, which "
        "`build_traced_rag_pipeline` adds for the request as a whole.",
    ),
    Prediction(
        id="00.b",
        title="Whose fault is this answer?",
        truth=_whose_fault,
        answer="retrieval",
        because="The handbook says seven weeks, and that passage is not among the three that were "
        "retrieved. The model answered faithfully from what it was given: no better model and no "
        "better prompt would have mended it.",
        choices=("retrieval", "generation", "nobody"),
    ),
)
