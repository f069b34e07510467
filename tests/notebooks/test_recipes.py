"""Phoenix's own recipes in a course kernel: each reaches this kernel's Phoenix."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from rag_tutorials.course.embedded.ports import free_port

from .conftest import Kernel

pytestmark = pytest.mark.xdist_group("kernels")

# Bound before prepare, as a notebook that was pasted together has it.
START = """
import os
from phoenix.otel import (
    BatchSpanProcessor, GRPCSpanExporter, HTTPSpanExporter, SimpleSpanProcessor, TracerProvider,
    register,
)
from rag_tutorials.course import prepare

course = prepare("others")
import phoenix as px

px.launch_app()

def arrives(provider, project="default"):
    with provider.get_tracer("test").start_as_current_span("one") as span:
        pass
    provider.force_flush()
    course.project = project
    return [found.name for found in course.read_back(span, timeout=60)]
"""
HERE = "'http://localhost:%d' % course.port"
CALLS = {
    "register()": "register()",
    "again": "register(verbose=False)",
    "a project": "register(project_name='x'), 'x'",
    "http without an endpoint": "register(project_name='x', protocol='http/protobuf'), 'x'",
    "grpc without an endpoint": "register(project_name='x', protocol='grpc'), 'x'",
    "batch": "register(project_name='x', batch=True), 'x'",
    "not global": "register(project_name='y', set_global_tracer_provider=False), 'y'",
    "headers": "register(project_name='z', headers={'a': 'b'}, api_key='k'), 'z'",
    "the base address": f"register(project_name='x', endpoint={HERE}), 'x'",
    "the base address, grpc": f"register(project_name='x', endpoint={HERE}, protocol='grpc'), 'x'",
    "a provider by hand": "TracerProvider()",
    "by hand, to the base address": f"TracerProvider(endpoint={HERE}, verbose=False)",
    "a processor by hand": "with_processor(SimpleSpanProcessor())",
    "a batching one": "with_processor(BatchSpanProcessor())",
    "an exporter by hand": "with_processor(SimpleSpanProcessor(HTTPSpanExporter()))",
    "an exporter to the base address": (
        f"with_processor(SimpleSpanProcessor(HTTPSpanExporter(endpoint={HERE})))"
    ),
}
BY_HAND = """
def with_processor(processor):
    provider = TracerProvider(verbose=False)
    provider.add_span_processor(processor)
    return provider
