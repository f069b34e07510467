"""Requests to the class's Phoenix, with its key, over the standard library's HTTP.

Not over a client that a lesson may instrument or watch: what a class is told is no part of a trace.
A redirect is an answer like any other, so that the key goes to nobody else.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import ssl
import urllib.request
from dataclasses import dataclass
from datetime import UTC, datetime
from email.message import Message
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError

from rag_tutorials.course.base.errors import sentence_of

_LOOPBACK = ("http://127.0.0.1", "http://localhost", "http://[::1]")
_READ = 100_000  # bytes of an answer
PROTOBUF = "application/x-protobuf"
JSON = "application/json"


class UnreachableError(Exception):
    """Nobody answers; the text is the cause, without an address."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back.

    Attributes:
        status: The HTTP status.
        retry_after: How many seconds it asks to wait.
        understood: Whether it took what was sent, and answers in its language: the page of a
            network that asks to log in does not.
        version: Phoenix's; empty for another program, such as a Collector.
    """

    status: int
    retry_after: float | None = None
    understood: bool = True
    version: str = ""

    @property
    def fine(self) -> bool:
        """Whether it took what was sent."""
        return 200 <= self.status < 300


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: Any) -> None:
        return None


class Door:
    """The way to one class; never shows its key."""

    def __init__(self, url: str, key: str, timeout: float) -> None:
        self._url = url
        self._headers = {"Authorization": f"Bearer {key}", "User-Agent": "rag-tutorials"}
        self._timeout = timeout
        handlers: list[urllib.request.BaseHandler] = [_NoRedirect()]
        if url.startswith(_LOOPBACK):
            handlers.append(urllib.request.ProxyHandler({}))
        self._opener = urllib.request.build_opener(*handlers)

    def get(self, path: str, timeout: float | None = None) -> Answer:
        """Ask for a page.

        Raises:
            UnreachableError: nobody answers.
        """
        return self._send(urllib.request.Request(self._url + path), timeout)

    def post(self, path: str, body: bytes, kind: str, timeout: float | None = None) -> Answer:
        """Send a body, packed with gzip where the receiver of spans unpacks it.

        Raises:
            UnreachableError: nobody answers.
        """
        headers = {"Content-Type": kind}
        if kind == PROTOBUF:
            body = gzip.compress(body, 1)
            headers["Content-Encoding"] = "gzip"
        return self._send(urllib.request.Request(self._url + path, body, headers), timeout)

    def post_json(self, path: str, content: Any, timeout: float | None = None) -> Answer:
        """Send JSON.

        Raises:
            UnreachableError: nobody answers.
        """
        return self.post(path, json.dumps(content).encode(), JSON, timeout)

    def _send(self, request: urllib.request.Request, timeout: float | None) -> Answer:
        for name, value in self._headers.items():
            request.add_unredirected_header(name, value)
        try:
            with self._opener.open(request, timeout=timeout or self._timeout) as answer:
                answer.read(_READ)
                return _answer(request, answer.status, answer.headers)
        except HTTPError as error:
            with contextlib.suppress(OSError, HTTPException), error:
                error.read(_READ)
            return _answer(request, error.code, error.headers)
        except (OSError, HTTPException, ValueError) as error:
            raise UnreachableError(_cause(error)) from None


def _answer(request: urllib.request.Request, status: int, headers: Message) -> Answer:
    asked = request.get_header("Content-type", JSON)
    return Answer(
        status,
        _seconds(headers.get("Retry-After", "")),
        200 <= status < 300 and headers.get_content_type() == asked,
        headers.get("x-phoenix-server-version", ""),
    )


def _seconds(said: str) -> float | None:
    """Return what ``Retry-After`` says: seconds, or a date (RFC 9110, section 10.2.3)."""
    said = said.strip()
    if said.isdecimal():
        return float(said)
    try:
        until = parsedate_to_datetime(said)
    except (TypeError, ValueError):
        return None
    return max(0.0, (until.astimezone(UTC) - datetime.now(UTC)).total_seconds())


def _cause(error: Exception) -> str:
    reason = getattr(error, "reason", error)
    if isinstance(reason, ConnectionRefusedError):
        return "nobody listens there"
    if isinstance(reason, TimeoutError):
        return "it does not answer in time"
    if isinstance(reason, ssl.SSLCertVerificationError):
        return f"its certificate is not trusted here: {reason.verify_message}"
    return sentence_of(reason if isinstance(reason, Exception) else error)
