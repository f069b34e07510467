"""The exercises and predictions of lesson 02, events and errors."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import pairwise
from typing import Any

from rag_tutorials.course.judging.content import (
    CHAT,
    EMBEDDINGS,
    Exercise,
    Found,
    Mistake,
    MistakeError,
    Seen,
    Surroundings,
    span,
)
from rag_tutorials.course.judging.given import type_in_words
from rag_tutorials.course.judging.looks import returns_what_the_model_said, works
from rag_tutorials.course.judging.prediction import Prediction
from rag_tutorials.course.judging.watching import Deed
from rag_tutorials.course.traces.spans import SpanRecord, poll

QUESTION = "How many days of annual leave may be carried over into the next year?"
SERVED = ("How long is the probation period?", "Who approves remote work?", QUESTION)
TRACE_ID = re.compile(r"\b(?!0{32})[0-9a-f]{32}\b")
Answer = Callable[[str], Any]


class RateLimitError(Exception):
    """Stands for the client's error of this name: importing openai for a title takes a second."""


def _search(course: Surroundings, search: Answer) -> None:
    results = search(QUESTION)
    if not isinstance(results, list) or not results:
        raise MistakeError("`search` does not return its results any more.")
    search("")


def _apologise(course: Surroundings, answer: Answer) -> Any:
    course.stub.clear_faults()
    with course.stub.fault("server_error", times=1, path="chat"):
        apology = answer(QUESTION)
    if not isinstance(apology, str) or not apology.strip():
        raise MistakeError(
            "When the call fails, your function returns no text; it should go on apologising."
        )
    return answer(QUESTION)


def _retry(course: Surroundings, answer: Answer) -> None:
    import openai

    course.stub.clear_faults()
    with course.stub.fault("rate_limit", times=2, seconds=0.05), suppress(openai.RateLimitError):
        if not isinstance(answer(QUESTION), str):
            raise MistakeError("After two refusals the third call succeeds; return its answer.")
    with course.stub.fault("rate_limit", times=3, seconds=0.05):
        try:
            answer(QUESTION)
        except openai.RateLimitError as error:
            raise RateLimitError from error


def _status_of(name: str) -> Callable[[Seen], str]:
    return lambda seen: seen.found.named(name)[0].status


def _calls_within(seen: Seen, one: SpanRecord) -> int:
    return sum(one.start <= request.started <= one.end for request in seen.course.stub.requests)


def _unlucky(seen: Seen) -> SpanRecord:
    return max(seen.found.roots, key=lambda root: _calls_within(seen, root))


def _waits(seen: Seen) -> Mistake | None:
    """Hold each ``retry.wait`` against what the server asked for and what then happened."""
    for root in seen.made.roots:
        calls = [deed for deed in seen.deeds_of(CHAT, refused=True) if root in seen.around(deed)]
        waits = [event for event in root.events if event.name == "retry.wait"]
        for event, (refused, again) in zip(waits, pairwise(calls), strict=False):
            seconds = event.attributes.get("seconds")
            if isinstance(seconds, bool) or not isinstance(seconds, (int, float)):
                return Mistake("A `retry.wait` event has no number `seconds` among its attributes.")
            if seconds < _asked_to_wait(refused) - 0.001:
                return Mistake(
                    f"A `retry.wait` event says {seconds:g} seconds; the server asked for "
                    f"{_asked_to_wait(refused):g}.",
                    "`seconds_to_wait(error)` reads from the error what the server asks for.",
                )
            if again.began < event.time + timedelta(seconds=seconds * 0.95):
                return Mistake(
                    f"After an event `retry.wait` with {seconds:g} seconds the next request came "
                    "sooner; the wait itself is missing.",
                    "`time.sleep(wait)` comes right after `add_event`.",
                )
    return None


def _asked_to_wait(refused: Deed) -> float:
    headers = refused.result.headers if refused.result is not None else {}
    return float(headers.get("retry-after-ms", 0)) / 1000


FAILED_ATTEMPT = span("attempt", "LLM", status="ERROR", events={"exception": 1})


@dataclass(slots=True)
class Followed:
    """What the student's two functions say of the lines that were written meanwhile.

    Attributes:
        lines: The lines, each with its trace id, in order.
        questions: By line, what ``question_of`` returned.
        ways_back: By trace id, what ``lines_of`` returned.
    """

    lines: list[tuple[str, str]]
    questions: dict[str, Any] = field(default_factory=dict)
    ways_back: dict[str, Any] = field(default_factory=dict)


