"""The exercises and predictions of lesson 01, manual spans."""

from __future__ import annotations

from typing import Any

from openinference.semconv.trace import SpanAttributes

from rag_tutorials.course.exercises.handbook import of_the_handbook, wrong_documents
from rag_tutorials.course.judging.content import (
    CHAT,
    EMBEDDINGS,
    Exercise,
    Found,
    Mistake,
    Rule,
    Seen,
    span,
)
from rag_tutorials.course.judging.looks import (
    documents,
    found_documents,
    returns_what_the_model_said,
    sends,
    works,
)
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


def _results(seen: Seen) -> list[tuple[Any, Any, Any]]:
    return [(one.chunk_id, one.score, one.text) for one in seen.returned]


def _are_results(seen: Seen) -> Mistake | None:
    if len(seen.returned) != 3:
        return Mistake("Your function does not return the three results of the retriever.")
    return wrong_documents(seen, "look-up", _results(seen))


def _model_gets_them(seen: Seen) -> Mistake | None:
    for _, _, content in found_documents(seen, "retrieval"):
        if look := sends(CHAT, content, "The model is not given the documents of `retrieval`.")(
            seen
        ):
            return look
    return None


ABOUT_THE_QUESTION = "The retriever is asked something else than the question."

EXERCISES = (
    Exercise(
        id="01.1",
        title="Predict a tree",
        minutes=2,
        run=lambda course, prediction, sort_post: sort_post(),
        facts={
            "spans": lambda seen: len(seen.found),
            "root": lambda seen: seen.found.roots[0].name,
            "children of the root": lambda seen: tuple(  # in order: that is the question
                child.name for child in seen.found.children(seen.found.roots[0])
            ),
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
        minutes=2,
        run=lambda course, handle: handle(QUESTION),
        returns=str,
        expect=span("rag-request", None, span("retrieval"), span("generation")),
        also=(
            works("retrieval", EMBEDDINGS),
            works("generation", CHAT),
            sends(CHAT, QUESTION, "The model is asked something else than the question."),
            returns_what_the_model_said(),
        ),
        hints=(
            "Which spans are roots? Who should be their parent, and was it current?",
            "`start_span` neither makes a span current nor ends it.",
            'Put both steps inside `with tracer.start_as_current_span("rag-request"):`.',
        ),
    ),
    Exercise(
        id="01.3",
        title="Record a retrieval with its documents",
        minutes=7,
        run=lambda course, look_up: look_up(QUESTION),
        returns=list,
        expect=_retriever("look-up", **{"retrieval.document_count": 3}),
        also=(
            works("look-up", EMBEDDINGS),
            sends(EMBEDDINGS, QUESTION, ABOUT_THE_QUESTION),
            _are_results,
            documents("look-up", _results),
        ),
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
        minutes=7,
        run=lambda course, answer_request: answer_request(QUESTION),
        returns=str,
        expect=lambda seen: span(
            "rag-request",
            "CHAIN",
            _retriever("retrieval"),
            span(
                "generation",
                "LLM",
                attributes={
                    SpanAttributes.LLM_MODEL_NAME: seen.course.chat_model,
                    SpanAttributes.OUTPUT_VALUE: seen.returned,
                },
            ),
            attributes={
                SpanAttributes.INPUT_VALUE: QUESTION,
                SpanAttributes.OUTPUT_VALUE: seen.returned,
            },
        ),
        also=(
            works("retrieval", EMBEDDINGS),
            sends(EMBEDDINGS, QUESTION, ABOUT_THE_QUESTION),
            of_the_handbook("retrieval"),
            works("generation", CHAT),
            _model_gets_them,
            returns_what_the_model_said(),
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
