"""A real JupyterHub, as deploy/jupyterhub_config.py sets it up, with two users of the system."""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest
from playwright.sync_api import Browser, BrowserContext, expect
from system_users import SystemUser, system_users

from rag_tutorials.course.embedded.ports import free_port

from .conftest import (
    INSIDE,
    ROOT,
    TIMEOUT_MS,
    Lab,
    Notebook,
    copy_of_the_course,
    look_by_frame_link_and_tile,
    wait_for,
    window_at,
)

FOLDER = Path(__file__).parent / "hub"
PROXY = FOLDER / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"
ANNOUNCED = re.compile(r"Phoenix (?:will be|is) at (/user/[\w-]+/proxy/(\d+))$", re.MULTILINE)


class Hub:
    """A running hub."""

    def __init__(self, process: psutil.Popen, port: int, token: str) -> None:
        self.process = process
        self.url, self._token = f"http://localhost:{port}", token

    def ask(self, method: str, path: str) -> dict[str, Any] | None:
        """Send a request to the hub's own API; return what it answers, None if nobody does."""
        request = urllib.request.Request(f"{self.url}/hub/api/{path}", method=method)
        request.add_header("Authorization", f"token {self._token}")
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=120) as answer:
                return json.loads(answer.read() or b"{}")
        except OSError:
            return None

    def has_stopped_for(self, user: SystemUser) -> bool:
        """Say whether the user has no server, not even one that is stopping."""
        said = self.ask("GET", f"users/{user.name}")
        return said is not None and said["server"] is said["pending"] is None


class Student:
    """A user of the hub with a browser of their own."""

    def __init__(self, user: SystemUser, hub: Hub, window: BrowserContext) -> None:
        self.user, self.hub, self.window = user, hub, window
        self.url = f"{hub.url}/user/{user.name}"
        # The login is a cookie of the window.
        self.lab = Lab(hub.process, self.url, "", user.home / "course")

    def log_in(self) -> None:
        """Log in, which starts the user's server."""
        page = self.window.new_page()
        page.goto(f"{self.hub.url}/hub/login", timeout=TIMEOUT_MS)
        page.get_by_label("Username").fill(self.user.name)
        page.get_by_label("Password").fill("any")
        page.get_by_role("button", name="Sign in").click()

    def wait_for_the_lesson(self) -> None:
        """Wait until the server has started, and shows where a student begins."""
        page = self.window.pages[-1]
        page.wait_for_url(f"{self.url}/lab/tree/notebooks/00_start_here.ipynb", timeout=TIMEOUT_MS)
        self.notebook = Notebook(page, self.lab, "00_start_here")

    def announced(self) -> tuple[str, int]:
        """Return the path and the port of Phoenix, as the notebook has said last."""
        areas = self.notebook.page.locator(".jp-OutputArea").all_text_contents()
        found = ANNOUNCED.findall("\n".join(areas))
        assert found, areas
        return found[-1][0], int(found[-1][1])

    def get(self, path: str) -> tuple[int, str]:
        """Ask for a path on the hub's host, logged in as this user, and return the answer."""
        got = self.window.request.get(f"{self.hub.url}{path}", timeout=TIMEOUT_MS)
        return got.status, got.text()

    def traces(self) -> set[str]:
        """Return the ids of the traces in the notebook's Phoenix, asked for through the hub."""
        status, text = self.get(f"{self.announced()[0]}/v1/projects/00_start_here/spans?limit=1000")
        assert status == 200, text
        return {span["context"]["trace_id"] for span in json.loads(text)["data"]}

    def processes(self) -> list[psutil.Process]:
        """Return what runs as this user."""
        return [
            each
            for each in psutil.process_iter(["username", "status", "cmdline"])
            if each.info["username"] == self.user.name
            and each.info["status"] != psutil.STATUS_ZOMBIE
        ]

    def kernels(self) -> list[psutil.Process]:
        """Return this user's kernels."""
        return [
            each
            for each in self.processes()
            if "ipykernel_launcher" in (each.info["cmdline"] or ())
        ]

    def ports(self) -> set[int]:
        """Return the ports at which this user's processes listen."""
        own = {process.pid for process in self.processes()}
        return {
            connection.laddr.port
            for connection in psutil.net_connections(kind="tcp")
            if connection.status == psutil.CONN_LISTEN and connection.pid in own
        }


def speaks_http(port: int) -> bool:
    """Say whether a server of HTTP listens there; a kernel's own socket answers otherwise."""
    with socket.create_connection(("127.0.0.1", port), timeout=120) as connection:
        connection.sendall(b"GET / HTTP/1.0\r\n\r\n")
        return connection.recv(1) == b"H"


