"""Make the course's own environment, .venv, and keep it what the locks say.

A record inside .venv says for what it was made (its place, Python) and whether that was finished;
what was interrupted or moved, or has lost its Python, is made anew. Else each set-up looks at what
is installed: what is missing, damaged or of another version is installed again, and only that.
Packages that the locks do not name stay as they are.
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
import tempfile
import tomllib
from collections.abc import Iterator, Mapping, Set
from pathlib import Path
from typing import Literal, TypedDict

from _audit import SATISFIED, drop_damaged_records, files_off, versions_off
from _locks import read_lock
from _progress import Packages
from _run import (
    CommandError,
    clean_environment,
    open_private,
    private_folder,
    run_step,
    uv_settings,
    venv_python,
)

Kind = Literal["lab", "site", "test"]

ROOT = Path(__file__).resolve().parent.parent
LOCKS: dict[Kind, str] = {
    "lab": "requirements.lock",
    "site": "requirements-site.lock",
    "test": "requirements-test.lock",
}
# The locks of the site's builder and of the tests hold what they add to those before them.
NEEDS: dict[Kind, tuple[Kind, ...]] = {
    "lab": ("lab",),
    "site": ("lab", "site"),
    "test": ("lab", "site", "test"),
}
BOOTSTRAP = "requirements-bootstrap.lock"
RECORD = "course-setup.json"
COURSE = "rag-tutorials"
NAMED = 3
SOME = "some packages"
ANEW = (
    "Close JupyterLab and other programs that use .venv, remove the folder .venv, and run the same"
    " command again."
)
DATA = ("data/handbook_manual.txt", "data/queries.jsonl")
LONGEST_PATH = 259  # on Windows, unless it is set to take longer ones
LONGEST_INSIDE = 165  # characters of the longest path among the packages, being compiled
DISK_NEEDED = 3 * 10**9  # .venv takes 1.6 GB, unpacking and uv's cache on another disk the rest


class Record(TypedDict):
    """What .venv was made for; ``course`` is the digest of the pyproject.toml it came from."""

    complete: bool
    place: str
    python: str
    machine: str
    course: str


class RepairError(CommandError):
    """What was set up once is not as it should be, and could not be repaired."""


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

    @property
    def site(self) -> Path:
        """The folder of the environment's packages."""
        folders = [*self.venv.glob("lib/python*/site-packages"), self.venv / "Lib/site-packages"]
        return folders[0]

    def version(self) -> str:
        """Return the course's version (CHANGELOG.md says what it means)."""
        project = tomllib.loads((self.root / "pyproject.toml").read_text(encoding="utf-8"))
        return str(project["project"]["version"])

    def environment(self) -> dict[str, str]:
        """Return the variables to run a program of the course's environment with."""
        return clean_environment(self.venv)

    def locks(self, kind: Kind) -> list[Path]:
        """Return the locks that together hold all that ``kind`` needs."""
        return [self.root / LOCKS[name] for name in NEEDS[kind]]

    def require(self) -> None:
        """Refuse to go on without an environment; nothing is set up.

        Raises:
            CommandError: the environment cannot be used.
        """
        if problem := self.problem():
            raise CommandError(
                f"The course's environment, .venv, is not usable: {problem}."
                " Run: python scripts/course.py setup"
            )

    def problem(self) -> str:
        """Say why .venv cannot be used as it is and must be made anew; "" if it can."""
        if not self.python.exists():
            return "there is none" if not self.venv.exists() else "its Python is gone"
        version = self._version()
        if not version:
            return "its Python does not start"
        record = self._read_record()
        if record is None:  # made by hand or by an editor: install into it, if pip is there
            return "" if (self.site / "pip").exists() else "it has no pip"
        if not record["complete"]:
            return "its installation was interrupted"
        if record["place"] != str(self.venv) or record["machine"] != _machine():
            return "the folder was moved or copied"
        if record["python"] != version:
            return "its Python was replaced by another version"
        return ""

    def off(self, kind: Kind) -> dict[str, str]:
        """Return the packages that are not as ``kind`` needs them, each with what is wrong.

        Only for an environment without a ``problem``.
        """
        locks = (self.root / BOOTSTRAP, *self.locks(kind))
        command = [
            *self._uv_pip("install", "--dry-run", "--offline", "--no-deps", "--no-progress"),
            *_from_locks(*locks),
        ]
        starts = True
        with tempfile.TemporaryFile() as said:
            try:  # uv compares the versions, and knows which pins are for this machine
                asked = subprocess.Popen(
                    command,
                    env=self.environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=said,
                    stderr=subprocess.STDOUT,
                )
            except OSError:
                starts = False
            off = self._damaged(kind)
            if starts:
                asked.wait()
                said.seek(0)
            if SATISFIED not in said.read():
                pins = [pin for lock in locks for pin in read_lock(lock)]
                off = versions_off(self.site, pins) | off or {SOME: "are missing"}
        if not starts:
            off["uv"] = "does not start"
        for name in ("pip", COURSE):
            if not any(self.site.glob(f"{name.replace('-', '_')}-*.dist-info")):
                off[name] = "is missing"
        record = self._read_record()
        if record is None or record.get("course") != self._course_digest():
            off.setdefault(COURSE, "was installed from another pyproject.toml")
        return off

    def _damaged(self, kind: Kind) -> dict[str, str]:
        """Return the installed packages of which a file is missing or another, and which file."""
        locks = (self.root / BOOTSTRAP, *self.locks(kind))
        names = {pin.name for lock in locks for pin in read_lock(lock)}
        return files_off(self.site, {*names, "pip", COURSE})

    def ensure(self, kind: Kind) -> None:
        """Make .venv and the data complete for ``kind``, in as little work as that takes.

        Raises:
            RepairError: it was complete once, and what is wrong now could not be repaired.
            CommandError: it did not work; the message says why and what to do.

        """
        self._check_writable()
        with self._alone():
            problem = self.problem()
            off = {} if problem else self.off(kind)
            if problem or off:
                print(f"Setting up the course in {self.root}")
                self.log.unlink(missing_ok=True)
            if problem:
                self._make_venv(problem)
                self._install(kind)
            elif off:
                print(f"To put right: {listed(off)}.")
                self._repair(kind)
        if not all((self.root / name).exists() for name in DATA):
            script = self.root / "scripts" / "generate_data.py"
            run_step("Writing the data", [self.python, script], self.environment(), self.log)

    def pip_config(self) -> str:
        """Return what pip is configured with, as ``pip config list`` prints it."""
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
        """Install all into an environment that was just made."""
        self._install_uv("[2/4] ")
        self._install_packages("[3/4] Installing packages", kind)
        self._install_course("[4/4] ")
        if off := self.off(kind):
            raise CommandError(f"After the installation, {listed(off)}. {ANEW}")

    def _repair(self, kind: Kind) -> None:
        """Install again what is off, and only that.

        Raises:
            RepairError: something is off still; the environment is not made worse.

        """
        source = "Installing packages from"
        try:
            off = self.off(kind)
            if "pip" in off:
                for part in (*self.site.glob("pip-*.dist-info"), self.site / "pip"):
                    shutil.rmtree(part, ignore_errors=True)
                command: list[str | Path] = [self.python, "-m", "ensurepip"]
                run_step("Putting pip back", command, self.environment(), self.log)
            if "uv" in off:
                self._install_uv("", "--force-reinstall")
            off = self.off(kind)
            if off.keys() - {COURSE}:
                damaged = self._damaged(kind).keys() - {COURSE}
                drop_damaged_records(self.site, damaged)
                with contextlib.suppress(CommandError):  # what uv has kept needs no network
                    self._install_packages(f"{source} uv's cache", kind, "--offline", again=damaged)
                off = self.off(kind)
            if off.keys() - {COURSE}:
                damaged = self._damaged(kind).keys() - {COURSE}
                if damaged:  # in place: then also in uv's cache, to which the files are links
                    self._ask_uv("cache", "clean", "--quiet", *sorted(damaged))
                self._install_packages(f"{source} the index", kind, again=damaged)
            if COURSE in off:
                self._install_course("")
            if off := self.off(kind):
                raise CommandError(f"After it was installed again, {listed(off)}. {ANEW}")
        except CommandError as error:
            if self._read_record() is None:  # it was never set up
                raise
            raise RepairError(
                f"The course's environment is not as it should be: {listed(self.off(kind))}."
                f" It could not be put right.\n{error}"
            ) from error

    def _install_uv(self, number: str, *options: str) -> None:
        install = [*self._pip(), "install", "--no-input", "--retries=2", *options]
        run_step(
            f"{number}Fetching the installer (uv)",
            [*install, *_from_locks(self.root / BOOTSTRAP)],
            self.environment(),
            self.log,
        )

    def _install_packages(
        self, label: str, kind: Kind, *options: str, again: Set[str] = frozenset()
    ) -> None:
        locks = self.locks(kind)
        run_step(
            label,
            [
                *self._uv_pip("install", "--verbose", "--compile-bytecode", *options),
                *(f"--reinstall-package={name}" for name in sorted(again)),
                *_from_locks(*locks),
            ],
            self._index_environment(),
            self.log,
            Packages(self._cache()),
        )

    def _install_course(self, number: str) -> None:
        """Install the course itself, the last step, and write down that all is done."""
        run_step(
            f"{number}Installing the course itself",
            [*self._uv_pip("install", "--no-progress", "--no-deps"), "--editable", self.root],
            self._index_environment(),
            self.log,
        )
        self._write_record(complete=True)

    def _cache(self) -> Path | None:
        """Return the folder in which uv keeps what it has fetched."""
        asked = self._ask_uv("cache", "dir")
        return Path(asked) if asked else None

    def _ask_uv(self, *arguments: str) -> str:
        return subprocess.run(
            [self.uv, *arguments],
            env=self.environment(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        ).stdout.strip()

    def _index_environment(self) -> dict[str, str]:
        return self.environment() | uv_settings(self.pip_config())

    def _uv_pip(self, command: str, *options: str) -> list[str | Path]:
        return [self.uv, "pip", command, "--python", self.python, *options]

    def _course_digest(self) -> str:
        return hashlib.sha256((self.root / "pyproject.toml").read_bytes()).hexdigest()

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
                self._write_record(complete=False)  # half of it is gone
                raise CommandError(
                    f"The old .venv could not be removed ({error.strerror}). Close JupyterLab and"
                    " other programs that use it, and run the same command again."
                ) from error
        if not long_paths():
            check_length(self.root)
        free = shutil.disk_usage(self.root).free
        if free < DISK_NEEDED:
            raise CommandError(
                f"The disk has {free / 1e9:.1f} GB free; the course needs"
                f" {DISK_NEEDED / 1e9:.0f} GB. Free some and run the same command again."
            )
        self._write_record(complete=False)
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
            record = {"complete": False, "place": "", "python": "", "machine": "", "course": ""}
        return record

    def _write_record(self, *, complete: bool) -> None:
        record: Record = {
            "complete": complete,
            "place": str(self.venv),
            "python": self._version() if complete else "",
            "machine": _machine(),
            "course": self._course_digest() if complete else "",
        }
        self.venv.mkdir(exist_ok=True)
        unfinished = self.venv / (RECORD + ".new")
        unfinished.write_text(json.dumps(record, indent=1), encoding="utf-8")
        unfinished.replace(self.venv / RECORD)

    def _check_writable(self) -> None:
        try:
            private_folder(self.state)
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
        with open(self.state / "setup.lock", "a+b", opener=open_private) as file:
            os.set_inheritable(file.fileno(), True)
            try:
                _lock(file.fileno())
            except OSError as error:
                raise CommandError(
                    "Another command is setting up this course right now."
                    " Wait until it is done, then run the same command again."
                ) from error
            yield


def _from_locks(*locks: Path) -> list[str | Path]:
    """Return the installers' options that take what these locks name and nothing else."""
    named: list[str | Path] = [part for lock in locks for part in ("-r", lock)]
    return ["--require-hashes", "--only-binary=:all:", *named]


def listed(off: Mapping[str, str]) -> str:
    """Say what is wrong with the first few packages."""
    said = [f"{name} {what}".strip() for name, what in sorted(off.items())]
    more = f" and {len(said) - NAMED} more" if len(said) > NAMED else ""
    return ", ".join(said[:NAMED]) + more


def check_length(root: Path) -> None:
    """Look whether the environment's longest path fits into what Windows allows.

    Raises:
        CommandError: it does not.
    """
    length = len(f"{root}\\.venv\\Lib\\site-packages\\") + LONGEST_INSIDE
    if length > LONGEST_PATH:
        raise CommandError(
            f"The course's folder has too long a path: files in it would have {length} characters,"
            f" and Windows allows {LONGEST_PATH} as it is set here. Move the course to a folder"
            f" whose path is at least {length - LONGEST_PATH} characters shorter, such as"
            " C:\\course, or let Windows take long paths (its setting LongPathsEnabled), and run"
            " the same command again."
        )


def _machine() -> str:
    return f"{sys.platform}-{platform.machine()}"


if sys.platform == "win32":
    import msvcrt
    import winreg

    def long_paths() -> bool:
        """Say whether this system takes paths of more than 260 characters."""
        with contextlib.suppress(OSError):
            place = r"SYSTEM\CurrentControlSet\Control\FileSystem"
            with winreg.OpenKey(winreg.HKEY_LOCAL_MACHINE, place) as key:
                return bool(winreg.QueryValueEx(key, "LongPathsEnabled")[0])
        return False

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 0, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def long_paths() -> bool:
        """Say whether this system takes paths of more than 260 characters."""
        return True

    def _lock(descriptor: int) -> None:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
