"""What keeps traces out of Phoenix, as seen from outside of any kernel. Nothing here changes it.

The order is that of the question *why is nothing in Phoenix?*: address, project, sampler, a
disabled SDK, proxy, databases, disk. A kernel's own part (provider, exporter) only it can see.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import sqlite3
import stat
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path

from filelock import FileLock, Timeout

from rag_tutorials.course.base.errors import sentence_of
from rag_tutorials.course.embedded import asking
from rag_tutorials.course.embedded.finding import Finding
from rag_tutorials.course.embedded.running import running
from rag_tutorials.course.embedded.storage import DATABASE, LOCK
from rag_tutorials.loopback import HOST

DISK_TO_RUN = 5 * 10**8  # bytes
_CHECKED_WHOLE = 2 * 10**8  # bytes; a larger database would take longer than a student waits
_ANEW = "run the lesson's first two cells: it is kept under another name, and a new database begins"
_ADDRESSES = (
    "PHOENIX_COLLECTOR_ENDPOINT",
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
)


def look(traces: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what there is to say, in the order of the question.

    Args:
        traces: the folder that holds a folder of traces for each notebook; it may be missing.
        environ: the environment that notebooks and scripts are started with.
    """
    yield from addresses(traces, environ)
    yield from settings(environ)
    if traces.is_dir():
        for folder in sorted(file.parent for file in traces.glob(f"*/{DATABASE}")):
            yield database(folder)
        yield from owners(traces)
    yield disk(traces)


