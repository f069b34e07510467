"""Behind a hub, or another proxy: everything goes through its prefix, and only through it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, Request, expect

from rag_tutorials.course.embedded.ports import free_port

from .conftest import (
    Lab,
    Notebook,
    copy_of_the_course,
    student_environment,
    tree_in_phoenix,
    wait_for,
)

pytestmark = pytest.mark.xdist_group("browser-lifecycle")
# What says so, and under which path JupyterLab is: a hub's variable, or a line in .env.
PLACES = {
    "/user/ada/": ("JUPYTERHUB_SERVICE_PREFIX", "/user/ada/"),
    "/jupyterlab/default/": ("COURSE_PROXY_URL", "/jupyterlab/default/proxy/{port}"),
}


@pytest.fixture(scope="module", params=PLACES)
def prefix(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def hub(prefix: str, tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Lab]:
    """JupyterLab as a hub starts it for the user ada: without the course's command."""
    name, value = PLACES[prefix]
    root = copy_of_the_course(tmp_path_factory.mktemp("hub"))
    port, own = free_port(), root / "home"
    places = ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR")
    env = student_environment(root) | {name: str(own / name) for name in places}
    env |= {"JUPYTER_TOKEN": "ada", "HOME": str(own)}
    if name.startswith("COURSE_"):
        (root / ".env").write_text(f"{name}={value}\n", encoding="utf-8")
    else:
        env[name] = value
    command = [sys.executable, "-m", "jupyterlab", "--log-level=ERROR", "--no-browser"]
    command += [f"--ServerApp.port={port}", f"--ServerApp.base_url={prefix}"]
    command += [f"--ServerApp.root_dir={root}", "--ServerApp.ip=localhost"]
    if sys.platform != "win32" and os.geteuid() == 0:
        command.append("--allow-root")
    with (root / "jupyterlab.log").open("wb") as log:
        process = psutil.Popen(command, env=env, stdout=log, stderr=subprocess.STDOUT)
    lab = Lab(process, f"http://localhost:{port}{prefix.rstrip('/')}", "ada", root)
    wait_for(lambda: answers(lab), "JupyterLab")
    yield lab
    process.terminate()
    process.wait(timeout=120)


def answers(lab: Lab) -> bool:
    try:
        return bool(lab.ask("api/status"))
    except OSError:
        return False


def test_frame_link_and_tile_go_through_the_prefix(
    hub: Lab, prefix: str, browser_window: BrowserContext
) -> None:
    outside: list[str] = []

    def watch(request: Request) -> None:
        if request.url.startswith("http") and not request.url.startswith(f"{hub.url}/"):
            outside.append(request.url)

    browser_window.on("request", watch)
    notebook = Notebook(browser_window.new_page(), hub, "00_start_here")
    notebook.run_all()
    said = notebook.page.locator(".jp-OutputArea").first.text_content() or ""
    assert re.search(rf"Phoenix will be at {prefix}proxy/\d+$", said, re.MULTILINE), said

    frame = notebook.page.locator(".jp-OutputArea iframe").first
    frame.scroll_into_view_if_needed()
    inside = frame.content_frame
    expect(inside.get_by_role("button", name="retriever retrieval")).to_be_visible(timeout=120_000)

    link = notebook.cell("course.view(root)").locator(".jp-OutputArea-output a").first
    with browser_window.expect_page() as opened:
        link.click()
    phoenix = opened.value
    assert "llm generation" in tree_in_phoenix(phoenix)
    assert re.match(rf"{re.escape(hub.url)}/proxy/\d+/projects/", phoenix.url)

    tile = browser_window.new_page()  # one Phoenix runs: the page behind the tile leads on to it
    tile.goto(f"{hub.url}/phoenix/?token={hub.token}", timeout=120_000)
    tile.wait_for_url(re.compile(rf"{re.escape(hub.url)}/proxy/\d+/"), timeout=120_000)
    expect(tile.get_by_role("link", name=re.compile("00_start_here"))).to_be_visible(
        timeout=120_000
    )
    assert outside == []
