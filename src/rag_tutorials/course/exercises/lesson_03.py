"""The exercises and predictions of lesson 03, wrappers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import Any

from openinference.semconv.trace import RerankerAttributes, SpanAttributes
from opentelemetry import trace

from rag_tutorials.course.exercises.handbook import texts_of
from rag_tutorials.course.judging.content import (
    CHAT,
    EMBEDDINGS,
    Exercise,
    ExpectedSpan,
    Found,
    Mistake,
    Rule,
    Seen,
    Surroundings,
    span,
)
from rag_tutorials.course.judging.looks import found_documents, sent_text, works
from rag_tutorials.course.judging.prediction import Prediction
from rag_tutorials.io_utils import load_queries
from rag_tutorials.schema import QueryExample, RetrievalResult

QUESTION = "How long is the probation period?"
RESULTS = [
    RetrievalResult("hiring-and-referrals-01", 0.61, "dense", "The notice period is 14 days."),
    RetrievalResult("hiring-and-referrals-00", 0.58, "dense", "It lasts six months."),
    RetrievalResult("sick-leave-02", 0.21, "dense", "Pay goes on."),
]
KEPT = RerankerAttributes.RERANKER_OUTPUT_DOCUMENTS
FIRST_SCORE = f"{SpanAttributes.RETRIEVAL_DOCUMENTS}.0.document.score"
TENTH_ID = f"{SpanAttributes.RETRIEVAL_DOCUMENTS}.9.document.id"
QUERY_ID = "metadata.query_id"
QUERIES_ASKED = ("remote-allowance", "leave-wedding", "expenses-card-limit")


def shortest_first(question: str, results: list[RetrievalResult], top_n: int = 3) -> Any:
    """Keep the shortest results."""
    return sorted(results, key=lambda result: len(result.text))[:top_n]


def _rerank(course: Surroundings, wrap: Callable[..., Any]) -> tuple[object, ...]:
    wrapped = wrap(shortest_first)
    kept = wrapped(QUESTION, RESULTS, top_n=2)
    ids = [result.chunk_id for result in kept] if isinstance(kept, list) else kept
    return getattr(wrapped, "__name__", None), getattr(wrapped, "__doc__", None), ids


RERANKED = (
    "shortest_first",
    "Keep the shortest results.",
    ["sick-leave-02", "hiring-and-referrals-00"],
)


async def _look_up(course: Surroundings, wrap: Callable[..., Any]) -> Any:
    tracer = trace.get_tracer("exercise")

    async def look_up(question: str, top_k: int = 1) -> str:
        """Look a question up in an index."""
        with tracer.start_as_current_span("index"):
            await asyncio.sleep(0)
            return f"{top_k} results"

    wrapped = wrap(look_up, "look-up", "TOOL")
    return await wrapped(QUESTION, top_k=2)


async def _ask_three(course: Surroundings, ask: Callable[[QueryExample], Awaitable[Any]]) -> Any:
    queries = {query.query_id: query for query in load_queries(course.data / "queries.jsonl")}
    return await asyncio.gather(*(ask(queries[query_id]) for query_id in QUERIES_ASKED))


def _reranked_request() -> ExpectedSpan:
    of_a_query = {QUERY_ID: Rule("the id of the query", lambda value: value in QUERIES_ASKED)}
    return span(
        "rag-pipeline",
        "CHAIN",
        span(
            "retrieval",
            "RETRIEVER",
            attributes={FIRST_SCORE: float, TENTH_ID: str, **of_a_query},
        ),
        span("reranking", "RERANKER", attributes=of_a_query),
        span("generation", "LLM", attributes=of_a_query),
        attributes=of_a_query,
        times=len(QUERIES_ASKED),
    )


def _ids_mixed_up(seen: Seen) -> Mistake | None:
    """Say so if the traces do not have one query id each."""
    found = seen.found
    ids = [{one.attributes[QUERY_ID] for one in found.in_trace(each)} for each in found.trace_ids]
    if any(len(of_one) > 1 for of_one in ids):
        return Mistake("The spans of one trace carry different query ids.")
    if set().union(*ids) != set(QUERIES_ASKED):
        return Mistake("Two traces carry the same query id; each should have its own.")
    return None


def _answered_from_the_best_three(seen: Seen) -> Mistake | None:
    """Hold what the model was given against what was retrieved, trace by trace."""
    questions = {
        query.query_id: query.question for query in load_queries(seen.course.data / "queries.jsonl")
    }
    texts = texts_of(seen.course.data)
    for deed in seen.deeds_of(CHAT):
        root = seen.around(deed)[-1]
        of_trace = Seen(seen.course, seen.given, found=Found(seen.found.in_trace(root.trace_id)))
        query_id = of_trace.found.roots[0].attributes[QUERY_ID]
        question, sent = questions[query_id], sent_text(deed)
        if question not in sent:
            return Mistake(f"The trace of `{query_id}` asks the model another question.")
        retrieved = [
            texts[str(identity)] for identity, *_ in found_documents(of_trace, "retrieval", True)
        ]
        given = [text for text in retrieved if text in sent]
        if len(given) != 3:
            return Mistake(
                f"The model is given {len(given)} of the ten documents; it should be the three "
                "that `rerank` keeps.",
                "`generation` takes the texts of what the reranker returned, not of what the "
                "retriever found.",
            )
        if set(given) != set(_best_three(question, retrieved)):
            return Mistake("The three documents that the model is given are not those of `rerank`.")
    return None


def _best_three(question: str, texts: Sequence[str]) -> list[str]:
    """Do what the lesson's ``rerank`` does: most words in common first."""
    words = set(question.lower().split())
    return sorted(texts, key=lambda text: -len(words & set(text.lower().split())))[:3]


