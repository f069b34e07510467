"""Links into Phoenix that work where the notebook is shown: on a laptop and behind a proxy.

Every address that a browser is given begins with :func:`browser_url`: links, frames, and the page
behind the launcher's tile, which reads what the notebook has written down.
"""

from __future__ import annotations

import html
import os
import re
from collections.abc import Sequence
from urllib.parse import quote, urlencode, urlsplit

from rag_tutorials.course.base.errors import CourseError

PROXY = "COURSE_PROXY_URL"
_PORT = "{port}"
_NEVER = re.compile(r"[\s?#@{}<>\"'\\]")  # in an address without user and query


def hub_prefix() -> str:
    """Return the user's path on a JupyterHub or Binder (``/user/x``), or an empty string."""
    return os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "").rstrip("/")


def root_path(port: int) -> str:
    """Return the path under which a proxy shows this port; empty on a laptop.

    Raises:
        CourseError: as :func:`browser_url`.
    """
    return urlsplit(browser_url(port)).path


def browser_url(port: int) -> str:
    """Return Phoenix's address for the student's browser, without a slash at its end.

    ``COURSE_PROXY_URL`` says what it is where ``{port}`` stands for the port. Else it is a path on
    the host of a JupyterHub. On a laptop it names ``localhost`` as JupyterLab does: a frame from
    another host stays blank when third-party storage is blocked.

    Raises:
        CourseError: ``COURSE_PROXY_URL`` is no such address.
    """
    return _template().replace(_PORT, str(port))


def _template() -> str:
    given = os.environ.get(PROXY, "").strip().rstrip("/")
    if not given:
        prefix = hub_prefix()
        return f"{prefix}/proxy/{_PORT}" if prefix else f"http://localhost:{_PORT}"
    if not _is_address(given):
        # The value is not repeated: it may hold a password.
        raise CourseError(
            f"{PROXY} is no address of a proxy: give a path such as /jupyterlab/default/proxy/"
            f"{_PORT}, or https://, a host and a path, with {_PORT} where the port stands and "
            "neither a user nor a query; or remove it, and restart the kernel."
        )
    return given


def _is_address(template: str) -> bool:
    example = template.replace(_PORT, "6006", 1)
    if example == template or _NEVER.search(example):
        return False
    if example.startswith("/"):
        return not example.startswith("//")
    try:
        url = urlsplit(example)
        return url.scheme in ("http", "https") and bool(url.hostname) and (url.port or 1) > 0
    except ValueError:
        return False


def page_url(base: str, *parts: str, **query: str | Sequence[str]) -> str:
    """Return the address of a page of Phoenix: its path in parts, a query with repeated keys."""
    path = "/".join(quote(part, safe="") for part in parts)
    asked = urlencode(query, doseq=True)
    return f"{base}/{path}" + (f"?{asked}" if asked else "")


class Link:
    """A link that shows itself, as HTML in a notebook and as plain text elsewhere."""

    def __init__(self, url: str, words: str) -> None:
        self.url = url
        self.words = words

    def __repr__(self) -> str:
        return f"{self.words}: {self.url}"

    def _repr_html_(self) -> str:
        url, words = html.escape(self.url, quote=True), html.escape(self.words)
        return f'<a href="{url}" target="_blank" rel="noopener">{words}</a> <code>{url}</code>'


class Frame(Link):
    """Phoenix inside the notebook, with the link beside it in case the frame stays blank."""

    def __init__(self, url: str, words: str, height: int) -> None:
        super().__init__(url, words)
        self.height = height

    def _repr_html_(self) -> str:
        url, words = html.escape(self.url, quote=True), html.escape(self.words, quote=True)
        return (
            # What stands behind the frame is seen until the page is drawn.
            f'<div style="position:relative;height:{self.height}px">'
            '<div role="status" style="position:absolute;inset:0;display:grid;place-items:center">'
            "Phoenix is opening … If this stays, use the link below.</div>"
            f'<iframe src="{url}" title="{words}" width="100%" height="{self.height}" '
            'style="position:relative;border:1px solid #8888;box-sizing:border-box"></iframe></div>'
            f"{super()._repr_html_()} (it takes some seconds to draw its first page)"
        )
