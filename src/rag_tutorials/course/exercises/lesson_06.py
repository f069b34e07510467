"""The exercises of lesson 06, context between processes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest import mock

from openinference.semconv.trace import SpanAttributes
from opentelemetry import context, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanContext
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from rag_tutorials.course.judging.content import (
    RETRIEVE,
    Exercise,
    Mistake,
    MistakeError,
    Seen,
    Surroundings,
    span,
)
from rag_tutorials.course.judging.looks import (
    from_another_process,
    no_links,
    side_by_side,
    works,
)
from rag_tutorials.course.judging.prediction import Prediction
from rag_tutorials.course.judging.recorder import left_attached

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


def _ask(course: Surroundings, ask: Callable[[str], Any]) -> Any:
    written: list[object] = []
    with mock.patch.object(
        TraceContextTextMapPropagator, "inject", lambda self, *args, **more: written.append(args)
    ):
        passage = ask(QUESTION)
    if written:
        raise MistakeError(
            "The header is left to `inject`; this exercise wants it written by hand, once."
        )
    return passage


def _header_mistake(seen: Seen) -> Mistake | None:
    """Say what is wrong with the header that was sent; without a word the service ignores it."""
    for deed in seen.deeds_of(RETRIEVE):
        header = {key.lower(): value for key, value in deed.headers.items()}.get("traceparent")
        if header is None:
            return Mistake(
                "The request has no header `traceparent`.",
                'Put it into `headers` under the name "traceparent" before the request is sent.',
            )
        around = seen.around(deed)
        if not around:
            continue
        trace_id, span_id = around[0].trace_id, around[0].span_id
        match = re.fullmatch(r"([^-]*)-([^-]*)-([^-]*)-([^-]*)", header)
        if match is None:
            return Mistake(
                f"The header `traceparent` is {header!r}; it takes four parts, joined by hyphens."
            )
        version, first, second, flags = match.groups()
        if (first, second) == (span_id, trace_id):
            return Mistake("In the header `traceparent` trace id and span id have changed places.")
        for what, part, wanted in (("trace", first, trace_id), ("span", second, span_id)):
            if part == wanted:
                continue
            if part.isdecimal() and int(part) == int(wanted, 16):
                return Mistake(
                    f"In the header `traceparent` the {what} id is decimal; it takes hex digits.",
                    f"`trace.format_{what}_id` writes it as {len(wanted)} hex digits.",
                )
            if part.lower() == wanted:
                return Mistake(
                    f"In the header `traceparent` the {what} id is in upper case; it takes lower "
                    "case.",
                    f"`trace.format_{what}_id` writes it as {len(wanted)} hex digits.",
                )
            if len(part) != len(wanted):
                return Mistake(
                    f"In the header `traceparent` the {what} id has {len(part)} characters; it "
                    f"takes {len(wanted)}.",
                    f"`trace.format_{what}_id` writes it as {len(wanted)} hex digits.",
                )
            return Mistake(
                f"In the header `traceparent` the {what} id is not that of the span around the "
                "request.",
                "Take the ids of the span that is open now: `span.get_span_context()`.",
            )
        if (version, flags) != ("00", "01"):
            return Mistake(
                f"The header `traceparent` begins with {version!r} and ends with {flags!r}; it "
                "should be '00' and '01'."
            )
    return None


def _passages(seen: Seen) -> dict[str, str]:
    """Return the first passage that the service found, by question."""
    return {
        question: deed.answer["results"][0]["text"]
        for deed in seen.deeds_of(RETRIEVE)
        for question in (QUESTION, *QUESTIONS)
        if question in deed.body
    }


def _returns_the_passage(seen: Seen) -> Mistake | None:
    if seen.returned != _passages(seen).get(QUESTION):
        return Mistake("Your function does not return the first passage that the service found.")
    return None


def _each_question_once(seen: Seen) -> Mistake | None:
    asked = [
        question
        for deed in seen.deeds_of(RETRIEVE)
        for question in QUESTIONS
        if question in deed.body
    ]
    if sorted(asked) != sorted(QUESTIONS):
        return Mistake(
            "The service is not asked each question once.",
            "Hand each piece of work its own question, and a copy of the context of its own.",
        )
    return None


def _passages_in_order(seen: Seen) -> Mistake | None:
    passages = _passages(seen)
    wanted = [passages.get(question) for question in QUESTIONS]
    returned = list(seen.returned)
    if returned == wanted:
        return None
    if sorted(map(str, returned)) == sorted(map(str, wanted)):
        return Mistake(
            "The passages are not in the order of the questions.",
            "Collect the `result()` of the futures in the order in which you made them.",
        )
    return Mistake("What is returned is not the first passage that the service found for each.")


def _leaving_nothing(name: str, call: Callable[[], Any]) -> None:
    """Call, and say so if the context of this thread is not what it was."""
    before = left_attached()
    call()
    if (after := left_attached()) != before:
        raise MistakeError(
            f"After `{name}` the context still holds `{after}`, so that the thread's next piece of "
            "work would belong to it.",
            "`start_as_current_span(..., context=request_context)` needs no `attach`; whatever is "
            "attached has to be detached in a `finally`.",
        )


def _one_waits_the_others_have_ended(
    course: Surroundings,
    answer_for: Callable[[Context], Any],
    nightly_report: Callable[[Sequence[SpanContext]], Any],
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
        waiting = context.get_current()
        pool.submit(_leaving_nothing, "answer_for", lambda: answer_for(waiting)).result()
    _leaving_nothing("nightly_report", lambda: nightly_report(finished))


EXERCISES = (
    Exercise(
        id="06.1",
        title="Carry context over HTTP by hand",
        minutes=3,
        run=_ask,
        returns=str,
        before=(works("ask", RETRIEVE), _header_mistake),
        expect=span("ask", None, _in_the_service(1, **{SpanAttributes.INPUT_VALUE: QUESTION})),
        also=(
            from_another_process("POST /retrieve", "retrieval"),
            _returns_the_passage,
        ),
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
        minutes=3,
        run=_one_waits_the_others_have_ended,
        watch=(time.sleep,),
        expect=(
            *(span(name, exact=True) for name in REQUESTS),
            span("waiting-request", None, span("answer")),
            span("report", links=REQUESTS),
        ),
        also=(
            works(("answer", "report"), "sleep"),
            no_links(
                "answer",
                "`answer` has a parent and a link; the parent alone says all.",
            ),
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
        minutes=5,
        run=lambda course, research: research(QUESTIONS, SESSION),
        returns=list,
        together=2,
        expect=span(
            "rag-request",
            "CHAIN",
            _in_the_service(len(QUESTIONS), **{SpanAttributes.SESSION_ID: SESSION}),
            attributes={SpanAttributes.SESSION_ID: SESSION},
        ),
        also=(
            works("rag-request", RETRIEVE, each=len(QUESTIONS)),
            _each_question_once,
            from_another_process("POST /retrieve", "retrieval"),
            _passages_in_order,
            side_by_side(
                RETRIEVE,
                "The questions are asked one after another; the pool should ask them side by side.",
                "Hand all questions to the pool before you ask for the first `result()`.",
            ),
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
