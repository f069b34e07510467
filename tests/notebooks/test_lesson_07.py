"""What lesson 07 starts beside the notebook, and what deploy/ describes, as far as it is here.

PostgreSQL and the Collector are programs that no Python package brings; without them their test is
skipped, and says what is missing.
"""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExportResult
from opentelemetry.trace import Status, StatusCode
from several_phoenix import MissingProgramError, postgresql

from rag_tutorials.course.embedded.ports import free_port
from rag_tutorials.course.equipment import Process, Receiver, start

pytestmark = pytest.mark.xdist_group("lesson-06")

ROOT = Path(__file__).parents[2]
MODULE = "rag_tutorials.course.equipment.second_phoenix"
PROJECT = Resource({"openinference.project.name": "handbook"})


def api(greeting: Any) -> httpx.Client:
    headers = {"authorization": f"Bearer {greeting['admin_secret']}"}
    return httpx.Client(base_url=greeting["url"], headers=headers, trust_env=False, timeout=120)


def key_for(greeting: Any, name: str) -> str:
    account = {"auth_method": "LOCAL", "role": "MEMBER", "username": name, "password": "wonderland"}
    user = {"user": {**account, "email": f"{name}@example.com"}, "send_welcome_email": False}
    with api(greeting) as administrator:
        administrator.post("/v1/users", json=user).raise_for_status()
    with httpx.Client(base_url=greeting["url"], trust_env=False, timeout=120) as student:
        login = {"email": f"{name}@example.com", "password": "wonderland"}
        student.post("/auth/login", json=login).raise_for_status()
        made = student.post("/v1/user/api_keys", json={"data": {"name": "test"}})
        return str(made.raise_for_status().json()["data"]["key"])


def export(url: str, key: str, name: str = "request") -> SpanExportResult:
    results: list[SpanExportResult] = []

    class Noting(OTLPSpanExporter):
        def export(self, spans: Any) -> SpanExportResult:
            results.append(super().export(spans))
            return results[-1]

    headers = {"authorization": f"Bearer {key}"}
    exporter = Noting(f"{url}/v1/traces", headers=headers, timeout=60)
    provider = TracerProvider(resource=PROJECT, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    provider.get_tracer("test").start_span(name).end()
    provider.shutdown()
    return results[0]


def eventually(look: Callable[[], Any], seconds: float = 120) -> Any:
    deadline = time.monotonic() + seconds
    while not (seen := look()) and time.monotonic() < deadline:
        time.sleep(0.05)
    return seen


def stored(greeting: Any) -> list[str]:
    with api(greeting) as administrator:
        answer = administrator.get("/v1/projects/handbook/spans")
    return [] if answer.status_code == 404 else [each["name"] for each in answer.json()["data"]]


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Process]:
    with start(MODULE, "--folder", tmp_path_factory.mktemp("a shared") / "phoenix") as process:
        process.wait_until_ready(120)
        yield process


def test_a_key_opens_it_and_nothing_else_does(shared: Process) -> None:
    greeting = shared.wait_until_ready()
    key = key_for(greeting, "ada")
    assert export(greeting["url"], key, "right") is SpanExportResult.SUCCESS
    assert export(greeting["url"], greeting["api_key"], "right too") is SpanExportResult.SUCCESS
    for wrong in ("", key[:-6], "no-key"):
        assert export(greeting["url"], wrong, "wrong") is SpanExportResult.FAILURE
        assert httpx.get(
            f"{greeting['url']}/v1/projects", headers={"api_key": wrong}, timeout=120
        ).status_code in (401, 403)
    assert eventually(lambda: {"right", "right too"} <= set(stored(greeting)))
    assert "wrong" not in stored(greeting)


def test_the_administrator_makes_a_key_for_the_collector(shared: Process) -> None:
    greeting = shared.wait_until_ready()
    with api(greeting) as administrator:
        made = administrator.post("/v1/system/api_keys", json={"data": {"name": "collector"}})
    key = made.raise_for_status().json()["data"]["key"]
    assert export(greeting["url"], key, "from the Collector") is SpanExportResult.SUCCESS


