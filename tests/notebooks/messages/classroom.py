"""What a student in a class may read."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from messages import Said, closed_port, folder, output

os.environ["COURSE_STATE_DIR"] = str(folder())

from rag_tutorials.classroom import join, leave
from rag_tutorials.classroom.base.code import ClassCode
from rag_tutorials.classroom.student.companion import companion
from rag_tutorials.course.base.companion import VARIABLE, find
from rag_tutorials.course.base.errors import CourseError

_LESSON = "01_manual_spans"


@contextmanager
def _class(status: int) -> Iterator[str]:
    """Give the address of a class that answers with one status."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_error(status)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()


def _code(url: str, name: str | None = "Ada Lovelace") -> str:
    return ClassCode(url, "made.up.key", name).encode()


def _printed(act: Callable[[], None]) -> list[Said]:
    """Return what is printed meanwhile, by the course."""
    page = io.StringIO()
    with redirect_stdout(page):
        act()
    return output("rag_tutorials", page.getvalue())


def class_code_cut() -> list[Said]:
    def act() -> None:
        join(_code("http://192.0.2.1:6060")[:-4])

    return _printed(act)


def class_code_is_none() -> list[Said]:
    def act() -> None:
        join("hello")

    return _printed(act)


def class_without_name() -> list[Said]:
    def act() -> None:
        with _class(200) as url:
            join(_code(url, None), name=" ")

    return _printed(act)


def class_refuses() -> list[Said]:
    def act() -> None:
        with _class(401) as url:
            join(_code(url))

    return _printed(act)


def class_not_reached() -> list[Said]:
    def act() -> None:
        with closed_port() as port:
            join(_code(f"http://127.0.0.1:{port}"))
        leave()

    return _printed(act)


def class_setting_wrong() -> list[Said]:
    os.environ[VARIABLE] = "hello"
    try:
        find()
    except CourseError as error:
        return output("rag_tutorials", str(error))  # as prepare() prints it
    raise AssertionError("a class was found")


def class_behind() -> list[Said]:
    def act() -> None:
        with _class(503) as url:
            join(_code(url))
            found = companion("")
            assert found is not None
            found.predicted(_LESSON, "01.a", None)
            while "HTTP 503" not in found.finding()[0]:
                pass
            print(found.opened(_LESSON))
        leave()

    return _printed(act)


def class_spans_dropped() -> list[Said]:
    def act() -> None:
        with _class(503) as url:
            join(_code(url))
            found = companion("")
            assert found is not None
            uplink = found.renew()
            assert uplink is not None
            uplink._spool.count_dropped(12)
            print(found.opened(_LESSON))
        leave()

    return _printed(act)
