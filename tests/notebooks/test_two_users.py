"""Two users of a hub on one host."""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from system_users import SystemUser, system_users

from rag_tutorials.course.embedded.ports import free_port

from .conftest import Kernel

ROOT = Path(__file__).parents[2]


def test_two_users_on_one_host_do_not_meet(
    start_kernel: Callable[[Mapping[str, str]], Kernel], tmp_path: Path
) -> None:
    kernels = {}
    for user in ("ada", "bob"):
        kernels[user] = start_kernel(
            {
                "COURSE_STATE_DIR": str(tmp_path / user),
                "JUPYTERHUB_SERVICE_PREFIX": f"/user/{user}/",
            }
        )
        outputs = kernels[user].open_course("00_start_here")
        assert [output.error for output in outputs] == ["", ""]
        kernels[user].run(f"""
            with tracer_provider.get_tracer("hub").start_as_current_span("{user}") as span:
                pass
        """)
    ports = {user: kernel.ask("course.port") for user, kernel in kernels.items()}
    assert len(set(ports.values())) == 2
    for user, kernel in kernels.items():
        assert kernel.ask("[one.name for one in course.read_back(span)]") == [user]
        assert kernel.ask("[one.name for one in course.fetch()]") == [user]
        url = kernel.ask("course.link(span).url")
        assert url.startswith(f"/user/{user}/proxy/{ports[user]}/redirects/traces/")
        assert Path(kernel.ask("str(course.traces_folder)")).is_relative_to(tmp_path / user)


# Two users of the operating system. Everything above is one user with two folders.

OWNER = """
import json, os, sys
from rag_tutorials.course import prepare
from rag_tutorials.stub_llm import StubLLM

course = prepare("00_start_here")
import phoenix as px
from phoenix.otel import register

px.active_session() or px.launch_app(use_temp_dir=False)
provider = register(
    project_name=course.project, endpoint=course.otlp_endpoint, protocol="http/protobuf",
    verbose=False,
)
with provider.get_tracer("hub").start_as_current_span("private") as span:
    pass
course.read_back(span)
stub = StubLLM.start()
print(json.dumps({"uid": os.getuid(), "phoenix": course.port, "stub": stub.port}), flush=True)
sys.stdin.read()
"""
PROXY = """
import sys
from jupyter_server.serverapp import ServerApp
ServerApp.launch_instance([
    "--ServerApp.ip=127.0.0.1", f"--ServerApp.port={sys.argv[1]}", "--ServerApp.open_browser=False",
    "--IdentityProvider.token=proxy", "--ServerApp.disable_check_xsrf=True",
    f"--ServerApp.root_dir={sys.argv[2]}",
])
"""
CALLS = [
    ("phoenix", "GET", "/v1/projects"),
    ("phoenix", "POST", "/graphql"),
    ("phoenix", "POST", "/v1/traces"),
    ("phoenix", "DELETE", "/v1/projects/00_start_here"),
    ("stub", "GET", "/_stub/requests"),
    ("stub", "DELETE", "/_stub/requests"),
    ("stub", "GET", "/_stub/faults"),
    ("stub", "DELETE", "/_stub/faults"),
    ("stub", "GET", "/v1/models"),
]


class User:
    """A user of this machine, and what the test runs as that user."""

    def __init__(self, user: SystemUser) -> None:
        self.name, self.home, self.output = user.name, user.home, user.output
        self._python = user.python
        self._running: list[subprocess.Popen[str]] = []

    def start(self, code: str, *arguments: object, **environment: str) -> subprocess.Popen[str]:
        own = {"HOME": str(self.home), "IPYTHONDIR": str(self.home)}
        own |= {"JUPYTER_RUNTIME_DIR": str(self.home / "run"), "PHOENIX_PORT": str(free_port())}
        process = subprocess.Popen(
            self._python("-c", code, *arguments),
            cwd=ROOT,
            env=os.environ | own | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._running.append(process)
        return process

    def ask(self, url: str, method: str) -> tuple[int, str]:
        """Send a request with curl, which runs as this user."""
        command = ["curl", "-sS", "--noproxy", "*", "-X", method]
        command += ["-H", "Authorization: token proxy", "-w", "\n%{http_code}", url]
        body, _, status = self.output(*command).rpartition("\n")
        return int(status), body

    def end(self) -> None:
        for process in self._running:
            process.kill()
            process.communicate()


@pytest.fixture
def users() -> Iterator[tuple[User, User]]:
    with system_users("ada", "bob") as made:
        ada, bob = map(User, made)
        yield ada, bob
        ada.end()
        bob.end()


def test_another_user_reaches_nothing_and_neither_does_his_proxy(users: tuple[User, User]) -> None:
    ada, bob = users
    state = ada.home / "state"
    kernel = ada.start(OWNER, COURSE_STATE_DIR=str(state))
    assert kernel.stdout is not None
    told = next(json.loads(line) for line in kernel.stdout if line.startswith("{"))
    assert told["uid"] not in (0, os.geteuid())

    port = free_port()
    bob.start(PROXY, port, bob.home)
    proxy = f"http://127.0.0.1:{port}/proxy"
    up = f"http://127.0.0.1:{port}/api/status"
    wait_for(lambda: bob_is_answered(bob, up))

    for server, method, path in CALLS:
        for url in (f"http://127.0.0.1:{told[server]}{path}", f"{proxy}/{told[server]}{path}"):
            status, body = bob.ask(url, method)
            assert (status, body[:8]) == (403, "Refused:"), url
    for server, method, path in CALLS[:1] + CALLS[4:5] + CALLS[6:7]:
        status, body = ada.ask(f"http://127.0.0.1:{told[server]}{path}", method)
        assert status == 200, body
        if path == "/v1/projects":
            assert "00_start_here" in body  # nobody has deleted it
        if path == "/_stub/requests":
            assert json.loads(body) == {"requests": []}  # and nobody else was let in

    files = [state, *state.rglob("*")]
    assert len(files) > 5
    assert [path for path in files if path.lstat().st_mode & 0o077] == []
    with pytest.raises(subprocess.CalledProcessError):
        bob.output("ls", state)


def bob_is_answered(bob: User, url: str) -> bool:
    try:
        return bob.ask(url, "GET")[0] == 200
    except subprocess.CalledProcessError:
        return False


def wait_for(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 120
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.2)