@pytest.fixture(scope="module")
def hub_users(chromium: Browser) -> Iterator[tuple[Hub, list[SystemUser]]]:
    """A hub that two users of the system may log in to. Nobody has yet."""
    node = shutil.which("node")
    if node is None or not PROXY.is_file():
        pytest.skip(
            "No proxy for a JupyterHub: install Node.js with npm, and run npm ci --ignore-scripts "
            "in tests/browser/hub (.ci/run does that)."
        )
    pytest.importorskip("jupyterhub", reason="JupyterHub is installed for the tests on Linux only.")
    with system_users("ada", "bob") as users, contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="course-hub-")))
        folder.chmod(0o755)  # as a course for all users is
        (folder / "course").mkdir()
        course = copy_of_the_course(folder / "course")
        shutil.copy(ROOT / ".env.example", course)
        (course / ".venv").symlink_to(sys.prefix, target_is_directory=True)
        token, port = secrets.token_hex(16), free_port()
        told = {
            "course": str(course),
            "command": [node, str(PROXY)],
            "users": [user.name for user in users],
            "token": token,
            "port": port,
            "hub": free_port(),
            "proxy": free_port(),
        }
        names = ("PATH", "LANG", "LD_LIBRARY_PATH")
        env = {name: os.environ[name] for name in names if name in os.environ}
        env |= {"HUB_OF_THE_TESTS": json.dumps(told), "HOME": str(folder)}
        (folder / "hub").mkdir(mode=0o700)
        log = stack.enter_context((folder / "hub" / "log").open("w+"))
        process = psutil.Popen(
            [sys.executable, "-m", "jupyterhub", "-f", str(FOLDER / "jupyterhub_config.py")],
            cwd=folder / "hub",  # its database and its secret
            env=env,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        hub = Hub(process, port, token)
        try:
            wait_for(lambda: hub.ask("GET", "") or process.poll() is not None, "the hub")
            assert process.poll() is None
            yield hub, users
        finally:
            family = process.children(recursive=True)
            process.terminate()  # it stops the users' servers and its proxy
            psutil.wait_procs([process, *family], timeout=120)
            left = [each for each in (process, *family) if each.is_running()]
            for each in left:
                each.kill()
            log.seek(0)
            print(log.read())  # pytest shows it beside what failed
        assert left == []


@pytest.fixture(scope="module")
def students(
    hub_users: tuple[Hub, list[SystemUser]], chromium: Browser
) -> Iterator[tuple[Student, Student]]:
    """Two users who have run lesson 00, both at the same time."""
    hub, users = hub_users
    home = (f"{hub.url}/", f"{hub.url}/".replace("http:", "ws:"), *INSIDE)
    with window_at(chromium, home) as hers, window_at(chromium, home) as his:
        ada, bob = Student(users[0], hub, hers), Student(users[1], hub, his)
        for student in (ada, bob):
            student.log_in()
        for student in (ada, bob):
            student.wait_for_the_lesson()
        for student in (ada, bob):
            student.notebook.menu("Run", "runmenu:run-all")
        for student in (ada, bob):
            student.notebook.wait_until_run()
        yield ada, bob


def test_two_users_have_run_the_first_lesson_and_each_sees_their_own_phoenix(
    students: tuple[Student, Student],
) -> None:
    for student in students:
        student.notebook.every_cell_ran()
        path, _ = student.announced()
        assert path.startswith(f"/user/{student.user.name}/")
        assert look_by_frame_link_and_tile(student.notebook) == f"{student.hub.url}{path}"
    ada, bob = students
    assert ada.traces()
    assert bob.traces()
    assert not ada.traces() & bob.traces()


def test_a_user_reaches_nothing_of_another_neither_there_nor_through_their_own_proxy(
    students: tuple[Student, Student],
) -> None:
    ada, bob = students
    path, phoenix = ada.announced()
    assert ada.get(f"{path}/v1/projects")[0] == 200
    for address in (path, f"/user/{ada.user.name}/lab", f"/user/{ada.user.name}/api/contents"):
        assert bob.get(address)[0] == 403, address

    through = f"/user/{bob.user.name}/proxy"
    servers = set(filter(speaks_http, ada.ports()))
    refused = {
        port
        for port in servers
        if bob.get(f"{through}/{port}/v1/projects")[1].startswith("Refused: this connection comes")
    }
    assert {phoenix} < refused  # and her stub, at least
    # The only other is her JupyterLab, which asks for a login that he has not.
    [lab] = servers - refused
    assert bob.get(f"{through}/{lab}/user/{ada.user.name}/api/contents")[0] == 403
    assert ada.user.home.joinpath("course").stat().st_mode & 0o077 == 0
    with pytest.raises(subprocess.CalledProcessError):
        bob.user.output("ls", ada.user.home / "course")
    with pytest.raises(subprocess.CalledProcessError):
        bob.user.output("ls", ada.user.home / ".course")


def test_traces_outlive_the_kernel_and_the_users_server(
    students: tuple[Student, Student],
) -> None:
    student = students[1]
    before = student.traces()
    page = student.notebook.page
    page.bring_to_front()
    student.notebook.menu("Kernel", "kernelmenu:restart-and-clear")
    page.get_by_role("button", name="Confirm Kernel Restart").click()
    expect(page.locator(".jp-InputPrompt").get_by_text("[1]:")).to_have_count(0, timeout=TIMEOUT_MS)
    student.notebook.wait_until_idle()
    student.notebook.run_first(2)
    assert student.traces() == before

    student.notebook.save()
    student.notebook.close()
    wait_for(lambda: not student.kernels(), "the kernel to end with its tab")

    # What a hub does with servers that nobody uses.
    student.hub.ask("DELETE", f"users/{student.user.name}/server")
    wait_for(lambda: student.hub.has_stopped_for(student.user), "the user's server to stop")
    wait_for(lambda: student.processes() == [], "the end of all that the user ran")
    student.window.new_page().goto(f"{student.hub.url}/hub/spawn", timeout=TIMEOUT_MS)
    for page in student.window.pages[:-1]:
        page.close()
    student.wait_for_the_lesson()
    student.notebook.run_all()
    assert student.traces() > before
    assert look_by_frame_link_and_tile(student.notebook).endswith(student.announced()[0])
