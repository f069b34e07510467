"""The processes of lesson 06: what they trace, and that they end with whoever started them."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.equipment import Process, Receiver, start
from rag_tutorials.stub_llm import StubLLM

pytestmark = pytest.mark.slow

HANDBOOK = Path(__file__).parents[3] / "data" / "handbook_manual.txt"
RETRIEVAL = "rag_tutorials.services.retrieval"
WORKER = "rag_tutorials.services.worker"
TRACE_ID, SPAN_ID = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE_ID}-{SPAN_ID}-01"
QUESTION = "How long is parental leave?"
MESSAGE = {"question": QUESTION, "context": ["Parental leave is eight weeks long."]}


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with Receiver.start() as running:
        yield running


def in_trace(receiver: Receiver, trace_id: str) -> dict[str, Any]:
    """Return the spans of a trace as they came over the wire, by name."""
    return {
        span.name: span
        for request in receiver.requests
        for sender in request.resource_spans
        for scope in sender.scope_spans
        for span in scope.spans
        if span.trace_id.hex() == trace_id
    }


def attributes_of(span: Any) -> dict[str, str]:
    return {one.key: one.value.string_value for one in span.attributes}


@pytest.fixture(scope="module")
def stub() -> Iterator[StubLLM]:
    with StubLLM.start() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", running.base_url)
        patch.setenv("OPENAI_API_KEY", "stub")
        patch.setenv("NO_PROXY", "127.0.0.1,localhost")
        yield running


@pytest.fixture(scope="module")
def service(receiver: Receiver, stub: StubLLM) -> Iterator[Process]:
    options = ("--endpoint", receiver.url, "--project", "lesson")
    with start(RETRIEVAL, "--handbook", HANDBOOK, *options) as running:
        yield running


@pytest.fixture(scope="module")
def worker(receiver: Receiver, stub: StubLLM) -> Iterator[Process]:
    with start(WORKER, "--endpoint", receiver.url, "--project", "lesson") as running:
        yield running


def ask(service: Process, headers: dict[str, str], **body: Any) -> httpx.Response:
    body = body or {"question": QUESTION, "top_k": 2}
    return httpx.post(
        f"{service.url}/retrieve", json=body, headers=headers, trust_env=False, timeout=120
    )


def test_the_service_goes_on_in_the_callers_trace(service: Process, receiver: Receiver) -> None:
    answer = ask(service, {"traceparent": TRACEPARENT, "baggage": "session.id=chat%201,x=y"})
    assert answer.status_code == 200
    assert answer.json()["trace_id"] == TRACE_ID
    assert len(answer.json()["results"]) == 2
    spans = in_trace(receiver, TRACE_ID)
    assert set(spans) == {"POST /retrieve", "retrieval"}
    served, retrieval = spans["POST /retrieve"], spans["retrieval"]
    assert served.parent_span_id.hex() == SPAN_ID
    assert retrieval.parent_span_id == served.span_id
    for span in (served, retrieval):
        found = attributes_of(span)
        assert found["session.id"] == "chat 1"
        assert "x" not in found
        assert "user.id" not in found
        assert found["input.value"] == QUESTION
    sender = next(one.resource for one in receiver.spans if one.trace_id == TRACE_ID)
    assert sender["service.name"] == "retrieval-service"
    assert sender["openinference.project.name"] == "lesson"


@pytest.mark.parametrize("headers", [{}, {"traceparent": "00-nonsense-01", "baggage": "=;=,,"}])
def test_without_a_context_the_service_begins_a_trace(
    service: Process, receiver: Receiver, headers: dict[str, str]
) -> None:
    trace_id = ask(service, headers).json()["trace_id"]
    served = in_trace(receiver, trace_id)["POST /retrieve"]
    assert trace_id != TRACE_ID
    assert served.parent_span_id == b""
    assert "session.id" not in attributes_of(served)


@pytest.mark.parametrize(
    "body", [{"top_k": 3}, {"question": " "}, {"question": "x", "top_k": 0}, {"question": 1}]
)
def test_a_bad_request_is_one_sentence(service: Process, body: dict[str, Any]) -> None:
    answer = ask(service, {}, **body)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


@pytest.mark.parametrize("content", [b'{"question": "half \\ud83d"}', b"[" * 100_000, b"\xff", b""])
def test_a_bad_body_is_one_sentence(service: Process, content: bytes) -> None:
    answer = httpx.post(f"{service.url}/retrieve", content=content, trust_env=False, timeout=120)
    assert answer.status_code == 400
    assert answer.json()["error"].endswith(".")


def test_calls_at_the_same_time_are_not_mixed(service: Process, receiver: Receiver) -> None:
    def call(number: int) -> None:
        headers = {
            "traceparent": f"00-{number:032x}-{number:016x}-01",
            "baggage": f"session.id=chat-{number},user.id=user-{number}",
        }
        assert ask(service, headers, question=f"question {number}").status_code == 200

    numbers = range(1, 25)
    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(call, numbers))
    for number in numbers:
        spans = in_trace(receiver, f"{number:032x}")
        assert set(spans) == {"POST /retrieve", "retrieval"}
        assert spans["POST /retrieve"].parent_span_id.hex() == f"{number:016x}"
        for span in spans.values():
            found = attributes_of(span)
            assert found["session.id"] == f"chat-{number}"
            assert found["user.id"] == f"user-{number}"
            assert found["input.value"] == f"question {number}"


def test_the_worker_links_to_the_sender(worker: Process, receiver: Receiver) -> None:
    headers = {"traceparent": TRACEPARENT, "baggage": "session.id=chat-1"}
    worker.put({"headers": headers, **MESSAGE})
    result = worker.get()
    assert "eight" in result["answer"]
    assert result["trace_id"] != TRACE_ID
    spans = in_trace(receiver, result["trace_id"])
    processed, generation = spans["process question"], spans["generation"]
    assert processed.parent_span_id == b""
    assert [(one.trace_id.hex(), one.span_id.hex()) for one in processed.links] == [
        (TRACE_ID, SPAN_ID)
    ]
    assert attributes_of(processed)["request.trace_id"] == TRACE_ID
    assert generation.parent_span_id == processed.span_id
    assert {attributes_of(span)["session.id"] for span in (processed, generation)} == {"chat-1"}


def test_one_bad_message_does_not_end_the_worker(worker: Process, receiver: Receiver) -> None:
    worker.put({"question": QUESTION})
    result = worker.get()
    assert result["error"] == "KeyError: 'context'"
    processed = in_trace(receiver, result["trace_id"])["process question"]
    assert processed.status.code == processed.status.STATUS_CODE_ERROR
    assert [event.name for event in processed.events] == ["exception"]
    assert not processed.links
    worker.put(MESSAGE)
    assert "eight" in worker.get()["answer"]


@pytest.mark.parametrize("headers", ["nonsense", [1], {"traceparent": 5, "baggage": None}])
def test_odd_headers_of_a_message_are_none(worker: Process, headers: Any) -> None:
    worker.put({"headers": headers, **MESSAGE})
    assert "eight" in worker.get()["answer"]


def test_half_a_character_in_a_message_is_a_sentence(worker: Process, receiver: Receiver) -> None:
    worker.put({"question": "half \ud83d", "context": []})
    result = worker.get()
    assert result["error"].startswith("ValueError: The question holds half a character")
    assert "process question" in in_trace(receiver, result["trace_id"])


def test_lines_that_are_no_message_are_ignored_and_stdin_ends_the_worker(
    receiver: Receiver, stub: StubLLM
) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", WORKER, "--endpoint", receiver.url, "--project", "lesson"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(f"nonsense\n{'[' * 100_000}\n[1]\n{json.dumps(MESSAGE)}\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline()) == {"ready": True}
        assert "eight" in json.loads(process.stdout.readline())["answer"]
        _, complaints = process.communicate(timeout=120)
    assert complaints.count("ignored") == 3


def test_starting_again_stops_the_earlier_one(receiver: Receiver, stub: StubLLM) -> None:
    # In a process of its own: what is running is known by module, and others run here.
    program = f"""
        from rag_tutorials.course.equipment.processes import start
        options = ("--endpoint", {receiver.url!r}, "--project", "lesson")
        first = start({WORKER!r}, *options)
        second = start({WORKER!r}, *options)
        assert not first.running and second.running
        second.wait_until_ready()
        second.stop()
        second.stop()
        assert not second.running
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=120)