def _answers_of_the_model(seen: Seen) -> Mistake | None:
    said = {
        query: deed.answer["choices"][0]["message"]["content"]
        for deed in seen.deeds_of(CHAT)
        for query in [
            next(
                one.attributes[QUERY_ID]
                for one in seen.found.in_trace(seen.around(deed)[-1].trace_id)
                if QUERY_ID in one.attributes
            )
        ]
    }
    if [said[query] for query in QUERIES_ASKED] != list(seen.returned):
        return Mistake("Your function does not return what the model answered to the query.")
    return None


def _parent_of_search(seen: Seen) -> str | None:
    found = seen.found
    parent = found.parent(found.named("search")[0])
    return parent.name if parent else None


def _one_after_the_other(found: Found) -> str:
    spans = found.named("retrieval")
    ended = all(one.end <= other.start for one, other in pairwise(spans))
    return "one after the other" if ended else "at the same time"


def _coroutine_or_answer(found: Found) -> str:
    output = str(found.named("generation-plain")[0].attributes["output.value"])
    return "a coroutine" if output.startswith("<coroutine object") else "the answer"


EXERCISES = (
    Exercise(
        id="03.1",
        title="Wrap a reranker",
        minutes=7,
        run=_rerank,
        returns=Rule(
            f"{RERANKED!r}: the function's own name, docstring and results",
            lambda value: value == RERANKED,
        ),
        expect=span(
            "reranking",
            "RERANKER",
            attributes={
                SpanAttributes.INPUT_VALUE: QUESTION,
                f"{KEPT}.0.document.id": RERANKED[2][0],
                f"{KEPT}.0.document.score": RESULTS[2].score,
                f"{KEPT}.1.document.id": RERANKED[2][1],
                f"{KEPT}.1.document.score": RESULTS[1].score,
                f"{KEPT}.2.document.id": None,
            },
            exact=True,
        ),
        watch=(shortest_first,),
        also=(works("reranking", "shortest_first"),),
        hints=(
            "Compare what was found with the four points of the text.",
            "`functools.wraps(fn)` keeps name and docstring; `*args, **kwargs` keep every call.",
            "The documents: `span.set_attributes(get_reranker_attributes(output_documents=[{"
            '"id": r.chunk_id, "score": r.score} for r in results]))`.',
        ),
    ),
    Exercise(
        id="03.2",
        title="Predict the tree of nested wrappers",
        minutes=3,
        run=lambda course, prediction, request: request(),
        facts={
            "spans": lambda seen: len(seen.found),
            "root": lambda seen: seen.found.roots[0].name,
            "children of the root": lambda seen: tuple(  # in order: that is the question
                child.name for child in seen.found.children(seen.found.roots[0])
            ),
            "parent of search": _parent_of_search,
        },
        hints=(
            "Each wrapper that is still there makes one span a call.",
            "The pipeline looks at the outermost layer only: is it one of the package's wrappers?",
            "It is not, so the pipeline adds a `retrieval` of its own around `search`.",
        ),
    ),
    Exercise(
        id="03.3",
        title="Repair a wrapper for async functions",
        minutes=3,
        run=_look_up,
        returns=Rule("'2 results', what the function returns", lambda value: value == "2 results"),
        expect=span(
            "look-up",
            "TOOL",
            span("index"),
            attributes={
                SpanAttributes.INPUT_VALUE: QUESTION,
                SpanAttributes.OUTPUT_VALUE: "2 results",
            },
        ),
        hints=(
            "Does every argument reach the function? And is the span still open when it works?",
            "Take `*args, **kwargs`, and move the call into the `with` block.",
            "`async def wrapper(*args, **kwargs):` and `result = await fn(*args, **kwargs)`, then "
            "record `result` before the block ends.",
        ),
    ),
    Exercise(
        id="03.4",
        title="Trace an async pipeline with a reranker",
        minutes=6,
        run=_ask_three,
        returns=list,
        expect=_reranked_request(),
        also=(
            _ids_mixed_up,
            works("retrieval", EMBEDDINGS),
            works("generation", CHAT),
            _answered_from_the_best_three,
            _answers_of_the_model,
        ),
        hints=(
            "Build it from traced parts; the root is one more traced function around them.",
            'The root: `@tracer.chain(name="rag-pipeline")` above an `async def`.',
            'The metadata: `with using_metadata({"query_id": query.query_id}):` around the '
            "awaiting of that function.",
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="03.a",
        title="How many of the four does `careless` keep?",
        truth=sum,
        answer=0,
        because="The name and the docstring are those of `wrapper`, the result is dropped, and "
        "`top_k` is refused. In Phoenix the span looks fine, while the program is broken.",
        choices=(0, 1, 2, 3, 4),
    ),
    Prediction(
        id="03.b",
        title="How many spans named `retrieval` has the trace?",
        truth=lambda found: len(found.named("retrieval")),
        answer=1,
        because="The package knows its own wrappers and does not put a second one around them.",
    ),
    Prediction(
        id="03.c",
        title="How many times larger do the vectors make the span of 40 chunks?",
        truth=lambda ratio: min((2, 10, 50), key=lambda times: abs(math.log(ratio / times))),
        answer=50,
        because="Each number takes 11 bytes on the wire, so one vector costs about 17 kB; the text "
        "beside it, less than half a kB.",
        choices=(2, 10, 50),
    ),
    Prediction(
        id="03.d",
        title="How many documents will Phoenix draw for `find`?",
        truth=lambda found: sum(
            key.startswith("retrieval.documents") and key.endswith("document.id")
            for key in found.named("find")[0].attributes
        ),
        answer=0,
        because="The decorator records all arguments and the whole result, and it cannot know "
        "which part of a result is a document.",
    ),
    Prediction(
        id="03.e",
        title="What is the output of the span `generation-plain`?",
        truth=_coroutine_or_answer,
        answer="a coroutine",
        because="Both answers are right; the first span is not. It ended as soon as the coroutine "
        "was made, and an error during the work would not be on it.",
        choices=("the answer", "a coroutine"),
    ),
    Prediction(
        id="03.f",
        title="How do the four `retrieval` spans run?",
        truth=_one_after_the_other,
        answer="one after the other",
        because="The `generation` bars lie over each other, since awaiting gives way to the other "
        "tasks. This retriever is a plain function: while it works, nothing else in the event loop "
        "does. Such a staircase is how you find the call that blocks.",
        choices=("one after the other", "at the same time"),
    ),
)
