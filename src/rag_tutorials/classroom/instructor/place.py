"""Where the class is kept on the instructor's machine: a folder of this user alone.

============== ====================================================================================
``server.json``  where the class's Phoenix is, and which database it has
``secrets.json`` what only this user may know; made once
``people.json``  who is in the class; no key, Phoenix tells a key once
``removed.json`` who was removed from it
``phoenix/``     Phoenix's own folder, with the SQLite database
============== ====================================================================================
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import secrets
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from filelock import FileLock, Timeout

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import PRIVATE, private_folder, state_dir, write_private

ADMIN = "admin@localhost"  # Phoenix's own name for the user it makes first
_SERVER, _SECRETS = "server.json", "secrets.json"
_PEOPLE, _REMOVED = "people.json", "removed.json"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Server:
    """Where the class's Phoenix is.

    ``url`` is its address on this machine, without a slash at its end; ``public`` is that of the
    students' codes, which was ``given`` or follows from where it listens. ``database`` is a
    postgresql:// URL without its password, or "" for SQLite. ``seen`` is its address for the
    instructor's browser, "" for ``url``: a browser is logged in where it logged in, and at the same
    server by another name it is not.
    """

    url: str
    public: str
    database: str = ""
    given: bool = False
    seen: str = ""


@dataclass(frozen=True, slots=True)
class Secrets:
    """What only this user may know.

    ``signing`` signs Phoenix's keys and sessions; with ``admin`` as bearer token its API may do
    everything; with ``password`` the admin logs in for the first time in a browser. ``database`` is
    the database's password, or "".
    """

    signing: str
    admin: str
    password: str
    database: str = ""

    @classmethod
    def new(cls) -> Secrets:
        """Return secrets of 128 bits and more."""
        # Phoenix wants 32 characters with a digit and a small letter.
        return cls(*(f"{secrets.token_hex(16)}a1" for _ in range(3)))

    def __repr__(self) -> str:
        return "Secrets(...)"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with a code: the ids are Phoenix's. Without a name, it is a code that many share."""

    slug: str
    name: str
    email: str
    user_id: str
    key_id: str


class ClassPlace:
    """The folder of one class; made when it is asked for.

    Raises:
        CourseError: the folder cannot be made or written.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        """Be at ``folder``, or where the course keeps its state."""
        wanted = Path(folder) if folder else state_dir() / "class"
        try:
            self.folder = private_folder(wanted)
            private_folder(self.phoenix)
        except OSError as error:
            raise CourseError(
                f"The class cannot be kept in {wanted} ({sentence_of(error)}); free some space or "
                "name another folder with --folder."
            ) from error

    @property
    def phoenix(self) -> Path:
        """Phoenix's own folder."""
        return self.folder / "phoenix"

    @property
    def secrets_file(self) -> Path:
        """Where the secrets are."""
        return self.folder / _SECRETS

    def server(self) -> Server:
        """Return where the class's Phoenix is, or was when it was served last.

        Raises:
            CourseError: it was never served from this folder.
        """
        if (found := self.find_server()) is None:
            raise CourseError(
                f"No class was served from {self.folder} yet; run "
                "`python scripts/course.py class serve` in another terminal first, or name the "
                "class's folder with --folder."
            )
        return found

    def find_server(self) -> Server | None:
        """Return where the class's Phoenix is or was, or None: it was never served from here."""
        kept = self._read(_SERVER)
        return None if kept is None else self._made(Server, kept, _SERVER)

    def keep_server(self, server: Server) -> None:
        """Write down where the class's Phoenix is."""
        self._write(_SERVER, dataclasses.asdict(server))

    def secrets(self) -> Secrets:
        """Return the class's secrets, made at the first call."""
        if (kept := self._read(_SECRETS)) is not None:
            return self._made(Secrets, kept, _SECRETS)
        made = Secrets.new()
        self.keep_secrets(made)
        return made

    def keep_secrets(self, known: Secrets) -> None:
        """Write the secrets down, for this user alone."""
        self._write(_SECRETS, dataclasses.asdict(known))

    def people(self) -> tuple[Person, ...]:
        """Return who has a code, in the order in which they were added."""
        return self._read_people(_PEOPLE)

    def keep_people(self, people: Iterable[Person]) -> None:
        """Write down who has a code."""
        self._write(_PEOPLE, [dataclasses.asdict(one) for one in people])

    def removed(self) -> tuple[Person, ...]:
        """Return who was removed from the class and not added again: what they sent is there."""
        here = {one.slug for one in self.people()}
        return tuple(one for one in self._read_people(_REMOVED) if one.slug not in here)

    def keep_removed(self, people: Iterable[Person]) -> None:
        """Write down who was removed."""
        self._write(_REMOVED, [dataclasses.asdict(one) for one in people])

    @contextlib.contextmanager
    def held(self, what: str, busy: str) -> Iterator[None]:
        """Hold one thing of the class, which one process may do at a time.

        The lock is the operating system's: it ends with the process, however that ends.

        Raises:
            CourseError: another process holds it (``busy`` is the sentence), or it cannot be held.
        """
        lock = FileLock(self.folder / f"{what}.lock", mode=PRIVATE, blocking=False)
        try:
            lock.acquire()
        except Timeout:
            raise CourseError(busy) from None
        except OSError as error:
            raise self._unwritable(error) from error
        with lock:
            yield

    def _read_people(self, name: str) -> tuple[Person, ...]:
        return tuple(self._made(Person, one, name) for one in self._read(name) or [])

    def _read(self, name: str) -> Any:
        try:
            return json.loads((self.folder / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise self._unreadable(name, error) from error

    def _made(self, kind: type[_T], kept: Mapping[str, Any], name: str) -> _T:
        try:
            return kind(**kept)
        except TypeError as error:
            raise self._unreadable(name, error) from error

    def _write(self, name: str, content: Any) -> None:
        """Write a file whole or not at all."""
        new = self.folder / f"{name}.new"
        try:
            write_private(new, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
            new.replace(self.folder / name)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unreadable(self, name: str, error: Exception) -> CourseError:
        return CourseError(
            f"{self.folder / name} cannot be read ({sentence_of(error)}); restore it from a copy, "
            "or begin a new class with --folder and another folder."
        )

    def _unwritable(self, error: Exception) -> CourseError:
        return CourseError(
            f"The class's folder {self.folder} cannot be written ({sentence_of(error)}); free some "
            "space, make the folder yours, or name another one with --folder."
        )