def test_a_process_that_fails_says_why_and_what_to_do() -> None:
    with Process(WORKER, ()) as failing:
        with pytest.raises(CourseError, match=r"arguments are required.*run the cell") as caught:
            failing.get()
        assert "\n" not in str(caught.value)
        with pytest.raises(CourseError, match="run the cell that starts it again"):
            failing.put(MESSAGE)


STARTER = """
    import os, signal, sys, time
    from rag_tutorials.course.equipment.processes import start
    options = ("--endpoint", {endpoint!r}, "--project", "lesson")
    service = start({retrieval!r}, "--handbook", {handbook!r}, *options)
    worker = start({worker!r}, *options)
    worker.wait_until_ready()
    print(service.url, service.pid, worker.pid, flush=True)
    {then}
"""
ENDINGS = {
    "error": "raise ValueError('on purpose')",
    "killed": "os.kill(os.getpid(), signal.SIGKILL)",
    "killed in the middle of a request": (
        'worker.put({"question": "hang", "context": ["x"]}); time.sleep(0.5); '
        "os.kill(os.getpid(), signal.SIGKILL)"
    ),
}


@pytest.mark.skipif(os.name != "posix", reason="Windows has no SIGKILL")
@pytest.mark.parametrize("then", ENDINGS.values(), ids=ENDINGS.keys())
def test_nothing_is_left_however_the_starter_ends(
    then: str, receiver: Receiver, stub: StubLLM
) -> None:
    program = textwrap.dedent(STARTER).format(
        endpoint=receiver.url,
        retrieval=RETRIEVAL,
        worker=WORKER,
        handbook=str(HANDBOOK),
        then=then,
    )
    with stub.fault("hang", path="chat") if "hang" in then else contextlib.nullcontext():
        done = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, timeout=120
        )
        assert done.stdout, done.stderr
        url, *pids = done.stdout.split()
        started = []
        for pid in pids:
            with contextlib.suppress(psutil.NoSuchProcess):
                started.append(psutil.Process(int(pid)))
        _, alive = psutil.wait_procs(started, timeout=120)
    assert not alive
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", int(url.rpartition(":")[2])), timeout=120)


@pytest.mark.skipif(os.name != "posix", reason="an interrupt reaches a process group on POSIX")
def test_an_interrupt_does_not_end_the_worker(worker: Process) -> None:
    worker.wait_until_ready()
    os.kill(worker.pid, signal.SIGINT)
    worker.put(MESSAGE)
    assert "eight" in worker.get()["answer"]
