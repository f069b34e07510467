"""Which notebooks' Phoenixes run now, and a small page that leads to them.

JupyterLab's launcher starts the page (``rag_tutorials.launcher``): every notebook has a Phoenix of
its own, so the page lists them, and leads on by itself where there is but one.
"""

from __future__ import annotations

import argparse
import contextlib
import html
import json
from collections.abc import Iterator, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

import psutil  # type: ignore[import-untyped]

from rag_tutorials.course.base.places import write_private
from rag_tutorials.course.embedded import asking
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.storage import traces_dir
from rag_tutorials.loopback import HOST
from rag_tutorials.loopback.doors import OwnUserMixIn

_FILE = "running.json"
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Phoenix</title>
<style>
:root {{ color-scheme: light dark; }}
body {{ background: light-dark(#fff, #111); color: light-dark(#111, #eee); }}
a {{ color: light-dark(#0b57d0, #9ec1ff); }}
body {{ font: 16px/1.6 system-ui, sans-serif; max-width: 40em; margin: 3em auto; padding: 0 1em; }}
</style></head>
<body><main><h1>Phoenix</h1>
{body}
<p><a href="">Look again</a></p></main></body></html>
"""
_NONE = """<p>No notebook runs a Phoenix now. Open a lesson and run its first two cells: they start
the notebook's own Phoenix, which ends when you close the notebook.</p>"""
_MANY = "<p>Each open notebook has a Phoenix of its own:</p>\n<ul>\n{items}\n</ul>"


def note(phoenix: EmbeddedPhoenix) -> None:
    """Write down, beside its traces, where this process's Phoenix is, for code and for browsers.

    Where that cannot be written, the page does without.
    """
    me = psutil.Process()
    where = {"port": phoenix.port, "browser": phoenix.browser_url}
    text = json.dumps({**where, "pid": me.pid, "started": me.create_time()})
    with contextlib.suppress(OSError):
        write_private(phoenix.folder / _FILE, text)


def noted_port(folder: Path) -> int | None:
    """Return the port that was last written down for the traces in a folder, if one was."""
    try:
        port = int(json.loads((folder / _FILE).read_text(encoding="utf-8"))["port"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return port if 0 < port < 65536 else None


class Running(NamedTuple):
    """A notebook's Phoenix that runs: the folder's name, its port, its address for browsers."""

    name: str
    port: int
    browser: str


def running(parent: Path) -> Iterator[Running]:
    """Yield each Phoenix below ``parent`` whose kernel lives and that answers."""
    for file in sorted(parent.glob(f"*/{_FILE}")):
        try:
            said = json.loads(file.read_text(encoding="utf-8"))
            port, pid, started = int(said["port"]), int(said["pid"]), float(said["started"])
            browser = str(said["browser"])
            alive = abs(psutil.Process(pid).create_time() - started) < 1
        except (OSError, ValueError, KeyError, TypeError, psutil.Error):
            continue  # half written, or its kernel has ended
        if alive and asking.answers(f"http://{HOST}:{port}"):
            yield Running(file.parent.name, port, browser)


def page(found: Sequence[Running]) -> str:
    """Return the page for these Phoenixes."""
    if not found:
        return _PAGE.format(body=_NONE)
    items = "\n".join(
        f'<li><a href="{html.escape(one.browser)}/">{html.escape(one.name)}</a></li>'
        for one in found
    )
    body = _MANY.format(items=items)
    if len(found) == 1:
        only = json.dumps(f"{found[0].browser}/")
        body += f"\n<script>location.replace({only})</script>"
    return _PAGE.format(body=body)


class _Server(OwnUserMixIn, ThreadingHTTPServer):
    """The page's server."""


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        content = page(list(running(traces_dir()))).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Say nothing: JupyterLab's log is for JupyterLab."""


def main() -> None:
    """Serve the page on a loopback port until stopped, or until JupyterLab is by Ctrl-C."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    server = _Server((HOST, parser.parse_args().port), _Handler)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
