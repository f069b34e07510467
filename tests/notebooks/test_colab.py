"""The README's cell for Colab, run as there: a plain kernel, a restart, a lesson, a window.

Its environment has IPython's kernel and pip, nothing of the course. In place of Colab's own module
stands one that notes what it is asked. So that nothing is downloaded, the repository is this folder
under git, pip builds with the installed uv and takes no dependencies; where pip would have put
them, this test points to the ones of the environment that it runs in.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from _run import uv_settings, venv_python
from _setup import Checkout
from jupyter_client.kernelspec import KernelSpecManager
from jupyter_client.manager import KernelManager

from .conftest import Kernel

pytestmark = pytest.mark.xdist_group("way-home")

ROOT = Path(__file__).parents[2]
ELSEWHERE = (ROOT / "README.md").read_text("utf-8").partition("## Elsewhere\n")[2]
UV = venv_python(Path(sys.prefix)).with_name("uv.exe" if os.name == "nt" else "uv")
# The build backend is a part of uv; pip looks for it as a package.
BACKEND = f"""
import subprocess
def _ask(hook, *arguments):
    said = subprocess.run([{str(UV)!r}, "build-backend", hook, *arguments], check=True,
                          stdout=subprocess.PIPE, text=True).stdout
    return said.split()[-1]
def build_editable(folder, settings=None, metadata=None):
    return _ask("build-editable", folder)
def build_wheel(folder, settings=None, metadata=None):
    return _ask("build-wheel", folder)
"""
# Phoenix asks Colab's page for an address when it starts there.
OUTPUT = """
def eval_js(script):
    assert script.startswith("google.colab.kernel.proxyPort("), script
    return "https://colab.example.com/"
def serve_kernel_port_as_window(port, **_):
    print(f"a window on {port}")
"""


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make Colab's environment; give its folder of packages."""
    folder = tmp_path_factory.mktemp("colab") / "env"
    env = os.environ | uv_settings(Checkout(ROOT).pip_config())
    subprocess.run([UV, "venv", "-q", "--python", sys.executable, folder], check=True)
    install = [UV, "pip", "install", "-q", "--python", venv_python(folder), "--compile-bytecode"]
    lock = ROOT / "requirements.lock"
    subprocess.run([*install, "-c", lock, "ipykernel", "pip"], env=env, check=True)
    [packages] = [*folder.glob("lib/python*/site-packages"), *folder.glob("Lib/site-packages")]
    (packages / "google" / "colab").mkdir(parents=True)
    (packages / "google" / "colab" / "__init__.py").touch()
    (packages / "google" / "colab" / "output.py").write_text(OUTPUT, "utf-8")
    (packages / "uv_build.py").write_text(BACKEND, "utf-8")
    return packages


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Put the course's files, as they are now, into a repository; give its address."""
    if shutil.which("git") is None:
        pytest.skip("No git: install it for the test of the cell for Colab.")
    folder = tmp_path_factory.mktemp("repository")
    for name in ("data", "notebooks", "scripts", "src"):
        hidden = shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        shutil.copytree(ROOT / name, folder / name, ignore=hidden)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    who = ["-c", "user.name=x", "-c", "user.email=x@example.com", "-c", "commit.gpgsign=false"]
    for step in (["init", "-q"], ["add", "-A"], [*who, "commit", "-q", "-m", "now"]):
        subprocess.run(["git", *step], cwd=folder, check=True)
    return folder.as_uri()


Start = Callable[[Mapping[str, str]], Kernel]


@pytest.fixture
def start(plain: Path, tmp_path: Path) -> Iterator[Start]:
    """Start Colab's kernel in a folder of its own."""
    kernels: list[Kernel] = []
    spec = tmp_path / "kernels" / "colab"
    spec.mkdir(parents=True)
    python = venv_python(plain.parents[0 if os.name == "nt" else 2])
    argv = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    described = {"argv": argv, "display_name": "colab", "language": "python"}
    (spec / "kernel.json").write_text(json.dumps(described), "utf-8")

    def begin(environment: Mapping[str, str]) -> Kernel:
        specs = KernelSpecManager(kernel_dirs=[str(spec.parent)], ensure_native_kernel=False)
        manager = KernelManager(kernel_name="colab", kernel_spec_manager=specs)
        kernels.append(Kernel(environment, manager))
        return kernels[-1]

    yield begin
    for kernel in kernels:
        kernel.stop()


def imports(kernel: Kernel, name: str) -> bool:
    return not kernel.run(f"import {name}").error


def test_the_cell_a_restart_and_a_lesson(
    start: Start, plain: Path, repository: str, tmp_path: Path
) -> None:
    content = tmp_path / "content"
    content.mkdir()
    [cell] = re.findall(r"```python\n(.*?)```", ELSEWHERE, re.DOTALL)
    cell = re.sub(r'(?m)^(REPOSITORY = )"[^"]+"$', rf'\1"{repository}"', cell)
    assert repository in cell

    nowhere = {"COURSE_STATE_DIR": "", "COURSE_PROVE_EXERCISES": ""}
    nowhere["IPYTHONDIR"] = str(tmp_path / "ipython")
    pip = {"PIP_NO_DEPS": "1", "PIP_NO_BUILD_ISOLATION": "0", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    kernel = start({**nowhere, **pip})
    kernel.run(f"%cd {content.as_posix()}")
    assert imports(kernel, "google.colab")
    assert not imports(kernel, "phoenix")
    assert not imports(kernel, "rag_tutorials")
    done = kernel.run(cell)
    assert not done.error, done.error
    assert (content / "course" / "notebooks" / "00_start_here.ipynb").is_file(), done
    assert "restart the kernel" in done.stdout, done  # pip says so itself

    (plain / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", "utf-8")
    kernel.restart()
    kernel.run(f"%cd {content.as_posix()}")  # where Colab's kernels begin
    place = kernel.ask("__import__('rag_tutorials').__file__")
    assert Path(place).is_relative_to(content / "course" / "src")
    notebook = json.loads((content / "course/notebooks/00_start_here.ipynb").read_text("utf-8"))
    for one in notebook["cells"]:
        if one["cell_type"] == "code":
            ran = kernel.run("".join(one["source"]))
            assert not ran.error, ran.error
    kernel.run("from google.colab import output")
    port = kernel.ask("course.port")
    opened = kernel.run("output.serve_kernel_port_as_window(course.port)")
    assert opened.stdout == f"a window on {port}\n", opened
    assert (content / "course" / ".course" / "phoenix").is_dir()  # its traces are kept there
