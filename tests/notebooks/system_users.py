"""Users of the operating system, made for a test and removed after it."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

if sys.platform != "win32":
    import pwd

# The least capability that lets a user run a Python below /root: to read, not to be root.
_READING = ("--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search")
_FOLDER = "course-users-"
_PACKAGES = {"useradd": "passwd", "setpriv": "util-linux", "curl": "curl"}


def setpriv(name: str) -> list[str]:
    """Return the beginning of a command that runs as this user, and may read what root may."""
    user = pwd.getpwnam(name)
    return [
        "setpriv",
        f"--reuid={user.pw_uid}",
        f"--regid={user.pw_gid}",
        "--clear-groups",
        *_READING,
    ]


@dataclass(frozen=True)
class SystemUser:
    """A user of this machine with a home folder."""

    name: str
    home: Path

    def python(self, *arguments: object) -> list[str]:
        """Return the command that runs the tests' Python as this user."""
        return [*setpriv(self.name), sys.executable, *map(str, arguments)]

    def output(self, *command: object) -> str:
        """Return what a program prints that runs as this user.

        Raises:
            subprocess.CalledProcessError: its status is not 0.
        """
        return subprocess.check_output(
            ["runuser", "-u", self.name, "--", *map(str, command)], text=True
        )


@contextlib.contextmanager
def system_users(*names: str) -> Iterator[list[SystemUser]]:
    """Make users for a while; what they have left running is ended. Skip where that cannot be."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("Only root on Linux can make two users (the container of CI is root).")
    if missing := [name for name in _PACKAGES if not shutil.which(name)]:
        packages = ", ".join(_PACKAGES[name] for name in missing)
        pytest.skip(f"Two users need {', '.join(missing)} (Debian: {packages}).")
    _remove_what_a_killed_run_has_left()
    with contextlib.ExitStack() as stack:
        # Not below pytest's own folder, which is for root alone.
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix=_FOLDER)))
        folder.chmod(0o755)
        made = [SystemUser(f"{name}-{os.getpid():x}", folder / name) for name in names]
        for user in made:
            subprocess.run(
                ["useradd", "--system", "--home-dir", str(user.home), user.name], check=True
            )
            stack.callback(_remove, user.name)
            user.home.mkdir(mode=0o755)
            shutil.chown(user.home, user.name)
        yield made


def _remove_what_a_killed_run_has_left() -> None:
    for user in pwd.getpwall():
        folder, run = Path(user.pw_dir).parent, user.pw_name.rpartition("-")[2]
        if folder.name.startswith(_FOLDER) and not psutil.pid_exists(int(run, 16)):
            with contextlib.suppress(KeyError, subprocess.CalledProcessError):
                _remove(user.pw_name)  # unless another run has done so meanwhile
            shutil.rmtree(folder, ignore_errors=True)


def _remove(name: str) -> None:
    uid = pwd.getpwnam(name).pw_uid
    while processes := list(_running_as(uid)):
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=10)
    # By force: whose parent has not asked how it ended yet still counts as a user's process.
    subprocess.run(["userdel", "--force", name], check=True)


def _running_as(uid: int) -> Iterator[psutil.Process]:
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.uids().real == uid and process.status() != psutil.STATUS_ZOMBIE:
                yield process
