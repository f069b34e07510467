"""A tap at Phoenix's receiver: who listens gets each request of spans that Phoenix has accepted.

So what others are told of is what Phoenix has, whoever sent it: the kernel, a subprocess, a
service. Who sent it has its answer before a listener is called; the next request waits for both.
"""

from __future__ import annotations

import functools
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from typing import Any

Listener = Callable[[bytes, str, str | None], None]  # body, encoding, the project of a header
_Message = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[_Message]]
_Send = Callable[[_Message], Awaitable[None]]
_PATH = "/v1/traces"


class Tap:
    """An ASGI application around Phoenix's; without listeners it is not in the way."""

    def __init__(self, app: Any, listeners: Sequence[Listener]) -> None:
        self._app = app
        self._listeners = listeners

    async def __call__(self, scope: _Message, receive: _Receive, send: _Send) -> None:
        """Answer as Phoenix does."""
        if (
            not self._listeners
            or scope["type"] != "http"
            or scope["method"] != "POST"
            or not scope["path"].endswith(_PATH)
        ):
            await self._app(scope, receive, send)
            return
        parts: list[bytes] = []
        accepted = False

        async def receiving() -> _Message:
            message = await receive()
            parts.append(message.get("body", b""))
            return message

        async def sending(message: _Message) -> None:
            nonlocal accepted
            if message["type"] == "http.response.start":
                accepted = message["status"] == 200
            ends = message["type"] == "http.response.body" and not message.get("more_body")
            try:
                await send(message)
            finally:  # also where the sender is gone: Phoenix has its spans
                if accepted and ends:
                    self._tell(b"".join(parts), dict(scope["headers"]))

        await self._app(scope, receiving, sending)

    def _tell(self, body: bytes, headers: dict[bytes, bytes]) -> None:
        encoding = headers.get(b"content-encoding", b"").decode("latin-1")
        project = headers.get(b"x-project-name")
        for listener in tuple(self._listeners):
            listener(body, encoding, project.decode("latin-1") if project is not None else None)


def put_in(module: Any, listeners: Sequence[Listener]) -> None:
    """Put a tap into the server that a module of Phoenix configures; once more, in its place.

    Raises:
        AttributeError: the module configures none.
    """
    config = module.Config
    if isinstance(config, functools.partial) and config.func is _tapped:
        config = config.args[0]
    module.Config = functools.partial(_tapped, config, listeners)


def _tapped(config: Any, listeners: Sequence[Listener], /, *, app: Any, **arguments: Any) -> Any:
    return config(app=Tap(app, listeners), **arguments)
