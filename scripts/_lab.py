"""Open JupyterLab on the course and stop it together with the command.

The course brings its own JupyterLab settings (scripts/lab) and keeps what JupyterLab writes under
the ignored folder .course/lab, so that a student's own JupyterLab stays as it is.
"""

import contextlib
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
import webbrowser
from pathlib import Path

from _run import CommandError, open_private, private_folder, wait
from _setup import Checkout

FIRST = "notebooks/00_start_here.ipynb"
START_TIMEOUT_S = 90.0
STOP_TIMEOUT_S = 20.0


def lab_environment(course: Checkout) -> dict[str, str]:
    """Return the variables that give JupyterLab the course's settings instead of the user's."""
    own = course.state / "lab"
    places = {
        "IPYTHONDIR": own / "ipython",
        "JUPYTERLAB_SETTINGS_DIR": own / "settings",
        "JUPYTERLAB_WORKSPACES_DIR": own / "workspaces",
        "JUPYTER_CONFIG_DIR": own / "config",
        "JUPYTER_CONFIG_PATH": course.root / "scripts" / "lab",
        "JUPYTER_DATA_DIR": own / "data",
    }
    env = course.environment()
    for name in ("JUPYTER_PATH", "JUPYTERLAB_DIR", "JUPYTER_NO_CONFIG"):
        env.pop(name, None)
    return env | {name: str(place) for name, place in places.items()}


def _bring_along(course: Checkout) -> None:
    """Put in place what JupyterLab and IPython read from folders that they also write to."""
    source, own = course.root / "scripts" / "lab", course.state / "lab"
    for file, folder in (
        (source / "ipython" / "00_import_phoenix.py", own / "ipython/profile_default/startup"),
        (source / "custom.css", own / "config" / "custom"),
    ):
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, folder / file.name)


def open_lab(course: Checkout, port: int, *, browser: bool) -> int:
    """Run JupyterLab until Ctrl-C, then stop it and its kernels.

    Raises:
        CommandError: it did not start, or ended by itself.

    """
    own = course.state / "lab"
    for folder in (course.state, own):
        private_folder(folder)
    _bring_along(course)
    token = secrets.token_hex(16)
    command: list[str | Path] = [course.python, "-m", "jupyterlab", "--log-level=ERROR"]
    command += [f"--ServerApp.root_dir={course.root}", f"--ServerApp.port={port}"]
    if sys.platform != "win32" and os.geteuid() == 0:
        command.append("--allow-root")  # containers; it listens on loopback only
    if os.name == "posix":
        # Any user of this machine can listen to TCP on loopback.
        command.append("--KernelManager.transport=ipc")
    print("Starting JupyterLab", flush=True)
    log = own / "jupyterlab.log"
    with (
        tempfile.TemporaryDirectory(
            prefix="run-", dir=_short(own), ignore_cleanup_errors=True
        ) as runtime,
        open(log, "wb", opener=open_private) as output,
    ):
        # A session of its own keeps the terminal's Ctrl-C away from it: we stop it, in order.
        process = subprocess.Popen(
            command,
            cwd=course.root,
            env=lab_environment(course) | {"JUPYTER_RUNTIME_DIR": runtime, "JUPYTER_TOKEN": token},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            taken = _port_of(process, Path(runtime), log)
            url = f"http://localhost:{taken}/lab/tree/{FIRST}?token={token}"
            if port not in (0, taken):
                print(f"Port {port} is taken; this is {taken}.")
            print(f"JupyterLab is open at\n  {url}\nCtrl-C here stops it and all notebooks.")
            sys.stdout.flush()
            if browser and not webbrowser.open(url):
                print("No browser was found: open the address in one.", flush=True)
            wait(process)
            raise CommandError(f"JupyterLab ended by itself.\n{_tail(log)}")
        except KeyboardInterrupt:
            print("\nStopping JupyterLab and its notebooks", flush=True)
            return 0
        finally:
            _stop(process)


def _short(folder: Path, system: str = os.name) -> Path:
    """Return this folder, or one for temporary files if kernels' sockets in it had too long a name.

    Such a name has 103 bytes at most on macOS, 107 on Linux. On Windows there are no such sockets.
    """
    if system != "posix":
        return folder
    rest = len(f"/run-12345678/kernel-{uuid.UUID(int=0)}-ipc-5")
    for place in (folder, Path(tempfile.gettempdir())):
        if len(os.fsencode(place)) + rest <= 103:
            return place
    return Path("/tmp")


def _port_of(process: "subprocess.Popen[bytes]", runtime: Path, log: Path) -> int:
    """Wait until JupyterLab answers at the port that it has written down, and return the port."""
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        for file in runtime.glob("jpserver-*.json"):
            # The file may be half written, and is there before anybody listens.
            with contextlib.suppress(OSError, ValueError):
                port = int(json.loads(file.read_text(encoding="utf-8"))["port"])
                socket.create_connection(("localhost", port), timeout=5).close()
                return port
        time.sleep(0.1)
    raise CommandError(
        f"JupyterLab did not start. It said:\n{_tail(log)}\nIf that speaks of a port, choose"
        " another one with --port; if of a missing file, remove the folder .venv and try again."
    )


def _tail(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines()
    return "\n".join(lines[-8:])


def _stop(process: "subprocess.Popen[bytes]") -> None:
    """Stop JupyterLab, which stops its kernels first; on Windows Ctrl-C has reached it already."""
    if process.poll() is None and os.name != "nt":
        process.terminate()
    try:
        process.wait(timeout=STOP_TIMEOUT_S)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()
