"""JupyterLab as the course opens it, in a real Chromium."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from PIL import Image
from playwright.sync_api import (
    Browser,
    BrowserContext,
    Locator,
    Page,
    Request,
    expect,
    sync_playwright,
)

ROOT = Path(__file__).parents[2]
PICTURES = ROOT / "notebooks" / "images"
NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
INSIDE = ("data:", "blob:", "about:")
HOME = ("http://localhost:", "http://127.0.0.1:", "ws://localhost:", "file:", *INSIDE)
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
TIMEOUT_MS = 120_000
expect.set_options(timeout=TIMEOUT_MS)
# `course.py lab` but for the set-up: it runs in the environment of these tests.
COMMAND = """
import sys
from pathlib import Path
import _cli
from _setup import Checkout
Checkout.python = Path(sys.executable)
Checkout.ensure = lambda self, kind: None
Checkout.__init__.__defaults__ = (Path(sys.argv[1]),)
sys.exit(_cli.main(["lab", "--no-browser", "--port", "0"]))
"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--save-screenshots", action="store_true", help="renew the pictures in notebooks/images"
    )


@dataclass
class Lab:
    """A running course. ``url`` has no slash at its end."""

    process: psutil.Popen
    url: str
    token: str
    root: Path

    def ask(self, path: str, method: str = "GET") -> Any:
        """Send a request to JupyterLab's server and return its JSON."""
        request = urllib.request.Request(f"{self.url}/{path}", method=method)
        request.add_header("Authorization", f"token {self.token}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        with opener.open(request, timeout=120) as response:
            return json.load(response)

    def runs(self, notebook: str) -> bool:
        """Say whether a notebook has a kernel."""
        return any(notebook in session["path"] for session in self.ask("api/sessions"))

    def stop(self) -> None:
        """Stop it as a person does; nothing that it started is left."""
        family = self.process.children(recursive=True)
        self.process.send_signal(signal.SIGINT)
        self.process.communicate(timeout=120)
        _, left = psutil.wait_procs(family, timeout=120)
        assert left == []


class Notebook:
    """A notebook in a browser's tab."""

    def __init__(self, page: Page, lab: Lab, name: str) -> None:
        self.page, self.lab, self.name = page, lab, name
        self.file = lab.root / "notebooks" / f"{name}.ipynb"
        address = f"{lab.url}/lab/tree/notebooks/{name}.ipynb"
        if page.url != address:  # a second opening, while the first starts a kernel, starts another
            page.goto(f"{address}?token={lab.token}&reset", timeout=TIMEOUT_MS)
        self.wait_until_idle()

    def wait_until_idle(self) -> None:
        """Wait for the kernel: what is run before it is there is lost."""
        self.page.get_by_text(re.compile(r"\(ipykernel\) \| Idle")).wait_for(timeout=TIMEOUT_MS)

    def menu(self, name: str, command: str) -> None:
        self.page.get_by_role("menuitem", name=name, exact=True).click()
        self.page.locator(f'.lm-Menu-item[data-command="{command}"]').click()

    def wait_until_run(self) -> None:
        """Wait until no cell waits to be run, because all were or because one has failed.

        All have to be there: JupyterLab draws what is out of sight when it has time.
        """
        self.page.wait_for_function(
            """count => {
                const shown = document.querySelector('.jp-NotebookPanel:not(.lm-mod-hidden)')
                const prompts = [...shown.querySelectorAll('.jp-CodeCell .jp-InputPrompt')]
                const texts = prompts.map(prompt => prompt.textContent)
                return texts.length === count
                    && texts.includes('[1]:') && !texts.includes('[*]:')
            }""",
            arg=len(self.code_cells()),
            timeout=3 * TIMEOUT_MS,
        )

    def run_all(self) -> None:
        self.menu("Run", "runmenu:run-all")
        self.wait_until_run()

    def run_first(self, count: int) -> None:
        """Run the first ``count`` code cells with Shift+Enter, as a student does."""
        cells = self.page.locator(".jp-Notebook .jp-CodeCell")
        for number in range(count):
            cells.nth(number).locator(".cm-content").click()
            self.page.keyboard.press("Shift+Enter")
        self.page.locator(".jp-InputPrompt").get_by_text(f"[{count}]:").wait_for(timeout=TIMEOUT_MS)

    def code_cells(self) -> list[dict[str, Any]]:
        """Return the code cells as they are on disk."""
        cells = json.loads(self.file.read_text(encoding="utf-8"))["cells"]
        return [cell for cell in cells if cell["cell_type"] == "code"]

    def save(self) -> list[dict[str, Any]]:
        """Save, and return the code cells."""
        with self.page.expect_response(
            lambda answer: answer.request.method == "PUT" and self.file.name in answer.url
        ):
            self.menu("File", "docmanager:save")
        # The answer is on its way into the page. Until it is there, closing asks what to do.
        expect(self._tab.and_(self.page.locator(".jp-mod-dirty"))).to_have_count(0)
        return self.code_cells()

    def every_cell_ran(self) -> list[dict[str, Any]]:
        """Save, see that all code cells ran from the first to the last, and return them."""
        cells = self.save()
        failed = [output for cell in cells for output in cell["outputs"] if "ename" in output]
        assert not failed, failed[0]["traceback"]
        assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
        return cells

    def cell(self, source: str) -> Locator:
        """Return the code cell whose source contains ``source``."""
        return self.page.locator(".jp-Notebook .jp-CodeCell").filter(
            has=self.page.locator(".cm-content", has_text=source)
        )

    def rewrite(self, cell: Locator, source: str) -> None:
        """Replace a cell's source as a student does, and run it."""
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Control+a")
        self.page.keyboard.insert_text(source)
        self.page.keyboard.press("Shift+Enter")

    @property
    def port(self) -> int:
        """The port of this notebook's Phoenix: the announced one, or another if it was taken."""
        said = " ".join(self.page.locator(".jp-OutputArea").all_text_contents())
        found = re.findall(r"Phoenix (?:will be|is) at http://localhost:(\d+)", said)
        assert found, said
        return int(found[-1])

    def close(self) -> None:
        """Close the tab of the saved notebook."""
        self.menu("File", "application:close")
        expect(self._tab).to_have_count(0)

    @property
    def _tab(self) -> Locator:
        return self.page.locator(".lm-DockPanel-tabBar .lm-TabBar-tab").filter(
            has_text=self.file.name
        )


def wait_for(condition: Callable[[], Any], what: str, seconds: float = 120) -> None:
    """Ask until it is so."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited {seconds} s for {what}"
        time.sleep(0.05)


def copy_of_the_course(folder: Path) -> Path:
    """Make a course whose notebooks may be run and saved."""
    for name in ("notebooks", "data", "deploy"):
        shutil.copytree(ROOT / name, folder / name)
    (folder / "scripts").symlink_to(ROOT / "scripts", target_is_directory=True)
    return folder


def student_environment(root: Path) -> dict[str, str]:
    """Return the tests' environment as a student has it: no proofs, the course's own state."""
    env = os.environ | {"COURSE_STATE_DIR": str(root / ".course")}
    env.pop("COURSE_PROVE_EXERCISES", None)
    return env


def start_lab(folder: Path) -> Lab:
    """Start a course in ``folder`` and wait until it says where it is."""
    root = copy_of_the_course(folder)
    process = psutil.Popen(
        [sys.executable, "-c", COMMAND, str(root)],
        env=student_environment(root) | {"PYTHONPATH": str(ROOT / "scripts")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    told = ""
    for line in process.stdout:
        told += line
        if line.startswith("Ctrl-C"):
            break
    found = re.search(r"(http://localhost:\d+)/.*token=(\w+)", told)
    if found is None:
        process.kill()
        pytest.fail(f"JupyterLab did not open: {told}")
    return Lab(process, found[1], found[2], root)


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, chromium: Browser) -> Iterator[Lab]:
    """A course for the module's tests. It needs a browser, so none is started without one."""
    course = start_lab(tmp_path_factory.mktemp("course"))
    yield course
    course.stop()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser; without one the test is skipped."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip("No Chromium: install it (Debian: apt install chromium) for the browser tests.")
    # Stopped with the module: while it runs, its event loop occupies this thread.
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(ARGUMENTS))
        yield browser
        browser.close()