def _follow(
    course: Surroundings,
    question_of: Answer,
    lines_of: Answer,
    serve: Callable[[str], Any],
    log_file: io.StringIO,
) -> Followed:
    """Let three requests write their lines, then follow these, the newest first."""
    before = len(log_file.getvalue())
    for question in SERVED:
        serve(question)
    new = log_file.getvalue()[before:].splitlines()
    lines = [(line, found[0]) for line in new if (found := TRACE_ID.search(line))]
    if len(lines) < 2 * len(SERVED):
        raise MistakeError(
            "`serve` does not leave two lines with a trace id in `log_file`; run the two cells "
            "that define them again."
        )
    trace_ids = list(dict.fromkeys(trace_id for _, trace_id in lines))
    # Phoenix's client does not wait for spans that are under way.
    poll(lambda: course.fetch(trace_ids=trace_ids), 2 * len(trace_ids), 10)
    followed = Followed(lines)
    for line, trace_id in reversed(lines):
        followed.questions[line] = question_of(line)
        followed.ways_back[trace_id] = lines_of(trace_id)
    return followed


def _each_line_leads_to_its_question(seen: Seen) -> Mistake | None:
    roots = {root.trace_id: root for root in seen.found.roots}
    for line, trace_id in seen.returned.lines:
        said, root = seen.returned.questions[line], roots[trace_id]
        if said != root.attributes["input.value"]:
            what = "text that" if isinstance(said, str) else f"{type_in_words(type(said))}, which"
            return Mistake(
                f"For the line `{line}`, `question_of` returns {what} is not the `input.value` of "
                "the root of its trace.",
                "Take the trace id out of the line that was given, and ask Phoenix for that trace.",
                ((root.span_id, "input.value"),),
            )
    return None


def _each_trace_leads_to_its_lines(seen: Seen) -> Mistake | None:
    for root in seen.found.roots:
        said = seen.returned.ways_back[root.trace_id]
        wanted = [line for line, trace_id in seen.returned.lines if trace_id == root.trace_id]
        if not isinstance(said, list):
            return Mistake(
                f"`lines_of` returns {type_in_words(type(said))}; it should return a list of lines."
            )
        if any(line not in wanted for line in said):
            return Mistake(
                "`lines_of` returns something that is no line of the trace.",
                "Return whole lines, as `splitlines()` gives them, and those with this id only.",
            )
        if left_out := sum(line not in said for line in wanted):
            return Mistake(
                f"`lines_of` leaves out {left_out} of the {len(wanted)} lines of a trace.",
                "Whatever span of the trace a line was written in, it has the trace's id.",
            )
        if said != wanted:
            return Mistake("`lines_of` repeats lines of a trace, or has them in another order.")
    return None


def _statuses(found: Found) -> tuple[str, ...]:
    return tuple(one.status for one in found.spans)


def _exceptions(one: SpanRecord) -> int:
    return [event.name for event in one.events].count("exception")


