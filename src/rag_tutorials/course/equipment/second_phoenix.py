"""A Phoenix that asks for a key, as a program of its own: ``python -m`` this module.

It stands in for the shared server of a team.
:func:`rag_tutorials.course.equipment.processes.start` starts it and ends it. Its first message is
``url``, where it listens on the loopback interface; ``api_key``, with which spans are sent and
read; and ``admin_secret``, the bearer token with which its API makes users. Nothing is printed.
"""

from __future__ import annotations

import argparse
import logging
import os
import secrets
import shutil
import sys
import threading
import time
from pathlib import Path

import httpx

from rag_tutorials.course.embedded.asking import answers
from rag_tutorials.course.embedded.door import own_user_only
from rag_tutorials.course.embedded.fast_imports import fast_imports
from rag_tutorials.course.embedded.opening import make_ready
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.storage import Storage
from rag_tutorials.services.lifeline import Lifeline, send

_START_S = 60.0
_POLL_S = 0.05


def main() -> None:
    """Serve until stdin ends."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True, help="for its database; emptied")
    parser.add_argument("--database", help="a postgresql:// URL without a password")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    lifeline = Lifeline()
    shutil.rmtree(folder, ignore_errors=True)  # earlier keys were signed with another secret
    phoenix = EmbeddedPhoenix(Storage.claim(folder.parent, folder.name))
    make_ready(phoenix)
    admin_secret = secrets.token_hex(16)
    os.environ.update(
        PHOENIX_ENABLE_AUTH="true",
        PHOENIX_SECRET=secrets.token_hex(16),
        PHOENIX_ADMIN_SECRET=admin_secret,
        PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD=secrets.token_hex(16),
    )
    if arguments.database:
        os.environ["PHOENIX_SQL_DATABASE_URL"] = arguments.database
    logging.disable(logging.WARNING)
    for task in (lambda: _greet(phoenix.url, admin_secret), lambda: _end_with(lifeline)):
        threading.Thread(target=task, daemon=True).start()
    with fast_imports():
        from phoenix.server.cli.commands import serve as command
        from phoenix.server.main import main as serve
    own_user_only(command)
    sys.argv = ["phoenix", "serve"]
    serve()


def _greet(url: str, admin_secret: str) -> None:
    deadline = time.monotonic() + _START_S
    while not answers(url):
        if time.monotonic() > deadline:
            os._exit(1)
        time.sleep(_POLL_S)
    try:
        send({"url": url, "api_key": _make_key(url, admin_secret), "admin_secret": admin_secret})
    except httpx.HTTPError as error:
        print(f"it gives no key: {error}", file=sys.stderr, flush=True)
        os._exit(1)


def _make_key(url: str, admin_secret: str) -> str:
    made = httpx.post(
        f"{url}/v1/system/api_keys",
        headers={"authorization": f"Bearer {admin_secret}"},
        json={"data": {"name": "handbook-app"}},
        timeout=_START_S,
        trust_env=False,
    )
    return str(made.raise_for_status().json()["data"]["key"])


def _end_with(lifeline: Lifeline) -> None:
    for _ in lifeline:
        pass
    os._exit(0)  # its traces are not kept, so there is nothing to close


if __name__ == "__main__":
    main()
