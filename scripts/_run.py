"""Run the programs that set the course up: clean environment, quiet progress, clear failures."""

import ast
import contextlib
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import FrameType

from _progress import Packages

# What another Python, virtual environment or installer configuration would impose on ours.
FOREIGN = (
    "CONDA_DEFAULT_ENV",
    "CONDA_PREFIX",
    "PIP_PREFIX",
    "PIP_REQUIRE_VIRTUALENV",
    "PIP_TARGET",
    "PIP_USER",
    "PYTHONDONTWRITEBYTECODE",
    "PYTHONHOME",
    "PYTHONPATH",
    "PYTHONSTARTUP",
    "UV_BREAK_SYSTEM_PACKAGES",
    "UV_CONSTRAINT",
    "UV_OVERRIDE",
    "UV_PREFIX",
    "UV_PROJECT",
    "UV_PROJECT_ENVIRONMENT",
    "UV_PYTHON",
    "UV_SYSTEM_PYTHON",
    "UV_TARGET",
    "UV_WORKING_DIR",
    "VIRTUAL_ENV",
    "__PYVENV_LAUNCHER__",
)
ADDRESS = re.compile(r"\b(?:https?|file)://[^\s'\"`)>]+")
BEAT_S = 30.0  # without a terminal: how often a long step says how far it is
TERMINAL_BEAT_S = 0.2
WAIT_S = 0.5
STOP_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK")

CAUSES = (
    (
        r"no space left|os error 28|disk quota|not enough space|os error 112",
        "The disk is full. Free 3 GB and run the same command again.",
    ),
    (
        r"certificate|ssl:|tls handshake",
        "The secure connection to the package index was refused. Behind a company proxy, set"
        " SSL_CERT_FILE to its certificate file and run the same command again.",
    ),
    (
        r"dns error|name resolution|getaddrinfo|nodename nor servname|network is unreachable"
        r"|connection refused|connection reset|failed to establish|error sending request"
        r"|connecterror|timed out|timeout|failed to fetch|request failed|offline",
        "The package index could not be reached. The first run needs the internet (later ones do"
        " not): connect and run the same command again. Behind a proxy set HTTPS_PROXY; a company"
        " index is taken from pip's configuration.",
    ),
    (
        r"no (?:usable )?wheels|no matching distribution found for uv|platform tag",
        "A package has no build for this machine. The course runs on 64-bit Linux (glibc 2.28 or"
        " newer, x86 or ARM), macOS 14 or newer on Apple silicon, and Windows with an x86-64"
        " Python.",
    ),
    (
        r"permission denied|access is denied|os error 5\b|os error 13|read-only file system",
        "A file could not be written. Close JupyterLab and other programs that use the course's"
        " folder, check that the folder is yours, and run the same command again.",
    ),
    (r"hash mismatch|do not match the hashes", "A download is not the file that the lock names."),
)


class CommandError(Exception):
    """A failure told in one sentence: what is wrong and what to do."""


def private_folder(folder: Path) -> None:
    """Make a folder, or take an existing one, that no other user of this machine may enter."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with contextlib.suppress(PermissionError):  # it is somebody else's, who lets us in
        if os.name == "posix":
            folder.chmod(0o700)


def open_private(path: str, flags: int) -> int:
    """Open a file, for ``open(…, opener=open_private)``; if it is new, for this user alone."""
    return os.open(path, flags, 0o600)


def venv_python(venv: Path) -> Path:
    """Return where a virtual environment keeps its Python."""
    return venv / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def clean_environment(venv: Path, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return ``environ`` without other environments' variables, and with ``venv`` active."""
    env = {name: value for name, value in environ.items() if name not in FOREIGN}
    env["VIRTUAL_ENV"] = str(venv)
    env["PATH"] = os.pathsep.join([str(venv_python(venv).parent), environ.get("PATH", os.defpath)])
    env["PYTHONUTF8"] = "1"
    return env


