"""Several Phoenix processes on one PostgreSQL behind nginx, for tests and benchmarks.

Everything listens on loopback ports that the system picks, and runs with the files of ``deploy/``:
``phoenix.env`` are the settings of each Phoenix, ``nginx.conf`` is the balancer's, with other
addresses. What is not on this machine raises :class:`MissingProgramError`, whose text says what.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
START_S = 120.0
_FOREIGN = ("COURSE_", "OPENAI_", "OPENINFERENCE_", "OTEL_", "PHOENIX_")


class MissingProgramError(RuntimeError):
    """A program that no Python package brings is not on this machine."""


def free_port() -> int:
    """Return a loopback port on which nothing listens now."""
    from rag_tutorials.course.embedded.ports import free_port as free

    return free()


def settings(file: str = "phoenix.env") -> dict[str, str]:
    """Return what a file of ``deploy/`` sets."""
    text = (DEPLOY / file).read_text(encoding="utf-8")
    return dict(re.findall(r"(?m)^([A-Z_]+)=(.*)$", text))


class Database(NamedTuple):
    """A PostgreSQL that runs: the URL of its empty database, and its first process."""

    url: str
    pid: int


@contextmanager
def postgresql(cores: Sequence[int] = (), password: str = "") -> Iterator[Database]:
    """Run a PostgreSQL of its own, on these cores if any are given.

    With ``password`` it asks for that one, which the URL does not have.

    Raises:
        MissingProgramError: its server programs are not on this machine.
    """
    found = shutil.which("initdb", path=os.pathsep.join(_postgresql_folders()))
    if found is None:
        raise MissingProgramError(
            "PostgreSQL's server programs (initdb, postgres) are not on this machine"
        )
    programs = Path(found).parent
    # Not in a folder of pytest: it closes them to other users, whenever another run of it begins.
    with tempfile.TemporaryDirectory(prefix="postgresql-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        user: dict[str, Any] = {}
        if hasattr(os, "geteuid") and os.geteuid() == 0:  # PostgreSQL refuses to run as root
            user = {"user": "postgres", "group": "postgres", "extra_groups": []}
            shutil.chown(folder, "postgres")
        data, log, port = folder / "data", folder / "log", free_port()
        initdb = [programs / "initdb", "-D", data, "-U", "phoenix", "-E", "UTF8", "-N"]
        said = folder / "password"
        said.write_text(password)
        said.chmod(0o644)
        initdb += ["-A", "scram-sha-256", "--pwfile", said] if password else ["-A", "trust"]
        subprocess.run(initdb, check=True, stdout=subprocess.DEVNULL, cwd=folder, **user)
        options = {"listen_addresses": "127.0.0.1", "unix_socket_directories": "", "fsync": "off"}
        command = [*_pinned(cores), programs / "postgres", "-D", data, "-p", str(port)]
        for option, value in options.items():
            command += ["-c", f"{option}={value}"]
        with log.open("wb") as output:
            server = subprocess.Popen(command, stderr=output, stdout=output, cwd=folder, **user)
        try:
            ready = b"ready to accept connections"
            _wait_until(lambda: ready in log.read_bytes(), server, log, "PostgreSQL")
            yield Database(f"postgresql://phoenix@127.0.0.1:{port}/postgres", server.pid)
        finally:
            server.send_signal(signal.SIGINT)
            server.wait(START_S)


@dataclass
class Phoenix:
    """One ``phoenix serve``, with the settings of ``deploy/phoenix.env``."""

    folder: Path
    environment: Mapping[str, str]
    cores: Sequence[int] = ()
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def runs(self) -> bool:
        """Whether it has been started and has not ended."""
        return self.process is not None and self.process.poll() is None

    @property
    def log(self) -> str:
        """What it has said so far, in all its starts."""
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")

    @property
    def pid(self) -> int:
        """The process of its last start."""
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Start it (again), and do not wait."""
        self.folder.mkdir(parents=True, exist_ok=True)
        own = {
            "PHOENIX_HOST": "127.0.0.1",
            "PHOENIX_PORT": str(self.port),
            "PHOENIX_WORKING_DIR": str(self.folder),
            "PYTHONUTF8": "1",
        }
        program = [sys.executable, Path(__file__).with_name("phoenix_serve.py")]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [*_pinned(self.cores), *program],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={**_clean_environment(), **self.environment, **own},
            )

    def wait_until_ready(self) -> None:
        """Wait for ``/readyz``."""
        assert self.process is not None
        _wait_until(lambda: _answers(f"{self.url}/readyz"), self.process, self.folder / "log", "It")

    def end(self, with_signal: int = signal.SIGTERM) -> None:
        """Send it a signal, and wait until it has ended."""
        assert self.process is not None
        self.process.send_signal(with_signal)
        self.process.wait(START_S)

    def stop(self) -> None:
        """End it if it runs; a second call does nothing."""
        if self.process is not None:
            self.process.kill()
            self.process.wait(START_S)


@contextmanager
def nginx(folder: Path, behind: Sequence[Phoenix], cores: Sequence[int] = ()) -> Iterator[str]:
    """Run nginx with ``deploy/nginx.conf`` in front of these; yield where it listens.

    Raises:
        MissingProgramError: it is not on this machine.
    """
    port = free_port()
    site = balancing(f"127.0.0.1:{port}", [f"127.0.0.1:{each.port}" for each in behind])
    command = _nginx_command(folder, site)
    with (folder / "log").open("ab") as log:
        server = subprocess.Popen([*_pinned(cores), *command], stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_until(lambda: _answers(f"{url}/readyz"), server, folder / "log", "nginx")
        yield url
    finally:
        server.terminate()
        server.wait(START_S)


def nginx_check(folder: Path, site: str) -> subprocess.CompletedProcess[str]:
    """Let nginx say whether it would run with a file like ``deploy/nginx.conf``.

    Raises:
        MissingProgramError: it is not on this machine.
    """
    command = [*_nginx_command(folder, site), "-t"]
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=START_S)