def test_it_listens_on_loopback_only(shared: Process) -> None:
    shared.wait_until_ready()
    sockets = psutil.Process(shared.pid).net_connections()
    listening = [found.laddr for found in sockets if found.status == psutil.CONN_LISTEN]
    assert listening
    assert all(ipaddress.ip_address(address.ip).is_loopback for address in listening)


@pytest.mark.parametrize("when", ["at once", "ready"])
def test_it_ends_with_a_kernel_that_is_killed(when: str, tmp_path: Path) -> None:
    wait = "one.wait_until_ready(120)" if when == "ready" else ""
    kernel = (
        "import sys, time\n"
        "from rag_tutorials.course.equipment.processes import start\n"
        f"one = start({MODULE!r}, '--folder', sys.argv[1])\n{wait}\n"
        "print(one.pid, flush=True)\ntime.sleep(300)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", kernel, str(tmp_path / "phoenix")], stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
    child.wait(60)
    assert not child.is_running()


def test_phoenix_keeps_its_traces_in_postgresql(tmp_path: Path) -> None:
    pytest.importorskip("asyncpg", reason="asyncpg is missing: pip install 'arize-phoenix[pg]'")
    with ExitStack() as stack:
        try:
            url = stack.enter_context(postgresql()).url
        except MissingProgramError as missing:
            pytest.skip(str(missing))
        for start_number in (1, 2):  # the second start finds what the first one stored
            with start(MODULE, "--folder", tmp_path / "phoenix", "--database", url) as process:
                greeting = process.wait_until_ready(120)
                if start_number == 1:
                    key = key_for(greeting, "grace")
                    assert export(greeting["url"], key) is SpanExportResult.SUCCESS
                assert eventually(lambda: stored(greeting)) == ["request"]  # noqa: B023
            assert not (tmp_path / "phoenix" / "phoenix.db").exists()


def test_the_collector_redacts_and_keeps_every_error(tmp_path: Path) -> None:
    program = shutil.which("otelcol-contrib")
    if program is None:
        pytest.skip(
            "otelcol-contrib, the OpenTelemetry Collector with tail_sampling, is not on the PATH: "
            "get it from the opentelemetry-collector-releases"
        )
    config = ROOT / "deploy" / "collector.yaml"
    with Receiver.start() as receiver:
        address = f"127.0.0.1:{free_port()}"
        environment = {
            **os.environ,
            "COLLECTOR_LISTEN": address,
            "COLLECTOR_STATE": str(tmp_path / "state"),
            "COLLECTOR_DECISION_WAIT": "1s",
            "PHOENIX_URL": receiver.url,
            "PHOENIX_API_KEY": "test",
        }
        with subprocess.Popen([program, "--config", config], env=environment) as collector:
            try:
                eventually(lambda: send_to_the_collector(f"http://{address}/v1/traces"))
                eventually(lambda: len(receiver.spans) >= 5)
            finally:
                collector.terminate()
    names = [span.name for span in receiver.spans]
    assert {f"failed-{number}" for number in range(5)} <= set(names)
    assert len(names) < 105
    assert b"ada@example.com" not in receiver.everything
    assert {headers["authorization"] for headers in receiver.headers} == {"Bearer test"}


def send_to_the_collector(endpoint: str) -> bool:
    exporter = OTLPSpanExporter(endpoint, timeout=1)
    provider = TracerProvider(shutdown_on_exit=False)
    tracer = provider.get_tracer("test")
    spans = []
    for name, count in (("failed", 5), ("fine", 100)):
        for number in range(count):
            span = tracer.start_span(f"{name}-{number}")
            span.set_attribute("input.value", "ada@example.com asks")
            if name == "failed":
                span.record_exception(LookupError("ada@example.com"))
                span.set_status(Status(StatusCode.ERROR))
            span.end()
            spans.append(span)
    return exporter.export(spans) is SpanExportResult.SUCCESS  # type: ignore[arg-type]