def uv_settings(pip_config: str, environ: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Translate what ``pip config list`` printed into uv's variables; uv reads none of pip's files.

    What the user has set for uv itself stays. Packages are checked by hash, so it is safe to take
    each from whichever index has it.
    """
    levels: dict[str, dict[str, str]] = {"global": {}, "install": {}, ":env:": {}}
    for line in pip_config.splitlines():
        name, _, value = line.partition("=")
        level, _, option = name.rpartition(".")
        with contextlib.suppress(KeyError, SyntaxError, ValueError):
            levels[level][option] = str(ast.literal_eval(value))
    pip = levels["global"] | levels["install"] | levels[":env:"]
    wanted = {
        "UV_DEFAULT_INDEX": pip.get("index-url"),
        "UV_INDEX": pip.get("extra-index-url"),
        "UV_FIND_LINKS": ",".join(pip.get("find-links", "").split()),
        "UV_INSECURE_HOST": pip.get("trusted-host"),
        "UV_NO_INDEX": "1" if pip.get("no-index", "").lower() in ("1", "true", "yes") else None,
        "SSL_CERT_FILE": pip.get("cert"),
        "HTTPS_PROXY": pip.get("proxy"),
        "UV_HTTP_TIMEOUT": "120",
    }
    if wanted["UV_INDEX"]:
        wanted["UV_INDEX"] = " ".join(wanted["UV_INDEX"].split())
        wanted["UV_INDEX_STRATEGY"] = "unsafe-best-match"
    other_names = {
        "UV_DEFAULT_INDEX": "UV_INDEX_URL",
        "UV_INDEX": "UV_EXTRA_INDEX_URL",
        "HTTPS_PROXY": "https_proxy",
    }
    return {
        name: value
        for name, value in wanted.items()
        if value and name not in environ and other_names.get(name, name) not in environ
    }


def wait(process: "subprocess.Popen[bytes]") -> int:
    """Wait for a program's end and return its status, in steps that Ctrl-C gets in between.

    On Windows, a wait without an end hears nothing until the program has ended.
    """
    while True:
        with contextlib.suppress(subprocess.TimeoutExpired):
            return process.wait(timeout=WAIT_S)


@contextlib.contextmanager
def stop_signals_interrupt() -> Iterator[None]:
    """Let SIGTERM and a closed terminal end the command as Ctrl-C does, wherever it runs.

    A closed terminal is SIGHUP on POSIX, SIGBREAK on Windows.
    """

    def interrupt(_signal: int, _frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    names = [name for name in STOP_SIGNALS if hasattr(signal, name)]
    earlier = {name: signal.signal(getattr(signal, name), interrupt) for name in names}
    try:
        yield
    finally:
        for name, handler in earlier.items():
            signal.signal(getattr(signal, name), handler)


def explain(output: str) -> str:
    """Return the sentence for what an installer printed before it failed, "" if none fits."""
    for pattern, sentence in CAUSES:
        if re.search(pattern, output, re.IGNORECASE):
            return sentence
    return ""


def _tell(label: str, progress: str, seconds: float) -> None:
    """Say how far a step is: on a terminal in its line, elsewhere in a line of its own."""
    far = f"{progress}, " if progress else ""
    _overwrite(f"{label}: {far}{seconds:.0f} s", f"      {progress or 'at it'}, {seconds:.0f} s\n")


def _overwrite(on_terminal: str, elsewhere: str) -> None:
    """Print over the terminal's current line, or, without a terminal, a line of its own."""
    if sys.stdout.isatty():
        end = "\n" if on_terminal.endswith("\n") else ""
        width = shutil.get_terminal_size().columns - 1  # a line that wraps cannot be printed over
        print("\r" + on_terminal.rstrip("\n")[:width].ljust(width), end=end, flush=True)
    else:
        print(elsewhere, end="", flush=True)


def run_step(
    label: str,
    command: Sequence[str | Path],
    env: Mapping[str, str],
    log: Path,
    packages: Packages | None = None,
) -> str:
    """Run ``command`` under one line of progress and return what it printed.

    The output goes to the file ``log``, addresses of servers left out. With ``packages`` the
    command is uv's, and the progress says how many packages are done.

    Raises:
        CommandError: the command failed; the message says why and where the log is.

    """
    terminal = sys.stdout.isatty()
    start = beat = time.monotonic()
    print(label, end="" if terminal else "\n", flush=True)
    lines: list[str] = []
    arrived: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    process = subprocess.Popen(
        [str(part) for part in command],
        env=dict(env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        errors="replace",
        close_fds=False,  # Python's files are not inherited, but for the lock of the set-up
    )

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            arrived.put(ADDRESS.sub("<address>", line.rstrip()))
        arrived.put(None)

    threading.Thread(target=read, daemon=True).start()
    private_folder(log.parent)
    try:
        with open(log, "a", encoding="utf-8", opener=open_private) as file:
            file.write(f"\n{label}\n")
            while True:
                try:
                    line = arrived.get(timeout=1.0)
                except queue.Empty:
                    line = ""
                if line is None:
                    break
                if line and (packages is None or packages.hear(line)):
                    lines.append(line)
                    file.write(line + "\n")
                now = time.monotonic()
                if now - beat > (TERMINAL_BEAT_S if terminal else BEAT_S):
                    beat = now
                    _tell(label, str(packages or ""), now - start)
        code = process.wait()
    except BaseException:
        process.kill()
        process.wait()
        print(flush=True)
        raise
    seconds = time.monotonic() - start
    if code == 0:
        _overwrite(f"{label} done, {seconds:.1f} s\n", f"      done, {seconds:.1f} s\n")
        return "\n".join(lines)
    print(flush=True)
    output = "\n".join(lines)
    reason = explain(output) or "\n".join(["It said:", *lines[-8:]])
    raise CommandError(f"{label.strip()}: failed.\n{reason}\nThe whole output is in {log}.")
