"""The commands of scripts/course.py."""

import argparse
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import _class
import _fresh
import _pythons
from _doctor import examine
from _lab import FIRST, open_lab
from _release import DIST, check_version
from _run import CommandError, explain, stop_signals_interrupt, wait
from _setup import Checkout, Kind, RepairError

QUICK = [FIRST, "tests/unit"]
GRACE_S = 20.0
WITH_TESTS = ("test", "bench", "clients", "fresh", "release")  # what needs the tests' packages
STOPPED = 130  # what a shell calls a program that Ctrl-C ended


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    for stream in (sys.stdout, sys.stderr):  # a folder's name may not fit the console's encoding
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")
    options = _parser().parse_args(arguments)
    course = Checkout()
    try:
        with stop_signals_interrupt():
            return _run(course, options)
    except KeyboardInterrupt:
        print("\nStopped. Run the same command again to go on.", file=sys.stderr)
        return STOPPED
    except CommandError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except OSError as error:
        print(f"\n{error}\n{explain(str(error))}", file=sys.stderr)
        return 1


def _run(course: Checkout, options: argparse.Namespace) -> int:
    if options.command == "doctor":
        return examine(course)
    if options.command in ("progress", "reset"):
        return run_module(course, options)
    if options.command in ("join", "leave"):
        return run_membership(course, options)
    if options.command == "class":
        return _class.run(course, options)
    if options.command == "pythons":
        return _pythons.main(course, options.versions)
    kind: Kind = "test" if options.command in WITH_TESTS or options.test else "lab"
    if options.command == "site":
        kind = "site"
    try:
        course.ensure(kind)
    except RepairError as error:
        if options.command != "lab":
            raise
        print(f"\n{error}\nJupyterLab is opened all the same; what needs these may fail.")
    if options.command == "lab":
        return open_lab(course, options.port, browser=not options.no_browser)
    if options.command == "test":
        return run_tests(course, options.pytest, quick=options.quick)
    if options.command == "bench":
        return run_checks(course, benchmarks(course), course.environment())
    if options.command == "clients":
        command = [course.python, course.root / "scripts" / "clients.py", *options.names]
        return subprocess.run(
            command, cwd=course.root, env=course.environment(), check=False
        ).returncode
    if options.command == "fresh":
        return _fresh.main(course, beyond=options.beyond)
    if options.command == "release":
        return release(course)
    if options.command == "site":
        build = site_command(course, *(["--links"] if options.links else []), *options.lessons)
        return run_checks(course, {"site": build}, course.environment())
    print("The course is set up.")
    return 0


def release(course: Checkout) -> int:
    """Build all that a release is made of; return 0 if all of it could be built.

    Raises:
        CommandError: the version is not told alike everywhere.
    """
    print(f"Version {check_version(course)}", flush=True)
    build: list[str | Path] = [course.uv, "build", "--wheel", "--out-dir", course.root / DIST]
    parts = {"wheel": build, "site": site_command(course)}
    return run_checks(course, parts, course.environment())


def site_command(course: Checkout, *arguments: str) -> list[str | Path]:
    """Return the command that builds the site, in the course's environment."""
    return [course.python, course.root / "scripts" / "build_site.py", *arguments]


def run_module(course: Checkout, options: argparse.Namespace) -> int:
    """Run the command in the course's environment.

    Raises:
        CommandError: the environment cannot be used.

    """
    command: list[str] = []
    if options.command == "progress" and options.reset:
        command += ["--reset", options.reset]
    elif options.command == "reset" and options.lesson:
        command += [options.lesson]
    command += ["--yes"] if options.yes else []
    return _run_in(course, f"rag_tutorials.course.student.{options.command}", command, {})


def run_membership(course: Checkout, options: argparse.Namespace) -> int:
    """Join a class or leave it, in the course's environment.

    The code goes there in a variable: command lines can be read by every user of a machine.

    Raises:
        CommandError: the environment cannot be used.

    """
    command = [options.command]
    setting: dict[str, str] = {}
    if options.command == "join":
        command += [f"--name={options.name}"] if options.name else []
        command += ["--verdicts-only"] if options.verdicts_only else []
        setting = {"COURSE_CLASS": options.code} if options.code else {}
    return _run_in(course, "rag_tutorials.classroom.student.commands", command, setting)


def _run_in(
    course: Checkout, module: str, arguments: Sequence[str], setting: Mapping[str, str]
) -> int:
    """Run a module in the course's environment, which must be there: it sets nothing up.

    Raises:
        CommandError: the environment cannot be used.

    """
    course.require()
    env = {**course.environment(), **setting}
    command: list[str | Path] = [course.python, "-m", module, *arguments]
    return subprocess.run(command, cwd=course.root, env=env, check=False).returncode


def run_tests(course: Checkout, extra: Sequence[str], *, quick: bool = False) -> int:
    """Run the linter, the type checker and all tests, notebooks included; ``extra`` is pytest's.

    With ``quick``, only the unit tests that are quick, and the first notebook.
    """
    python = course.python
    checks: dict[str, list[str | Path]] = {
        "ruff check": [python, "-m", "ruff", "check"],
        "ruff format": [python, "-m", "ruff", "format", "--check"],
        "mypy": [python, "-m", "mypy"],
        # What only POSIX has is an error there. Its cache is apart, or each run would undo it.
        "mypy for Windows": [
            python,
            *("-m", "mypy", "--platform", "win32", "--cache-dir", ".mypy_cache/win32"),
        ],
        "pytest": [python, "-m", "pytest", *pytest_arguments(course.root, extra, quick=quick)],
    }
    env = course.environment() | {"COURSE_LLM": "stub"}
    return run_checks(course, checks, env)