"""


@pytest.fixture(scope="module")
def kernel(
    start_kernel: Callable[[Mapping[str, str]], Kernel], tmp_path_factory: pytest.TempPathFactory
) -> Kernel:
    kernel = start_kernel(
        {
            "COURSE_STATE_DIR": str(tmp_path_factory.mktemp("state")),
            "PHOENIX_PORT": str(free_port()),
        }
    )
    assert not kernel.run(START + BY_HAND).error
    return kernel


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_call_reaches_this_phoenix(kernel: Kernel, call: str) -> None:
    assert kernel.ask(f"arrives(*[{call}])") == ["one"]


@pytest.mark.parametrize("path", ["", "/v1/traces"])
@pytest.mark.parametrize("arguments", ["", "protocol='http/protobuf'"])
def test_the_environment_names_this_phoenix(kernel: Kernel, path: str, arguments: str) -> None:
    kernel.run(f"os.environ['PHOENIX_COLLECTOR_ENDPOINT'] = {HERE} + {path!r}")
    try:
        assert kernel.ask(f"arrives(register({arguments}))") == ["one"]
    finally:
        kernel.run("del os.environ['PHOENIX_COLLECTOR_ENDPOINT']")


def test_phoenixs_default_address_means_this_one_where_nobody_is(kernel: Kernel) -> None:
    default = free_port()
    kernel.run(f"""
        from rag_tutorials.course.embedded import endpoints
        kept, endpoints._DEFAULT_PORTS = endpoints._DEFAULT_PORTS, ({default}, {default})
    """)
    output = kernel.run(
        f"arrives(register(project_name='d', endpoint='http://localhost:{default}/v1/traces'), 'd')"
    )
    kernel.run("endpoints._DEFAULT_PORTS = kept")
    assert output.value == "['one']"
    assert f"Nobody listens at http://localhost:{default}/v1/traces" in output.stdout


def test_a_grpc_exporter_is_one_sentence(kernel: Kernel) -> None:
    error = kernel.run("GRPCSpanExporter()").error
    assert "takes no gRPC" in error
    assert "write HTTPSpanExporter() in place of GRPCSpanExporter(...)" in error


def test_spans_go_only_to_the_endpoint_given_last(kernel: Kernel) -> None:
    kernel.run(f"""
        from rag_tutorials.course.equipment.receiver import Receiver

        first, last = Receiver.start(), Receiver.start()
        dead = "http://127.0.0.1:{free_port()}/v1/traces"
        providers = set()
        for name, endpoint in [
            ("a", first.url + "/v1/traces"), ("b", dead), ("c", last.url + "/v1/traces"),
        ]:
            provider = register(project_name="moving", endpoint=endpoint, batch=name == "b")
            providers.add(id(provider))
            with provider.get_tracer("test").start_as_current_span(name):
                pass
    """)
    received = [
        kernel.ask(f"[span.name for span in {receiver}.spans]") for receiver in ("first", "last")
    ]
    assert received == [["a"], ["c"]]
    assert kernel.ask("len(providers)") == 1
    assert kernel.ask("arrives(register(project_name='moving'), 'moving')") == ["one"]


def test_register_mends_a_provider_that_was_shut_down(kernel: Kernel) -> None:
    kernel.run("register(project_name='x').shutdown()")
    assert kernel.ask("arrives(register(project_name='x'), 'x')") == ["one"]


def test_spans_for_a_phoenix_that_has_ended_wait_for_nobody(kernel: Kernel) -> None:
    output = kernel.run("""
        provider = register(project_name="x", verbose=False)
        px.close_app()
        for _ in range(3):
            with provider.get_tracer("test").start_as_current_span("lost"):
                pass
    """)
    [port] = re.findall(r"Nothing listens at http://127\.0\.0\.1:(\d+):", output.stderr)
    # What an earlier test of this kernel sent to another port may still be tried there.
    assert f"port={port})" not in output.stderr
    kernel.run("px.launch_app()")
    assert kernel.ask("arrives(register(project_name='x'), 'x')") == ["one"]


def test_the_quick_start_and_the_openai_recipe_leave_their_spans(
    start_kernel: Callable[[Mapping[str, str]], Kernel], tmp_path: Path
) -> None:
    kernel = start_kernel({"COURSE_STATE_DIR": str(tmp_path), "PHOENIX_PORT": str(free_port())})
    cells = [
        "from rag_tutorials.course import prepare\ncourse = prepare('others')",
        "import phoenix as px\npx.launch_app().url",
        # The quick start: where Phoenix is, register with everything instrumented, a decorator.
        """
            import os
            os.environ["PHOENIX_COLLECTOR_ENDPOINT"] = f"http://localhost:{course.port}"

            from phoenix.otel import register

            tracer_provider = register(project_name="my-llm-app", auto_instrument=True)
            tracer = tracer_provider.get_tracer(__name__)

            @tracer.chain
            def greet(name: str) -> str:
                return f"Hello, {name}"

            greet("Ada")
            """,
        # The OpenAI recipe: one question to the model.
        """
            import openai

            client = openai.OpenAI()
            answer = client.chat.completions.create(
                model="gpt-4o", messages=[{"role": "user", "content": "Write a haiku."}]
            )
            """,
    ]
    for cell in cells:
        output = kernel.run(cell)
        assert not output.error, output.error
    kernel.run("""
        from rag_tutorials.course.traces.spans import poll
        course.project = "my-llm-app"
        found = poll(course.fetch, 2, 60)
    """)
    assert kernel.ask("[(span.name, span.kind) for span in found]") == [
        ("greet", "CHAIN"),
        ("ChatCompletion", "LLM"),
    ]
    # The recipe's older form: instrument by hand.
    output = kernel.run("""
        from openinference.instrumentation.openai import OpenAIInstrumentor

        OpenAIInstrumentor().uninstrument()
        tracer_provider = register(project_name="my-llm-app", protocol="http/protobuf")
        OpenAIInstrumentor().instrument(tracer_provider=tracer_provider)
        client.chat.completions.create(
            model="gpt-4o", messages=[{"role": "user", "content": "Another one."}]
        )
        [span.kind for span in poll(course.fetch, 3, 60)]
    """)
    assert output.value == "['CHAIN', 'LLM', 'LLM']", output
