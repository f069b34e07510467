"""The class's Phoenix: a program of its own, in front, that ends on Ctrl-C and loses nothing.

It asks for a key, and a student's key is good for sending alone: that is its door. The one before
a notebook's Phoenix, which lets nobody in but its own user, would keep out the students who are
other users of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
import functools
import importlib.util
import ipaddress
import os
import re
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import uvicorn

from rag_tutorials.classroom.instructor.permitting import permit
from rag_tutorials.classroom.instructor.place import ADMIN, ClassPlace, Server
from rag_tutorials.classroom.instructor.storing import Storing
from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import close_to_others
from rag_tutorials.course.embedded import addresses, environment
from rag_tutorials.course.embedded.fast_imports import fast_imports
from rag_tutorials.course.embedded.opening import make_ready

PASSWORD = "COURSE_CLASS_DATABASE_PASSWORD"  # how scripts/_class.py hands it over
_CONNECT_S = 10.0
_GRACE_S = 60  # for requests that are under way at the end
_ADDS = "python scripts/course.py class add names.txt"


def serve(place: ClassPlace, host: str, port: int, database: str | None, public: str | None) -> int:
    """Serve the class until Ctrl-C (or SIGTERM, or a closed terminal), and return the exit status.

    Args:
        place: where the class is kept.
        host: a name or address of this machine; ``0.0.0.0`` or ``::`` is all of them.
        port: where it listens.
        database: a postgresql:// URL without its password, "" for SQLite, None for what it was.
        public: its address for students, None for what it was, or follows from ``host``.

    Raises:
        CourseError: it is served already, or something that it needs is not to be had.
    """
    with place.held("serve", _busy(place)), listening(host, port) as listener, _writing_privately():
        server = _settled(place, host, port, database, public)
        return _run(place, server, listener)


@contextlib.contextmanager
def _writing_privately() -> Iterator[None]:
    """Make files, SQLite's too, this user's alone from the first moment."""
    earlier = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(earlier)


def _busy(place: ClassPlace) -> str:
    earlier = place.find_server()
    where = f" at {earlier.url}" if earlier else ""
    return (
        f"This class is served already{where}; end that with Ctrl-C in its terminal, or keep "
        "another class in another folder with --folder."
    )


@contextlib.contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """Yield a socket that has the address, so that it is known at once whether it is free.

    Raises:
        CourseError: it is not.
    """
    if not 0 < port < 65_536:
        raise CourseError(f"{port} is no port; choose one from 1024 to 65535 with --port.")
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError as error:
        raise CourseError(
            f"This machine has no address {host!r} ({sentence_of(error)}); give --host one that it "
            "has, or 0.0.0.0 for all."
        ) from error
    with socket.socket(family, kind) as listener:
        if os.name == "posix":  # a port that was left a moment ago is free
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        elif exclusive := getattr(socket, "SO_EXCLUSIVEADDRUSE", None):
            listener.setsockopt(socket.SOL_SOCKET, exclusive, 1)
        try:
            listener.bind(address)
            listener.listen()
        except OSError as error:
            raise CourseError(
                f"The class cannot be served at port {port} of {host} ({sentence_of(error)}); end "
                "the program that has the port, or choose another one with --port."
            ) from error
        yield listener


def _settled(
    place: ClassPlace, host: str, port: int, database: str | None, public: str | None
) -> Server:
    """Write down where the class is and what it is kept in, and return it."""
    earlier = place.find_server()
    if database is None:
        database = earlier.database if earlier else ""
    else:
        _check_database(database)
        password = os.environ.pop(PASSWORD, "")
        place.keep_secrets(dataclasses.replace(place.secrets(), database=password))
    given = public or (earlier.public if earlier and earlier.given else "")
    server = Server(
        url=_address(_near(host), port),
        public=_checked(given) if given else _address(_seen(host), port),
        database=database,
        given=bool(given),
    )
    server = dataclasses.replace(server, seen=_in_browser(server, port))
    place.keep_server(server)
    if earlier and earlier.public != server.public and place.people():
        say(
            f"The codes given so far lead to {earlier.public}, and the class is at "
            f"{server.public} now: give that address with --url, or students new codes."
        )
    return server


def _address(host: str, port: int) -> str:
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def _is(host: str, what: str) -> bool:
    """Say whether a host is an address that ``is_loopback`` or ``is_unspecified``."""
    try:
        return bool(getattr(ipaddress.ip_address(host), what))
    except ValueError:
        return what == "is_loopback" and host == "localhost"


def _near(host: str) -> str:
    """Return the host by which this machine itself reaches a server at ``host``."""
    if _is(host, "is_unspecified"):
        return "::1" if ":" in host else "127.0.0.1"
    return host


def _seen(host: str) -> str:
    """Return the host by which others reach it: where it listens, or this machine's address."""
    if not _is(host, "is_unspecified"):
        return host
    family, elsewhere = (
        (socket.AF_INET6, "2001:db8::1") if ":" in host else (socket.AF_INET, "192.0.2.1")
    )
    with contextlib.suppress(OSError), socket.socket(family, socket.SOCK_DGRAM) as probe:
        probe.connect((elsewhere, 9))  # sends nothing; the system chooses the interface
        return str(probe.getsockname()[0])
    return socket.gethostname()