def addresses(traces: Path, environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look where Phoenixes listen, what they hold, and what would send spans elsewhere."""
    found = list(running(traces))
    if not found:
        yield Finding(
            "Phoenix",
            "none runs now; a lesson's first two cells start its own, which ends with its kernel",
        )
    for name, port, _ in found:
        url = f"http://{HOST}:{port}"
        held = asking.trace_counts(url)
        if held is None:
            text, remedy = "did not tell what it holds", "restart the notebook's kernel"
            yield Finding("Phoenix", f"{name} at {url} {text}", remedy)
            continue
        projects = ", ".join(f"{project}: {count}" for project, count in held.items() if count)
        yield Finding("Phoenix", f"{name} at {url} has traces of {projects or 'no project'}")
        if not projects:
            yield Finding(
                "project",
                f"nothing has reached the Phoenix of {name}",
                "run `course.doctor()` in a cell of that notebook: it sees the provider, and what"
                " the exporter said last",
            )
    for variable in _ADDRESSES:
        if environ.get(variable):
            yield Finding(
                "address",
                f"{variable} is set: a script's traces go to that address",
                f"unset {variable}, unless that is where you want them",
            )


def settings(environ: Mapping[str, str]) -> Iterator[Finding]:
    """Look for variables with which OpenTelemetry records less, or sends it to a proxy."""
    sampler = environ.get("OTEL_TRACES_SAMPLER", "").strip()
    ratio = environ.get("OTEL_TRACES_SAMPLER_ARG", "").strip()
    if sampler and sampler not in ("always_on", "parentbased_always_on"):
        share = f" with {ratio}" if ratio else ""
        yield Finding(
            "sampler",
            f"OTEL_TRACES_SAMPLER is {sampler}{share}: not every trace is recorded",
            "unset OTEL_TRACES_SAMPLER and restart what records traces",
        )
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true":
        yield Finding(
            "SDK",
            "OTEL_SDK_DISABLED is true: no trace is recorded",
            "unset OTEL_SDK_DISABLED and restart what records traces",
        )
    hosts = {host.strip() for host in _either(environ, "NO_PROXY").split(",")}
    if _either(environ, "HTTP_PROXY") and not hosts & {"*", HOST}:
        yield Finding(
            "proxy",
            f"HTTP_PROXY is set and NO_PROXY leaves out {HOST}: a script's traces go to the proxy"
            " (a lesson's do not)",
            f"add {HOST} and localhost to NO_PROXY",
        )


def _either(environ: Mapping[str, str], name: str) -> str:
    """Return a variable that may be spelled in either case."""
    return environ.get(name.lower()) or environ.get(name, "")


def database(folder: Path) -> Finding:
    """Look whether a notebook's database can be used, unless its kernel holds it."""
    name = folder.name
    if _is_held(folder):
        return Finding("traces", f"{name}: in use by its kernel")
    file = folder / DATABASE
    try:
        size = file.stat().st_size
        with contextlib.closing(
            sqlite3.connect(f"{file.resolve().as_uri()}?mode=ro", uri=True, timeout=2)
        ) as opened:
            tables = {row[0] for row in opened.execute("SELECT name FROM sqlite_master")}
            at = (
                {row[0] for row in opened.execute("SELECT version_num FROM alembic_version")}
                if "alembic_version" in tables
                else set()
            )
            whole = (
                opened.execute("PRAGMA quick_check(1)").fetchone()[0]
                if size <= _CHECKED_WHOLE
                else "ok"
            )
            traces = opened.execute("SELECT count(*) FROM traces").fetchone()[0] if at else 0
    except (OSError, sqlite3.Error) as error:
        return _unusable(name, error)
    if not tables:
        return Finding("traces", f"{name}: empty; Phoenix fills it at its next start")
    if whole != "ok":
        return Finding("traces", f"{name}: the database is damaged", _ANEW)
    if not at:
        text = f"{name}: the database is half made, by a start that was interrupted"
        return Finding("traces", text, _ANEW)
    if at - revisions():
        text = f"{name}: the database was written by a newer Phoenix than this one"
        return Finding("traces", text, _ANEW)
    count = "1 trace" if traces == 1 else f"{traces} traces"
    return Finding("traces", f"{name}: {count}, {size / 1e6:.1f} MB")


def _unusable(name: str, error: Exception) -> Finding:
    said = sentence_of(error)
    if "locked" in said:
        return Finding(
            "traces",
            f"{name}: another program holds the database ({said})",
            "close the program that has it open; a kernel of the course would be named",
        )
    if "unable to open" in said or isinstance(error, OSError):
        return Finding(
            "traces",
            f"{name}: the database cannot be opened ({said})",
            "make the folder and its files yours to read and write",
        )
    return Finding("traces", f"{name}: the database cannot be used ({said})", _ANEW)


def _is_held(folder: Path) -> bool:
    """Say whether a kernel holds this folder of traces now."""
    if not (folder / LOCK).exists():
        return False
    try:
        with FileLock(folder / LOCK, blocking=False):
            return False
    except Timeout:
        return True
    except OSError:
        return False


def revisions() -> set[str]:
    """Return the database revisions that the installed Phoenix knows, without importing it."""
    spec = find_spec("phoenix")
    found: set[str] = set()
    for place in (spec.submodule_search_locations or []) if spec else []:
        for file in Path(place, "db", "migrations", "versions").glob("*.py"):
            text = file.read_text(encoding="utf-8")
            found |= set(re.findall(r"^revision(?:: str)? = \W(\w+)\W", text, re.MULTILINE))
    return found


def owners(traces: Path) -> Iterator[Finding]:
    """Look whether the traces are this user's, and this user's alone; where the system knows."""
    if sys.platform == "win32":
        return
    parts = [traces, *traces.glob("*"), *traces.glob(f"*/{DATABASE}*")]
    states = [(part, part.stat()) for part in parts if part.exists()]
    foreign = [part for part, state in states if state.st_uid != os.geteuid()]
    open_to_all = [part for part, state in states if stat.S_IMODE(state.st_mode) & 0o077]
    if foreign:
        yield Finding(
            "owner",
            f"{foreign[0]} belongs to another user",
            ""
            if os.geteuid() == 0
            else f"let its owner or an administrator give it to you: chown -R $(id -un) '{traces}'",
        )
    elif blocked := [part for part, _ in states if not os.access(part, os.R_OK | os.W_OK)]:
        yield Finding(
            "owner",
            f"{blocked[0]} cannot be written",
            f"run: chmod -R u+rwX '{traces}'",
        )
    if open_to_all and stat.S_IMODE(traces.parent.stat().st_mode) & 0o077:
        yield Finding(
            "privacy",
            f"other users of this machine may read {open_to_all[0]}",
            f"run: chmod -R go= '{traces}'",
        )


def disk(traces: Path) -> Finding:
    """Look for room for traces on the disk that holds them."""
    place = next(folder for folder in (traces, *traces.parents) if folder.is_dir())
    free = shutil.disk_usage(place).free
    return Finding(
        "traces' disk",
        f"{free / 1e9:.1f} GB free, {DISK_TO_RUN / 1e9:.1f} GB needed at {place}",
        ""
        if free >= DISK_TO_RUN
        else "free some space; without any, Phoenix drops the traces that arrive",
    )
