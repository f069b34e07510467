"""notebooks/faults.md: each line is run, and what the page says of it is seen."""

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from openai import OpenAI
from openinference.instrumentation import OITracer, TraceConfig
from openinference.instrumentation.openai import OpenAIInstrumentor
from openinference.semconv.trace import SpanAttributes
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from rag_tutorials.chunking import semantic_chunk_documents
from rag_tutorials.io_utils import load_handbook_documents
from rag_tutorials.pipeline import build_dense_retriever
from rag_tutorials.qa import answer_with_context, build_messages
from rag_tutorials.stub_llm import StubLLM
from rag_tutorials.tracing import build_traced_rag_pipeline

ROOT = Path(__file__).parents[3]
PAGE = (ROOT / "notebooks" / "faults.md").read_text("utf-8")
QUESTION = "What is the maximum number of days an employee can work internationally?"  # of 00
SECTIONS = {part.partition("\n")[0]: part for part in re.split(r"^## ", PAGE, flags=re.M)[1:]}
FAULTS = {title: text for title, text in SECTIONS.items() if "stub.fault(" in text}
OF_AN_AGENT = [
    title
    for title, text in FAULTS.items()
    if any(f'"{name}"' in text for name in ("wrong_tool", "bad_arguments", "loop"))
]


def blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.+?)^```$", text, flags=re.M | re.S)


def bullet(name: str, text: str) -> str:
    found = re.search(rf"^- {name}[^:]*: ((?:.|\n(?!- |\n|$))+)", text, flags=re.M)
    assert found, f"no bullet {name}"
    return " ".join(found[1].split())


def milliseconds(span: ReadableSpan) -> float:
    assert span.end_time
    assert span.start_time
    return (span.end_time - span.start_time) / 1e6


@pytest.fixture(scope="module")
def stub() -> Iterator[StubLLM]:
    with StubLLM.start() as running, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_BASE_URL", running.base_url)
        patch.setenv("OPENAI_API_KEY", "stub")
        yield running


@pytest.fixture(scope="module")
def ask(stub: StubLLM) -> Callable[[], tuple[str, list[ReadableSpan]]]:
    """Ask the question of notebook 00 as it does; give the answer (or error) and the spans."""
    chunks = semantic_chunk_documents(load_handbook_documents(ROOT / "data/handbook_manual.txt"))
    retriever, _ = build_dense_retriever(chunks=chunks, collection_name="faults")
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("start-here")
    pipeline = build_traced_rag_pipeline(
        retriever=retriever, answer_fn=answer_with_context, tracer=tracer, top_k=3
    )

    def ask() -> tuple[str, list[ReadableSpan]]:
        exporter.clear()
        try:
            with tracer.start_as_current_span("my-first-trace"):
                answer = pipeline(QUESTION)
        except Exception as error:
            answer = type(error).__name__
        return answer, list(exporter.get_finished_spans())

    return ask


def stream_traced() -> tuple[str, list[ReadableSpan]]:
    """Stream an answer as notebook 04 does."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    instrumentor = OpenAIInstrumentor()
    instrumentor.instrument(tracer_provider=provider)
    try:
        with provider.get_tracer("04").start_as_current_span("streaming"):
            for _ in OpenAI().chat.completions.create(
                model="gpt-4.1-mini", messages=build_messages(QUESTION, ["30 days."]), stream=True
            ):
                pass
        outcome = "an answer"
    except Exception as error:
        outcome = type(error).__name__
    finally:
        instrumentor.uninstrument()
    return outcome, list(exporter.get_finished_spans())


@pytest.mark.slow
@pytest.mark.parametrize("title", [title for title in FAULTS if title not in OF_AN_AGENT])
def test_the_class_sees_what_the_page_says(
    title: str, stub: StubLLM, ask: Callable[[], tuple[str, list[ReadableSpan]]]
) -> None:
    line, *streamed = blocks(FAULTS[title])
    names = {"course": SimpleNamespace(stub=stub, chat_model="gpt-4.1-mini"), "question": QUESTION}
    exec(line, names)
    [fault] = stub.faults
    answer, spans = stream_traced() if streamed else ask()
    for block in streamed:
        with pytest.raises(Exception, match="Connection error") as caught:
            exec(block, names)
        assert type(caught.value).__name__ == answer
    assert fault.hits > 0

    said = bullet("Answer", FAULTS[title])
    quoted = re.search('"(.+?)"', said)
    raised = re.match("`(.+?)`", said)
    assert answer.startswith(quoted[1] if quoted else raised[1] if raised else "The maximum is 30")
    failed = {span.name for span in spans if not span.status.is_ok}
    assert failed == set(re.findall("`(.+?)`", bullet("ERROR", FAULTS[title])))
    by_name = {span.name: span for span in spans}
    if fault.name == "latency":
        assert all(milliseconds(by_name[name]) >= 3000 for name in ("retrieval", "generation"))
    elif fault.name == "rate_limit":
        assert milliseconds(by_name["generation"]) >= 2000
        assert by_name["generation"].events == ()
    elif fault.name == "cut_stream":
        span = by_name["ChatCompletion"]
        assert [event.name for event in span.events] == ["First Token Stream Event", "exception"]
        assert "llm.token_count.total" not in (span.attributes or {})
    elif fault.name == "server_error":
        assert {len(by_name[name].events) for name in failed} == {1}
    else:
        documents = dict(by_name["retrieval"].attributes or {})
        assert "30 days" in str(documents["retrieval.documents.0.document.content"])
        assert "regional office" not in str(documents)

    [end] = blocks(SECTIONS["All well again"])
    exec(end, names)
    assert stub.faults == []
    assert ask()[0].startswith("The maximum is 30 days")


@pytest.fixture(scope="module")
def ask_agent(stub: StubLLM) -> Iterator[Callable[[], tuple[str, list[ReadableSpan]]]]:
    """Ask the first question of notebook 10 with its own cells; give the answer and the spans."""
    notebook = json.loads((ROOT / "notebooks/10_agents_and_tools.ipynb").read_text("utf-8"))
    cells = {cell["id"]: "".join(cell["source"]) for cell in notebook["cells"]}
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    names: dict[str, Any] = {
        "course": SimpleNamespace(data=ROOT / "data", chat_model="gpt-4.1-mini"),
        "tracer_provider": provider,
    }
    exec(cells["tools"], names)
    names["tracer"] = OITracer(provider.get_tracer("handbook.agent"), TraceConfig())
    for name in ("call-tool", "run-agent"):
        exec(cells[name], names)
    lines = cells["first-run"].splitlines()
    [question] = [line for line in lines if line.startswith("question = ")]
    exec(question, names)

    def ask() -> tuple[str, list[ReadableSpan]]:
        exporter.clear()
        agent = names["run_agent"](names["question"])
        answer = str((agent.attributes or {}).get(SpanAttributes.OUTPUT_VALUE, "none"))
        return answer, list(exporter.get_finished_spans())

    yield ask
    OpenAIInstrumentor().uninstrument()


@pytest.mark.slow
@pytest.mark.parametrize("title", OF_AN_AGENT)
def test_an_agent_goes_wrong_as_the_page_says(
    title: str, stub: StubLLM, ask_agent: Callable[[], tuple[str, list[ReadableSpan]]]
) -> None:
    [line] = blocks(FAULTS[title])
    exec(line, {"course": SimpleNamespace(stub=stub)})
    [fault] = stub.faults
    answer, spans = ask_agent()
    said = bullet("Answer", FAULTS[title])
    quoted = re.search('"(.+?)"', said)
    assert answer == (quoted[1] if quoted else said.partition(";")[0])
    failed = {span.name for span in spans if span.status.status_code is StatusCode.ERROR}
    assert failed == set(re.findall("`(.+?)`", bullet("ERROR", FAULTS[title])))
    tools = [span for span in spans if kind(span) == "TOOL"]
    calls = [(span.name, (span.attributes or {})[SpanAttributes.INPUT_VALUE]) for span in tools]
    if fault.name == "wrong_tool":
        assert calls[0][0] == "search_handbook"
        assert "leave_balance" not in [name for name, _ in calls]
    elif fault.name == "bad_arguments":
        assert [name for name, _ in calls] == ["leave_balance", "leave_balance", "calculator"]
        with pytest.raises(ValueError, match="Unterminated"):
            json.loads(str(calls[0][1]))
    else:
        assert len(calls) == 5
        assert len(set(calls)) == 1
        tokens = [
            (span.attributes or {})[SpanAttributes.LLM_TOKEN_COUNT_PROMPT]
            for span in spans
            if kind(span) == "LLM"
        ]
        assert tokens == sorted(set(tokens))  # type: ignore[type-var]

    stub.clear_faults()
    assert ask_agent()[0] == "12 - 5 = 7."


def kind(span: ReadableSpan) -> object:
    return (span.attributes or {}).get(SpanAttributes.OPENINFERENCE_SPAN_KIND)


def test_every_fault_that_a_class_needs_has_its_line() -> None:
    lines = [blocks(text)[0] for text in FAULTS.values()]
    assert all(line.startswith("course.stub.fault(") and line.count("\n") == 1 for line in lines)
    kinds = {line.split('"')[1] for line in lines}
    assert kinds == {
        "latency",
        "rate_limit",
        "server_error",
        "cut_stream",
        "contradict_context",
        "ignore_context",
        "wrong_tool",
        "bad_arguments",
        "loop",
    }
    assert blocks(SECTIONS["All well again"]) == ["course.stub.clear_faults()\n"]