def _checked(url: str) -> str:
    """Return an address for codes without a slash at its end.

    Raises:
        CourseError: it is none.
    """
    with contextlib.suppress(ValueError):
        parts = urlsplit(url.rstrip("/"))
        plain = f"{parts.scheme}://{parts.netloc}" == url.rstrip("/") and "@" not in parts.netloc
        if plain and parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return url.rstrip("/")
    raise CourseError(
        "--url takes the address by which students reach the class, such as "
        "https://class.example.org: http or https, a host, perhaps a port, and nothing else."
    )


def _check_database(url: str) -> None:
    """Look at a database's URL; it is not repeated where it is none, it may hold a password."""
    with contextlib.suppress(ValueError):
        parts = urlsplit(url)
        named = parts.path.strip("/") and "/" not in parts.path.strip("/")
        if not url or (parts.scheme in ("postgresql", "postgres") and named and parts.port != 0):
            return
    raise CourseError(
        "--database takes postgresql://USER:PASSWORD@HOST:PORT/NAME, or an empty text for the file "
        "in the class's folder."
    )


def _with_password(url: str, password: str) -> str:
    """Return a database's URL as Phoenix takes it."""
    url = f"postgresql:{url.partition(':')[2]}"
    word = quote(password, safe="")
    if not word:
        return url
    if re.match(r"[^:]+://[^/@]*@", url):
        return url.replace("@", f":{word}@", 1)
    return f"{url}{'&' if '?' in url else '?'}password={word}"


async def _try_database(url: str, shown: str) -> None:
    """Connect once: Phoenix's own words would be a page, with the URL.

    Raises:
        CourseError: the driver is missing, or the database is not to be had.
    """
    if importlib.util.find_spec("asyncpg") is None:
        raise CourseError(
            "Phoenix reaches PostgreSQL with the package asyncpg, which is not installed; run "
            "`python scripts/course.py setup --test`, which installs it, or leave out --database."
        )
    import asyncpg  # type: ignore[import-not-found, import-untyped, unused-ignore]

    try:
        connection = await asyncpg.connect(url, timeout=_CONNECT_S)
        await connection.close()
    except Exception as error:
        raise CourseError(
            f"The database {shown} cannot be used ({sentence_of(error)}); see that PostgreSQL runs "
            "there, that user and database exist, and that the password in --database is right."
        ) from None


