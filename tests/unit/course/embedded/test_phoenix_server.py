"""Ports, storage and the guards around Phoenix, as far as they go without Phoenix."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded import phoenix_server
from rag_tutorials.course.prepare import FIRST_PORT, _preferred_port


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))


def test_the_preferred_port_is_taken_when_it_is_free() -> None:
    port = phoenix_server.free_port()
    assert phoenix_server.is_free(port)
    assert phoenix_server.free_port(port) == port


@pytest.mark.parametrize("interface", ["127.0.0.1", "0.0.0.0"])
def test_a_port_that_somebody_holds_is_passed_over(interface: str) -> None:
    with socket.socket() as other:
        other.bind((interface, 0))
        other.listen()
        taken = other.getsockname()[1]
        assert not phoenix_server.is_free(taken)
        assert phoenix_server.free_port(taken) != taken


def test_a_kernel_that_died_frees_its_storage(tmp_path: Path) -> None:
    claim = (
        "import sys; from pathlib import Path\n"
        "from rag_tutorials.course.embedded.phoenix_server import Storage\n"
        "storage = Storage.claim(Path(sys.argv[1]), 'lesson')\n"
        "print(storage.path.name, flush=True)\n"
        "sys.stdin.read()"
    )

    def start() -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", claim, str(tmp_path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def name(process: subprocess.Popen[str]) -> str:
        assert process.stdout is not None
        return process.stdout.readline().strip()

    first = start()
    assert name(first) == "lesson"
    second = start()
    assert name(second) == "lesson-2"
    first.kill()
    first.communicate()
    third = start()
    assert name(third) == "lesson"
    for process in (second, third):
        process.communicate("")


def test_a_storage_that_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CourseError, match=r"cannot be used .* set COURSE_STATE_DIR"):
        phoenix_server.Storage.claim(tmp_path / "file", "lesson")


def test_variables_that_send_traces_elsewhere_are_removed_and_named(tmp_path: Path) -> None:
    os.environ["PHOENIX_COLLECTOR_ENDPOINT"] = "http://elsewhere:4317"
    assert phoenix_server.set_environment(7001, tmp_path) == ["PHOENIX_COLLECTOR_ENDPOINT"]
    assert "PHOENIX_COLLECTOR_ENDPOINT" not in os.environ
    assert os.environ["PHOENIX_HOST"] == "127.0.0.1"


def test_behind_a_hub_the_root_path_follows_the_port(tmp_path: Path) -> None:
    os.environ["JUPYTERHUB_SERVICE_PREFIX"] = "/user/ada/"
    phoenix_server.set_environment(7001, tmp_path)
    assert os.environ["PHOENIX_HOST_ROOT_PATH"] == "/user/ada/proxy/7001"


@pytest.mark.parametrize(
    ("version", "remark"),
    [("20.26.1", None), ("20.26.9", None), ("20.25.0", "older"), ("21.0.0", "newer")],
)
def test_another_phoenix_than_the_tested_one_is_one_sentence(
    version: str, remark: str | None
) -> None:
    said = phoenix_server.version_remark(version)
    if remark is None:
        assert said is None
    else:
        assert said is not None
        assert re.search(rf"{version} is {remark} .* `python scripts/course.py lab`", said)


def test_a_launch_that_returns_none_or_raises_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    phoenix_server.set_environment(phoenix_server.free_port(), tmp_path)

    def silent() -> None:
        return None

    def slow() -> None:
        raise RuntimeError("server took too long to start")

    for launch, cause in ((silent, "it gave no reason"), (slow, "server took too long")):
        guarded = phoenix_server._never_none(launch, lambda: None)
        with pytest.raises(CourseError, match=rf"did not start \(.*{cause}.*\); run this cell"):
            guarded()


def test_a_launch_that_was_only_slow_succeeds_the_second_time(tmp_path: Path) -> None:
    phoenix_server.set_environment(phoenix_server.free_port(), tmp_path)
    session, calls = object(), []

    def launch() -> Any:
        calls.append(os.environ["PHOENIX_PORT"])
        if len(calls) == 1:
            raise RuntimeError("server took too long to start")
        return session

    assert phoenix_server._never_none(launch, lambda: None)() is session


def test_register_again_returns_the_provider_and_follows_the_endpoint() -> None:
    made: list[SimpleNamespace] = []

    def register(**arguments: Any) -> Any:
        made.append(SimpleNamespace(arguments=arguments, add_span_processor=added.append))
        return made[-1]

    added: list[Any] = []
    once = phoenix_server._once(register)
    first = once(project_name="a", endpoint="http://127.0.0.1:1/v1/traces", verbose=False)
    again = once(project_name="a", endpoint="http://127.0.0.1:1/v1/traces", verbose=False)
    assert first is again
    assert not added
    other = once(project_name="a", endpoint="http://127.0.0.1:1/v1/traces", batch=True)
    assert other is not first


def test_a_launch_before_prepare_says_what_to_run_first() -> None:
    os.environ.pop("PHOENIX_WORKING_DIR", None)
    with pytest.raises(CourseError, match=r"run the cell with prepare\(\) above first"):
        phoenix_server._never_none(lambda: object(), lambda: None)()


def test_a_port_taken_after_prepare_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        announced = other.getsockname()[1]
        phoenix_server.set_environment(announced, tmp_path)
        phoenix_server._never_none(lambda: object(), lambda: None)()
    assert os.environ["PHOENIX_PORT"] != str(announced)
    said = capsys.readouterr().out
    assert said.startswith(f"Port {announced} was taken meanwhile; Phoenix is at http://localhost:")


def test_a_wish_for_a_port_is_followed_or_refused_in_a_sentence() -> None:
    os.environ["PHOENIX_PORT"] = "7007"
    assert _preferred_port("00_start_here") == 7007
    os.environ["PHOENIX_PORT"] = "http"
    with pytest.raises(CourseError, match=r"PHOENIX_PORT is 'http'; set it to a port number"):
        _preferred_port("00_start_here")
    del os.environ["PHOENIX_PORT"]
    assert _preferred_port("01_manual_spans") == FIRST_PORT + 1
