"""Notebooks run by pytest and by nbclient; kernels; JupyterLab's server and its proxy."""

from __future__ import annotations

import contextlib
import functools
import html
import os
import queue
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator

import httpx
import nbclient
import nbformat
import psutil
from nbformat import v4

from messages import UNTIL_THE_END, Said, closed_port, folder, output

_TOKEN = "messages"
FOLDER = folder()
_CELLS = {
    "slow": "import time\ntime.sleep(60)",
    "dead": "import os\nos._exit(1)",
    "asking": "input('Your question? ')",
    "elsewhere": "1",
}


def _notebook(name: str) -> nbformat.NotebookNode:
    kernel = "no-such-kernel" if name == "elsewhere" else "python3"
    return v4.new_notebook(
        cells=[v4.new_code_cell(_CELLS[name])],
        metadata={
            "kernelspec": {"name": kernel, "display_name": kernel, "language": "python"},
            "execution": {"timeout": _seconds(name)},
        },
    )


def _seconds(name: str) -> int:
    return 1 if name == "slow" else 120


def nbmake_cell_timed_out() -> list[Said]:
    """What pytest says of all these notebooks."""
    for name in _CELLS:
        nbformat.write(_notebook(name), FOLDER / f"{name}.ipynb")
    command = [sys.executable, "-m", "pytest", "-p", "no:phoenix", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, "--nbmake", "--color=no", str(FOLDER)],
        cwd=FOLDER,
        env=os.environ | {"COLUMNS": "200", "PYTEST_ADDOPTS": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    return output("pytest", done.stdout + done.stderr)


nbmake_internal_error = nbmake_cell_timed_out
nbmake_kernel_missing = nbmake_cell_timed_out
nbmake_input = nbmake_cell_timed_out
kernel_died_waiting = nbmake_cell_timed_out
kernel_over_tcp = nbmake_cell_timed_out


def _run(name: str) -> None:
    nbclient.NotebookClient(_notebook(name), timeout=_seconds(name)).execute(cwd=str(FOLDER))


def kernel_died() -> None:
    _run("dead")


def cell_timed_out() -> None:
    _run("slow")


def kernel_missing() -> None:
    _run("elsewhere")


def course_not_installed() -> list[Said]:
    """Another Python than the environment's: without its packages."""
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", "import rag_tutorials"],
        capture_output=True,
        text=True,
        check=False,
    )
    return output("python", done.stderr)


class _Server:
    """JupyterLab's server, with the proxy; ends with this process."""

    def __init__(self) -> None:
        with closed_port() as port:
            self.url = f"http://127.0.0.1:{port}"
        folders = {f"JUPYTER_{name}_DIR": str(FOLDER / name) for name in ("CONFIG", "RUNTIME")}
        self.process = subprocess.Popen(
            [
                *(sys.executable, "-m", "jupyter_server", "--no-browser", "--allow-root"),
                *(f"--port={port}", "--ServerApp.port_retries=0", "--ServerApp.ip=127.0.0.1"),
                *(f"--IdentityProvider.token={_TOKEN}", f"--ServerApp.root_dir={FOLDER}"),
            ],
            env=os.environ | folders,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        UNTIL_THE_END.callback(self.stop)
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()
        self.until("is running at")

    def _read(self) -> None:
        for line in self.process.stdout or ():
            self.lines.put(line)

    def until(self, words: str) -> str:
        """Return what it prints, up to the line with these words."""
        said = ""
        while words not in said:
            said += self.lines.get(timeout=120)
        return said

    def ask(self, method: str, path: str) -> httpx.Response:
        headers = {"Authorization": f"token {_TOKEN}"}
        return httpx.request(method, self.url + path, headers=headers, timeout=120)

    def stop(self) -> None:
        """End it with its kernels; it has nothing to keep, and takes its time when it is asked."""
        family = [*psutil.Process(self.process.pid).children(recursive=True), self.process]
        for one in family:
            with contextlib.suppress(psutil.NoSuchProcess):
                one.kill()
        self.process.wait()


@functools.cache
def _server() -> _Server:
    return _Server()


def proxy_refused() -> list[Said]:
    with closed_port() as port:
        page = _server().ask("GET", f"/proxy/{port}/").text
    return [*_page(page), *output("jupyter_server", _server().until("500 GET"))]


proxy_500 = proxy_refused


def proxy_host() -> list[Said]:
    return _page(_server().ask("GET", "/proxy/elsewhere:6006/").text)


def _page(text: str) -> list[Said]:
    return [Said("jupyter_server_proxy", "page", html.unescape(re.sub("<[^>]+>", "\n", text)))]


def _kernels_of(server: int) -> Iterator[psutil.Process]:
    for one in psutil.Process(server).children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended meanwhile
            if any("ipykernel_launcher" in part for part in one.cmdline()):
                yield one


def kernel_restarted() -> list[Said]:
    server = _server()
    server.ask("POST", "/api/kernels").raise_for_status()
    deadline = time.monotonic() + 120
    while not (kernels := list(_kernels_of(server.process.pid))):
        assert time.monotonic() < deadline, "the kernel did not start"
        time.sleep(0.05)
    kernels[0].kill()
    return output("jupyter_server", server.until("restarting kernel"))
