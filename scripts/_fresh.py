"""Learn the day a dependency breaks the course: try the newest versions, blame a package.

All happens in a throw-away environment; the course's own, and its locks, stay as they are.
"""

import re
import subprocess
import sys
import tempfile
import tomllib
import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from _blame import Blame, find_blame
from _locks import Pin, read_lock
from _run import CommandError, clean_environment, explain, uv_settings, venv_python
from _setup import BOOTSTRAP, Checkout

RUNS = 6  # in all, the first one included
NAMED = 20
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_BELOW = re.compile(r"\s*<=?\s*[\w.*+!]+\s*,?|,\s*<=?\s*[\w.*+!]+")

Check = Callable[[Path, Sequence[str]], Collection[str]]
Pins = dict[str, str]


def unbounded(requirement: str) -> str:
    """Return a requirement without its upper bounds."""
    body, marked, marker = requirement.partition(";")
    return _BELOW.sub("", body).strip().rstrip(",") + (f" ;{marker}" if marked else "")


def order(pins: Pins, needs: Mapping[str, Collection[str]]) -> list[str]:
    """Return the packages, each after those that it needs: they take their steps before it.

    A circle is entered by name.
    """
    placed: dict[str, None] = {}

    def place(name: str, above: frozenset[str]) -> None:
        if name in placed or name in above or name not in pins:
            return
        for need in sorted(needs.get(name, ())):
            place(need, above | {name})
        placed[name] = None

    for name in sorted(pins):
        place(name, frozenset())
    return list(placed)