@pytest.fixture
def browser_window(chromium: Browser) -> Iterator[BrowserContext]:
    """A window whose pages may talk to this machine only."""
    with window_at(chromium, HOME) as window:
        yield window


@contextlib.contextmanager
def window_at(chromium: Browser, home: tuple[str, ...]) -> Iterator[BrowserContext]:
    """Open a window whose pages may ask only for addresses that begin like one of these."""
    strayed: list[str] = []
    window = chromium.new_context(viewport={"width": 1280, "height": 900})
    window.set_default_timeout(TIMEOUT_MS)

    def watch(request: Request) -> None:
        if not request.url.startswith(home):
            strayed.append(request.url)

    window.on("request", watch)
    yield window
    window.close()
    assert strayed == []


@pytest.fixture
def picture(request: pytest.FixtureRequest) -> Callable[[str, Page | Locator], None]:
    """Save a picture for the lessons when ``--save-screenshots`` asks for it."""
    wanted = request.config.getoption("--save-screenshots", default=False)

    def save(name: str, what: Page | Locator) -> None:
        if wanted:
            PICTURES.mkdir(exist_ok=True)
            if isinstance(what, Page):
                what.wait_for_timeout(2_000)  # Phoenix's charts grow as they appear
            taken = what.screenshot(animations="disabled", caret="hide")
            colours = Image.open(io.BytesIO(taken)).convert("RGB").quantize(256, dither=0)
            colours.save(PICTURES / f"{name}.png", optimize=True)  # half the size, to the eye alike

    return save