def benchmarks(course: Checkout) -> dict[str, list[str | Path]]:
    """Return the command of each benchmark, by its name."""
    files = sorted((course.root / "tests" / "benchmarks").glob("bench_*.py"))
    return {file.stem: [course.python, file] for file in files}


def run_checks(
    course: Checkout,
    checks: Mapping[str, Sequence[str | Path]],
    env: Mapping[str, str],
    grace_s: float = GRACE_S,
) -> int:
    """Run every check, also after one failed; return 0 if all passed, else 1.

    A check that is to stop has ``grace_s`` seconds to end by itself what it has started. However
    this ends, nothing of it lives on: see _checks.py.
    """
    program = Path(__file__).with_name("_checks.py")
    commands = {name: [str(part) for part in command] for name, command in checks.items()}
    process = subprocess.Popen(
        [course.python, program, json.dumps(commands), str(grace_s)],
        cwd=course.root,
        env=env,
        stdin=subprocess.PIPE,
        start_new_session=True,
        creationflags=getattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0),
    )
    try:
        return wait(process)
    except KeyboardInterrupt:
        print("\nStopping the checks and all that they have started", flush=True)
        raise
    finally:
        assert process.stdin is not None
        process.stdin.close()
        _wait_for_the_end(process)


def _wait_for_the_end(process: "subprocess.Popen[bytes]") -> None:
    """Wait, whatever else is pressed: it ends within half a minute, and must not be left alone."""
    while True:
        try:
            wait(process)
            return
        except KeyboardInterrupt:
            continue


def pytest_arguments(root: Path, extra: Sequence[str], *, quick: bool = False) -> list[str]:
    """Return pytest's arguments: the whole suite, unless ``extra`` names a path of its own."""
    named = any((root / part.split("::")[0]).exists() for part in extra if part[:1] != "-")
    suite = [] if named else QUICK if quick else ["notebooks", "tests"]
    # A group shares one kernel or one Lab. The notebooks take longest, so they start first.
    xdist = ["-n", "2", "--dist", "loadgroup"]
    return [*xdist, "--nbmake", *(["--quick"] if quick else []), *suite, *extra]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="course.py",
        description="Set up and run the course. The first run downloads what it needs into .venv.",
    )
    commands = parser.add_subparsers(dest="command", required=True)
    parser.set_defaults(test=False)
    lab = commands.add_parser("lab", help="open the course in JupyterLab")
    lab.add_argument("--no-browser", action="store_true", help="print the address, open nothing")
    lab.add_argument("--port", type=int, default=8888, help="JupyterLab's port (default 8888)")
    test = commands.add_parser("test", help="run every test, notebooks included")
    quick = "in a minute: lint, types, quick unit tests, the first notebook"
    test.add_argument("--quick", action="store_true", help=quick)
    test.add_argument("pytest", nargs="*", help="arguments for pytest, after --")
    commands.add_parser("bench", help="measure the course's speed, in about 20 minutes")
    clients = commands.add_parser(
        "clients", help="drive the stub with other people's clients, each at its newest"
    )
    clients.add_argument("names", nargs="*", metavar="NAME", help="some alone, such as dspy")
    fresh = commands.add_parser(
        "fresh", help="try the newest dependencies elsewhere; name the one that breaks something"
    )
    fresh.add_argument("--beyond", action="store_true", help="without upper bounds, too")
    pythons = commands.add_parser(
        "pythons", help="set-up, doctor and two lessons on every Python that is at hand"
    )
    pythons.add_argument("versions", nargs="*", metavar="VERSION", help="some alone, such as 3.12")
    commands.add_parser("release", help="build the wheel and the site")
    site = commands.add_parser("site", help="build the course as a web site, outputs included")
    site.add_argument("--links", action="store_true", help="follow the links to elsewhere, too")
    site.add_argument("lessons", nargs="*", metavar="LESSON", help="run these alone, such as 02")
    commands.add_parser("doctor", help="say what is right on this machine and what is not")
    progress = commands.add_parser("progress", help="show which exercises you have passed")
    forget = "forget what was passed in a lesson, such as 01, or in all; asks first"
    progress.add_argument("--reset", nargs="?", const="all", metavar="LESSON", help=forget)
    reset = commands.add_parser("reset", help="clear traces and progress; asks first")
    reset.add_argument("lesson", nargs="?", help="a lesson, such as 01; without it, all")
    for asks in (progress, reset):
        asks.add_argument("--yes", action="store_true", help="do not ask")
    join = commands.add_parser("join", help="join a class with the code of your instructor")
    join.add_argument("code", nargs="?", help="the class code; without it you are asked")
    join.add_argument("--name", help="your name, where the code does not carry it")
    only = "send neither traces nor what a check saw, verdicts alone"
    join.add_argument("--verdicts-only", action="store_true", help=only)
    commands.add_parser("leave", help="leave the class: nothing is sent any more")
    _class.add_parser(commands)
    setup = commands.add_parser("setup", help="set up without opening anything")
    setup.add_argument("--test", action="store_true", help="with what the tests need")
    return parser
