"""Make the course's own environment, .venv: complete, from the lock, and only when needed.

A record inside .venv says for what it was made (its place, Python, the digests of what was
installed) and whether the work was finished. What is finished and unchanged is left alone; a
changed lock is installed on top; anything else (interrupted, moved, its Python gone) is made anew.
"""

import contextlib
import hashlib
import importlib.util
import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, TypedDict

from _locks import read_lock
from _run import CommandError, clean_environment, run_step, uv_settings, venv_python

Kind = Literal["lab", "test"]

ROOT = Path(__file__).resolve().parent.parent
LOCKS: dict[Kind, str] = {"lab": "requirements.lock", "test": "requirements-test.lock"}
# The tests' lock holds what they add to the lab's.
NEEDS: dict[Kind, tuple[Kind, ...]] = {"lab": ("lab",), "test": ("lab", "test")}
BOOTSTRAP = "requirements-bootstrap.lock"
RECORD = "course-setup.json"
DATA = ("data/handbook_manual.txt", "data/queries.jsonl")
DISK_NEEDED = 3 * 10**9  # .venv takes 1.6 GB, unpacking and uv's cache on another disk the rest


class Record(TypedDict):
    """What .venv was made for."""

    complete: bool
    place: str
    python: str
    machine: str
    installed: dict[str, str]


