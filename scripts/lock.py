"""Renew the locks from pyproject.toml: ``python scripts/lock.py [--upgrade]``.

Without --upgrade, versions that still fit stay as they are. The locks serve every platform and
Python, pin hashes, and name no server. Needs the environment of ``course.py setup``.
"""

import argparse
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from _locks import read_lock, write_lock
from _run import CommandError, uv_settings
from _setup import BOOTSTRAP, LOCKS, Checkout

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
    """Write the three locks and return the exit status."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--upgrade", action="store_true", help="take the newest that fit")
    options = parser.parse_args(arguments)
    course = Checkout()
    if not course.uv.exists():
        raise CommandError("There is no environment yet; run: python scripts/course.py setup")
    env = course.environment() | uv_settings(course.pip_config())
    compile_lock: list[str | Path] = [course.uv, "pip", "compile", *SAME]
    compile_lock += ["--upgrade"] if options.upgrade else []
    # The tests' lock is held to the lab's pins, and keeps only what it adds to them.
    for sources, lock in (
        (["-"], BOOTSTRAP),
        (["pyproject.toml"], LOCKS["lab"]),
        (["pyproject.toml", "--extra=test", f"--constraint={LOCKS['lab']}"], LOCKS["test"]),
    ):
        subprocess.run(
            [*compile_lock, *sources, f"--output-file={lock}"],
            cwd=course.root,
            env=env,
            input=INSTALLER,
            text=True,
            stdout=subprocess.DEVNULL,
            check=True,
        )
        if lock == LOCKS["test"]:
            # Hashes are not compared: an index may offer fewer files than another did.
            in_lab = {replace(pin, hashes=()) for pin in read_lock(course.root / LOCKS["lab"])}
            pins = read_lock(course.root / lock)
            added = [pin for pin in pins if replace(pin, hashes=()) not in in_lab]
            write_lock(course.root / lock, added)
        print(f"wrote {lock}")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (CommandError, subprocess.CalledProcessError) as error:
        sys.exit(str(error))
