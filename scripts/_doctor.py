"""Say in a few lines what is right on this machine and what is not, each with its remedy.

The last and longest look runs the first notebook: will it work here, offline?
"""

import json
import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from _lab import lab_environment
from _run import ADDRESS
from _setup import DATA, DISK_NEEDED, Checkout, listed

SET_UP = "run: python scripts/course.py lab"
LAB_PORT = 8888
DISK_TO_RUN = 5 * 10**8
MEMORY_NEEDED = 2 * 10**9
PROBE_TIMEOUT_S = 180
USUAL = "well under a minute on a quiet machine"


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's: ``remedy`` is what to do when ``ok`` is false, "" for a remark."""

    name: str
    ok: bool
    text: str
    remedy: str = ""

    def __str__(self) -> str:
        mark = "ok  " if self.ok else "FAIL" if self.remedy else "note"
        line = f"{mark}  {self.name:<12} {self.text}"
        return line if self.ok or not self.remedy else f"{line}\n{'':19}-> {self.remedy}"


def examine(course: Checkout) -> int:
    """Print a line for each thing looked at; return 0 if all is right, else 1."""
    findings = []
    for finding in _look(course):
        print(finding, flush=True)
        findings.append(finding)
    wrong = sum(1 for finding in findings if not finding.ok and finding.remedy)
    print(f"{wrong} to put right." if wrong else "All is right.")
    return 1 if wrong else 0


def _look(course: Checkout) -> Iterator[Finding]:
    yield check_version(course)
    yield Finding("Python", True, f"{platform.python_version()} on {platform.platform(terse=True)}")
    environment = check_environment(course)
    yield environment
    yield check_disk(course, installed=environment.ok)
    yield check_loopback()
    yield check_port(LAB_PORT)
    yield check_data(course)
    if environment.ok:
        print(f"      running the first notebook, {USUAL}", flush=True)
        yield from probe(course)
        return
    yield check_total_memory()
    yield Finding("LLM, notebook", False, "looked at once the environment is there")


def check_version(course: Checkout) -> Finding:
    """Say which version of the course this is."""
    try:
        return Finding("course", True, f"version {course.version()}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        said = f"its version cannot be read from pyproject.toml ({type(error).__name__})"
        return Finding("course", False, said, "get the course's files anew")


def check_environment(course: Checkout) -> Finding:
    """Look whether .venv is whole and what the lock asks for."""
    if problem := course.problem():
        return Finding("environment", False, f".venv is not usable: {problem}", SET_UP)
    if off := course.off("lab"):
        return Finding("environment", False, f"in .venv {listed(off)}", SET_UP)
    return Finding("environment", True, f".venv is complete ({course.python})")


def check_disk(course: Checkout, *, installed: bool) -> Finding:
    """Look for room to install, or for traces once that is done."""
    free = shutil.disk_usage(course.root).free
    needed = DISK_TO_RUN if installed else DISK_NEEDED
    return Finding(
        "disk",
        free >= needed,
        f"{free / 1e9:.1f} GB free, {needed / 1e9:.1f} GB needed",
        "free some, or move the course to another disk",
    )


def check_loopback() -> Finding:
    """Look whether a program here can listen on loopback and be reached there."""
    try:
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            with socket.create_connection(("127.0.0.1", port), timeout=5):
                pass
    except OSError as error:
        return Finding(
            "loopback",
            False,
            f"127.0.0.1 does not work ({error})",
            "let the firewall or the sandbox allow connections to 127.0.0.1",
        )
    return Finding("loopback", True, "programs here reach each other")


def check_port(port: int) -> Finding:
    """Look whether JupyterLab's usual port is free; if not, it takes the next one."""
    try:
        with socket.create_server(("127.0.0.1", port)):
            return Finding("port", True, f"{port} is free for JupyterLab")
    except OSError:
        return Finding("port", False, f"{port} is taken: JupyterLab will use the next free one")


def check_data(course: Checkout) -> Finding:
    """Look for the handbook and the queries."""
    missing = [name for name in DATA if not (course.root / name).is_file()]
    if missing:
        return Finding("data", False, f"{' and '.join(missing)} missing", SET_UP)
    return Finding("data", True, " and ".join(DATA))


def check_total_memory() -> Finding:
    """Look at the machine's memory with the standard library, which knows it on some systems."""
    unknown = Finding("memory", False, "looked at once the environment is there")
    if sys.platform == "win32":
        return unknown
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return unknown
    return Finding(
        "memory",
        total >= MEMORY_NEEDED,
        f"{total / 1e9:.1f} GB in this machine, {MEMORY_NEEDED / 1e9:.0f} GB needed",
        "use a machine with more memory",
    )


def probe(course: Checkout) -> list[Finding]:
    """Look from inside the environment: memory, LLM, traces, the first notebook in a kernel."""
    script = Path(__file__).with_name("_probe.py")
    traces = Path(os.environ.get("COURSE_STATE_DIR") or course.state) / "phoenix"
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        results = Path(folder) / "findings.jsonl"
        env = lab_environment(course) | {
            "COURSE_STATE_DIR": folder,
            "IPYTHONDIR": str(Path(folder) / "ipython"),
            "JUPYTER_RUNTIME_DIR": str(Path(folder) / "runtime"),
        }
        try:
            ended = subprocess.run(
                [course.python, script, results, traces],
                cwd=course.root,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                encoding="utf-8",
                errors="replace",
                timeout=PROBE_TIMEOUT_S,
                check=False,
            )
            said = "" if ended.returncode == 0 else ended.stdout
        except subprocess.TimeoutExpired:
            said = f"no answer within {PROBE_TIMEOUT_S} s"
        lines = results.read_text(encoding="utf-8").splitlines() if results.exists() else []
    findings = [Finding(**json.loads(line)) for line in lines]
    if said:
        last = ADDRESS.sub("<address>", said.strip().splitlines()[-1]) if said.strip() else "ended"
        findings.append(Finding("packages", False, last, f"remove the folder .venv, then {SET_UP}"))
    return findings
