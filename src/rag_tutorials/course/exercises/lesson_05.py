"""The exercises of lesson 05, context inside one process."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

from opentelemetry import trace

from rag_tutorials.course.judging.content import (
    Exercise,
    Found,
    MistakeError,
    Rule,
    Surroundings,
    span,
)
from rag_tutorials.course.judging.looks import side_by_side, works
from rag_tutorials.course.judging.prediction import Prediction

REPLY = ("eight", "weeks", "paid")


def _names_under(found: Found, name: str) -> set[str]:
    return {child.name for child in found.children(found.named(name)[0])}


def _parent_of(found: Found, name: str) -> str | None:
    parent = found.parent(found.named(name)[0])
    return parent.name if parent else None


class _Words:
    """Words that say how many of them were taken."""

    def __init__(self, words: Sequence[str]) -> None:
        self._words = words
        self.taken = 0

    def __iter__(self) -> Iterator[str]:
        for word in self._words:
            self.taken += 1
            yield word


async def _streamed(stream: Callable[[_Words], Any]) -> list[list[str]]:
    """Read a reply within its request and, half of another one, after it."""
    tracer = trace.get_tracer(__name__)
    said: list[str] = []
    with tracer.start_as_current_span("read-at-once"):
        words = _Words(REPLY)
        reply = _reply(stream, words)
        async for word in reply:
            if words.taken > len(said) + 1:
                raise MistakeError(
                    f"{words.taken} words were taken before word {len(said) + 1} went out; "
                    "each should go out when it is there."
                )
            said.append(word)
            with tracer.start_as_current_span("show"):
                pass
    with tracer.start_as_current_span("read-late"):
        late = _reply(stream, _Words(REPLY))
    half = [await anext(late)]
    await late.aclose()
    return [said, half]


def _reply(stream: Callable[[_Words], Any], words: _Words) -> Any:
    reply = stream(words)
    if isinstance(reply, AsyncIterator) and hasattr(reply, "aclose"):
        return reply
    if hasattr(reply, "close"):
        reply.close()  # a coroutine, or a plain generator
    raise MistakeError(
        f"`stream_reply` gave {type(reply).__name__}; whoever calls it needs an async generator."
    )


def _compare(course: Surroundings, compare: Callable[[Sequence[str]], Any]) -> Any:
    for topics in (["leave", "travel", "remote work"], ["expenses", "sick leave"]):
        count = compare(topics)
        if count != len(topics):
            raise MistakeError(
                f"`compare` was given {len(topics)} topics and returned {count!r}; it should "
                "return how many it looked up."
            )


EXERCISES = (
    Exercise(
        id="05.1",
        title="Predict where context goes",
        minutes=2,
        run=lambda course, prediction, errands: errands(),
        facts={
            "traces": lambda seen: len(seen.found.trace_ids),
            "children of errands": lambda seen: _names_under(seen.found, "errands"),
            "parent of copied": lambda seen: _parent_of(seen.found, "copied"),
        },
        hints=(
            "Ask of each step: which context did its thread or task begin with?",
            "`gather` and `to_thread` copy the context; `run_in_executor` does not.",
            "`early` was copied before `inner` was opened, so `inner` is not in it.",
        ),
    ),
    Exercise(
        id="05.2",
        title="Repair orphaned threads",
        minutes=2,
        run=_compare,
        watch=(time.sleep,),
        together=2,
        expect=(
            span("compare", None, span("look-up", times=3)),
            span("compare", None, span("look-up", times=2)),
        ),
        also=(
            works("look-up", "sleep"),
            side_by_side(
                "sleep",
                "The look-ups run one after another; the pool should run them side by side.",
                "Hand all of them to the pool before you ask for the first `result()`, and leave "
                "it more than one worker.",
            ),
        ),
        hints=(
            "What is the current span in the pool's threads?",
            "Copy the context where `compare` is current, and run each look-up in a copy.",
            '`pool.submit(copy_context().run, step, "look-up")` for each topic.',
        ),
    ),
    Exercise(
        id="05.3",
        title="Repair a stream",
        minutes=3,
        run=lambda course, stream_reply: _streamed(stream_reply),
        returns=Rule(
            "each word as it was given", lambda said: said == [list(REPLY), list(REPLY[:1])]
        ),
        expect=(
            span(
                "read-at-once",
                None,
                span("reply", None, span("decode", times=len(REPLY), exact=True), exact=True),
                span("show", times=len(REPLY)),
                exact=True,
            ),
            span("read-late", None, span("reply", None, span("decode"), exact=True), exact=True),
        ),
        hints=(
            "When does the first line run, and what is current while the caller has a word?",
            "Start the span at the call with `tracer.start_span`, make it current with "
            "`trace.use_span(span)` around `step_async` only, and end it in `finally`.",
            "`def stream_reply(words)` starts the span, defines `async def pieces()` with the loop "
            "and returns `pieces()`.",
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="05.a",
        title="How many of the five steps will be children of `request`?",
        truth=lambda found: len(found.children(found.named("request")[0])),
        answer=5,
        because="All five, `late` too: what counts is where a task is created, not where it is "
        "awaited. Its bar goes on after its parent's has ended, which is allowed, and honest: "
        "nobody waited for it.",
    ),
    Prediction(
        id="05.b",
        title="What will be the parent of `made-inside`?",
        truth=lambda found: _parent_of(found, "made-inside") or "no span",
        answer="no span",
        because="Its code runs where it is awaited, and there no span was open: two traces. Make "
        "it a task inside the block, or await it there.",
        choices=("request", "no span"),
    ),
    Prediction(
        id="05.c",
        title="How many traces will this one request make?",
        truth=lambda found: len(found.trace_ids),
        answer=5,
        because="The request is one, and each of the four steps is one: their threads began with "
        "an empty context, so none saw a span to be the child of.",
    ),
    Prediction(
        id="05.d",
        title="Under which request will `job-of-request-2` hang?",
        truth=lambda found: _parent_of(found, "job-of-request-2") or "none",
        answer="request-1",
        because="The worker's context is the copy made in `request-1`, for as long as it lives. "
        "That is worse than an orphan: complete, tidy and false, and so for every later request.",
        choices=("request-1", "request-2", "none"),
    ),
    Prediction(
        id="05.e",
        title="What will be the parent of `show-word`, a step of the caller?",
        truth=lambda found: _parent_of(found, "show-word"),
        answer="stream",
        because="The `with` block in the generator is still open while the caller works, and both "
        "share one context: the span leaks into the caller.",
        choices=("request-leak", "stream", "decode"),
    ),
    Prediction(
        id="05.f",
        title="Which span is current after the generator of a finished request was closed?",
        truth=lambda name: name,
        answer="request-over",
        because="Leaving the generator's `with` block makes current again what was current at its "
        "start: a request that has ended. The next span would become its child.",
        choices=("no span", "request-over", "stream"),
    ),
)
