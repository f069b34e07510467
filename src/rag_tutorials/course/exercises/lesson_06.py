"""The exercises of lesson 06, context between processes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from openinference.semconv.trace import SpanAttributes
from opentelemetry import baggage, context, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext

from rag_tutorials.course.judging.checks import Exercise, MistakeError, span
from rag_tutorials.course.judging.prediction import Prediction

QUESTION = "How long is the probation period?"
QUESTIONS = (
    "How long is parental leave?",
    "How much notice does a resignation need?",
    "How many days a week may an employee work remotely?",
)
SESSION = "session-of-exercise-06-3"
REQUESTS = ("request-1", "request-2", "request-3")


def _in_the_service(count: int, **attributes: Any) -> Any:
    return span(
        "POST /retrieve",
        "CHAIN",
        span("retrieval", "RETRIEVER", attributes=attributes),
        attributes=attributes,
        times=count,
    )


def _one_waits_the_others_have_ended(
    answer_for: Callable[[Context], Any], nightly_report: Callable[[Sequence[SpanContext]], Any]
) -> None:
    tracer = trace.get_tracer(__name__)
    finished = []
    for name in REQUESTS:
        with tracer.start_as_current_span(name) as request:
            finished.append(request.get_span_context())
    with (
        tracer.start_as_current_span("waiting-request"),
        ThreadPoolExecutor(max_workers=1) as pool,
    ):
        pool.submit(answer_for, context.get_current()).result()
    nightly_report(finished)


def _research(course: object, research: Callable[[Sequence[str], str], Any]) -> Any:
    passages = research(QUESTIONS, SESSION)
    if left := list(baggage.get_all()):
        raise MistakeError(
            f"`{left[0]}` is still attached as baggage after the call, so the next request would "
            "carry it too; detach it in a `finally`."
        )
    return passages


EXERCISES = (
    Exercise(
        id="06.1",
        title="Carry context over HTTP by hand",
        run=lambda course, ask: ask(QUESTION),
        returns=str,
        expect=span("ask", None, _in_the_service(1, **{SpanAttributes.INPUT_VALUE: QUESTION})),
        patience=1.0,
        hints=(
            "The service's spans join the trace that the header `traceparent` names.",
            "Its form is `00-<trace id>-<span id>-01`, ids in hex: 32 and 16 digits.",
            'f"00-{trace.format_trace_id(ids.trace_id)}-{trace.format_span_id(ids.span_id)}-01", '
            "where ids is span.get_span_context().",
        ),
    ),
    Exercise(
        id="06.2",
        title="Choose between parent and link",
        run=lambda course, answer_for, nightly_report: _one_waits_the_others_have_ended(
            answer_for, nightly_report
        ),
        expect=(
            *(span(name, exact=True) for name in REQUESTS),
            span("waiting-request", None, span("answer")),
            span("report", links=REQUESTS),
        ),
        hints=(
            "Who waits for the work? How many causes does it have?",
            "`answer` is a child of the request that waits; `report` has a link to each request.",
            '`start_as_current_span("answer", context=request_context)`, and '
            '`start_as_current_span("report", links=[Link(one) for one in finished])`.',
        ),
    ),
    Exercise(
        id="06.3",
        title="Keep a session across threads and processes",
        run=_research,
        returns=list,
        expect=span(
            "rag-request",
            "CHAIN",
            _in_the_service(len(QUESTIONS), **{SpanAttributes.SESSION_ID: SESSION}),
            attributes={SpanAttributes.SESSION_ID: SESSION},
        ),
        patience=1.0,
        hints=(
            "First make it one trace: what do the pool's threads need?",
            "`using_session` gives the attribute in this process; baggage carries the id to the "
            "service.",
            '`context.attach(baggage.set_baggage("session.id", session_id))`, then '
            "`using_session(session_id)`, then the span; a `copy_context()` for each question.",
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="06.a",
        title="How many traces will the request and the service make together?",
        truth=lambda found: len(found.trace_ids),
        answer=2,
        because="One on each side of the wire: nothing tells the service whose request it serves.",
    ),
    Prediction(
        id="06.b",
        title="What `traceparent` will the OpenAI client send by itself?",
        truth=lambda sent: "none" if sent == "none" else "that of embed-question",
        answer="none",
        because="Context travels only if somebody injects it, and this client does not.",
        choices=("none", "that of embed-question"),
    ),
    Prediction(
        id="06.c",
        title="How many of the three spans will have a `session.id`?",
        truth=lambda found: sum("session.id" in one.attributes for one in found.spans),
        answer=1,
        because="Only the one made here: `using_session` works in its own process, and "
        "`traceparent` carries ids and nothing else.",
    ),
    Prediction(
        id="06.d",
        title="The message carries the request's headers. How many traces will there be?",
        truth=lambda found: len(found.trace_ids),
        answer=2,
        because="Two, on purpose. The worker knows its request (`request.trace_id`), but begins a "
        "trace of its own: nobody waits for it.",
    ),
    Prediction(
        id="06.e",
        title="The span has three links. How many will Phoenix give back?",
        truth=lambda links: links,
        answer=0,
        because="Phoenix 20.26 does not keep links; the attribute is there.",
    ),
    Prediction(
        id="06.f",
        title="How many traces will the 40 questions make?",
        truth=lambda traces: traces,
        answer=40,
        because="The copied contexts hold a session but no span, so each `rag-request` is a root: "
        "one trace a question.",
    ),
)
