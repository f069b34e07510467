"""The exercises of lesson 01, manual spans."""

from __future__ import annotations

from typing import Any

from openinference.semconv.trace import SpanAttributes

from rag_tutorials.course.judging.checks import Exercise, Rule, span

QUESTION = "How long is the probation period?"
A_TEXT = Rule("a text that is not empty", lambda value: isinstance(value, str) and value != "")


def _retriever(name: str, **more: Any) -> Any:
    attributes: dict[str, Any] = {
        SpanAttributes.INPUT_VALUE: QUESTION,
        SpanAttributes.RETRIEVAL_DOCUMENTS: None,  # a number there hides the documents
        **more,
    }
    for rank in range(3):
        document = f"{SpanAttributes.RETRIEVAL_DOCUMENTS}.{rank}.document"
        attributes[f"{document}.id"] = str
        attributes[f"{document}.score"] = float
        attributes[f"{document}.content"] = A_TEXT
    return span(name, "RETRIEVER", attributes=attributes)


EXERCISES = (
    Exercise(
        id="01.1",
        title="Predict a tree",
        run=lambda course, prediction, sort_post: sort_post(),
        facts={
            "spans": len,
            "root": lambda found: found.roots[0].name,
            "children of the root": lambda found: [
                child.name for child in found.children(found.roots[0])
            ],
        },
        hints=(
            "Go through the function line by line and note which span is current at each.",
            "`start_span` gives a span its parent, but does not make it current.",
            "While `stamp` is open, `sort-post` is still current, so `file` is its child as well.",
        ),
    ),
    Exercise(
        id="01.2",
        title="Repair a trace that fell apart",
        run=lambda course, handle: handle(QUESTION),
        returns=str,
        expect=span("rag-request", None, span("retrieval"), span("generation")),
        hints=(
            "Which spans are roots? Who should be their parent, and was it current?",
            "`start_span` neither makes a span current nor ends it.",
            'Put both steps inside `with tracer.start_as_current_span("rag-request"):`.',
        ),
    ),
    Exercise(
        id="01.3",
        title="Record a retrieval with its documents",
        run=lambda course, look_up: look_up(QUESTION),
        returns=list,
        expect=_retriever("look-up", **{"retrieval.document_count": 3}),
        hints=(
            "Compare the found attributes with those that the text asks for.",
            "The kind is an attribute as well: `openinference.span.kind`.",
            "The keys are `retrieval.documents.0.document.id`, `.score` and `.content`, for 0, 1 "
            "and 2.",
        ),
    ),
    Exercise(
        id="01.4",
        title="Trace a whole request",
        run=lambda course, answer_request: answer_request(QUESTION),
        returns=str,
        expect=lambda answer: span(
            "rag-request",
            "CHAIN",
            _retriever("retrieval"),
            span(
                "generation",
                "LLM",
                attributes={
                    SpanAttributes.LLM_MODEL_NAME: A_TEXT,
                    SpanAttributes.OUTPUT_VALUE: answer,
                },
            ),
            attributes={
                SpanAttributes.INPUT_VALUE: QUESTION,
                SpanAttributes.OUTPUT_VALUE: answer,
            },
        ),
        hints=(
            "Build it from the outside in: first the root with its two attributes, then the steps.",
            "The two steps belong inside the root's `with` block, one after the other.",
            "Set `output.value` on `generation` and on `rag-request` before their blocks end.",
        ),
    ),
)
