"""The routes of the server and what every request goes through."""

import asyncio
import logging
import math
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from rag_tutorials.loopback.doors import is_foreign
from rag_tutorials.stub_llm.answering.conversation import AnswerMode
from rag_tutorials.stub_llm.control.faults import KINDS, Api, Effects, Fault, Faults
from rag_tutorials.stub_llm.control.journal import Journal, RequestRecord
from rag_tutorials.stub_llm.language.digest import digest
from rag_tutorials.stub_llm.wire import chat, embeddings, fields, models
from rag_tutorials.stub_llm.wire.errors import APIError
from rag_tutorials.stub_llm.wire.fields import JSON
from rag_tutorials.stub_llm.wire.responses import Responses

Handler = Callable[[JSON, AnswerMode], JSON | Iterator[bytes]]
Endpoint = Callable[[Request], Awaitable[Response]]

_logger = logging.getLogger(__name__)

WRONG_KEY = "wrong-key"
"""The one API key that is refused, to show a 401."""


class Gateway:
    """The application of one server: its faults, its journal, its routes."""

    def __init__(self) -> None:
        self.faults = Faults()
        self.journal = Journal()
        self.stopping = asyncio.Event()
        self.responses = Responses()
        self.app = Starlette(
            routes=[
                self._api("/v1/chat/completions", "chat", chat.complete),
                self._api("/v1/responses", "responses", self.responses.create),
                Route("/v1/responses/{name}", self._get(self.responses.get)),
                self._api("/v1/embeddings", "embeddings", lambda body, _: embeddings.create(body)),
                Route("/v1/models", self._get(lambda _: models.list_all())),
                Route("/v1/models/{name:path}", self._get(models.get)),
                Route("/healthz", self._health),
                _control("/_stub/faults", self._faults, ["GET", "POST", "DELETE"]),
                _control("/_stub/requests", self._requests, ["GET", "DELETE"]),
            ],
            exception_handlers={HTTPException: self._no_route},
        )
        self.app.router.redirect_slashes = False

    def _api(self, path: str, api: Api, handler: Handler) -> Route:
        async def endpoint(request: Request) -> Response:
            record = self._open(request)
            try:
                return await self._answer(request, record, api, handler)
            except APIError as error:
                return _refuse(error, record)
            except _GoneError:
                return _json(APIError(503, "The stub stops.", kind="server_error").body(), 503)
            except Exception as error:
                _logger.exception("The stub failed on %s", path)
                message = f"The stub failed on this request: {error!r}"
                return _refuse(APIError(500, message, kind="server_error"), record)

        return Route(path, endpoint, methods=["POST"])

    async def _answer(
        self, request: Request, record: RequestRecord, api: Api, handler: Handler
    ) -> Response:
        _check_key(request)
        body = fields.parse(await request.body())
        record.model = fields.model(body)
        record.stream = api != "embeddings" and fields.flag(body, "stream")
        effects = self.faults.take(api, stream=record.stream)
        if effects.latency:
            await self._pause(request.receive, effects.latency)
        if effects.refusal:
            await self._carry_out(effects.refusal, request.receive)
        answer = handler(body, effects.mode)
        record.status = 200
        headers = {"x-request-id": f"req_{digest(body)}"}
        if isinstance(answer, dict):
            return Response(fields.dumps(answer), headers=headers, media_type="application/json")
        return _EventStream(answer, effects, self._pause, headers)

    async def _carry_out(self, fault: Fault, receive: Receive) -> None:
        if fault.name == "hang":
            await self._pause(receive, None)
        if fault.name == "rate_limit":
            seconds = fault.options["seconds"]
            raise APIError(
                429,
                f"Rate limit reached for requests. Please try again in {seconds:g}s.",
                kind="requests",
                code="rate_limit_exceeded",
                headers={
                    "retry-after": str(math.ceil(seconds)),
                    "retry-after-ms": str(round(seconds * 1000)),
                },
            )
        raise APIError(
            500, "The server had an error while processing your request.", kind="server_error"
        )

    async def _pause(self, receive: Receive, seconds: float | None) -> None:
        """Wait; raise ``_GoneError`` as soon as the client leaves or the server stops."""
        stop = asyncio.ensure_future(self.stopping.wait())
        leave = asyncio.ensure_future(_disconnected(receive))
        done, pending = await asyncio.wait(
            {stop, leave}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED
        )
        for task in pending:
            task.cancel()
        if done:
            raise _GoneError

    def _open(self, request: Request) -> RequestRecord:
        return self.journal.open(
            request.method, request.url.path, request.headers.get("traceparent")
        )

    async def _no_route(self, request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        path = request.url.path
        if error.status_code == 405:
            message = f"Not allowed to {request.method} on {path}."
            refusal = APIError(405, message, code="method_not_supported", headers=error.headers)
        else:
            message = f"Invalid URL ({request.method} {path})"
            hint = "" if path.startswith("/v1/") else "; the base URL ends in /v1"
            refusal = APIError(404, message + hint, code="unknown_url")
        return _refuse(refusal, self._open(request))

    def _get(self, find: Callable[[str], JSON]) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            record = self._open(request)
            try:
                _check_key(request)
                found = find(request.path_params.get("name", ""))
            except APIError as error:
                return _refuse(error, record)
            record.status = 200
            return _json(found)

        return endpoint

    async def _health(self, request: Request) -> Response:
        return _json({"status": "ok"})

    async def _faults(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.faults.clear()
        if request.method == "POST":
            try:
                body = fields.parse(await request.body())
                times, path = body.pop("times", None), body.pop("path", None)
                fault = self.faults.add(body.pop("name", ""), times=times, path=path, options=body)
            except (APIError, ValueError) as error:
                return _json(APIError(400, str(error)).body(), 400)
            return _json(fault.describe(), 201)
        return _json(
            {
                "active": [fault.describe() for fault in self.faults.active()],
                "available": {
                    name: {"meaning": kind.meaning, "options": kind.options}
                    for name, kind in KINDS.items()
                },
            }
        )

    async def _requests(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.journal.clear()
        return _json({"requests": [record.describe() for record in self.journal.records()]})


class _GoneError(Exception):
    """The client left or the server stops: nobody waits for an answer any more."""


class _EventStream(Response):
    """Server-sent events with the faults that a stream can have."""

    def __init__(
        self,
        events: Iterator[bytes],
        effects: Effects,
        pause: Callable[[Receive, float], Any],
        headers: dict[str, str],
    ) -> None:
        super().__init__(headers=headers, media_type="text/event-stream")
        del self.headers["content-length"]
        self._events = events
        self._effects = effects
        self._pause = pause

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        effects = self._effects
        await send(
            {"type": "http.response.start", "status": 200, "headers": self.raw_headers},
        )
        wait = effects.first_token
        for number, event in enumerate(self._events):
            if number == effects.cut_after:
                return  # The response stays incomplete, so uvicorn closes the connection.
            if wait:
                try:
                    await self._pause(receive, wait)
                except _GoneError:
                    return
            await send({"type": "http.response.body", "body": event, "more_body": True})
            wait = effects.between_tokens
        await send({"type": "http.response.body", "body": b""})


async def _disconnected(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _control(path: str, endpoint: Endpoint, methods: list[str]) -> Route:
    """Return a route that programs may use, and no page of another site in a browser."""

    async def guarded(request: Request) -> Response:
        if is_foreign(request.headers.get("host"), request.headers.get("origin")):
            message = f"{path} is for programs on this machine: send no Origin, and a local Host."
            return _json(APIError(403, message).body(), 403)
        return await endpoint(request)

    return Route(path, guarded, methods=methods)


def _check_key(request: Request) -> None:
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise APIError(
            401,
            "You didn't provide an API key. Send it in an Authorization header: "
            "'Authorization: Bearer YOUR_KEY'. This stub takes any key.",
        )
    if key.strip() == WRONG_KEY:
        raise APIError(401, "Incorrect API key provided.", code="invalid_api_key")


def _refuse(error: APIError, record: RequestRecord) -> Response:
    record.status = error.status
    return _json(error.body(), error.status, error.headers)


def _json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(fields.dumps(value), status, headers, "application/json")
