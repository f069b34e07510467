"""What is done while an attempt runs: requests that are sent, functions that are called.

Each deed is noted with the span that was current, so that a check can tell work inside a span from
work beside it. Nothing is measured: whether two deeds were side by side is an order of events.
"""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from types import FrameType
from typing import Any
from unittest import mock

from opentelemetry import trace
from opentelemetry.trace import format_span_id

from rag_tutorials.course.traces.spans import from_nanoseconds

CHAT, EMBEDDINGS, RETRIEVE = "/chat/completions", "/embeddings", "/retrieve"
_MEETING_S = 2.0  # how long the first of several waits for the second


@dataclass(slots=True)
class Deed:
    """A request that was sent, or a call of a watched function.

    ``name`` is the request's path or the function's name; ``span_id`` the current span's.
    ``result`` is the response or what the function returned; ``at_once`` how many deeds of this
    name were under way when it began, itself included.
    """

    name: str
    span_id: str
    began: datetime
    at_once: int
    ended: datetime | None = None
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    result: Any = None

    @property
    def refused(self) -> bool:
        """Whether the server asked to come again, as a client then does by itself."""
        status = getattr(self.result, "status_code", None)
        return status is not None and (status in (408, 409, 429) or status >= 500)

    @property
    def answer(self) -> Any:
        """What the response says, as JSON; ``None`` where it is not to be had."""
        try:
            return self.result.json()
        except Exception:  # a stream, or no JSON
            return None


class Watch:
    """Notes deeds while :meth:`watching`. ``together`` is how many are awaited side by side."""

    def __init__(self, functions: Sequence[Callable[..., Any]] = (), together: int = 1) -> None:
        self.deeds: list[Deed] = []
        self._built_in = {each for each in functions if not hasattr(each, "__code__")}
        self._codes = {each.__code__ for each in functions if hasattr(each, "__code__")}
        self._together = together
        self._changed = threading.Condition()
        self._under_way: Counter[str] = Counter()
        self._most: Counter[str] = Counter()
        self._alone = False
        self._calls: dict[tuple[int, object], list[Deed]] = {}

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Note what is done meanwhile, in every thread."""
        with ExitStack() as stack:
            for name in ("httpx", "httpx2"):  # the OpenAI client is built on the latter
                if library := sys.modules.get(name):
                    stack.enter_context(self._requests(library.Client, library.AsyncClient))
            if self._built_in or self._codes:
                stack.enter_context(self._profiled())
            yield

    @contextmanager
    def _requests(self, plain: Any, asynchronous: Any) -> Iterator[None]:
        send, send_async = plain.send, asynchronous.send

        def noting(client: Any, request: Any, **options: Any) -> Any:
            deed = self._begin(request.url.path, _body(request), request.headers)
            self._meet(deed.name)
            try:
                deed.result = send(client, request, **options)
                return deed.result
            finally:
                self._end(deed)

        async def noting_async(client: Any, request: Any, **options: Any) -> Any:
            deed = self._begin(request.url.path, _body(request), request.headers)
            deadline = time.monotonic() + _MEETING_S
            while self._waits(deed.name) and time.monotonic() < deadline:
                await asyncio.sleep(0.002)
            try:
                deed.result = await send_async(client, request, **options)
                return deed.result
            finally:
                self._end(deed)

        with (
            mock.patch.object(plain, "send", noting),
            mock.patch.object(asynchronous, "send", noting_async),
        ):
            yield

    @contextmanager
    def _profiled(self) -> Iterator[None]:
        """Watch calls with a profile function: it sees a function under whatever name."""
        before, before_in_threads = sys.getprofile(), threading.getprofile()
        everywhere = getattr(threading, "setprofile_all_threads", threading.setprofile)
        everywhere(self._profile)
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(before)
            everywhere(before_in_threads)

    def _profile(self, frame: FrameType, event: str, value: Any) -> None:
        what: object
        if event in ("call", "return") and frame.f_code in self._codes:
            what, name = frame.f_code, frame.f_code.co_name
        elif event.startswith("c_") and value in self._built_in and _is_of_the_notebook(frame):
            what, name = value, value.__name__
        else:
            return
        calls = self._calls.setdefault((threading.get_ident(), what), [])
        if event in ("call", "c_call"):
            calls.append(self._begin(name, "", {}))
            self._meet(name)
        elif calls:
            deed = calls.pop()
            deed.result = value if event == "return" else None
            self._end(deed)

    def _begin(self, name: str, body: str, headers: Mapping[str, str]) -> Deed:
        span_id = format_span_id(trace.get_current_span().get_span_context().span_id)
        with self._changed:
            self._under_way[name] += 1
            at_once = self._under_way[name]
            self._most[name] = max(self._most[name], at_once)
            deed = Deed(name, span_id, _now(), at_once, body=body, headers=dict(headers))
            self.deeds.append(deed)
            self._changed.notify_all()
        return deed

    def _end(self, deed: Deed) -> None:
        deed.ended = _now()
        with self._changed:
            self._under_way[deed.name] -= 1

    def _waits(self, name: str) -> bool:
        return self._most[name] < self._together and not self._alone

    def _meet(self, name: str) -> None:
        """Wait for another of this name, so that side by side does not depend on the machine."""
        with self._changed:
            if self._waits(name) and not self._changed.wait_for(
                lambda: not self._waits(name), _MEETING_S
            ):
                self._alone = True  # nobody comes: the others need not wait


def _is_of_the_notebook(frame: FrameType) -> bool:
    """Say whether the student's own code calls: libraries use built-in functions too."""
    return frame.f_globals.get("__name__") == "__main__"


def _now() -> datetime:
    return from_nanoseconds(time.time_ns())


def _body(request: Any) -> str:
    try:
        return bytes(request.content).decode(errors="replace")
    except Exception:  # a body that is read as it is sent
        return ""