class Checkout:
    """The course's folder and the environment inside it."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root
        self.venv = root / ".venv"
        self.state = root / ".course"
        self.log = self.state / "setup.log"

    @property
    def python(self) -> Path:
        """The Python of the course's environment."""
        return venv_python(self.venv)

    @property
    def uv(self) -> Path:
        """The installer inside the course's environment."""
        return self.python.with_name("uv.exe" if os.name == "nt" else "uv")

    def environment(self) -> dict[str, str]:
        """Return the variables to run a program of the course's environment with."""
        return clean_environment(self.venv)

    def locks(self, kind: Kind) -> list[Path]:
        """Return the locks that together hold all that `kind` needs."""
        return [self.root / LOCKS[name] for name in NEEDS[kind]]

    def digest(self, kind: Kind) -> str:
        """Return the digest of all that decides what an installation of `kind` holds."""
        total = hashlib.sha256()
        for name in (*self.locks(kind), self.root / BOOTSTRAP, self.root / "pyproject.toml"):
            total.update(hashlib.sha256(name.read_bytes()).digest())
        return total.hexdigest()

    def problem(self) -> str:
        """Say why .venv cannot be used as it is and must be made anew; "" if it can."""
        if not self.python.exists():
            return "there is none" if not self.venv.exists() else "its Python is gone"
        version = self._version()
        if not version:
            return "its Python does not start"
        record = self._read_record()
        if record is None:  # made by hand or by an editor: install into it, if pip is there
            pips = [
                *self.venv.glob("lib/python*/site-packages/pip"),
                self.venv / "Lib/site-packages/pip",
            ]
            return "" if any(pip.exists() for pip in pips) else "it has no pip"
        if not record["complete"]:
            return "its installation was interrupted"
        if record["place"] != str(self.venv) or record["machine"] != _machine():
            return "the folder was moved or copied"
        if record["python"] != version:
            return "its Python was replaced by another version"
        return ""

    def is_ready(self, kind: Kind) -> bool:
        """Say whether .venv holds exactly what the locks ask of `kind`."""
        record = self._read_record()
        return (
            record is not None
            and record["installed"].get(kind) == self.digest(kind)
            and not self.problem()
        )

    def ensure(self, kind: Kind) -> None:
        """Make .venv and the data complete for `kind`, in as little work as that takes.

        Raises:
            CommandError: it did not work; the message says why and what to do.

        """
        self._check_writable()
        with self._alone():
            if not self.is_ready(kind):
                self._install(kind)
        if not all((self.root / name).exists() for name in DATA):
            script = self.root / "scripts" / "generate_data.py"
            run_step("Writing the data", [self.python, script], self.environment(), self.log)

    def pip_config(self) -> str:
        """Return what pip is configured with, as `pip config list` prints it."""
        listed = subprocess.run(
            [*self._pip(), "config", "list"],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        return listed.stdout

    def _install(self, kind: Kind) -> None:
        problem = self.problem()
        record = self._read_record()
        print(f"Setting up the course in {self.root}")
        self.log.unlink(missing_ok=True)
        if problem:
            self._make_venv(problem)
            record = None
        self._write_record(complete=False, installed={})
        env = self.environment()
        pip = [*self._pip(), "install", "--no-input", "--retries=2"]
        run_step(
            "[2/4] Fetching the installer (uv)",
            [*pip, "--require-hashes", "--only-binary=:all:", "-r", self.root / BOOTSTRAP],
            env,
            self.log,
        )
        env |= uv_settings(self.pip_config())
        install: list[str | Path] = [
            self.uv,
            "pip",
            "install",
            "--python",
            self.python,
            "--no-progress",
        ]
        locks = self.locks(kind)
        count = sum(1 for lock in locks for _ in read_lock(lock))
        named: list[str | Path] = [part for lock in locks for part in ("-r", lock)]
        run_step(
            f"[3/4] Installing about {count} packages (minutes the first time)",
            [*install, "--require-hashes", "--only-binary=:all:", "--compile-bytecode", *named],
            env,
            self.log,
        )
        run_step(
            "[4/4] Installing the course itself",
            [*install, "--no-deps", "--editable", self.root],
            env,
            self.log,
        )
        earlier = record["installed"] if record else {}
        self._write_record(
            complete=True, installed=earlier | {name: self.digest(name) for name in NEEDS[kind]}
        )

    def _make_venv(self, problem: str) -> None:
        for module in ("venv", "ensurepip"):
            if importlib.util.find_spec(module) is None:
                version = f"{sys.version_info.major}.{sys.version_info.minor}"
                raise CommandError(
                    f"This Python cannot make virtual environments: it has no {module}."
                    f" On Debian or Ubuntu: sudo apt install python{version}-venv"
                )
        if self.venv.exists() or self.venv.is_symlink():
            print(f"Making .venv anew: {problem}.")
            try:
                if self.venv.is_symlink():
                    self.venv.unlink()
                else:
                    shutil.rmtree(self.venv)
            except OSError as error:
                self._write_record(complete=False, installed={})  # half of it is gone
                raise CommandError(
                    f"The old .venv could not be removed ({error.strerror}). Close JupyterLab and"
                    " other programs that use it, and run the same command again."
                ) from error
        free = shutil.disk_usage(self.root).free
        if free < DISK_NEEDED:
            raise CommandError(
                f"The disk has {free / 1e9:.1f} GB free; the course needs"
                f" {DISK_NEEDED / 1e9:.0f} GB. Free some and run the same command again."
            )
        self._write_record(complete=False, installed={})
        base = getattr(sys, "_base_executable", None) or sys.executable
        run_step(
            f"[1/4] Making the environment with Python {platform.python_version()}",
            [base, "-m", "venv", self.venv],
            self.environment(),
            self.log,
        )

    def _pip(self) -> list[str | Path]:
        return [self.python, "-m", "pip", "--disable-pip-version-check"]

    def _version(self) -> str:
        try:
            asked = subprocess.run(
                [
                    self.python,
                    "-I",
                    "-S",
                    "-c",
                    "import sys; print(*sys.version_info[:2], sep='.')",
                ],
                env=self.environment(),
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=True,
            )
        except (OSError, subprocess.CalledProcessError):
            return ""
        return asked.stdout.strip()

    def _read_record(self) -> Record | None:
        try:
            record: Record = json.loads((self.venv / RECORD).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            record = {"complete": False, "place": "", "python": "", "machine": "", "installed": {}}
        return record

    def _write_record(self, *, complete: bool, installed: dict[str, str]) -> None:
        record: Record = {
            "complete": complete,
            "place": str(self.venv),
            "python": self._version() if complete else "",
            "machine": _machine(),
            "installed": installed,
        }
        self.venv.mkdir(exist_ok=True)
        unfinished = self.venv / (RECORD + ".new")
        unfinished.write_text(json.dumps(record, indent=1), encoding="utf-8")
        unfinished.replace(self.venv / RECORD)

    def _check_writable(self) -> None:
        try:
            self.state.mkdir(exist_ok=True)
            probe = self.state / f"write-test-{os.getpid()}"
            probe.write_bytes(b"x")
            probe.unlink()
        except OSError as error:
            raise CommandError(
                f"Nothing can be written in {self.root} ({error.strerror}). Copy the course to a"
                " folder of yours, on a disk with 3 GB free, and run the same command there."
            ) from error

    @contextlib.contextmanager
    def _alone(self) -> Iterator[None]:
        """Keep a second command of the same course from setting up at the same time.

        The programs of each step inherit the lock: they may outlive a command that was killed.
        """
        with (self.state / "setup.lock").open("a+b") as file:
            os.set_inheritable(file.fileno(), True)
            try:
                _lock(file.fileno())
            except OSError as error:
                raise CommandError(
                    "Another command is setting up this course right now."
                    " Wait until it is done, then run the same command again."
                ) from error
            yield


def _machine() -> str:
    return f"{sys.platform}-{platform.machine()}"


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
