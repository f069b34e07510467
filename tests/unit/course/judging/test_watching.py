"""What is noted while an attempt runs, and whether it was inside a span or side by side."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import format_span_id

from rag_tutorials.course.judging.recorder import record
from rag_tutorials.course.judging.seen import Seen
from rag_tutorials.course.judging.watching import CHAT, Watch
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.spans import from_sdk

URL = "http://model.test/v1/chat/completions"
ANSWERS = httpx.MockTransport(lambda request: httpx.Response(200, json={"said": "yes"}))
Attempt = Callable[[Any], Any]


def ask() -> Any:
    with httpx.Client(transport=ANSWERS) as client:
        return client.post(URL, json={"question": "how long?"})


def watched(attempt: Attempt, *functions: Any, together: int = 1) -> Seen:
    provider = TracerProvider()
    tracer = provider.get_tracer("test")
    watch = Watch(functions, together)
    with watch.watching():
        recording = record(lambda: attempt(tracer), provider)
    assert recording.error is None
    made = Found(map(from_sdk, recording.ended))
    return Seen(None, (), made=made, deeds=watch.deeds)  # type: ignore[arg-type]


def test_a_request_is_noted_with_the_spans_around_it() -> None:
    def attempt(tracer: Any) -> None:
        with tracer.start_as_current_span("outer"), tracer.start_as_current_span("inner"):
            ask()
        ask()

    seen = watched(attempt)
    inside, outside = seen.deeds_of(CHAT)
    assert [span.name for span in seen.around(inside)] == ["inner", "outer"]
    assert seen.around(outside) == []
    assert "how long?" in inside.body
    assert inside.answer == {"said": "yes"}


def test_a_span_that_has_ended_is_not_around_what_comes_later() -> None:
    from opentelemetry.trace import use_span

    def attempt(tracer: Any) -> None:
        span = tracer.start_span("over")
        span.end()
        with use_span(span):
            ask()

    seen = watched(attempt)
    (deed,) = seen.deeds
    assert deed.span_id == seen.made.spans[0].span_id
    assert seen.around(deed) == []


def test_an_async_request_is_noted_too() -> None:
    async def attempt(tracer: Any) -> None:
        with tracer.start_as_current_span("ask"):
            async with httpx.AsyncClient(transport=ANSWERS) as client:
                await asyncio.gather(client.post(URL), client.post(URL))

    seen = watched(attempt, together=2)
    assert [deed.at_once for deed in seen.deeds] == [1, 2]
    assert all([one.name for one in seen.around(deed)] == ["ask"] for deed in seen.deeds)


@pytest.mark.parametrize(("workers", "most"), [(1, 1), (2, 2)])
def test_side_by_side_is_an_order_of_events(workers: int, most: int) -> None:
    def attempt(tracer: Any) -> None:
        with ThreadPoolExecutor(workers) as pool:
            for _ in range(3):
                pool.submit(ask)

    assert max(deed.at_once for deed in watched(attempt, together=2).deeds) == most


def test_a_refusal_that_a_client_repeats_is_told_from_an_answer() -> None:
    statuses = iter((429, 200))
    transport = httpx.MockTransport(lambda request: httpx.Response(next(statuses)))

    def attempt(tracer: Any) -> None:
        with httpx.Client(transport=transport) as client:
            client.post(URL)
            client.post(URL)

    seen = watched(attempt)
    assert len(seen.deeds_of(CHAT)) == 1
    assert len(seen.deeds_of(CHAT, refused=True)) == 2


def test_a_watched_function_is_seen_under_every_name_and_in_threads() -> None:
    def look_up(key: str) -> str:
        return f"found {key}"

    table = {"tool": look_up}

    def attempt(tracer: Any) -> None:
        with tracer.start_as_current_span("tool"), ThreadPoolExecutor(1) as pool:
            table["tool"]("a")
            pool.submit(contextvars.copy_context().run, look_up, "b").result()

    seen = watched(attempt, look_up)
    assert [deed.result for deed in seen.deeds_of("look_up")] == ["found a", "found b"]
    here = seen.made.named("tool")[0].span_id
    assert {deed.span_id for deed in seen.deeds} == {here}
    assert format_span_id(int(here, 16)) == here
