"""``phoenix serve``, as a program, without its gRPC receiver: that listens on every interface.

It ends when the process that started it ends, however that ends, and by SIGTERM as Phoenix does.
"""

from __future__ import annotations

import os
import sys
import threading

from rag_tutorials.course.embedded.fast_imports import fast_imports


def main() -> None:
    """Serve with the settings of the environment."""
    threading.Thread(target=_end_with_stdin, daemon=True).start()
    with fast_imports():
        from phoenix.server import app
        from phoenix.server.main import main as phoenix
    receiver = app.GrpcServer
    app.GrpcServer = lambda *args, **kwargs: receiver(*args, **{**kwargs, "disabled": True})
    sys.argv = ["phoenix", "serve"]
    phoenix()


def _end_with_stdin() -> None:
    while os.read(0, 4096):
        pass
    os._exit(1)


if __name__ == "__main__":
    main()
