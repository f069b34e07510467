"""notebooks/way_home: each file runs in an environment of just the packages that it names.

The course is not installed there. The model is the stub; each Phoenix is a fresh one on loopback,
and where the files say nothing of ports, the environment does, as it does for a student.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import nbformat
import pytest
from _run import uv_settings, venv_python
from _setup import Checkout
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from rag_tutorials.course.embedded.ports import free_port
from rag_tutorials.course.equipment.processes import start
from rag_tutorials.stub_llm import StubLLM

pytestmark = pytest.mark.xdist_group("way-home")

ROOT = Path(__file__).parents[2]
HOME = ROOT / "notebooks" / "way_home"
SHARED = "rag_tutorials.course.equipment.second_phoenix"
PATIENCE = 120.0
# What a Phoenix of its own would do at its start besides: fetch from outside, ask who uses it.
OFFLINE = {"PHOENIX_ALLOW_EXTERNAL_RESOURCES": "false", "PHOENIX_TELEMETRY_ENABLED": "false"}


def packages(file: str) -> tuple[str, ...]:
    """Return the packages that a file's `pip install` names."""
    [names] = re.findall(r"pip install ([a-z -]+)", (HOME / file).read_text("utf-8"))
    return tuple(sorted(names.split()))


Bare = Callable[..., Path]


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> Bare:
    """Make an environment with packages and no others; give its Python.

    The versions are those of the course's lock, so that a release elsewhere turns no run red.
    """
    made: dict[tuple[str, ...], Path] = {}
    uv = str(venv_python(Path(sys.prefix)).with_name("uv.exe" if os.name == "nt" else "uv"))
    env = os.environ | uv_settings(Checkout(ROOT).pip_config())

    def make(*names: str) -> Path:
        if names not in made:
            folder = tmp_path_factory.mktemp("bare")
            python = venv_python(folder)
            subprocess.run([uv, "venv", "-q", "--python", sys.executable, folder], check=True)
            install = [uv, "pip", "install", "-q", "--python", python, "--compile-bytecode"]
            lock = ROOT / "requirements.lock"
            subprocess.run([*install, "-c", lock, *names], env=env, check=True)
            made[names] = python
        return made[names]

    return make


@pytest.fixture(scope="module")
def surroundings(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """What a program finds in its environment: a model that answers, and nothing of the course."""
    home = tmp_path_factory.mktemp("home")
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP") if name in os.environ}
    with StubLLM.start() as stub:
        yield (
            kept
            | OFFLINE
            | {
                "HOME": str(home),
                "USERPROFILE": str(home),
                "NO_PROXY": "localhost,127.0.0.1",
                "OPENAI_BASE_URL": stub.base_url,
                "OPENAI_API_KEY": "stub",
                "PHOENIX_WORKING_DIR": str(home / "phoenix"),
            }
        )


def ports() -> dict[str, str]:
    return {
        "PHOENIX_HOST": "127.0.0.1",
        "PHOENIX_PORT": str(free_port()),
        "PHOENIX_GRPC_PORT": str(free_port()),
    }


@contextmanager
def running(
    command: list[str | Path], env: dict[str, str], folder: Path
) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """Run a program beside the test; give it and the file that it prints to."""
    printed = folder / f"{Path(command[-1]).stem}.out"
    with printed.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            command, env=env, cwd=folder, stdout=output, stderr=subprocess.STDOUT, text=True
        )
        try:
            yield process, printed
        finally:
            if process.poll() is None:
                process.kill()
            process.wait()


def until(look: Callable[[], Any], process: subprocess.Popen[str], printed: Path) -> Any:
    """Ask until there is something; the program must live meanwhile."""
    deadline = time.monotonic() + PATIENCE
    while not (seen := look()):
        assert process.poll() is None, printed.read_text("utf-8")
        assert time.monotonic() < deadline, printed.read_text("utf-8")
        time.sleep(0.05)
    return seen


def answers(url: str) -> bool:
    try:
        return httpx.get(url, trust_env=False, timeout=120).is_success
    except httpx.TransportError:
        return False


def test_the_course_is_not_there(bare: Bare) -> None:
    python = bare(*packages("own_service.py"))
    found = subprocess.run([python, "-c", "import rag_tutorials"], capture_output=True, check=False)
    assert b"ModuleNotFoundError" in found.stderr
    shown = subprocess.run(
        [python, "-c", "import phoenix.server"], capture_output=True, check=False
    )
    assert b"ModuleNotFoundError" in shown.stderr  # the service needs no Phoenix of its own


@pytest.mark.parametrize("file", sorted(path.name for path in HOME.iterdir()))
def test_nothing_of_the_course_is_left_in_it(file: str) -> None:
    text = (HOME / file).read_text("utf-8")
    assert "rag_tutorials" not in text
    assert not re.search(r"\bcourse\.\w|prepare\(", text)
    for step in (
        "register(",
        ".instrument(",
        "start_as_current_span(",
        "get_spans(",
        ".shutdown()",
    ):
        assert step in text, f"{file} does not show {step}"


