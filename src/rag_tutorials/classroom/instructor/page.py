"""The class as a page in the instructor's browser; served on the loopback interface alone.

The browser asks this server, and this server asks the class's Phoenix: the key stays here.
"""

from __future__ import annotations

import hashlib
import json
import socket
import threading
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from html import escape
from http import HTTPStatus
from importlib import resources
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from rag_tutorials.classroom.instructor.reading import Report, ReportReader, UnreachableError
from rag_tutorials.classroom.instructor.shown import cell_words, shown
from rag_tutorials.classroom.instructor.standing import Student
from rag_tutorials.classroom.instructor.watching import Look, Watch
from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.loopback import HOST
from rag_tutorials.loopback.doors import OwnUserProtocol, is_foreign

PORT = 6061
EVERY_S = 2.0
_GRACE_S = 2
_FILES = {
    "/": ("page.html", "text/html"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
    "cache-control": "no-cache",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
}
_COMES_S = 3  # a trace follows its verdict; its page looks again


@dataclass
class Shown:
    """What the page's server gives: the newest look, made by a thread of its own."""

    reader: ReportReader
    watch: Watch
    seen: str = ""
    """Where the instructor's browser is logged in to the class's Phoenix; "" for where we read."""
    _look: Look | None = None
    _text: bytes = b"{}"
    _tag: str = ""
    _numbers: dict[str, int] = field(default_factory=dict)

    def refresh(self) -> None:
        """Look at the class; a number once given to a student stays."""
        look = self.watch.look()
        for slug in look.standing.students:
            self._numbers.setdefault(slug, len(self._numbers) + 1)
        text = json.dumps(shown(look, self.watch, self._numbers), ensure_ascii=False).encode()
        # Read by other threads: each is replaced as a whole.
        self._look, self._text = look, text
        self._tag = f'"{hashlib.sha256(text).hexdigest()[:16]}"'

    def state(self) -> tuple[bytes, str]:
        """Return the newest look as JSON, and its tag."""
        return self._text, self._tag

    @property
    def trouble(self) -> str:
        """Why the newest look saw nothing new, as a sentence; empty if it did."""
        return self._look.trouble if self._look else ""

    def student(self, number: str) -> Student | None:
        """Return the student with a number."""
        slug = next((one for one, own in self._numbers.items() if str(own) == number), None)
        return self._look.standing.students.get(slug) if self._look and slug else None


def application(shown_: Shown) -> Starlette:
    """Return the page's server."""

    async def state(request: Request) -> Response:
        text, tag = shown_.state()
        if request.headers.get("if-none-match") == tag:
            return Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"etag": tag})
        return Response(text, media_type="application/json", headers={"etag": tag})

    async def cell(request: Request) -> Response:
        one = shown_.student(request.path_params["number"])
        if one is None:
            return JSONResponse({}, HTTPStatus.NOT_FOUND)
        return JSONResponse(cell_words(one, request.path_params["exercise"]))

    def trace(request: Request) -> Response:  # no coroutine: it asks Phoenix
        one = shown_.student(request.path_params["number"])
        exercise = request.path_params.get("exercise", "")
        work = one.cells.get(exercise) if one else None
        report = (work.last if work else None) if exercise else (one.newest if one else None)
        return _trace(shown_, report)

    routes = [Route(path, _file(*file)) for path, file in _FILES.items()]
    routes += [
        Route("/state", state),
        Route("/cell/{number}/{exercise}", cell),
        Route("/trace/{number}", trace),
        Route("/trace/{number}/{exercise}", trace),
    ]
    guards = [Middleware(_OwnPagesOnly), Middleware(GZipMiddleware)]
    return Starlette(routes=routes, middleware=guards)


def serve(
    reader: ReportReader,
    watch: Watch,
    port: int = PORT,
    told: Callable[[str], object] = print,
    seen: str = "",
) -> int:
    """Serve the page until Ctrl-C, to this user alone; ``told`` is told its address.

    Links lead to the class's Phoenix at ``seen``, or else to where it is read.

    Raises:
        CourseError: the port is taken.
    """
    shown_ = Shown(reader, watch, seen)
    try:
        listening = socket.create_server((HOST, port))
    except OSError as error:
        raise CourseError(
            f"Port {port} cannot be had ({sentence_of(error)}); name another with --port."
        ) from error
    with listening:
        own = f"http://{HOST}:{listening.getsockname()[1]}"
        told(f"The class is at {own} for you alone. It follows the class; Ctrl-C ends it.")
        end = threading.Event()

        def look() -> None:  # the first look at a long course takes a while
            shown_.refresh()
            if shown_.trouble:
                told(shown_.trouble)
            keep_looking(shown_, end)

        threading.Thread(target=look, daemon=True).start()
        config = uvicorn.Config(
            application(shown_),
            http=OwnUserProtocol,
            ws="none",
            lifespan="off",
            log_level="warning",
            timeout_graceful_shutdown=_GRACE_S,
        )
        try:
            uvicorn.Server(config).run(sockets=[listening])
        except KeyboardInterrupt:
            pass  # it is how this ends
        finally:
            end.set()
    return 0


def keep_looking(shown_: Shown, end: threading.Event, every_s: float = EVERY_S) -> None:
    """Look again and again, until ``end`` is set."""
    while not end.wait(every_s):
        shown_.refresh()


class _OwnPagesOnly:
    """Turn away what another site's page sends through the instructor's browser; add headers."""

    def __init__(self, app: Callable[..., Awaitable[None]]) -> None:
        self._app = app

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request = Request(scope)
        if is_foreign(request.headers.get("host"), request.headers.get("origin")):
            refused = Response("Refused: another site asks.\n", HTTPStatus.FORBIDDEN)
            await refused(scope, receive, send)
            return

        async def with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message["headers"], *own]}
            await send(message)

        await self._app(scope, receive, with_headers)


def _file(name: str, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    text = resources.files(__package__).joinpath("web", name).read_text(encoding="utf-8")

    async def answer(request: Request) -> Response:
        return Response(text, media_type=media_type)

    return answer


def _trace(shown_: Shown, report: Report | None) -> Response:
    """Lead to a trace in the class's Phoenix, or say why there is none to see."""
    if report is None or not report.trace_ids:
        return _sentence(
            "No trace came with this check: it judged none, or the student sends verdicts only."
        )
    trace_id = report.trace_ids[0]
    try:
        arrived = shown_.reader.has_trace(report.project, trace_id)
    except UnreachableError as error:
        return _sentence(str(error))
    if arrived:
        phoenix = shown_.seen or shown_.reader.url
        return RedirectResponse(f"{phoenix}/redirects/traces/{trace_id}", HTTPStatus.SEE_OTHER)
    answer = _sentence(
        "This trace has not arrived yet: verdicts come first, traces follow. This page looks again "
        "by itself. If the table says that this student's spans were dropped, it may never come."
    )
    answer.headers["refresh"] = str(_COMES_S)
    return answer


def _sentence(text: str) -> HTMLResponse:
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Trace</title>'
        f'<link rel="stylesheet" href="/page.css"><main class="sentence"><h1>Trace</h1>'
        f"<p>{escape(text)}</p></main></html>"
    )
