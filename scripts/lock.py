"""Renew the locks from pyproject.toml: ``python scripts/lock.py [--upgrade]``.

Without --upgrade, versions that still fit stay as they are. The locks serve every platform and
Python, pin hashes, and name no server. Needs the environment of ``course.py setup``.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace

from _locks import read_lock, write_lock
from _run import CommandError, uv_settings
from _setup import BOOTSTRAP, LOCKS, NEEDS, Checkout

SAME = (
    "--universal",
    "--python-version=3.11",
    "--generate-hashes",
    "--no-emit-index-url",
    "--no-annotate",
    "--no-header",
    "--quiet",
)
INSTALLER = "uv>=0.13,<0.14\n"  # within pyproject's build-system.requires: it builds the course


def main(arguments: Sequence[str] | None = None) -> int:
    """Write the locks and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest that fit")
    upgrade = ["--upgrade"] if parser.parse_args(arguments).upgrade else []
    course = Checkout()
    if not course.uv.exists():
        raise CommandError("There is no environment yet; run: python scripts/course.py setup")
    _compile(course, BOOTSTRAP, ["-", *upgrade])
    for kind, needs in NEEDS.items():
        # Held to the pins of the locks before it, a lock keeps only what it adds to them.
        before = [LOCKS[name] for name in needs if name != kind]
        extras = [f"--extra={name}" for name in needs if name != "lab"]
        held = [f"--constraint={lock}" for lock in before]
        _compile(course, LOCKS[kind], ["pyproject.toml", *extras, *held, *upgrade])
        # Hashes are not compared: an index may offer fewer files than another did.
        known = {
            replace(pin, hashes=()) for lock in before for pin in read_lock(course.root / lock)
        }
        pins = read_lock(course.root / LOCKS[kind])
        added = [pin for pin in pins if replace(pin, hashes=()) not in known]
        write_lock(course.root / LOCKS[kind], added)
    return 0


def _compile(course: Checkout, lock: str, arguments: Sequence[str]) -> None:
    subprocess.run(
        [course.uv, "pip", "compile", *SAME, *arguments, f"--output-file={lock}"],
        cwd=course.root,
        env=course.environment() | uv_settings(course.pip_config()),
        input=INSTALLER,
        text=True,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    print(f"wrote {lock}")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CommandError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