def test_a_script_beside_phoenix_serve(
    bare: Bare, surroundings: dict[str, str], tmp_path: Path
) -> None:
    python = bare(*packages("own_script.py"))
    env = surroundings | ports()
    shutil.copy(HOME / "own_script.py", tmp_path)
    script = [python, tmp_path / "own_script.py"]
    with running([python.with_name("phoenix"), "serve"], env, tmp_path) as (server, printed):
        until(
            lambda: answers(f"http://127.0.0.1:{env['PHOENIX_PORT']}/readyz"),
            server,
            printed,
        )
        run = subprocess.run(script, env=env, cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr
    assert sorted(run.stdout.split()[-2:]) == ["ChatCompletion", "answer"]


def test_a_service_and_a_backend_that_asks_for_a_key(
    bare: Bare, surroundings: dict[str, str], tmp_path: Path
) -> None:
    python = bare(*packages("own_service.py"))
    shutil.copy(HOME / "own_service.py", tmp_path)
    port = free_port()
    service: list[str | Path] = [python, "-u", tmp_path / "own_service.py", str(port)]
    with start(SHARED, "--folder", tmp_path / "phoenix") as backend:
        greeting = backend.wait_until_ready(PATIENCE)
        admin = {"authorization": f"Bearer {greeting['admin_secret']}"}
        with httpx.Client(
            base_url=greeting["url"], headers=admin, trust_env=False, timeout=PATIENCE
        ) as api:
            made = api.post("/v1/system/api_keys", json={"data": {"name": "my-service"}})
            key = made.raise_for_status().json()["data"]["key"]
            env = surroundings | {"PHOENIX_COLLECTOR_ENDPOINT": greeting["url"]}

            with running(service, env | {"PHOENIX_API_KEY": key}, tmp_path) as (one, printed):
                url = f"http://127.0.0.1:{port}/?question="
                until(lambda: "Listening" in printed.read_text("utf-8"), one, printed)
                assert "Traces arrive." in printed.read_text("utf-8")
                asked = "What is a trace?"
                answer = httpx.get(
                    url + urllib.parse.quote(asked), trust_env=False, timeout=PATIENCE
                )
                assert answer.status_code == 200
                one.send_signal(signal.SIGTERM)
                assert one.wait(PATIENCE) == 0
                assert key not in printed.read_text("utf-8")
            spans = api.get("/v1/projects/my-service/spans").raise_for_status().json()["data"]
            assert sorted(span["name"] for span in spans) == ["ChatCompletion", "answer", "start"]
            [mine] = [span for span in spans if span["name"] == "answer"]
            assert mine["attributes"]["input.value"] == asked
            assert mine["attributes"]["output.value"] == answer.text
            assert key not in str(spans)

            with running(service, env | {"PHOENIX_API_KEY": "wrong"}, tmp_path) as (two, printed):
                until(lambda: "Listening" in printed.read_text("utf-8"), two, printed)
                assert "TRACES DO NOT ARRIVE" in printed.read_text("utf-8")


def run_notebook(kernels: Path, env: dict[str, str], folder: Path) -> nbformat.NotebookNode:
    """Run own_notebook.ipynb in the kernel `bare`, again as it says if Phoenix took too long.

    Phoenix gives itself five seconds to start, however busy the machine is.
    """
    for tries_left in (2, 1, 0):
        notebook = nbformat.read(HOME / "own_notebook.ipynb", 4)
        specs = KernelSpecManager(kernel_dirs=[str(kernels)], ensure_native_kernel=False)
        manager = AsyncKernelManager(kernel_name="bare", kernel_spec_manager=specs)
        where = {"metadata": {"path": folder}}
        client = NotebookClient(notebook, km=manager, timeout=PATIENCE, resources=where)
        try:
            client.execute(env=env, cleanup_kc=True)
            break
        except CellExecutionError as error:
            if "server took too long to start" not in str(error) or not tries_left:
                raise
    return notebook


def test_a_notebook_with_phoenix_inside(
    bare: Bare, surroundings: dict[str, str], tmp_path: Path
) -> None:
    names = packages("own_notebook.ipynb")
    python = bare(*names, "ipykernel")  # a notebook runs in Jupyter, which brings it
    kernel = tmp_path / "kernels" / "bare"
    kernel.mkdir(parents=True)
    command = f'["{python.as_posix()}", "-m", "ipykernel_launcher", "-f", "{{connection_file}}"]'
    kernel.joinpath("kernel.json").write_text(
        f'{{"argv": {command}, "display_name": "bare", "language": "python"}}', "utf-8"
    )
    notebook = run_notebook(kernel.parent, surroundings | ports(), tmp_path)
    [cell] = [one for one in notebook.cells if one["id"] == "read-back"]
    said = "".join(one["text"] for one in cell["outputs"] if one.get("name") == "stdout")
    assert sorted(line for line in said.splitlines() if not line.startswith("http")) == [
        "CHAIN answer UNSET",
        "LLM ChatCompletion OK",
    ]


def test_each_instrumentor_named_is_one(bare: Bare) -> None:
    page = (ROOT / "notebooks" / "summary.md").read_text("utf-8")
    named = {
        f"openinference-instrumentation-{package}": name
        for package, name in re.findall(r"(?m)^\| `…-([a-z-]+)` \|.*\| `(\w+)` \|$", page)
    }
    assert len(named) >= 10
    python = bare(*sorted(named), "--no-deps")  # only their declarations are read
    ask = (
        "import importlib.metadata as m, json; print(json.dumps({d.name: [e.attr for e in"
        " d.entry_points if e.group == 'openinference_instrumentor'] for d in m.distributions()}))"
    )
    told = subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True)
    declared = json.loads(told.stdout)
    assert {package: declared[package] for package in named} == {
        package: [name] for package, name in named.items()
    }
