"""The wheel of a release, installed where nothing else is."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import _cli
import pytest
from _run import uv_settings, venv_python
from _setup import Checkout

from .test_way_home import surroundings as surroundings

pytestmark = pytest.mark.xdist_group("way-home")

ROOT = Path(__file__).parents[2]
UV = venv_python(Path(sys.prefix)).with_name("uv.exe" if os.name == "nt" else "uv")
# The application and its tracing, against the stub; no file of the repository.
USE = """
import sys
from importlib.metadata import entry_points, version
from openai import OpenAI
import rag_tutorials
from rag_tutorials.qa import answer_with_context
from rag_tutorials.stub_llm import StubLLM
from rag_tutorials.course import CourseError, prepare

with StubLLM.start() as stub:
    print(OpenAI(base_url=stub.base_url, api_key="stub").models.list().data[0].id)
[tile] = entry_points(group="jupyter_serverproxy_servers", name="phoenix")
print(open(tile.load()()["launcher_entry"]["icon_path"]).read()[:4], version("rag-tutorials"))
print(rag_tutorials.__file__)
try:
    prepare("00_start_here")
except CourseError as error:
    print(error)
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build a release as the command does, in a copy of what it needs."""
    root = tmp_path_factory.mktemp("release")
    hidden = shutil.ignore_patterns("__pycache__")
    for folder in ("src", "scripts"):
        shutil.copytree(ROOT / folder, root / folder, ignore=hidden)
    for file in ROOT.iterdir():
        if file.is_file() and file.name != ".env":
            shutil.copy(file, root)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Checkout, "python", Path(sys.executable))
        patch.setattr(Checkout, "uv", UV)
        # Building the site has tests of its own.
        done = "import pathlib; pathlib.Path('site-was-built').touch()"
        patch.setattr(_cli, "site_command", lambda course: [course.python, "-c", done])
        assert _cli.release(Checkout(root)) == 0
    assert (root / "site-was-built").exists()
    [built] = (root / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def bare(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install it with what it needs; give the Python."""
    folder = tmp_path_factory.mktemp("bare")
    python = venv_python(folder)
    env = os.environ | uv_settings(Checkout(ROOT).pip_config())
    subprocess.run([UV, "venv", "-q", "--python", sys.executable, folder], check=True)
    install = [UV, "pip", "install", "-q", "--python", python, "-c", ROOT / "requirements.lock"]
    subprocess.run([*install, wheel], env=env, check=True)
    return python


def test_the_wheel_holds_the_package_and_its_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    source = ROOT / "src"
    wanted = {
        file.relative_to(source).as_posix()
        for file in (source / "rag_tutorials").rglob("*")
        if file.is_file() and "__pycache__" not in file.parts
    }
    held = {name for name in names if ".dist-info/" not in name and not name.endswith("/")}
    assert held == wanted
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert wheel.name.split("-")[1] == Checkout(ROOT).version()


def test_it_works_where_nothing_else_of_the_course_is(
    bare: Path, surroundings: dict[str, str], tmp_path: Path
) -> None:
    run = subprocess.run(
        [bare, "-c", USE], env=surroundings, cwd=tmp_path, capture_output=True, text=True
    )
    assert run.returncode == 0, run.stderr
    model, tile, place, sentence = run.stdout.splitlines()
    assert model
    assert tile == f"<svg {Checkout(ROOT).version()}"
    assert Path(place).is_relative_to(bare.parents[1])
    assert "notebooks/course.toml was not found" in sentence  # a notebook needs the course's files


def test_a_lesson_runs_beside_the_courses_files(
    bare: Path, surroundings: dict[str, str], tmp_path: Path
) -> None:
    for folder in ("notebooks", "data"):
        shutil.copytree(ROOT / folder, tmp_path / folder)
    execute = "from nbclient.cli import main; main()"
    notebook = tmp_path / "notebooks" / "00_start_here.ipynb"
    own = {name: value for name, value in surroundings.items() if not name.startswith("OPENAI_")}
    run = subprocess.run(
        [bare, "-c", execute, "--timeout=120", notebook],
        env=own | {"COURSE_LLM": "stub", "VIRTUAL_ENV": str(bare.parents[1])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    assert list((tmp_path / ".course" / "phoenix").glob("00_start_here/phoenix.db"))
