"""Links into Phoenix that work where the notebook is shown: on a laptop and behind a hub."""

from __future__ import annotations

import html
import os
from collections.abc import Sequence
from urllib.parse import quote, urlencode


def hub_prefix() -> str:
    """Return the user's path on a JupyterHub or Binder (``/user/x``), or an empty string."""
    return os.environ.get("JUPYTERHUB_SERVICE_PREFIX", "").rstrip("/")


def root_path(port: int) -> str:
    """Return the path under which jupyter-server-proxy shows this port; empty on a laptop."""
    prefix = hub_prefix()
    return f"{prefix}/proxy/{port}" if prefix else ""


def browser_url(port: int) -> str:
    """Return Phoenix's address for the student's browser.

    On a laptop it names ``localhost`` as JupyterLab does: a frame from another host stays blank
    when third-party storage is blocked. On a hub it is a path on the hub's own host.
    """
    return root_path(port) or f"http://localhost:{port}"


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
            "Phoenix is opening …</div>"
            f'<iframe src="{url}" title="{words}" width="100%" height="{self.height}" '
            'style="position:relative;border:1px solid #8888;box-sizing:border-box"></iframe></div>'
            f"{super()._repr_html_()} (it takes some seconds to draw its first page)"
        )
