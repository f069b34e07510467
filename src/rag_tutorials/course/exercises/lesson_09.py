"""The exercises of lesson 09, find what failed."""

from __future__ import annotations

from openinference.semconv.trace import SpanAttributes

from rag_tutorials.course.judging.content import Exercise, Seen

FIRST_SCORE = f"{SpanAttributes.RETRIEVAL_DOCUMENTS}.0.document.score"
QUERY_ID = "metadata.query_id"


def _slowest_and_weakest(seen: Seen) -> tuple[str, str]:
    found = seen.found
    slowest = max(found.named("rag-pipeline"), key=lambda one: one.milliseconds)
    answerable = (
        one for one in found.named("retrieval") if one.attributes["metadata.kind"] != "unanswerable"
    )
    weakest = min(answerable, key=lambda one: float(one.attributes[FIRST_SCORE]))
    return slowest.attributes[QUERY_ID], weakest.attributes[QUERY_ID]


EXERCISES = (
    Exercise(
        id="09.1",
        title="Find the slowest and the weakest query",
        minutes=6,
        facts=_slowest_and_weakest,
        given=(tuple, list),
        hints=(
            "Both are query ids, such as `leave-wedding`: the attribute `metadata.query_id`.",
            "The slowest: the largest `milliseconds` of the spans `rag-pipeline`.",
            f"The weakest: the smallest `{FIRST_SCORE}` of the spans `retrieval`, without those "
            "whose `metadata.kind` is `unanswerable`.",
        ),
    ),
)