class Fresh:
    """A project, its locked versions, and an environment in which newer ones are tried."""

    def __init__(
        self, root: Path, uv: Path, folder: Path, locks: Sequence[Path], env: Mapping[str, str]
    ) -> None:
        self.root, self.uv, self.folder, self.env = root, uv, folder, dict(env)
        self.venv = folder / "venv"
        self.python = venv_python(self.venv)
        project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        extras = project.get("optional-dependencies", {})
        self.wanted: list[str] = sum(extras.values(), project["dependencies"])
        installer = root / BOOTSTRAP  # tests make environments of their own with it
        self.wanted += map(str, _plain(installer)) if installer.exists() else []
        self._uv("venv", "--quiet", "--python", sys.executable, str(self.venv))
        pins = [str(pin) for lock in locks for pin in _plain(lock)]
        self.locked, _ = self._resolve(self.wanted, pins)

    def newest(self, *, beyond: bool) -> tuple[Pins, dict[str, set[str]]]:
        """Return the newest versions that go together, and which package needs which.

        Raises:
            CommandError: there are none.
        """
        wanted = [unbounded(one) for one in self.wanted] if beyond else self.wanted
        return self._resolve(wanted)

    def fits(self, pins: Pins) -> bool:
        """Say whether these versions go together, without installing them."""
        try:
            self._resolve([f"{name}=={version}" for name, version in pins.items()])
        except CommandError:
            return False
        return True

    def install(self, pins: Pins) -> None:
        """Have exactly these versions in the environment, and the project itself.

        Raises:
            CommandError: they cannot be had.
        """
        listed = "".join(f"{name}=={version}\n" for name, version in pins.items())
        file = self.folder / "pins.txt"
        file.write_text(listed, encoding="utf-8")
        into = ("--quiet", "--python", str(self.python))
        self._uv("pip", "sync", *into, str(file))
        self._uv("pip", "install", *into, "--no-deps", "--editable", str(self.root))

    def _resolve(
        self, wanted: Sequence[str], constraints: Sequence[str] = ()
    ) -> tuple[Pins, dict[str, set[str]]]:
        """Return versions that satisfy all requirements, and which package needs which."""
        held = self.folder / "constraints.txt"
        held.write_text("\n".join(constraints), encoding="utf-8")
        said = self._uv(
            *("pip", "compile", "--quiet", "--no-header", "--python", str(self.python)),
            *("--constraint", str(held), "--annotation-style=line", "-"),
            given="\n".join(wanted),
        )
        pins: Pins = {}
        needs: dict[str, set[str]] = {}
        for line in said.splitlines():
            pin, _, via = line.partition("#")
            name, found, version = pin.strip().partition("==")
            if not found:
                continue
            name = name.partition("[")[0]
            pins[name] = version.split()[0]
            for above in _NAME.findall(via.replace("via", "", 1)):
                needs.setdefault(above, set()).add(name)
        return pins, needs

    def _uv(self, *arguments: str, given: str = "") -> str:
        ran = subprocess.run(
            [self.uv, *arguments],
            cwd=self.folder,
            env=self.env,
            input=given,
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
        if ran.returncode:
            last = "\n".join(ran.stderr.strip().splitlines()[-12:])
            raise CommandError(f"uv {' '.join(arguments[:2])} failed.\n{explain(last)}\n{last}")
        return ran.stdout


def _plain(lock: Path) -> list[Pin]:
    """Return the pins of a lock without their hashes."""
    return [replace(pin, hashes=()) for pin in read_lock(lock)]


def try_newest(fresh: Fresh, check: Check, *, beyond: bool, runs: int = RUNS) -> int:
    """Try the newest versions; print what breaks and by which step; return 0 if nothing does.

    ``check(python, tests)`` runs the named tests, or all if none is named, and returns those that
    are broken.

    Raises:
        CommandError: no versions go together, or they cannot be had.
    """
    newest, needs = fresh.newest(beyond=beyond)
    moved = {name: new for name, new in newest.items() if fresh.locked.get(name, new) != new}
    steps = [name for name in order(newest, needs) if name in moved]
    print(f"{len(steps)} of {len(newest)} packages are newer than the locks'.")
    for name in steps:
        print(f"  {name} {fresh.locked[name]} -> {newest[name]}")
    sys.stdout.flush()

    def versions(stepped: Sequence[str]) -> Pins:
        """Return the pins with some steps taken; what only newer versions need is there always."""
        back = {name: fresh.locked[name] for name in steps if name not in stepped}
        gone = {name: old for name, old in fresh.locked.items() if name not in newest}
        return newest | back | gone

    def broken_with(stepped: Sequence[str], tests: Sequence[str]) -> Collection[str]:
        print(f"== with the steps of {len(stepped)} packages", flush=True)
        fresh.install(versions(stepped))
        return check(fresh.python, tests)

    fresh.install(newest)
    broken = check(fresh.python, [])
    if not broken:
        print("Nothing breaks.")
        return 0
    print(f"Broken: {len(broken)}. Looking for the step that does it.", flush=True)
    blames = find_blame(
        steps, broken, broken_with, lambda stepped: fresh.fits(versions(stepped)), runs - 1
    )
    for blame in blames:
        print(sentence(blame, fresh.locked, newest))
    return 1


def sentence(blame: Blame, locked: Mapping[str, str], newest: Mapping[str, str]) -> str:
    """Say what breaks, and by which package's step."""
    steps = [f"{name} {locked[name]} -> {newest[name]}" for name in blame.packages]
    if not steps:
        head = "Broken with the locked versions, too"
    elif len(steps) == 1:
        head = f"{steps[0]} breaks"
    else:
        head = f"One of these, or several together, break: {', '.join(steps)}"
    doubt = "" if blame.seen else " (not seen whole with the locked versions)"
    more = len(blame.broken) - NAMED
    names = [*blame.broken[:NAMED], *([f"and {more} more"] if more > 0 else [])]
    return "\n  ".join([f"{head}{doubt}:", *names])


def pytest_check(root: Path, env: Mapping[str, str]) -> Check:
    """Return the check of the course: quick tests and all notebooks, or what is named of them.

    What is broken is run again, and counts if it is broken twice: chance is no package's doing.
    """

    def run(python: Path, tests: Sequence[str]) -> Sequence[str]:
        with tempfile.TemporaryDirectory() as folder:
            report = Path(folder) / "report.xml"
            command: list[str | Path] = [
                *(python, "-m", "pytest", "-q", "-n", "2", "--dist", "loadgroup", "--nbmake"),
                # Not --quick, which also fails where a test takes long, as on a busy machine.
                *("-m", "not slow and not locked", "-p", "no:cacheprovider", "--tb=line"),
                "--continue-on-collection-errors",
                *(f"--junitxml={report}", "-o", "junit_family=xunit1"),
                *(tests or ("tests/unit", "notebooks")),
            ]
            ended = subprocess.run(
                command, cwd=root, env=dict(env), stdin=subprocess.DEVNULL, check=False
            )
            if ended.returncode == 0:
                return []
            found = broken_in(report) if report.exists() else []
            return found or tests or ["tests/unit", "notebooks"]

    def check(python: Path, tests: Sequence[str]) -> Collection[str]:
        once = run(python, tests)
        twice = set(run(python, once)) if once else set()
        if whole := [name for name in once if name not in twice]:
            head = "Broken once and whole when run again, so no package is blamed for it:"
            print("\n  ".join([head, *whole]), flush=True)
        return [name for name in once if name in twice]

    return check


def broken_in(report: Path) -> list[str]:
    """Return the tests that a JUnit report of pytest calls failed, as pytest takes them."""
    found = []
    for case in ElementTree.parse(report).iter("testcase"):
        if case.find("failure") is None and case.find("error") is None:
            continue
        file, name = case.get("file") or "", case.get("name") or ""
        module = file.removesuffix(".py").replace("/", ".").replace("\\", ".")
        classes = (case.get("classname") or "").removeprefix(module).split(".")
        whole = file.endswith(".ipynb") or name == module  # a notebook; a file that does not load
        found.append(file if whole else "::".join(filter(None, [file, *classes, name])))
    return sorted(set(found))


def main(course: Checkout, *, beyond: bool) -> int:
    """Try the newest versions on the course."""
    with tempfile.TemporaryDirectory(prefix="course-fresh-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        env = clean_environment(folder / "venv") | uv_settings(course.pip_config())
        fresh = Fresh(course.root, course.uv, folder, course.locks("test"), env)
        check = pytest_check(course.root, {**env, "COURSE_LLM": "stub"})
        return try_newest(fresh, check, beyond=beyond)
