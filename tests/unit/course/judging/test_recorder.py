"""Which spans a call makes, wherever it makes them."""

from __future__ import annotations

import asyncio
import contextvars
import signal
import threading
from collections.abc import Callable

import pytest
from opentelemetry import baggage, trace
from opentelemetry.context import attach, detach
from opentelemetry.sdk.trace import TracerProvider

from rag_tutorials.course.judging.recorder import record


@pytest.fixture
def provider() -> TracerProvider:
    return TracerProvider()


@pytest.fixture
def span(provider: TracerProvider) -> Callable[..., object]:
    return provider.get_tracer("test").start_as_current_span


def names(recording: object) -> list[str]:
    return [one.name for one in recording.ended]


def test_value_spans_and_traces(provider: TracerProvider, span: Callable[..., object]) -> None:
    def work() -> str:
        with span("outer"), span("inner"):
            pass
        with span("other"):
            return "done"

    recording = record(work, provider)
    assert recording.value == "done"
    assert recording.error is None
    assert names(recording) == ["inner", "outer", "other"]
    assert len(recording.trace_ids) == 2
    assert recording.unended == ()


def test_spans_before_and_after_the_call_are_not_its_own(
    provider: TracerProvider, span: Callable[..., object]
) -> None:
    with span("before"):
        recording = record(lambda: span("during").__enter__().end(), provider)
    with span("after"):
        pass
    assert names(recording) == ["during"]


def test_the_call_neither_sees_nor_leaves_a_current_span(
    provider: TracerProvider, span: Callable[..., object]
) -> None:
    leaked = provider.get_tracer("test").start_span("leaked")
    token = attach(trace.set_span_in_context(leaked))
    try:
        recording = record(lambda: span("work").__enter__(), provider, patience=0)
        assert recording.value.parent is None
        assert trace.get_current_span() is leaked
    finally:
        detach(token)


def test_a_span_that_never_ends_is_named(provider: TracerProvider) -> None:
    recording = record(lambda: provider.get_tracer("t").start_span("open"), provider, patience=0)
    assert recording.unended == ("open",)
    assert recording.trace_ids == ()


def test_an_error_is_kept(provider: TracerProvider, span: Callable[..., object]) -> None:
    def fail() -> None:
        with span("failing"):
            raise ValueError("no")

    recording = record(fail, provider)
    assert isinstance(recording.error, ValueError)
    assert names(recording) == ["failing"]


def test_a_thread_that_is_still_at_work_is_waited_for(
    provider: TracerProvider, span: Callable[..., object]
) -> None:
    started, proceed = threading.Event(), threading.Event()

    def background() -> None:
        with span("background"):
            started.set()
            proceed.wait(10)

    def work() -> None:
        threading.Thread(target=background).start()
        started.wait(10)
        threading.Timer(0.05, proceed.set).start()

    assert names(record(work, provider, patience=10)) == ["background"]


def test_a_coroutine_is_awaited_also_inside_a_running_loop(
    provider: TracerProvider, span: Callable[..., object]
) -> None:
    variable = contextvars.ContextVar("variable", default="unset")

    async def work() -> str:
        with span("async"):
            await asyncio.sleep(0)
        return variable.get()

    async def notebook() -> object:
        variable.set("kept")
        return record(work, provider)

    recording = asyncio.run(notebook())
    assert recording.value == "kept"
    assert names(recording) == ["async"]


def test_it_survives_processors_that_replace_the_others(
    provider: TracerProvider, span: Callable[..., object]
) -> None:
    record(lambda: None, provider)
    provider._active_span_processor._span_processors = ()
    assert names(record(lambda: span("again").__enter__().end(), provider)) == ["again"]


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_is_left_attached_is_named(provider: TracerProvider, asynchronous: bool) -> None:
    def work() -> None:
        attach(baggage.set_baggage("session.id", "s"))

    async def work_async() -> None:
        work()

    assert record(work_async if asynchronous else work, provider).left == "session.id"
    assert record(lambda: None, provider).left is None
    span = provider.get_tracer("test").start_span("open")
    assert record(lambda: attach(trace.set_span_in_context(span)), provider).left == "open"


@pytest.mark.skipif(not hasattr(signal, "pthread_kill"), reason="Windows has no signal to a thread")
def test_an_interrupt_ends_what_is_awaited(provider: TracerProvider) -> None:
    started, ended = threading.Event(), threading.Event()

    async def work() -> None:
        try:
            started.set()
            await asyncio.sleep(600)
        finally:
            ended.set()

    def interrupt() -> None:
        started.wait(60)
        for _ in range(20):  # one that meets a callback of the garbage collector is swallowed
            signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
            if ended.wait(10):
                return

    threading.Thread(target=interrupt).start()
    with pytest.raises(KeyboardInterrupt):
        record(work, provider)
    assert ended.is_set()


def test_an_attribute_that_is_set_too_late_is_noted(
    provider: TracerProvider, span: Callable[..., object]
) -> None:
    def work(late: bool) -> None:
        with span("answer") as answer:
            answer.set_attribute("input.value", "in time")
        if late:
            answer.set_attribute("output.value", "too late")

    assert not record(lambda: work(late=False), provider).late
    assert record(lambda: work(late=True), provider).late
    assert not record(lambda: work(late=False), provider).late
