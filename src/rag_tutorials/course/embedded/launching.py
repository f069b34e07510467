"""``launch_app`` as the course needs it: on a free port, on loopback alone, and never in vain."""

from __future__ import annotations

import contextlib
import functools
import io
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Any

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import close_to_others
from rag_tutorials.course.embedded import running, tap
from rag_tutorials.course.embedded.door import own_user_only
from rag_tutorials.course.embedded.fast_imports import without_collection
from rag_tutorials.course.embedded.guards import put_around
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.ports import free_port
from rag_tutorials.course.embedded.storage import SetAside
from rag_tutorials.course.embedded.work import Work

_SLOWNESS = 24  # Phoenix gives its server 5 s to start; a busy machine is given two minutes
_ROOM = 2_000_000  # bytes; a new database takes one million


def guard(package: Any, phoenix: EmbeddedPhoenix | None) -> None:
    """Let ``package.launch_app`` start this Phoenix, and say what is missing while it is None."""
    app, thread_server = package.server.app, package.server.thread_server
    if not hasattr(app.GrpcServer, "__wrapped__"):
        app.GrpcServer = _without_grpc(app.GrpcServer)
        real_time = thread_server.time
        thread_server.time = lambda: real_time() / _SLOWNESS
    own_user_only(thread_server)
    if phoenix is not None:
        tap.put_in(thread_server, phoenix.listeners)
    put_around(package.launch_app, lambda launch: _Launcher(launch, package, phoenix).launch_app)


def _without_grpc(receiver: Callable[..., Any]) -> Callable[..., Any]:
    """Phoenix's gRPC receiver listens on every interface and nothing sets that; HTTP is enough."""

    @functools.wraps(receiver)
    def disabled(*args: Any, **kwargs: Any) -> Any:
        return receiver(*args, **{**kwargs, "disabled": True})

    return disabled


class _Launcher:
    """Launches one Phoenix; a launch whose cell was interrupted goes on, and is waited for."""

    def __init__(
        self, launch: Callable[..., Any], package: Any, phoenix: EmbeddedPhoenix | None
    ) -> None:
        self._launch = launch
        self._package = package
        self._phoenix = phoenix
        self._under_way: Work | None = None

    def launch_app(self, *args: Any, **kwargs: Any) -> Any:
        phoenix = self._phoenix
        if phoenix is None:
            raise CourseError(
                "Phoenix has no port and no folder yet; run the cell with prepare() above first."
            )
        if self._under_way is None or not self._under_way.runs:
            launch = functools.partial(self._launch, *args, **kwargs)
            active = self._package.active_session
            self._under_way = Work(lambda: launched(launch, active, phoenix), "launch-phoenix")
        return self._under_way.wait()


def launched(launch: Callable[[], Any], active: Callable[[], Any], phoenix: EmbeddedPhoenix) -> Any:
    """Launch, once more if it failed; return the session, print what the student should know.

    A database at which a launch fails and without which it succeeds is set aside. Only the launch
    opens it: a look at it from this process would release the locks of a Phoenix that still runs.

    Raises:
        CourseError: Phoenix does not start.
    """
    announced = phoenix.port
    cause = "it gave no reason"
    aside: SetAside | None = None
    for _attempt in range(2):
        phoenix.use_port(phoenix.port if active() is not None else free_port(announced))
        said = _Aside()
        try:
            with (
                contextlib.redirect_stdout(said),
                contextlib.redirect_stderr(said),
                without_collection(),
            ):
                session = launch()
        except Exception as error:
            if aside is None:
                cause = _root_of(error)
                if _blames_database(error) and not _disk_is_full(phoenix):
                    with contextlib.suppress(OSError):
                        aside = phoenix.storage.set_aside()
            continue
        if session is not None:
            running.note(phoenix)
            close_to_others(phoenix.folder)
            threading.Thread(target=_warm_up, args=[phoenix], daemon=True).start()
            for remark in _remarks(phoenix, announced, aside, cause):
                print(remark)
            return session
        lines = [line.strip() for line in said.getvalue().splitlines() if "rror" in line]
        cause = lines[-1] if lines else cause
    if aside is not None:  # it was not the database
        aside.put_back()
    if _disk_is_full(phoenix):
        raise CourseError(
            f"Phoenix did not start: the disk that holds {phoenix.folder} is full; free some space "
            "and run this cell again, or set COURSE_STATE_DIR to a folder on another disk and "
            "restart the kernel."
        )
    raise CourseError(
        f"Phoenix did not start ({cause}); run this cell again, and if that does not help, "
        "restart the kernel (menu Kernel, Restart Kernel) and look at "
        "`python scripts/course.py doctor`."
    )


def _warm_up(phoenix: EmbeddedPhoenix) -> None:
    """Send an export without a span, which nobody sees: the first one is slow on both sides."""
    from phoenix.otel import HTTPSpanExporter

    with contextlib.suppress(Exception):
        exporter: Any = HTTPSpanExporter(endpoint=phoenix.otlp_endpoint)
        exporter.export(())
        exporter.shutdown()


class _Aside(io.StringIO):
    """Keeps what a launch prints, and lets through what other cells print meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self._page = sys.stdout

    def write(self, text: str) -> int:
        if threading.current_thread() is threading.main_thread():
            return self._page.write(text)
        return super().write(text)

    def flush(self) -> None:
        self._page.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._page, name)  # the kernel tells its stream which cell runs


def _remarks(
    phoenix: EmbeddedPhoenix, announced: int, aside: SetAside | None, cause: str
) -> Iterator[str]:
    if aside is not None:
        yield (
            f"The traces of earlier runs could not be used ({cause}); they are kept as "
            f"{aside.path}, and new ones begin."
        )
    if phoenix.port != announced:
        yield f"Port {announced} was taken meanwhile; Phoenix is at {phoenix.browser_url}"


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it came from."""
    following: BaseException | None = error
    while following is not None:
        yield following
        following = following.__cause__ or following.__context__


def _root_of(error: BaseException) -> str:
    """Return the first line of what an error came from; Phoenix's own is a page long."""
    *_, root = _chain(error)
    return sentence_of(root)


def _blames_database(error: BaseException) -> bool:
    """Say whether an error came from the database's migration, with which its use begins."""
    return any(type(one).__name__ == "PhoenixMigrationError" for one in _chain(error))


def _disk_is_full(phoenix: EmbeddedPhoenix) -> bool:
    return shutil.disk_usage(phoenix.folder).free < _ROOM
