"""``launch_app`` as the course needs it: on a free port, on loopback alone, and never in vain."""

from __future__ import annotations

import contextlib
import functools
import io
from collections.abc import Callable
from typing import Any

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import close_to_others
from rag_tutorials.course.embedded import running
from rag_tutorials.course.embedded.door import own_user_only
from rag_tutorials.course.embedded.guards import put_around
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.ports import free_port


def guard(package: Any, phoenix: EmbeddedPhoenix | None) -> None:
    """Let ``package.launch_app`` start this Phoenix, and say what is missing while it is None."""
    app = package.server.app
    if not hasattr(app.GrpcServer, "__wrapped__"):
        app.GrpcServer = _without_grpc(app.GrpcServer)
    own_user_only(package.server.thread_server)
    put_around(package.launch_app, lambda launch: guarded(launch, package.active_session, phoenix))


def _without_grpc(receiver: Callable[..., Any]) -> Callable[..., Any]:
    """Phoenix's gRPC receiver listens on every interface and nothing sets that; HTTP is enough."""

    @functools.wraps(receiver)
    def disabled(*args: Any, **kwargs: Any) -> Any:
        return receiver(*args, **{**kwargs, "disabled": True})

    return disabled


def guarded(
    launch: Callable[..., Any], active: Callable[[], Any], phoenix: EmbeddedPhoenix | None
) -> Callable[..., Any]:
    """Make a launch that fails an error, and one whose port was taken meanwhile a success."""

    def launch_app(*args: Any, **kwargs: Any) -> Any:
        if phoenix is None:
            raise CourseError(
                "Phoenix has no port and no folder yet; run the cell with prepare() above first."
            )
        said = io.StringIO()
        cause = "it gave no reason"
        announced = phoenix.port
        for _attempt in range(2):
            phoenix.use_port(phoenix.port if active() is not None else free_port(announced))
            try:
                with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                    session = launch(*args, **kwargs)
            except Exception as error:
                cause = sentence_of(error)
                continue
            if session is not None:
                running.note(phoenix.port, phoenix.folder)
                close_to_others(phoenix.folder)
                if phoenix.port != announced:
                    print(
                        f"Port {announced} was taken meanwhile; Phoenix is at {phoenix.browser_url}"
                    )
                return session
            lines = [line.strip() for line in said.getvalue().splitlines() if "rror" in line]
            cause = lines[-1] if lines else cause
        raise CourseError(
            f"Phoenix did not start ({cause}); run this cell again, and if that does not help, "
            "restart the kernel (menu Kernel, Restart Kernel) and look at "
            "`python scripts/course.py doctor`."
        )

    return launch_app
