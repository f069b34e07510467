"""The leave balances in another process, called through MCP."""

import asyncio
import sys
from collections.abc import Iterator

import pytest
from mcp import Client, StdioServerParameters
from openinference.semconv.trace import SpanAttributes
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rag_tutorials.services.leave import SPAN_NAME, build_server


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    kept = InMemorySpanExporter()
    yield kept
    kept.clear()


def text_of(result: object) -> str:
    return str(result.content[0].text)  # type: ignore[attr-defined]


def test_a_result_and_a_refusal_reach_the_caller(exporter: InMemorySpanExporter) -> None:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))

    async def ask() -> list[tuple[bool, str]]:
        async with Client(build_server(provider.get_tracer("test"))) as client:
            [offered] = (await client.list_tools()).tools
            assert offered.name == "leave_balance"
            assert offered.description == "Days of annual leave that an employee has left."
            results = [
                await client.call_tool("leave_balance", {"employee": name})
                for name in ("Ada", "Zoe")
            ]
        return [(bool(result.is_error), text_of(result)) for result in results]

    good, bad = asyncio.run(ask())
    assert good == (False, '{"employee": "Ada", "days_left": 12}')
    assert bad[0]
    assert "no employee named 'Zoe'; known: Ada, Bob, Cem" in bad[1]
    spans = exporter.get_finished_spans()
    assert [span.name for span in spans] == [SPAN_NAME] * 2
    assert [span.status.is_ok for span in spans] == [True, False]
    assert SpanAttributes.INPUT_VALUE not in (spans[0].attributes or {})


@pytest.mark.slow
def test_as_a_process_it_ends_with_its_caller() -> None:
    """The endpoint is nobody's: a server whose spans cannot be sent still serves."""
    export = ["--endpoint", "http://127.0.0.1:9/v1/traces", "--project", "test"]
    server = StdioServerParameters(
        command=sys.executable, args=["-m", "rag_tutorials.services.leave", *export]
    )

    async def ask() -> str:
        async with Client(server) as client:
            return text_of(await client.call_tool("leave_balance", {"employee": "Bob"}))

    assert asyncio.run(asyncio.wait_for(ask(), 120)) == '{"employee": "Bob", "days_left": 7}'
