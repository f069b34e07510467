"""Which spans a call makes: started and ended, in this thread and in others."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import inspect
import logging
import threading
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from weakref import WeakKeyDictionary

from opentelemetry import baggage, trace
from opentelemetry import context as otel_context
from opentelemetry.sdk import trace as sdk
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.trace import Span, format_span_id, format_trace_id

_CANCEL_S = 5.0
_LATE = "Setting attribute on ended span."  # what the SDK logs; it drops the attribute
_SDK_LOG = logging.getLogger(sdk.__name__)


class Recording:
    """What one call did: its value or its error, and the spans it started and ended.

    ``left`` names what it left attached to the context: a span, or an entry of the baggage.
    ``late`` says that an attribute was set on a span that had ended.
    """

    def __init__(self) -> None:
        self.value: Any = None
        self.error: BaseException | None = None
        self.left: str | None = None
        self.late = False
        self.ended: list[ReadableSpan] = []
        self._open: dict[tuple[int, int], str] = {}
        self._changed = threading.Condition()

    @property
    def unended(self) -> tuple[str, ...]:
        """The names of the spans that were started and did not end."""
        return tuple(self._open.values())

    @property
    def trace_ids(self) -> tuple[str, ...]:
        """The traces that the ended spans belong to."""
        ids = (format_trace_id(span.get_span_context().trace_id) for span in self.ended)  # type: ignore[union-attr]
        return tuple(dict.fromkeys(ids))

    @property
    def span_ids(self) -> frozenset[str]:
        """The ids of the ended spans."""
        return frozenset(self.links)

    @property
    def links(self) -> dict[str, Sequence[str]]:
        """The span ids that each ended span links to; Phoenix does not keep links."""
        return {
            format_span_id(span.get_span_context().span_id): [  # type: ignore[union-attr]
                format_span_id(link.context.span_id) for link in span.links
            ]
            for span in self.ended
        }

    def start(self, span: ReadableSpan) -> None:
        """Note a span that starts."""
        with self._changed:
            self._open[_key(span)] = span.name

    def end(self, span: ReadableSpan) -> None:
        """Note a span that ends."""
        with self._changed:
            if self._open.pop(_key(span), None) is not None:
                self.ended.append(span)
            self._changed.notify_all()

    def filter(self, record: logging.LogRecord) -> bool:
        """Note the SDK's complaint about an attribute that comes too late; let every line pass."""
        self.late = self.late or record.msg == _LATE
        return True

    def settle(self, seconds: float) -> None:
        """Wait until the spans of threads still at work have ended, ``seconds`` at most."""
        with self._changed:
            self._changed.wait_for(lambda: not self._open, seconds)


class Recorder(SpanProcessor):
    """Tells the recordings under way which spans start and end. Exports nothing."""

    def __init__(self) -> None:
        self.recordings: list[Recording] = []

    def on_start(self, span: Any, parent_context: Any = None) -> None:
        """Pass a started span on."""
        for recording in tuple(self.recordings):
            recording.start(span)

    def on_end(self, span: ReadableSpan) -> None:
        """Pass an ended span on."""
        for recording in tuple(self.recordings):
            recording.end(span)


_recorders: WeakKeyDictionary[TracerProvider, Recorder] = WeakKeyDictionary()


def record(call: Callable[[], Any], provider: TracerProvider, patience: float = 1.0) -> Recording:
    """Call, and return what happened; an error of the call is kept, not raised.

    The call sees no current span, whatever an earlier cell left open, and leaves none behind.
    An awaitable result is awaited. ``patience`` seconds are given to threads still at work.
    """
    recorder = _recorder_of(provider)
    recording = Recording()
    recorder.recordings.append(recording)
    _SDK_LOG.addFilter(recording.filter)
    try:
        contextvars.copy_context().run(_call_outside_spans, call, recording)
    except (Exception, SystemExit) as error:
        recording.error = error
        _let_go(error)
    finally:
        recording.settle(patience)
        _SDK_LOG.removeFilter(recording.filter)
        recorder.recordings.remove(recording)
    provider.force_flush(5_000)
    return recording


def _let_go(error: BaseException) -> None:
    """End what the error's traceback holds, a stream that was being read for instance, now.

    The garbage collector would end its span later, perhaps in Phoenix's own thread; the export
    then waits for the server that it holds up.
    """
    traceback.clear_frames(error.__traceback__)
    gc.collect()


def _call_outside_spans(call: Callable[[], Any], recording: Recording) -> None:
    otel_context.attach(otel_context.Context())

    def finished() -> None:
        recording.left = left_attached()

    value = call()
    recording.value = _await(value, finished) if inspect.isawaitable(value) else value
    recording.left = recording.left or left_attached()


def left_attached() -> str | None:
    """Return what is attached to the context: a span's name, or an entry of the baggage."""
    current = trace.get_current_span()
    if current.get_span_context().is_valid:
        return str(getattr(current, "name", "a span"))
    return next(iter(baggage.get_all()), None)


def _await(value: Any, finished: Callable[[], None]) -> Any:
    """Await in a thread of its own: a notebook's own event loop is already running.

    An interrupt cancels what is awaited, so that nothing works on behind the student's back.
    """
    result: list[Any] = []
    error: list[BaseException] = []
    task: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []

    async def wait() -> Any:
        current = asyncio.current_task()
        assert current is not None
        task.append((asyncio.get_running_loop(), current))
        awaited = await value
        finished()
        return awaited

    def run() -> None:
        try:
            result.append(asyncio.run(wait()))
        except BaseException as caught:
            error.append(caught)
        finally:
            over.set()  # an interrupted join would hold the thread for ended

    over = threading.Event()
    context = contextvars.copy_context()
    thread = threading.Thread(target=context.run, args=(run,), daemon=True)
    try:
        thread.start()
        over.wait()
    except BaseException:
        for loop, waiting in task:
            with suppress(RuntimeError):  # it has just ended by itself
                loop.call_soon_threadsafe(waiting.cancel)
        if thread.ident is not None:
            over.wait(_CANCEL_S)
        raise
    if error:
        raise error[0]
    return result[0]


def _recorder_of(provider: TracerProvider) -> Recorder:
    recorder = _recorders.setdefault(provider, Recorder())
    # A processor added with Phoenix's default replaces all the others, ours as well.
    with suppress(AttributeError):
        if recorder in provider._active_span_processor._span_processors:
            return recorder
    keep = "replace_default_processor"
    takes_keep = keep in inspect.signature(provider.add_span_processor).parameters
    provider.add_span_processor(recorder, **({keep: False} if takes_keep else {}))
    return recorder


def _key(span: ReadableSpan | Span) -> tuple[int, int]:
    context = span.get_span_context()
    return (context.trace_id, context.span_id) if context else (0, 0)