EXERCISES = (
    Exercise(
        id="02.1",
        title="One failure, one event",
        minutes=3,
        run=_search,
        raises=ValueError,
        expect=(
            span("search", status="not ERROR", attributes={"input.value": QUESTION}),
            span("search", status="ERROR", events={"exception": 1}),
        ),
        also=(works("search", EMBEDDINGS, each=None, total=1),),
        hints=(
            "Who records the exception besides you?",
            "The `with` block records an exception that leaves it, and sets ERROR as well.",
            "Delete the whole try/except and keep its `return` line; or pass "
            "`record_exception=False` to `start_as_current_span`.",
        ),
    ),
    Exercise(
        id="02.2",
        title="Predict three statuses",
        minutes=2,
        run=lambda course, prediction, handle: handle(QUESTION),
        facts={name: _status_of(name) for name in ("rag-request", "retrieval", "generation")},
        hints=(
            "Ask of each exception which `with` blocks it leaves, and which one it does not.",
            "`record_exception` adds an event. Does it touch the status?",
            "The first exception leaves no block at all; the second leaves one.",
        ),
    ),
    Exercise(
        id="02.3",
        title="An apology that admits it",
        minutes=3,
        run=_apologise,
        returns=str,
        expect=(
            span("answer", status="ERROR", events={"exception": 1}),
            span("answer", status="not ERROR", events={"exception": 0}),
        ),
        also=(works("answer", CHAT, refused=True), returns_what_the_model_said()),
        hints=(
            "The exception never leaves the block, so recording it is your job.",
            "In the `except`: `record_exception` and `set_status`. And what is final?",
            "`set_status(StatusCode.OK)` after the `except` wins over your ERROR: delete it, or "
            "move it into the `try`, after the call.",
        ),
    ),
    Exercise(
        id="02.4",
        title="Find the hidden retries",
        minutes=4,
        facts={
            "question": lambda seen: _unlucky(seen).attributes["input.value"],
            "calls": lambda seen: _calls_within(seen, _unlucky(seen)),
        },
        hints=(
            "Only one thing in a trace gives hidden retries away.",
            "Compare the durations; then count the stub's requests that fall into the slow span.",
            "`course.read_back(span, expect=2)[0]` has `.start` and `.end`; each of "
            "`course.stub.requests` has `.started`.",
        ),
    ),
    Exercise(
        id="02.5",
        title="Retries with a span each",
        minutes=8,
        run=_retry,
        raises=RateLimitError,
        expect=(
            span(
                "answer",
                "CHAIN",
                FAILED_ATTEMPT,
                FAILED_ATTEMPT,
                span("attempt", "LLM", status="not ERROR", events={"exception": 0}),
                status="OK",
                attributes={"output.value": str},
                events={"retry.wait": 2, "exception": 0},
            ),
            span(
                "answer",
                "CHAIN",
                FAILED_ATTEMPT,
                FAILED_ATTEMPT,
                FAILED_ATTEMPT,
                status="ERROR",
                events={"retry.wait": 2, "exception": 1},
            ),
        ),
        also=(
            works("attempt", CHAT, refused=True),
            returns_what_the_model_said("answer"),
            _waits,
        ),
        hints=(
            "A span `answer` around everything, a span `attempt` around each call in the loop; the "
            "client is `strict`, which does not retry by itself.",
            "The `try` stands around the `with` of the attempt, so that the exception leaves the "
            "attempt's block and is caught before it leaves that of `answer`. After the third "
            "refusal `raise`: the block of `answer` does the rest.",
            "`root.add_event('retry.wait', {'seconds': wait})` before each sleep, and "
            "`root.set_status(StatusCode.OK)` as the last line before `return answer`.",
        ),
    ),
    Exercise(
        id="02.6",
        title="From a log line to its trace, and back",
        minutes=3,
        run=_follow,
        expect=tuple(
            span("request", None, span("retrieval"), attributes={"input.value": question})
            for question in SERVED
        ),
        also=(_each_line_leads_to_its_question, _each_trace_leads_to_its_lines),
        hints=(
            "A line has a level, a trace id and a span id, and then the message.",
            "`line.split()[1]` is the trace id, and `course.read_back(trace_id, expect=2)` has the "
            "root first. On the way back, look for the lines that hold the id.",
            "`[line for line in log_file.getvalue().splitlines() if trace_id in line]`",
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="02.a",
        title="How many spans has the trace?",
        truth=len,
        answer=1,
        because="An event is no node of the tree: it sits inside its span.",
    ),
    Prediction(
        id="02.b",
        title="Which statuses have the three spans, in their order?",
        truth=_statuses,
        answer=("OK", "OK", "OK"),
        because="OK is final: it replaces an ERROR, and after it nothing else counts, not even an "
        "exception. The third call failed, its event is there, and the status says success.",
    ),
    Prediction(
        id="02.c",
        title="How many `exception` events has the span?",
        truth=lambda found: _exceptions(found.spans[0]),
        answer=2,
        because="One by `record_exception`, one by the `with` block when the same exception passed "
        "it. Whoever counts errors counts this one double. The status is the block's too: its "
        "description, `ValueError: …`, has replaced yours.",
        choices=(0, 1, 2),
    ),
    Prediction(
        id="02.d",
        title="Which of the spans have the status ERROR?",
        truth=lambda found: [one.name for one in found.spans if one.status == "ERROR"],
        answer=["dense-retrieval"],
        because="A status is not inherited. The exception left the child's block and was caught "
        "before it left the parent's: each status answers for its own operation only.",
    ),
    Prediction(
        id="02.e",
        title="Which status has the span of a call that failed?",
        truth=lambda found: found.spans[0].status,
        answer="OK",
        because="The exception never left the block, so nobody could record it, and the code says "
        "OK. Every search for errors passes this trace by.",
        choices=("UNSET", "OK", "ERROR"),
    ),
    Prediction(
        id="02.f",
        title="How many `generation` spans have the two calls?",
        truth=lambda found: len(found.named("generation")),
        answer=2,
        because="The span surrounds the call of the client, and the client returned normally after "
        "its retries: no exception reached the span. A retry inside the client shows only as "
        "duration.",
    ),
    Prediction(
        id="02.g",
        title="How many events have the two spans together?",
        truth=lambda found: sum(len(one.events) for one in found.spans),
        answer=0,
        because="A log record goes where the logging sends it, here to `log_file`. Only the ids "
        "tie it to its span, and the span knows nothing of it.",
    ),
)
