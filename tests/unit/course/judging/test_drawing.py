"""Expected and found traces as text, with the lines that differ marked."""

from __future__ import annotations

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rag_tutorials.course.judging.comparison import Comparison
from rag_tutorials.course.judging.drawing import Drawing
from rag_tutorials.course.judging.expected import Rule, span
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.spans import from_sdk


def test_the_expected_tree_as_text() -> None:
    wanted = span(
        "request", "CHAIN",
        span("ask", times=2, status="OK", attributes={"top_k": int, "debug": None}),
        span("end", events={"exception": 0, "retry": 2}, links=["request"]),
        attributes={"input.value": "hello", "sent": Rule("two\n\n  lines", bool)},
    )  # fmt: skip
    assert Drawing((wanted,), Found()).expected().splitlines() == [
        "request  CHAIN",
        "│  input.value = hello",
        "│  sent: two lines",
        "├─ ask (2 times)  status OK",
        "│     top_k: a whole number",
        "│     no debug",
        "└─ end",
        "      no event exception",
        "      event retry (2 times)",
        "      link to request",
    ]


def test_the_links_that_were_found_are_drawn() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    for name in ("first", "second", "report"):
        tracer.start_span(name).end()
    first, second, report = map(from_sdk, exporter.get_finished_spans())
    wanted = span("report", links=["first", "second"])
    links = {report.span_id: [first.span_id]}
    found = Found([first, second, report])
    compared = Comparison((wanted,), found, lambda one: links.get(one.span_id, ()))
    drawn = Drawing((wanted,), found, compared.differences(), links)
    assert drawn.expected().splitlines()[1:] == ["   link to first", "   link to second  ←"]
    assert drawn.found().splitlines()[-2:] == ["report  UNKNOWN", "   link to first"]


def test_the_lines_that_differ_are_marked_on_both_sides() -> None:
    exporter, provider = InMemorySpanExporter(), TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    with (
        tracer.start_as_current_span("request", attributes={"input.value": "a", "n": 1}),
        tracer.start_as_current_span("retreival"),
    ):
        pass
    found = Found(map(from_sdk, exporter.get_finished_spans()))
    wanted = span("request", None, span("retrieval"), attributes={"input.value": "b", "n": 1})
    drawing = Drawing((wanted,), found, list(Comparison((wanted,), found).differences()))
    assert drawing.expected().splitlines() == [
        "request",
        "│  input.value = b  ←",
        "│  n = 1",
        "└─ retrieval  ←",
    ]
    assert drawing.found().splitlines() == [
        "request  UNKNOWN",
        "│  input.value = a  ←",
        "│  n = 1",
        "└─ retreival  UNKNOWN  ←",
    ]
