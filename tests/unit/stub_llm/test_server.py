import http.client
import json
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psutil
import pytest
from openai import OpenAI

from rag_tutorials.stub_llm import StubLLM

MODEL = "gpt-4.1-mini"
HELLO: Any = [{"role": "user", "content": "Hello!"}]
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def call(
    port: int, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
) -> tuple[int, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=120)
    try:
        content = None if body is None else json.dumps(body)
        connection.request(method, path, content, headers or {})
        response = connection.getresponse()
        return response.status, json.loads(response.read())
    finally:
        connection.close()


def test_servers_stand_side_by_side_and_stop_for_good() -> None:
    with StubLLM.start() as one, StubLLM.start() as two:
        assert one.port != two.port
        assert one.base_url == f"http://127.0.0.1:{one.port}/v1"
        two.fault("server_error")
        for stub in (one, two):
            assert call(stub.port, "GET", "/healthz") == (200, {"status": "ok"})
        with OpenAI(base_url=one.base_url, api_key="stub", max_retries=0) as client:
            client.chat.completions.create(model=MODEL, messages=HELLO)
        assert two.requests == []
    two.stop()
    for stub in (one, two):
        assert "stopped" in repr(stub)
        with pytest.raises(ConnectionRefusedError):
            call(stub.port, "GET", "/healthz")
    assert "stub-llm" not in [thread.name for thread in threading.enumerate()]


def test_a_port_can_be_had_again_after_a_stop() -> None:
    stub = StubLLM.start()
    with OpenAI(base_url=stub.base_url, api_key="stub") as client:
        client.chat.completions.create(model=MODEL, messages=HELLO)
        stub.stop()  # before the client: the server's side of the connection lingers
        with StubLLM.start(stub.port) as again:
            assert again.port == stub.port
            client.chat.completions.create(model=MODEL, messages=HELLO)
            assert len(again.requests) == 1


def test_a_port_that_is_taken_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with pytest.raises(OSError, match=f"Port {port} .* cannot be used"):
            StubLLM.start(port)


def test_it_listens_on_loopback_alone() -> None:
    with StubLLM.start() as stub:
        listening = [
            connection.laddr.ip
            for connection in psutil.Process().net_connections("inet")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == stub.port
        ]
    assert listening == ["127.0.0.1"]


def test_requests_are_logged_without_keys_and_bodies() -> None:
    key, text = "very-secret-key", "very secret text"
    with StubLLM.start() as stub, OpenAI(base_url=stub.base_url, api_key=key) as client:
        client.chat.completions.create(
            model=MODEL,
            messages=[{"role": "user", "content": text}],
            stream=True,
            extra_headers={"traceparent": TRACEPARENT},
        ).close()
        client.embeddings.create(model="text-embedding-3-small", input=text)
        client.models.list()
        first, second, third = stub.requests
        assert (first.method, first.path, first.model) == ("POST", "/v1/chat/completions", MODEL)
        assert (first.stream, first.status, first.traceparent) == (True, 200, TRACEPARENT)
        assert (second.path, second.stream, second.traceparent) == ("/v1/embeddings", False, None)
        assert (third.method, third.path, third.model) == ("GET", "/v1/models", None)
        assert first.started <= second.started <= third.started
        logged = json.dumps(call(stub.port, "GET", "/_stub/requests")[1]) + repr(stub.requests)
        assert "secret" not in logged
        stub.clear_requests()
        assert stub.requests == []


def test_the_log_is_bounded() -> None:
    with StubLLM.start() as stub:
        for _ in range(1010):
            call(stub.port, "GET", "/v1/models")
        assert len(stub.requests) == 1000


def test_faults_can_be_set_over_http() -> None:
    with StubLLM.start() as stub:
        fault = {"name": "rate_limit", "times": 2, "seconds": 1.5, "path": "chat"}
        status, made = call(stub.port, "POST", "/_stub/faults", fault)
        assert status == 201
        assert (made["name"], made["options"], made["times"]) == (
            "rate_limit",
            {"seconds": 1.5},
            2,
        )
        (active,) = stub.faults
        assert (active.name, active.path) == ("rate_limit", "chat")
        _, listed = call(stub.port, "GET", "/_stub/faults")
        assert listed["active"] == [made]
        assert listed["available"]["cut_stream"]["options"] == {"after": 3}
        status, refused = call(stub.port, "POST", "/_stub/faults", {"name": "slow"})
        assert status == 400
        assert "latency" in refused["error"]["message"]
        assert call(stub.port, "DELETE", "/_stub/faults")[1]["active"] == []
        assert stub.faults == []
        assert call(stub.port, "DELETE", "/_stub/requests") == (200, {"requests": []})


