"""notebooks/faults.md: each line is run, and what the page says of it is seen."""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

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
@pytest.mark.parametrize("title", FAULTS)
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
    }
    assert blocks(SECTIONS["All well again"]) == ["course.stub.clear_faults()\n"]
