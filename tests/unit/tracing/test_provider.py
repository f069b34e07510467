"""configure_tracing: what reaches the console, an exporter or a real OTLP/HTTP receiver.

The global provider can be set once in a process, so each test that needs it runs a Python of its
own. The receiver is the course's own, over HTTP on loopback.
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rag_tutorials.course.equipment import Receiver
from rag_tutorials.tracing import configure_tracing

KEY = "not-a-real-key"
PREAMBLE = """
import os, sys
from opentelemetry import trace
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from rag_tutorials.tracing import *

def span(name, tracer=None):
    with (tracer or get_tracer("test")).start_as_current_span(name) as span:
        return span
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.start() as running:
        yield running


def names(receiver: Receiver) -> list[str]:
    return [span.name for span in receiver.spans]


def run(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the code in a Python of its own, without the OpenTelemetry settings around it."""
    prefixes = ("OTEL_", "OPENINFERENCE_", "PHOENIX_")
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(prefixes)}
    local = {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}
    done = subprocess.run(
        [sys.executable, "-c", PREAMBLE + code, *arguments],
        env=inherited | local | environment,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done


def test_the_console_shows_spans_as_json() -> None:
    done = run(
        """
provider = configure_tracing()
assert trace.get_tracer_provider() is provider
span("first")
"""
    )
    assert '"name": "first"' in done.stdout
    assert '"service.name": "rag-tutorials"' in done.stdout
    assert done.stderr == ""


def test_the_console_is_the_stdout_of_the_moment() -> None:
    done = run(
        """
import contextlib, io
configure_tracing()
with contextlib.redirect_stdout(io.StringIO()) as captured:
    span("first")
assert '"name": "first"' in captured.getvalue()
"""
    )
    assert done.stdout == ""


def test_an_otlp_receiver_sees_spans_headers_and_resource(receiver: Receiver) -> None:
    done = run(
        """
configure_tracing(
    endpoint=sys.argv[1],
    service_name="handbook",
    project_name="lesson",
    headers={"X-Course": "tracing"},
    api_key=sys.argv[2],
)
build_traced_rag_pipeline(
    retriever=lambda question, top_k: [], answer_fn=lambda question, context: "yes",
    tracer=get_tracer("test.pipeline"),
)("a question")
""",
        receiver.url,
        KEY,
    )
    assert names(receiver) == ["retrieval", "generation", "rag-pipeline"]
    assert set(receiver.paths) == {"/v1/traces"}
    for headers in receiver.headers:
        assert headers["authorization"] == f"Bearer {KEY}"
        assert headers["x-course"] == "tracing"
        assert headers["content-type"] == "application/x-protobuf"
    for span in receiver.spans:
        assert span.resource["service.name"] == "handbook"
        assert span.resource["openinference.project.name"] == "lesson"
    root = receiver.spans[-1]
    assert root.attributes["input.value"] == "a question"
    assert root.attributes["openinference.span.kind"] == "CHAIN"
    scope = receiver.requests[-1].resource_spans[0].scope_spans[0].scope
    assert scope.name == "test.pipeline"
    assert (done.stdout, done.stderr) == ("", "")


@pytest.mark.parametrize(
    ("given", "path"),
    [
        ("", "/v1/traces"),
        ("/", "/v1/traces"),
        ("/v1/traces", "/v1/traces"),
        ("/v1/traces/", "/v1/traces"),
        ("/s/space", "/s/space/v1/traces"),
        ("/s/space/", "/s/space/v1/traces"),
        ("/api/v0.2/traces", "/api/v0.2/traces"),
        ("/otlp?tenant=a", "/otlp/v1/traces?tenant=a"),
    ],
)
def test_an_endpoint_may_be_a_base_url(receiver: Receiver, given: str, path: str) -> None:
    run('configure_tracing(endpoint=sys.argv[1]); span("first")', receiver.url + given)
    assert receiver.paths == [path]


def test_headers_of_the_environment_hold_too(receiver: Receiver) -> None:
    run(
        'configure_tracing(sys.argv[1]); span("first")',
        receiver.url,
        OTEL_EXPORTER_OTLP_HEADERS="x-tenant=a",
    )
    assert receiver.headers[0]["x-tenant"] == "a"


def test_a_refused_export_neither_raises_nor_shows_the_key(receiver: Receiver) -> None:
    with receiver.fault(401):
        done = run(
            """
provider = configure_tracing(endpoint=sys.argv[1], api_key=sys.argv[2])
print(repr(provider), vars(provider))
span("first")
""",
            receiver.url,
            KEY,
        )
    assert receiver.statuses == [401]
    assert "401" in done.stderr
    assert KEY not in done.stdout + done.stderr


def test_a_batch_leaves_at_exit_in_one_request(receiver: Receiver) -> None:
    run('configure_tracing(sys.argv[1], batch=True); span("a"); span("b")', receiver.url)
    assert names(receiver) == ["a", "b"]
    assert len(receiver.requests) == 1


def test_a_batch_leaves_at_exit_after_a_shutdown_and_a_second_call(receiver: Receiver) -> None:
    done = run(
        """
configure_tracing(sys.argv[1]).shutdown()
configure_tracing(sys.argv[1], batch=True)
span("late")
""",
        receiver.url,
    )
    assert names(receiver) == ["late"]
    assert done.stderr == ""


def test_a_tracer_got_before_the_call_records_after_it() -> None:
    run(
        """
early = get_tracer("early")
assert not span("lost", early).get_span_context().is_valid
exporter = InMemorySpanExporter()
configure_tracing(exporter=exporter)
span("kept", early)
assert [s.name for s in exporter.get_finished_spans()] == ["kept"]
"""
    )


def test_a_second_call_replaces_the_first(receiver: Receiver) -> None:
    done = run(
        """
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
first, second, added = (InMemorySpanExporter() for _ in range(3))
provider = configure_tracing(exporter=first, service_name="a", project_name="a")
provider.add_span_processor(SimpleSpanProcessor(added))
tracer = get_tracer("kept from the first call")
span("one", tracer)
assert configure_tracing(exporter=second, service_name="b") is provider
span("two", tracer)
span("three")
assert [s.name for s in first.get_finished_spans()] == ["one"]
assert [s.name for s in added.get_finished_spans()] == ["one"]
assert [s.name for s in second.get_finished_spans()] == ["two", "three"]
for finished in second.get_finished_spans():
    assert finished.resource.attributes["service.name"] == "b"
    assert "openinference.project.name" not in finished.resource.attributes
configure_tracing(endpoint=sys.argv[1])
span("four")
configure_tracing()
span("five")
""",
        receiver.url,
    )
    assert names(receiver) == ["four"]
    assert done.stdout.count('"name"') == 1
    assert done.stderr == ""


def test_a_second_call_flushes_the_batch_of_the_first(receiver: Receiver) -> None:
    run(
        """
configure_tracing(sys.argv[1], batch=True)
span("waiting")
configure_tracing(exporter=InMemorySpanExporter())
os._exit(0)  # nothing is left for the exit handlers
""",
        receiver.url,
    )
    assert names(receiver) == ["waiting"]


@pytest.mark.parametrize("batch", [False, True])
def test_the_same_exporter_can_be_given_again(batch: bool) -> None:
    run(
        f"""
exporter = InMemorySpanExporter()
for name in ("one", "two"):
    provider = configure_tracing(exporter=exporter, batch={batch})
    span(name)
provider.force_flush()
assert [s.name for s in exporter.get_finished_spans()] == ["one", "two"]
"""
    )


def test_calls_again_leave_one_worker_thread_and_no_place_behind(receiver: Receiver) -> None:
    run(
        """
import threading
def workers():
    return [t for t in threading.enumerate() if t.name.startswith("OtelBatch")]
def is_shut_down(exporter):
    return exporter.export(()).name == "FAILURE"
first, second = InMemorySpanExporter(), InMemorySpanExporter()
for _ in range(6):
    provider = configure_tracing(exporter=first, batch=True)
    span("to the first")
    assert len(workers()) == 1, workers()
configure_tracing(exporter=first)  # nothing waits any longer, and nothing is shut down
assert workers() == [] and len(first.get_finished_spans()) == 6
span("at once")
assert len(first.get_finished_spans()) == 7
configure_tracing(exporter=first, batch=True)
configure_tracing(exporter=second, batch=True, project_name="other")
assert len(workers()) == 1 and is_shut_down(first) and not is_shut_down(second)
configure_tracing(endpoint=sys.argv[1], batch=True)
span("to the receiver")
assert len(workers()) == 1 and is_shut_down(second)
provider.force_flush()
configure_tracing()
assert workers() == []
assert len(first.get_finished_spans()) == 7 and second.get_finished_spans() == ()
""",
        receiver.url,
    )
    assert names(receiver) == ["to the receiver"]


def test_a_call_that_is_refused_leaves_no_worker_thread() -> None:
    run(
        """
import threading
trace.set_tracer_provider(trace.NoOpTracerProvider())
try:
    configure_tracing(exporter=InMemorySpanExporter(), batch=True)
except RuntimeError:
    assert threading.active_count() == 1
"""
    )


@pytest.mark.parametrize("batch", [False, True])
def test_no_value_loses_a_span(receiver: Receiver, batch: bool) -> None:
    done = run(
        f"""
half = "half \\ud83d end"
provider = configure_tracing(
    endpoint=sys.argv[1], service_name=half, project_name=half, batch={batch}
)
span(half)
try:
    with get_tracer(half).start_as_current_span("failed"):
        raise ValueError(half)
except ValueError:
    pass
with get_tracer("test").start_as_current_span("bytes") as odd:
    odd.set_attribute("key", b"bytes")
span("good")
""",
        receiver.url,
    )
    assert set(names(receiver)) == {"half \ufffd end", "failed", "bytes", "good"}
    assert receiver.spans[0].resource["service.name"] == "half \ufffd end"
    assert done.stderr == ""


@pytest.mark.slow
def test_no_value_loses_a_span_of_phoenix_register(receiver: Receiver, tmp_path: Path) -> None:
    done = run(
        """
from phoenix.otel import register
provider = register(
    endpoint=sys.argv[1] + "/v1/traces", protocol="http/protobuf", batch=True, verbose=False
)
ours = InMemorySpanExporter()
configure_tracing(exporter=ours)
span("half \\ud83d")
span("good")
assert [s.name for s in ours.get_finished_spans()] == ["half \\ufffd", "good"]
""",
        receiver.url,
        PHOENIX_WORKING_DIR=str(tmp_path),
    )
    assert names(receiver) == ["half \ufffd", "good"]
    assert "Failed to encode" not in done.stderr


def test_more_than_128_attributes_are_kept() -> None:
    run(
        """
exporter = InMemorySpanExporter()
configure_tracing(exporter=exporter)
with get_tracer("test").start_as_current_span("wide") as wide:
    for number in range(5000):
        wide.set_attribute(f"number.{number}", number)
(finished,) = exporter.get_finished_spans()
assert len(finished.attributes) == 5000 and finished.dropped_attributes == 0
"""
    )


def test_masks_are_read_at_each_call() -> None:
    run(
        """
exporter = InMemorySpanExporter()
answer = lambda question: "the answer"
configure_tracing(exporter=exporter)
traced_generation(answer, get_tracer("test"))("the question")
os.environ["OPENINFERENCE_HIDE_INPUTS"] = "true"
configure_tracing(exporter=exporter)
traced_generation(answer, get_tracer("test"))("the question")
open_, masked = (dict(s.attributes) for s in exporter.get_finished_spans())
assert open_[ATTR_INPUT_VALUE] == "the question"
assert masked[ATTR_INPUT_VALUE] == "__REDACTED__"
assert masked[ATTR_OUTPUT_VALUE] == "the answer"
"""
    )


def test_somebody_elses_provider_gets_our_exporter_beside_its_own() -> None:
    done = run(
        """
import warnings
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
theirs, first, second = (InMemorySpanExporter() for _ in range(3))
provider = TracerProvider()
provider.add_span_processor(SimpleSpanProcessor(theirs))
trace.set_tracer_provider(provider)
with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    assert configure_tracing(exporter=first) is provider
    span("one")
    assert configure_tracing(exporter=second) is provider
    span("two")
assert len(caught) == 1 and caught[0].filename == "<string>", caught
assert "A tracer provider is set already (opentelemetry.sdk.trace)" in str(caught[0].message)
assert [s.name for s in theirs.get_finished_spans()] == ["one", "two"]
assert [s.name for s in first.get_finished_spans()] == ["one"]
assert [s.name for s in second.get_finished_spans()] == ["two"]
"""
    )
    assert done.stderr == ""


@pytest.mark.slow
def test_phoenix_register_keeps_its_exporter(receiver: Receiver, tmp_path: Path) -> None:
    done = run(
        """
from phoenix.otel import register
provider = register(
    endpoint=sys.argv[1] + "/v1/traces", protocol="http/protobuf", project_name="theirs",
    verbose=False,
)
assert configure_tracing() is provider
traced_generation(lambda question: "the answer", get_tracer("test"))("the question")
""",
        receiver.url,
        OPENINFERENCE_HIDE_INPUTS="true",
        PHOENIX_WORKING_DIR=str(tmp_path),
    )
    assert names(receiver) == ["generation"]
    assert receiver.spans[0].resource["openinference.project.name"] == "theirs"
    assert '"name": "generation"' in done.stdout
    assert "A tracer provider is set already (phoenix.otel" in done.stderr
    for place in (done.stdout, str(receiver.requests[0])):
        assert "the question" not in place
        assert "__REDACTED__" in place
        assert "the answer" in place


def test_a_provider_that_takes_no_processors_is_an_error() -> None:
    run(
        """
trace.set_tracer_provider(trace.NoOpTracerProvider())
try:
    configure_tracing()
except RuntimeError as error:
    assert "NoOpTracerProvider" in str(error) and "call configure_tracing first" in str(error)
else:
    raise AssertionError("no error")
"""
    )


# None of these comes as far as the global provider.
@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"endpoint": "http://a", "exporter": InMemorySpanExporter()}, "not both"),
        ({"headers": {"a": "b"}}, "need an endpoint"),
        ({"api_key": KEY}, "need an endpoint"),
        ({"exporter": InMemorySpanExporter(), "api_key": KEY}, "need an endpoint"),
        ({"endpoint": ""}, "no http:// or https:// URL"),
        ({"endpoint": "localhost:6006"}, "no http:// or https:// URL"),
        ({"endpoint": "grpc://localhost:4317"}, "no http:// or https:// URL"),
        ({"endpoint": "http:///v1/traces"}, "no http:// or https:// URL"),
        (
            {"endpoint": "http://a", "api_key": KEY, "headers": {"Authorization": "x"}},
            "an api_key or an authorization header, not both",
        ),
        ({"endpoint": "http://a", "api_key": f"{KEY}\nx"}, "'authorization'.*line break"),
        ({"endpoint": "http://a", "api_key": f"{KEY}…"}, "'authorization'.*outside ASCII"),
        ({"endpoint": "http://a", "headers": {"X-Key": f"{KEY}\r\nx"}}, "'x-key'"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        configure_tracing(**arguments)
    assert KEY not in str(caught.value)


def test_an_empty_key_and_a_trailing_line_break_are_harmless(receiver: Receiver) -> None:
    run(
        """
for key in ("", "  ", sys.argv[2] + "\\n"):
    configure_tracing(sys.argv[1], api_key=key, headers={"x-course": "tracing\\n"})
    span("one")
""",
        receiver.url,
        KEY,
    )
    sent = [headers.get("authorization") for headers in receiver.headers]
    assert sent == [None, None, f"Bearer {KEY}"]
    assert [headers["x-course"] for headers in receiver.headers] == ["tracing"] * 3
