"""Behind a proxy: everything goes through its prefix, and only through it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from playwright.sync_api import Browser

from rag_tutorials.course.embedded.ports import free_port

from .conftest import (
    INSIDE,
    Lab,
    Notebook,
    copy_of_the_course,
    look_by_frame_link_and_tile,
    student_environment,
    wait_for,
    window_at,
)

pytestmark = pytest.mark.xdist_group("browser-lifecycle")
PREFIX = "/jupyterlab/default/"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Lab]:
    """JupyterLab under a path, without the course's command; a line in .env says which."""
    root = copy_of_the_course(tmp_path_factory.mktemp("proxy"))
    port, own = free_port(), root / "home"
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    env = student_environment(root) | {name: str(own / name) for name in places}
    env |= {"JUPYTER_TOKEN": "ada", "HOME": str(own)}
    (root / ".env").write_text(f"COURSE_PROXY_URL={PREFIX}proxy/{{port}}\n", encoding="utf-8")
    command = [sys.executable, "-m", "jupyterlab", "--log-level=ERROR", "--no-browser"]
    command += [f"--ServerApp.port={port}", f"--ServerApp.base_url={PREFIX}"]
    command += [f"--ServerApp.root_dir={root}", "--ServerApp.ip=localhost"]
    if sys.platform != "win32" and os.geteuid() == 0:
        command.append("--allow-root")
    with (root / "jupyterlab.log").open("wb") as log:
        process = psutil.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    lab = Lab(process, f"http://localhost:{port}{PREFIX.rstrip('/')}", "ada", root)
    wait_for(lambda: answers(lab), "JupyterLab")
    yield lab
    process.terminate()
    process.wait(timeout=120)


def answers(lab: Lab) -> bool:
    try:
        return bool(lab.ask("api/status"))
    except OSError:
        return False


def test_frame_link_and_tile_go_through_the_prefix(lab: Lab, chromium: Browser) -> None:
    with window_at(chromium, (f"{lab.url}/", lab.url.replace("http:", "ws:"), *INSIDE)) as window:
        notebook = Notebook(window.new_page(), lab, "00_start_here")
        notebook.run_all()
        said = notebook.page.locator(".jp-OutputArea").first.text_content() or ""
        assert re.search(rf"Phoenix will be at {PREFIX}proxy/\d+$", said, re.MULTILINE), said
        look_by_frame_link_and_tile(notebook)
