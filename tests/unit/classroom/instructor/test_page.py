"""The page's server: a real one on the loopback interface, and as the command starts it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from reporting import NOW, made

from rag_tutorials.classroom.instructor.page import Shown, application
from rag_tutorials.classroom.instructor.place import ClassPlace, Server
from rag_tutorials.classroom.instructor.reading import News, Report, UnreachableError
from rag_tutorials.classroom.instructor.watching import Watch, load_plans

NOBODY = 65_534
TRACE = "ab" * 16
KEY = "a-key-that-nobody-sees"
PHOENIX = "http://127.0.0.1:6060"


class Given:
    """A class that says what is put into it, and has the traces that are named."""

    url = PHOENIX

    def __init__(self) -> None:
        self.news: list[Report] = []
        self.arrived: set[str] = set()
        self.down = False

    def read(self) -> News:
        if self.down:
            raise UnreachableError("The class's server does not answer.")
        news, self.news = self.news, []
        return News(news)

    def has_trace(self, project: str, trace_id: str) -> bool:
        if self.down:
            raise UnreachableError("The class's server does not answer.")
        return f"{project}/{trace_id}" in self.arrived


@pytest.fixture(scope="module")
def given() -> Given:
    return Given()


@pytest.fixture(scope="module")
def page(given: Given) -> Iterator[tuple[Shown, int]]:
    watch = Watch(given, lambda: {"ada": "Ada Lovelace", "bob": "Bob"}, load_plans())
    shown = Shown(given, watch)  # type: ignore[arg-type]
    given.news = [
        made(
            "ada", "03.1", trace_ids=(TRACE,), project="ada.03_wrappers", sentence="`x`?", attempt=2
        ),
        made("ada", "03.2", "not started"),
        made("<script>", "03.1", sentence="<b>&</b>"),
    ]
    shown.refresh()
    config = uvicorn.Config(application(shown), lifespan="off", log_level="warning")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield shown, listener.getsockname()[1]
        server.should_exit = True
        thread.join()


def ask(port: int, path: str, **headers: str) -> tuple[http.client.HTTPResponse, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    connection.request("GET", path, headers=headers)
    answer = connection.getresponse()
    text = answer.read().decode()
    connection.close()
    return answer, text


def state(port: int) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(ask(port, "/state")[1])
    return found


def test_the_state_has_everybody_with_a_number_for_the_name(page: tuple[Shown, int]) -> None:
    found = state(page[1])
    assert {one["number"]: one["name"] for one in found["students"]} == {
        1: "Ada Lovelace",
        2: "Bob",
        3: "<script>",
    }
    assert found["students"][0]["cells"] == {"03.1": ["tried", 2], "03.2": ["not started", 0]}
    assert sum(len(one["exercises"]) for one in found["lessons"]) == 71
    assert found["said"]["03.1"][0]["text"] in ("`x`?", "<b>&</b>")


def test_what_has_not_changed_is_not_sent_again(page: tuple[Shown, int], given: Given) -> None:
    shown, port = page
    tag = ask(port, "/state")[0].headers["etag"]
    answer, text = ask(port, "/state", **{"If-None-Match": tag})
    assert (answer.status, text) == (304, "")
    given.news = [made("bob", "03.1", "passed")]
    shown.refresh()
    answer, text = ask(port, "/state", **{"If-None-Match": tag})
    assert answer.status == 200
    assert json.loads(text)["students"][1]["cells"] == {"03.1": ["passed", 1]}


def test_a_cell_says_its_sentence(page: tuple[Shown, int]) -> None:
    found = json.loads(ask(page[1], "/cell/1/03.1")[1])
    assert (found["state"], found["tries"], found["sentence"]) == ("tried", 2, "`x`?")
    assert found["when"] == NOW.isoformat()
    assert json.loads(ask(page[1], "/cell/2/09.1")[1])["state"] == ""
    assert ask(page[1], "/cell/99/03.1")[0].status == 404


@pytest.mark.parametrize("path", ["/trace/1", "/trace/1/03.1"])
def test_a_trace_is_opened_in_phoenix_once_it_has_arrived(
    path: str, page: tuple[Shown, int], given: Given
) -> None:
    given.arrived.clear()
    answer, text = ask(page[1], path)
    assert answer.status == 200
    assert answer.headers["refresh"] == "3"
    assert "has not arrived yet" in text
    given.arrived.add(f"ada.03_wrappers/{TRACE}")
    answer, _ = ask(page[1], path)
    assert (answer.status, answer.headers["location"]) == (
        303,
        f"{PHOENIX}/redirects/traces/{TRACE}",
    )


def test_a_trace_is_opened_where_the_browser_is_logged_in(
    page: tuple[Shown, int], given: Given, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(page[0], "seen", "https://class.example.org")
    given.arrived.add(f"ada.03_wrappers/{TRACE}")
    answer, _ = ask(page[1], "/trace/1/03.1")
    assert answer.headers["location"] == f"https://class.example.org/redirects/traces/{TRACE}"


@pytest.mark.parametrize("path", ["/trace/1/03.2", "/trace/2", "/trace/77", "/trace/1/99.9"])
def test_where_no_trace_was_judged_a_sentence_says_so(path: str, page: tuple[Shown, int]) -> None:
    answer, text = ask(page[1], path)
    assert answer.status == 200
    assert "No trace came with" in text
    assert "refresh" not in answer.headers


def test_a_class_that_does_not_answer_is_told_with_what_was_known(
    page: tuple[Shown, int], given: Given
) -> None:
    shown, port = page
    before = state(port)
    given.down = True
    shown.refresh()
    found = state(port)
    assert "does not answer" in found["trouble"]
    assert "does not answer" in ask(port, "/trace/1/03.1")[1]
    given.down = False
    shown.refresh()
    assert state(port)["trouble"] == ""
    assert found["students"] == before["students"]
    assert found["read"] is not None


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "class.example.org"},
        {"Origin": "https://elsewhere.example.org"},
        {"Origin": "null"},
    ],
)
@pytest.mark.parametrize("path", ["/", "/state", "/trace/1"])
def test_another_sites_page_is_refused(
    path: str, headers: dict[str, str], page: tuple[Shown, int]
) -> None:
    answer, text = ask(page[1], path, **headers)
    assert answer.status == 403
    assert "Ada" not in text


@pytest.mark.parametrize("path", ["/", "/page.js", "/page.css", "/state", "/trace/1"])
def test_every_answer_forbids_what_is_not_its_own(path: str, page: tuple[Shown, int]) -> None:
    headers = ask(page[1], path)[0].headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert headers["referrer-policy"] == "no-referrer"


def test_the_pages_files_ask_nobody_else_and_make_no_markup_of_texts() -> None:
    folder = resources.files("rag_tutorials.classroom.instructor").joinpath("web")
    text = "".join(one.read_text(encoding="utf-8") for one in folder.iterdir())
    assert re.findall(r"https?://|@import|url\(", text) == []
    for danger in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert danger not in text


# As the command starts it


@contextmanager
def started(folder: Path, *, url: str = "http://127.0.0.1:9") -> Iterator[tuple[Any, int, str]]:
    """Run ``class page`` for a class whose server is at ``url``."""
    place = ClassPlace(folder)
    place.keep_server(Server(url, url))
    options = json.dumps({"folder": str(folder), "port": 0})
    process = subprocess.Popen(
        [sys.executable, "-m", "rag_tutorials.classroom.instructor.commands", "page", options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    told = process.stdout.readline() + process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:(\d+) ", told)
    try:
        assert found, (told, process.communicate(timeout=60))
        port = int(found[1])
        deadline = time.monotonic() + 120
        while True:
            try:
                ask(port, "/")
                break
            except OSError:
                assert time.monotonic() < deadline
        yield process, port, told
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.skipif(os.name != "posix", reason="Ctrl-C is a signal on POSIX.")
def test_the_command_serves_until_ctrl_c_to_its_user_alone_and_keeps_the_key(
    tmp_path: Path,
) -> None:
    with started(tmp_path) as (process, port, told):
        assert "class serve" in told  # the class's server is not there: that is said at once
        secret = ClassPlace(tmp_path).secrets().admin
        texts = [ask(port, path)[1] for path in ("/", "/page.js", "/state")]
        assert "does not answer" in json.loads(texts[2])["trouble"]
        assert not any(secret in text for text in [told, *texts])
        if sys.platform == "linux" and os.geteuid() == 0:
            assert _as_other_user(port).startswith("HTTP/1.1 403")
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
        assert (process.returncode, errors) == (0, "")


def _as_other_user(port: int) -> str:
    os.seteuid(NOBODY)
    try:
        connection = socket.socket()
    finally:
        os.seteuid(0)
    with connection:
        connection.settimeout(60)
        connection.connect(("127.0.0.1", port))
        connection.sendall(b"GET /state HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        return connection.recv(65_536).decode()


def run(name: str, **options: Any) -> tuple[int, str, str]:
    done = subprocess.run(
        [
            *(sys.executable, "-m", "rag_tutorials.classroom.instructor.commands", name),
            json.dumps(options),
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.slow
def test_a_port_that_is_taken_is_one_sentence(tmp_path: Path) -> None:
    ClassPlace(tmp_path).keep_server(Server(PHOENIX, PHOENIX))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        status, out, errors = run("page", folder=str(tmp_path), port=port)
    assert (status, out) == (1, "")
    assert re.fullmatch(rf"Port {port} cannot be had \(.*\); name another with --port\.\n", errors)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["page", "show"])
def test_without_a_class_a_sentence_says_what_to_run(name: str, tmp_path: Path) -> None:
    options: dict[str, Any] = {"page": {"port": 0}, "show": {"once": True, "lesson": None}}[name]
    status, out, errors = run(name, folder=str(tmp_path), **options)
    assert (status, out) == (1, "")
    assert "class serve" in errors
    assert errors.count("\n") == 1