def _run(place: ClassPlace, server: Server, listener: socket.socket) -> int:
    """Run Phoenix on a socket that listens already."""
    close_to_others(place.phoenix)  # such as a copy that was put back
    port = listener.getsockname()[1]
    secrets = place.secrets()
    url = _with_password(server.database, secrets.database) if server.database else ""
    if url:
        asyncio.run(_try_database(url, server.database))
    say("Starting Phoenix")
    make_ready(None)
    environment.place(port, place.phoenix)
    os.environ.update(
        PHOENIX_HOST=str(listener.getsockname()[0]),
        PHOENIX_ENABLE_AUTH="true",
        PHOENIX_SECRET=secrets.signing,
        PHOENIX_ADMIN_SECRET=secrets.admin,
        PHOENIX_DEFAULT_ADMIN_INITIAL_PASSWORD=secrets.password,
        # Logins of one address are limited to one in 5 s, and a class has one address. What is
        # guarded that way is what people think up; each password here is 128 random bits. That an
        # account is closed for a while after 5 wrong passwords stays.
        PHOENIX_DISABLE_RATE_LIMIT="true",
        PHOENIX_LOGGING_LEVEL="warning",
        PHOENIX_LOG_MIGRATIONS="false",
    )
    if url:
        os.environ["PHOENIX_SQL_DATABASE_URL"] = url
    with fast_imports():
        import phoenix.server.app as application
        from phoenix.server.cli.commands import serve as command
        from phoenix.server.main import main as phoenix_serve
    storing = Storing(say)
    storing.guard(application)
    permit(application)
    _put_in_front(command, listener, storing, _greeting(place, server))
    sys.argv = ["phoenix", "serve"]
    try:
        # Its own banner leads to a port that is not open.
        with Path(os.devnull).open("w") as nowhere, contextlib.redirect_stdout(nowhere):
            phoenix_serve()
    except (Exception, SystemExit) as error:
        raise CourseError(
            f"Phoenix did not start with {server.database or place.phoenix / 'phoenix.db'} "
            f"({_root_of(error)}); see that its disk has room, restore it from a copy, or begin "
            "anew in another folder with --folder."
        ) from error
    if storing.waiting:
        say(f"Given up: {storing.waiting} that Phoenix had accepted and not stored.")
        return 1
    say("The class's Phoenix has ended; what it accepted is stored.")
    return 0


def _put_in_front(module: Any, listener: socket.socket, storing: Storing, greeting: str) -> None:
    """Have the module that configures Phoenix's web server take ours, which is quiet, instead."""
    module.Config = functools.partial(
        module.Config, access_log=False, timeout_graceful_shutdown=_GRACE_S
    )
    module.Server = functools.partial(
        InFront, listener=listener, storing=storing, greeting=greeting
    )


def _root_of(error: BaseException) -> str:
    while following := error.__cause__ or error.__context__:
        error = following
    return sentence_of(error)


class InFront(uvicorn.Server):
    """A web server that greets when it is up, and ends in order on whatever ends a program."""

    def __init__(
        self, config: uvicorn.Config, *, listener: socket.socket, storing: Storing, greeting: str
    ) -> None:
        super().__init__(config)
        self._listener = listener
        self._storing = storing
        self._greeting = greeting

    def run(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve on the socket that listens already."""
        super().run(sockets=[self._listener])

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and greet."""
        await super().startup(sockets)
        closed = getattr(signal, "SIGHUP", None)  # a terminal; Windows has none
        if closed is not None:
            signal.signal(closed, self.handle_exit)
        say(self._greeting)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """End; asked again, give up what is not stored."""
        if self.should_exit:
            self._storing.urgent = self.force_exit = True
            return
        self.should_exit = True
        say("\nEnding: what was accepted is stored first.")


def say(text: str) -> None:
    """Print, as far as there is still a terminal."""
    with contextlib.suppress(OSError, ValueError):
        print(text, file=sys.__stdout__, flush=True)


def _in_browser(server: Server, port: int) -> str:
    """Return the class's address for the instructor's browser; on a hub, a path below the hub."""
    if server.given:
        return server.public
    near = _is(urlsplit(server.url).hostname or "", "is_loopback")
    return addresses.browser_url(port) if near else server.url


def _greeting(place: ClassPlace, server: Server) -> str:
    host = urlsplit(server.url).hostname or ""
    alone = _is(host, "is_loopback") and server.public == server.url
    lines = [
        f"The class's Phoenix is at {server.public}",
        f"Look at it in a browser: {server.seen}",
        f"  log in as {ADMIN}; the password for the first time is in {place.secrets_file}",
    ]
    if alone:
        lines.append("Only this machine reaches it; --host and --url open it to a room.")
    elif server.public.startswith("http:"):
        lines.append(
            "Others on the network reach it, and nothing on the way is encrypted: keys and traces "
            "can be read there. Put TLS in front (notebooks/instructor/class.md says how)."
        )
    if not place.people():
        lines.append(f"Next, in another terminal: {_ADDS}")
    lines.append("Ctrl-C ends it. What it has accepted is stored first.")
    return "\n".join(lines)
