"""Set-up, doctor and two lessons on every Python that is at hand, as a table for the README."""

import os
import platform
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

from _run import clean_environment
from _setup import Checkout

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
LESSONS = ("00_start_here", "04_auto_instrumentation")
STEPS = ("set-up", "doctor", *(f"lesson {lesson[:2]}" for lesson in LESSONS))
COPIED = ("data", "deploy", "notebooks", "scripts", "src")
EXECUTE = "from nbclient.cli import main; main()"
STEP_S = 1800.0
SAID = 30  # lines of the set-up's log


def at_hand(version: str) -> Path | None:
    """Return a Python of this version: on the path, of pyenv, or known to Windows' launcher."""
    home = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv") / "versions"
    names = (f"{version}.*/bin/python", f"pyenv-win/{version}.*/python.exe")
    places = [shutil.which(f"python{version}"), *(path for n in names for path in home.glob(n))]
    commands: list[list[str | Path]] = [[place] for place in places if place]
    if launcher := shutil.which("py"):
        commands.append([launcher, f"-{version}"])
    ask = "import sys; print(*sys.version_info[:2], sep='.'); print(sys.executable)"
    for command in commands:
        told = subprocess.run([*command, "-c", ask], capture_output=True, text=True, check=False)
        found, _, place = told.stdout.strip().partition("\n")
        if told.returncode == 0 and found == version:
            return Path(place)
    return None


def copy_course(root: Path, folder: Path) -> None:
    """Copy what a student gets: an environment in it is a new one."""
    for name in COPIED:
        hidden = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(root / name, folder / name, ignore=hidden)
    for file in root.iterdir():
        if file.is_file() and file.name != ".env":
            shutil.copy(file, folder)


def try_python(python: Path, folder: Path) -> dict[str, str]:
    """Run every step with a Python in a copy of the course; return "ok" or what went wrong.

    A step is left out after the set-up failed.
    """
    there = Checkout(folder)
    env = {
        **clean_environment(there.venv),
        "COURSE_LLM": "stub",
        "COURSE_STATE_DIR": str(there.state),
    }
    command: list[str | Path] = [python, folder / "scripts" / "course.py"]
    steps: dict[str, list[str | Path]] = {
        "set-up": [*command, "setup"],
        "doctor": [*command, "doctor"],
    }
    for lesson in LESSONS:
        notebook = folder / "notebooks" / f"{lesson}.ipynb"
        steps[f"lesson {lesson[:2]}"] = [there.python, "-c", EXECUTE, "--timeout=120", notebook]
    results: dict[str, str] = {}
    for name, step in steps.items():
        print(f"   {name}", flush=True)
        results[name] = "-" if results.get("set-up", "ok") != "ok" else _outcome(step, env, folder)
    if results["set-up"] != "ok" and there.log.exists():  # the folder is about to go
        print("\n".join(there.log.read_text(encoding="utf-8").splitlines()[-SAID:]), flush=True)
    return results


def _outcome(step: Sequence[str | Path], env: dict[str, str], folder: Path) -> str:
    try:
        ran = subprocess.run(
            step,
            cwd=folder,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=STEP_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"not done within {STEP_S:g} s"
    except OSError as error:
        print(error, flush=True)
        return "failed"
    if ran.returncode == 0:
        return "ok"
    print(ran.stdout[-3000:], flush=True)
    return "failed"


def table(rows: Sequence[tuple[str, str, dict[str, str]]]) -> str:
    """Return the README's table of Pythons: version, system, and the outcome of each step."""
    lines = [f"| Python | system | {' | '.join(STEPS)} |", "|---" * (len(STEPS) + 2) + "|"]
    for version, system, results in rows:
        cells = [results.get(step, "-") for step in STEPS]
        lines.append(f"| {version} | {system} | {' | '.join(cells)} |")
    return "\n".join(lines)


def main(course: Checkout, wanted: Sequence[str]) -> int:
    """Try the Pythons named, or all; print the table; return 0 if all that is at hand is right."""
    rows, right = [], True
    system = f"{platform.system()}, {platform.machine()}"
    for version in wanted or VERSIONS:
        python = at_hand(version)
        if python is None:
            rows.append((version, system, dict.fromkeys(STEPS, "not at hand")))
            continue
        print(f"== Python {version} ({python})", flush=True)
        with tempfile.TemporaryDirectory(
            prefix="course-python-", ignore_cleanup_errors=True
        ) as place:
            folder = Path(place) / "course"
            folder.mkdir()
            copy_course(course.root, folder)
            results = try_python(python, folder)
        rows.append((version, system, results))
        right &= set(results.values()) == {"ok"}
    print(table(rows))
    return 0 if right else 1
