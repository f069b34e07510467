"""The tap at Phoenix's receiver: who listens hears what was accepted, as it came."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from rag_tutorials.course.embedded.door import own_user_only
from rag_tutorials.course.embedded.tap import Listener, Tap, put_in


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Read the body, and answer with the status that the path ends with."""
    if scope["type"] != "http":
        return
    more = True
    while more:
        more = (await receive()).get("more_body", False)
    status = int(dict(scope["headers"]).get(b"x-status", b"200"))
    await send({"type": "http.response.start", "status": status, "headers": []})
    await send({"type": "http.response.body", "body": b"done"})


def ask(
    listeners: list[Listener],
    parts: list[bytes],
    path: str = "/v1/traces",
    method: str = "POST",
    **headers: str,
) -> list[dict[str, Any]]:
    """Send a request in parts through a tap; return what was answered."""
    answered: list[dict[str, Any]] = []
    waiting = [
        {"type": "http.request", "body": part, "more_body": number + 1 < len(parts)}
        for number, part in enumerate(parts)
    ]

    async def receive() -> dict[str, Any]:
        return waiting.pop(0)

    async def send(message: Any) -> None:
        answered.append(dict(message))

    pairs = [(key.replace("_", "-").encode(), value.encode()) for key, value in headers.items()]
    scope = {"type": "http", "method": method, "path": path, "headers": pairs}
    asyncio.run(Tap(app, listeners)(scope, receive, send))
    return answered


def test_a_listener_hears_the_whole_body_before_the_sender_is_answered() -> None:
    heard: list[Any] = []
    answers = ask(
        [lambda *one: heard.append(one)],
        [b"ab", b"", b"c"],
        path="/user/ada/proxy/6006/v1/traces",
        content_encoding="gzip",
        x_project_name="mine",
    )
    assert heard == [(b"abc", "gzip", "mine")]
    assert [one["type"] for one in answers] == ["http.response.start", "http.response.body"]
    ask([lambda *one: heard.append(one)], [b"d"])
    assert heard[1:] == [(b"d", "", None)]


@pytest.mark.parametrize(
    "request_",
    [{"x_status": "415"}, {"x_status": "503"}, {"path": "/v1/spans"}, {"method": "GET"}],
)
def test_what_was_not_accepted_or_is_no_export_is_not_heard(request_: dict[str, str]) -> None:
    heard: list[Any] = []
    assert len(ask([lambda *one: heard.append(one)], [b"x"], **request_)) == 2
    assert not heard


def test_who_comes_and_goes_later_counts() -> None:
    listeners: list[Listener] = []
    heard: list[bytes] = []
    ask(listeners, [b"1"])
    listeners.append(lambda body, *_: heard.append(body))
    ask(listeners, [b"2"])
    listeners.clear()
    ask(listeners, [b"3"])
    assert heard == [b"2"]


def test_it_is_put_in_once_beside_the_door_in_any_order() -> None:
    made: list[dict[str, Any]] = []
    module = SimpleNamespace(Config=lambda **arguments: made.append(arguments))
    first: list[Listener] = []
    second: list[Listener] = []
    own_user_only(module)
    put_in(module, first)
    own_user_only(module)
    put_in(module, second)
    module.Config(app=app, port=1)
    [arguments] = made
    assert arguments["http"].__name__ == "OwnUserProtocol"
    assert arguments["port"] == 1
    assert isinstance(arguments["app"], Tap)
    assert arguments["app"]._app is app
    assert arguments["app"]._listeners is second
