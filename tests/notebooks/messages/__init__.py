"""Provokers of the messages in notebooks/messages.md: for each entry one function of its name.

A module's functions run one after the other in a process of their own (``python -m messages``), for
they set global providers, break settings and end kernels. What is logged, warned of, printed and
raised meanwhile is heard; what another program prints, a function returns.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import io
import logging
import re
import socket
import tempfile
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

MODULES = ("delivery", "exporters", "spans", "phoenix", "models", "jupyter", "course", "classroom")


class Said(NamedTuple):
    """A message: who printed it, in which way (as the page says it), and its text."""

    by: str
    how: str
    text: str


Provoker = Callable[[], Iterable[Said] | None]


def provokers(module: str) -> list[str]:
    """Return the names of a module's provokers, in order; ``one = another`` gives a second name."""
    names: list[str] = []
    for node in ast.parse(Path(__file__).with_name(f"{module}.py").read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef):
            names.append(node.name)
        elif isinstance(node, ast.Assign) and isinstance(node.value, ast.Name):
            names += [ast.unparse(target) for target in node.targets]
    return [name for name in names if not name.startswith("_")]


def heard(provoke: Provoker, program: str) -> list[Said]:
    """Run a provoker and return all that was said while it ran, its own failure included.

    What it prints itself is said by ``program``.
    """
    ears = _Ears()
    root = logging.getLogger()
    printed = io.StringIO()
    root.addHandler(ears)
    try:
        with (
            warnings.catch_warnings(record=True) as warned,
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            warnings.simplefilter("always")
            try:
                ears.said += provoke() or ()
            except Exception as error:
                ears.said += raised(error)
    finally:
        root.removeHandler(ears)
    ears.said += [Said(one.category.__name__, "warning", str(one.message)) for one in warned]
    return [*ears.said, *output(program, printed.getvalue())]


def raised(error: BaseException | None) -> Iterator[Said]:
    """Yield an exception and what it came from, each as the last line of a traceback shows it."""
    while error is not None:
        kind = type(error)
        by = kind.__qualname__ if kind.__module__ == "builtins" else _full_name(kind)
        yield Said(by, "exception", f"{kind.__qualname__}: {error}")
        error = error.__cause__ or error.__context__


def output(by: str, text: str) -> list[Said]:
    """Return what a program printed, without its colours."""
    return [Said(by, "output", re.sub(r"\x1b\[[0-9;]*m", "", text))] if text else []


def _full_name(kind: type) -> str:
    return f"{kind.__module__}.{kind.__qualname__}"


class _Ears(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.said: list[Said] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(Said(record.name, f"log, {record.levelname}", record.getMessage()))
        if record.exc_info:
            self.said += raised(record.exc_info[1])


# What several provokers need

# What is entered here is left, and what is called back is called, when this process ends.
UNTIL_THE_END = contextlib.ExitStack()
atexit.register(UNTIL_THE_END.close)


def folder() -> Path:
    """Make a folder that lasts as long as this process."""
    made = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
    return Path(UNTIL_THE_END.enter_context(made))


@contextlib.contextmanager
def taken_port() -> Iterator[int]:
    """Hold a loopback port at which nothing answers."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        yield holder.getsockname()[1]


@contextlib.contextmanager
def closed_port() -> Iterator[int]:
    """Hold a loopback port that refuses connections: it is bound, and nothing listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]