def tree_in_phoenix(page: Page) -> list[str]:
    """Return ``kind name`` of each span in the tree that Phoenix shows, from the top."""
    tree = page.locator("#trace-tree")
    tree.get_by_role("list").get_by_role("button").first.wait_for(timeout=TIMEOUT_MS)
    spans = tree.get_by_role("list").first.aria_snapshot()
    return re.findall(r'button "([^"]+)"', spans)


def look_by_frame_link_and_tile(notebook: Notebook) -> str:
    """Look at lesson 00's Phoenix in each way that there is, and return its address."""
    notebook.page.bring_to_front()
    frame = notebook.page.locator(".jp-OutputArea iframe").first
    frame.scroll_into_view_if_needed()
    inside = frame.content_frame
    expect(inside.get_by_role("button", name="retriever retrieval")).to_be_visible(
        timeout=TIMEOUT_MS
    )

    link = notebook.cell("course.view(root)").locator(".jp-OutputArea-output a").first
    with notebook.page.context.expect_page() as opened:
        link.click()
    phoenix = opened.value
    assert "llm generation" in tree_in_phoenix(phoenix)
    found = re.match(rf"({re.escape(notebook.lab.url)}/proxy/\d+)/projects/", phoenix.url)
    assert found, phoenix.url
    phoenix.close()

    tile = notebook.page.context.new_page()  # one Phoenix runs: its page leads on to it
    tile.goto(f"{notebook.lab.url}/phoenix/?token={notebook.lab.token}", timeout=TIMEOUT_MS)
    tile.wait_for_url(re.compile(rf"{re.escape(found[1])}/"), timeout=TIMEOUT_MS)
    expect(tile.get_by_role("link", name=re.compile("00_start_here"))).to_be_visible(
        timeout=TIMEOUT_MS
    )
    tile.close()
    return found[1]


def free(port: int) -> bool:
    """Say whether nothing listens on a loopback port."""
    return all(
        connection.laddr.port != port
        for connection in psutil.net_connections(kind="tcp")
        if connection.status == psutil.CONN_LISTEN
    )