@pytest.mark.parametrize(
    "headers", [{"Host": "attacker.example"}, {"Origin": "http://attacker.example"}]
)
@pytest.mark.parametrize("path", ["/_stub/faults", "/_stub/requests"])
def test_a_page_of_another_site_does_not_reach_the_control_address(
    path: str, headers: dict[str, str]
) -> None:
    with StubLLM.start() as stub:
        stub.fault("server_error")
        call(stub.port, "GET", "/v1/models")
        for method in ("GET", "DELETE"):
            status, refused = call(stub.port, method, path, headers=headers)
            assert status == 403
            assert "send no Origin" in refused["error"]["message"]
        status, _ = call(stub.port, "POST", "/_stub/faults", {"name": "hang"}, headers)
        assert status == 403
        assert [fault.name for fault in stub.faults] == ["server_error"]
        assert len(stub.requests) == 1


def test_it_says_nothing_even_when_everything_is_logged(
    caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    with StubLLM.start() as stub:
        stub.fault("cut_stream", after=0)
        with OpenAI(base_url=stub.base_url, api_key="stub", max_retries=0) as client:
            stream = client.chat.completions.create(model=MODEL, messages=HELLO, stream=True)
            with pytest.raises(Exception, match="Connection error"):
                next(iter(stream))
    assert [r.getMessage() for r in caplog.records if r.name.startswith("uvicorn")] == []
    assert capfd.readouterr() == ("", "")


def test_importing_it_loads_neither_a_web_server_nor_phoenix_nor_a_client() -> None:
    code = (
        "import sys, rag_tutorials.stub_llm as s\n"
        "heavy = {'phoenix', 'openai', 'chromadb', 'uvicorn', 'starlette', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))\n"
        "with s.StubLLM.start():\n"
        "    print(sorted({'phoenix', 'openai', 'chromadb'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["[]", "[]"]
    assert done.stderr == ""


def test_a_program_that_never_stops_it_still_ends_quietly() -> None:
    code = "from rag_tutorials.stub_llm import StubLLM; StubLLM.start().fault('hang')"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True
    )
    assert (done.stdout, done.stderr) == ("", "")


@contextmanager
def command(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "rag_tutorials.stub_llm", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="Ctrl-C cannot be sent to one process there")
def test_it_runs_alone_and_stops_at_ctrl_c() -> None:
    with command() as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)/v1", first)
        assert found, first
        port = int(found[1])
        assert call(port, "GET", "/healthz")[0] == 200
        with OpenAI(base_url=found[0], api_key="stub") as client:
            assert client.chat.completions.create(model=MODEL, messages=HELLO).choices
        assert len(call(port, "GET", "/_stub/requests")[1]["requests"]) == 1
        process.send_signal(signal.SIGINT)
        rest = process.stdout.read()
        assert process.wait(120) == 0
    assert "/_stub/faults" in rest
    assert "Traceback" not in rest


def test_run_alone_on_a_port_that_is_taken_it_says_so_in_one_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as holder:
        port = holder.getsockname()[1]
        with command("--port", str(port)) as process:
            output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert f"Port {port}" in output
    assert output.count("\n") == 1


@pytest.mark.slow
def test_answers_do_not_depend_on_the_hash_seed_of_the_process() -> None:
    code = """
import json
from rag_tutorials.stub_llm.wire import chat, embeddings
tool = {"name": "convert", "description": "Convert money between currencies.", "parameters":
        {"type": "object", "properties": {"amount": {"type": "number"}, "to": {"type": "string"}}}}
label = {"type": "object", "properties": {
    "label": {"enum": ["faithful", "unfaithful"]}, "explanation": {"type": "string"}}}
context = "Employees may work abroad for 14 days. Laptops are locked. Trips need approval."
for text, extra in [
    (f"Context:\\n{context}\\n\\nQuestion: How many days may employees work abroad?", {}),
    ("Convert 300 EUR to USD", {"tools": [{"type": "function", "function": tool}]}),
    (f"<query>Abroad?</query><context>{context}</context><response>Pigs fly and sing</response>",
     {"response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": label}}}),
]:
    body = {"model": "m", "messages": [{"role": "user", "content": text}], **extra}
    for mode in ("grounded", "ignore_context", "contradict_context"):
        print(json.dumps(chat.complete(body, mode)))
print(embeddings.create({"model": "m", "input": context, "encoding_format": "base64"}))
"""
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("0", "1", "2")
    }
    assert len(outputs) == 1
    assert "unfaithful" in outputs.pop()
