"""The exercises and predictions of lesson 01, manual spans."""

from __future__ import annotations

from typing import Any

from openinference.semconv.trace import SpanAttributes

from rag_tutorials.course.judging.checks import Exercise, Found, Rule, span
from rag_tutorials.course.judging.prediction import Prediction

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


def _missing_keys(found: Found) -> list[str]:
    keys = found.spans[0].attributes
    return [letter for letter in "abcdef" if not any(key.startswith(f"{letter}.") for key in keys)]


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

PREDICTIONS = (
    Prediction(
        id="01.a",
        title="How many attributes has a span that was given none?",
        truth=lambda found: len(found.spans[0].attributes),
        answer=0,
        because="A name, two moments and a status: OpenTelemetry knows nothing about your program "
        "except what you tell it.",
    ),
    Prediction(
        id="01.b",
        title="How many spans has Phoenix of one that was never ended?",
        truth=int,
        answer=0,
        because="A span that never ends is never sent, and nobody complains. If a step is missing "
        "in a trace, first ask whether its span was ended.",
    ),
    Prediction(
        id="01.c",
        title="Of which keys has Phoenix nothing?",
        truth=_missing_keys,
        answer=["b", "c", "f"],
        because="`None` is no value, Phoenix keeps no `nan`, and what is set after the end comes "
        "too late. The dictionary has become one attribute for each entry, the date a text, and "
        "of a key that was set twice the last value counts.",
    ),
    Prediction(
        id="01.d",
        title="Whose child is `generation`?",
        truth=lambda found: getattr(found.parent(found.named("generation")[0]), "name", None),
        answer="rag-request",
        because="Both steps were started inside the block of `rag-request`; the block of "
        "`retrieval` had ended before `generation` began, so it was no longer current.",
        choices=("rag-request", "retrieval"),
    ),
    Prediction(
        id="01.e",
        title="How many traces do the three spans make?",
        truth=lambda found: len(found.trace_ids),
        answer=3,
        because="`start_span` does not make a span current, so `retrieval` did not see the "
        "request; and `generation` came after its end. In Phoenix this looks like three requests "
        "of one span each.",
    ),
)