def _nginx_command(folder: Path, site: str) -> list[str | Path]:
    program = shutil.which("nginx", path=os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin"]))
    if program is None:
        raise MissingProgramError("nginx is not on this machine")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "phoenix.conf").write_text(site, encoding="utf-8")
    paths = "".join(
        f'{name}_temp_path "{folder / name}";\n'
        for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    root = "user root;" if hasattr(os, "geteuid") and os.geteuid() == 0 else ""
    whole = f"""\
{root}
daemon off;
worker_processes 1;
pid "{folder}/pid";
error_log "{folder}/log" warn;
events {{}}
http {{
    access_log "{folder}/access";
    {paths}
    include "{folder}/phoenix.conf";
}}
"""
    (folder / "nginx.conf").write_text(whole, encoding="utf-8")
    return [program, "-p", folder, "-c", folder / "nginx.conf", "-e", "stderr"]


def balancing(listen: str, behind: Sequence[str]) -> str:
    """Return ``deploy/nginx.conf`` with other addresses."""
    text = (DEPLOY / "nginx.conf").read_text(encoding="utf-8")
    text, listens = re.subn(r"(?m)^(\s*listen) 127\.0\.0\.1:\d+;", rf"\1 {listen};", text)
    server = r"(?m)^(\s*server) 127\.0\.0\.1:\d+( .*)?;\n"
    found = list(re.finditer(server, text))
    assert listens == 1, "nginx.conf listens at one address"
    assert found, "nginx.conf names the addresses of the Phoenix processes"
    lines = [f"{found[0][1]} {address}{found[0][2] or ''};\n" for address in behind]
    return text[: found[0].start()] + "".join(lines) + text[found[-1].end() :]


@dataclass
class Backend:
    """What :func:`backend` started."""

    url: str  # the balancer; without one, the first Phoenix
    phoenixes: list[Phoenix]
    database: str
    admin_secret: str
    admin_password: str
    others: Sequence[int]  # the first processes of PostgreSQL and nginx

    def ask(self, url: str = "") -> httpx.Client:
        """Return a client with the administrator's rights; without ``url``, through nginx."""
        return httpx.Client(
            base_url=url or self.url,
            headers={"authorization": f"Bearer {self.admin_secret}"},
            trust_env=False,
            timeout=START_S,
        )

    def make_key(self, name: str) -> str:
        """Make an API key of the system."""
        with self.ask() as administrator:
            made = administrator.post("/v1/system/api_keys", json={"data": {"name": name}})
            return str(made.raise_for_status().json()["data"]["key"])


@contextmanager
def backend(
    folder: Path,
    processes: int = 2,
    *,
    balanced: bool = True,
    pins: Sequence[Sequence[int]] = (),
    others: Sequence[int] = (),
    extra: Mapping[str, str] | None = None,
) -> Iterator[Backend]:
    """Run PostgreSQL, ``processes`` Phoenix and nginx until the block ends.

    Args:
        folder: for the logs and settings of each.
        processes: how many Phoenix.
        balanced: whether nginx stands in front of them.
        pins: the cores of each Phoenix, in order; none where it is left out.
        others: the cores of PostgreSQL and nginx.
        extra: settings that come to those of ``phoenix.env``, or replace them.

    Raises:
        MissingProgramError: PostgreSQL or nginx is not on this machine.
    """
    with ExitStack() as stack:
        database = stack.enter_context(postgresql(others))
        environment = {**settings(), **new_secrets(), **(extra or {})}
        environment["PHOENIX_SQL_DATABASE_URL"] = database.url
        phoenixes = [
            Phoenix(folder / f"phoenix-{number}", environment, cores)
            for number, cores in enumerate([*pins, *[()] * processes][:processes], 1)
        ]
        for each in phoenixes:
            stack.callback(each.stop)
        start_together(phoenixes)
        url = phoenixes[0].url
        running = [database.pid]
        if balanced:
            url = stack.enter_context(nginx(folder / "nginx", phoenixes, others))
            running.append(int((folder / "nginx" / "pid").read_text()))
        yield Backend(
            url,
            phoenixes,
            database.url,
            environment["PHOENIX_ADMIN_SECRET"],
            environment["PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD"],
            running,
        )


def new_secrets() -> dict[str, str]:
    """Return made-up values of what a shared Phoenix asks for."""
    names = ("PHOENIX_SECRET", "PHOENIX_ADMIN_SECRET", "PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD")
    return {name: secrets.token_hex(16) for name in names}


def start_together(phoenixes: Sequence[Phoenix]) -> None:
    """Start all at once, and once more those that fail: of two that make the tables, one does.

    So do ``compose.yaml`` and ``phoenix@.service``.
    """
    for each in phoenixes:
        each.start()
    for each in phoenixes:
        try:
            each.wait_until_ready()
        except RuntimeError:
            if each.runs:
                raise
            each.start()
            each.wait_until_ready()


def _pinned(cores: Sequence[int]) -> list[str]:
    return ["taskset", "-c", ",".join(map(str, cores))] if cores else []


def _postgresql_folders() -> list[str]:
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    return [*map(str, debian), os.environ.get("PATH", "")]


def _clean_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=5).status_code == 200
    except httpx.HTTPError:
        return False


def _wait_until(look: Any, process: subprocess.Popen[bytes], log: Path, who: str) -> None:
    deadline = time.monotonic() + START_S
    while not look():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{who} did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.05)
