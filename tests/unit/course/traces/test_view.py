"""The trace view: what it shows, what it folds, and that it is safe and plain HTML."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from typing import Any

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Status, StatusCode, Tracer

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded.addresses import Link
from rag_tutorials.course.traces import view
from rag_tutorials.course.traces.reading import Traces
from rag_tutorials.course.traces.spans import SpanRecord
from rag_tutorials.course.traces.view import MAX_ROWS, TraceView, record_of, show

KIND = "openinference.span.kind"
ATTACK = "<script>alert('x')</script>"
# Tags, attributes and style properties that JupyterLab 4.6 keeps in a notebook it does not trust.
TAGS = {"a", "b", "details", "div", "pre", "span", "summary"}
ATTRIBUTES = {"style", "href", "target", "rel"}
REFUSED_STYLE = re.compile(r"var\(|calc\(|url\(|currentcolor|inherit|anywhere|!important", re.I)


class Page(HTMLParser):
    """The text and the tags of a page."""

    def __init__(self, view: TraceView) -> None:
        super().__init__()
        self.source = view._repr_html_()
        self.words: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(self.source)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


class Notes:
    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer: Tracer = provider.get_tracer("test")

    def span(self, name: str, kind: str | None = None, **attributes: Any) -> Any:
        given = {key.replace("__", "."): value for key, value in attributes.items()}
        if kind:
            given[KIND] = kind
        return self.tracer.start_as_current_span(name, attributes=given)

    def view(self, drop: str = "") -> TraceView:
        spans = [record_of(one) for one in self.exporter.get_finished_spans() if one.name != drop]
        return TraceView(spans, lambda one: Link(f"http://localhost/{one.trace_id}", "Open"))


@pytest.fixture
def notes() -> Notes:
    return Notes()


@pytest.fixture
def request_view(notes: Notes) -> TraceView:
    with notes.span("rag-pipeline", "CHAIN", input__value="How many days?"):
        with notes.span("retrieval", "RETRIEVER") as one:
            for rank, score in enumerate((0.75, 0.5)):
                document = f"retrieval.documents.{rank}.document"
                one.set_attribute(f"{document}.id", f"leave-{rank}")
                one.set_attribute(f"{document}.score", score)
                one.set_attribute(f"{document}.content", f"Text number {rank} of the handbook.")
            one.add_event("cache-miss", {"key": "days"})
        with notes.span("generation", "LLM", llm__model_name="gpt-4.1-mini") as one:
            one.set_attribute("llm.token_count.prompt", 1200)
            one.set_attribute("llm.token_count.completion", 34)
            one.set_attribute("llm.cost.total", 0.00054)
            one.set_attribute("llm.input_messages.0.message.role", "user")
            one.set_attribute("llm.input_messages.0.message.content", "Say it.")
            calls = "llm.output_messages.0.message.tool_calls.0.tool_call.function"
            one.set_attribute("llm.output_messages.0.message.role", "assistant")
            one.set_attribute(f"{calls}.name", "count_days")
            one.set_attribute(f"{calls}.arguments", '{"year": 2024}')
            one.set_status(Status(StatusCode.OK))
    return notes.view()


def test_the_text_form(request_view: TraceView) -> None:
    text = re.sub(r"\d+\.\d+ ms|\d+ ms", "T", repr(request_view))
    text = re.sub(r"[0-9a-f]{32}", "ID", re.sub(r"^Trace [0-9a-f]{8}", "Trace ID", text))
    assert text.splitlines() == [
        "Trace ID · 3 spans · T",
        "CHAIN · rag-pipeline · T",
        "│  input: How many days?",
        "├─ RETRIEVER · retrieval · 2 documents, best score 0.750 · T",
        "│     document 0, leave-0, score 0.750: Text number 0 of the handbook.",
        "│     document 1, leave-1, score 0.500: Text number 1 of the handbook.",
        "│     event cache-miss after T: key = days",
        "└─ LLM · generation · gpt-4.1-mini · 1,200 + 34 tokens · $0.00054 · status OK · T",
        "      input, user: Say it.",
        '      output, assistant: count_days({"year": 2024})',
        "Open: http://localhost/ID",
    ]


def test_the_html_says_the_same(request_view: TraceView) -> None:
    page = Page(request_view)
    for words in (
        "CHAIN", "rag-pipeline", "RETRIEVER", "2 documents, best score 0.750",
        "document 1, leave-1, score 0.500", "Text number 1 of the handbook.",
        "gpt-4.1-mini · 1,200 + 34 tokens · $0.00054", "OK", "input, user", "Say it.",
        'count_days({"year": 2024})', "open in Phoenix",
    ):  # fmt: skip
        assert words in page.text


def test_the_html_is_what_an_untrusted_notebook_keeps(request_view: TraceView) -> None:
    page = Page(request_view)
    assert {tag for tag, _ in page.tags} <= TAGS
    assert {name for _, attributes in page.tags for name in attributes} <= ATTRIBUTES
    styles = [attributes["style"] or "" for _, attributes in page.tags if "style" in attributes]
    assert styles
    assert not [style for style in styles if REFUSED_STYLE.search(style)]
    assert not page.open


def test_bars_lie_within_their_trace(request_view: TraceView) -> None:
    bars = re.findall(r"margin-left:([\d.]+)%;width:([\d.]+)%", request_view._repr_html_())
    assert len(bars) == 3
    numbers = [(float(left), float(width)) for left, width in bars]
    assert numbers[0][0] == 0.0
    assert numbers[0][1] > 99
    assert all(left + width <= 100.11 for left, width in numbers)
    assert numbers[2][0] >= numbers[1][0]


def attack(notes: Notes) -> None:
    with notes.span(ATTACK, ATTACK, **{ATTACK: ATTACK, "llm__model_name": ATTACK}) as one:
        one.add_event(ATTACK, {ATTACK: ATTACK})
        one.set_status(Status(StatusCode.ERROR, ATTACK))
        one.set_attribute("input.value", ATTACK)
        one.set_attribute("retrieval.documents.0.document.id", ATTACK)
        one.set_attribute("retrieval.documents.0.document.content", ATTACK * 40)


def test_values_from_spans_stay_text(notes: Notes) -> None:
    attack(notes)
    page = Page(notes.view())
    assert {tag for tag, _ in page.tags} <= TAGS
    assert "script" not in {tag for tag, _ in page.tags}
    assert page.text.lower().count(ATTACK.lower()) >= 8


def test_a_long_value_is_cut_visibly_and_unfolds(notes: Notes) -> None:
    with notes.span("step", input__value="x" * 1_000 + "END"):
        pass
    view = notes.view()
    page = Page(view)
    assert "… 703 characters more" in page.text
    assert "END" in page.text
    assert page.source.count("<details>") == 2
    assert "… 923 characters more" in repr(view)
    assert "END" not in repr(view)


def test_a_huge_value_does_not_make_a_huge_page(notes: Notes) -> None:
    for _ in range(20):
        with notes.span("step", input__value="y" * 500_000):
            pass
    page = Page(notes.view())
    assert len(page.source) < 300_000
    assert "characters more, in Phoenix" in page.text


def test_an_error_shows_its_exception(notes: Notes) -> None:
    with pytest.raises(ValueError, match="no such query"), notes.span("retrieval", "RETRIEVER"):
        raise ValueError("no such query")
    view = notes.view()
    for shown in (Page(view).text, repr(view)):
        assert "1 with status ERROR" in shown
        assert "ValueError: no such query" in shown
        assert "event exception after" in shown
    assert "Traceback (most recent call last)" in Page(view).text


def test_spans_whose_parent_never_arrived_are_marked(notes: Notes) -> None:
    with notes.span("request", "CHAIN"), notes.span("retrieval"), notes.span("embed"):
        pass
    view = notes.view(drop="request")
    parent = view.found.named("retrieval")[0].parent_id
    for shown in (Page(view).text, repr(view)):
        assert "1 orphan" in shown
        assert f"its parent {parent} never arrived" in shown
        assert shown.count("never arrived") == 1
    assert "└─ UNKNOWN · embed" in repr(view)


def test_two_thousand_spans_fold_into_a_bounded_page(notes: Notes) -> None:
    with notes.span("batch", "CHAIN"):
        for number in range(1_999):
            with notes.span("ask" if number % 2 else "embed", "LLM", input__value="q" * 900) as one:
                if number == 700:
                    one.set_status(Status(StatusCode.ERROR))
    view = notes.view()
    page = Page(view)
    assert "1,979 more spans: 990 embed, 989 ask, 1 with status ERROR" in page.text
    assert f"… and {2_000 - MAX_ROWS:,} more spans, in Phoenix." in page.text
    assert len(page.source) < 400_000
    assert repr(view).splitlines()[-2] == "… and 1,800 more"


def deep(notes: Notes) -> None:
    from contextlib import ExitStack

    with ExitStack() as stack:
        for number in range(2_000):
            stack.enter_context(notes.span(f"level {number}"))


def separate(notes: Notes) -> None:
    for number in range(2_000):
        with notes.span(f"request {number}"):
            pass


@pytest.mark.parametrize("make", [deep, separate])
def test_other_shapes_of_two_thousand_spans(notes: Notes, make: Callable[[Notes], None]) -> None:
    make(notes)
    view = notes.view()
    page = Page(view)
    assert "more spans, in Phoenix." in page.text
    assert len(page.source) < 1_000_000
    assert len(repr(view)) < 1_000_000


def test_what_can_be_shown(notes: Notes) -> None:
    with notes.span("done"):
        pass
    (finished,) = notes.exporter.get_finished_spans()
    record = record_of(finished)
    assert record_of(record) is record
    from_client = {
        "name": "done",
        "context": {"trace_id": record.trace_id, "span_id": record.span_id},
        "span_kind": "CHAIN",
        "start_time": "2024-05-01T10:00:00+00:00",
        "end_time": "2024-05-01T10:00:01+00:00",
        "status_code": "OK",
    }
    assert record_of(from_client).milliseconds == 1_000
    for wrong, sentence in (
        ({"name": "x"}, "no span of Phoenix"),
        (3, "draws spans, not int"),
        (notes.tracer.start_span("open"), "has not ended"),
    ):
        with pytest.raises(CourseError, match=sentence):
            record_of(wrong)
    assert repr(TraceView([])) == "No span."
    assert "No span." in TraceView([])._repr_html_()


class Arriving(Traces):
    """A Phoenix in which one more span of a trace is readable at each look."""

    phoenix_url = "http://127.0.0.1:9"

    def __init__(self, some: list[SpanRecord]) -> None:
        self.some = some
        self.looks = 0

    def fetch_trace(self, trace_id: str) -> list[SpanRecord]:
        self.looks += 1
        return self.some[: self.looks]

    def link(self, what: Any = None) -> Link:
        return Link("http://localhost", "Open")


def arriving(notes: Notes) -> tuple[Any, Arriving]:
    with notes.span("root") as root:
        for name in ("first", "second"):
            with notes.span(name):
                pass
    return root, Arriving([record_of(one) for one in notes.exporter.get_finished_spans()])


def test_a_root_is_shown_with_its_whole_trace_without_saying_how_large_it_is(notes: Notes) -> None:
    root, course = arriving(notes)
    assert [one.name for one in show(course, root).found.spans] == ["root", "first", "second"]


def test_what_arrived_is_shown_when_the_root_never_does(
    notes: Notes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(view, "PATIENCE", 0.2)
    root, course = arriving(notes)
    course.some.pop()
    shown = show(course, root).found
    assert [one.name for one in shown.spans] == ["first", "second"]
    assert shown.orphans


def test_a_tools_call_its_result_and_a_repeated_call_are_seen(notes: Notes) -> None:
    calls = ('{"employee": "Ada"}', '{"employee": "Bob"}', '{ "employee":"Ada" }', "{cut off")
    with notes.tracer.start_as_current_span("agent", attributes={KIND: "AGENT"}) as agent:
        for arguments in calls:
            tool = {KIND: "TOOL", "tool.name": "balance", "input.value": arguments}
            with notes.tracer.start_as_current_span("balance", attributes=tool) as span:
                span.set_attribute("output.value", "12 days " + "and more " * 20)
        agent.set_attribute("output.value", "Ada has 12 days.")
    shown = notes.view()
    assert Page(shown).text.count('(employee="Ada") \u2192 12 days and more') == 2
    assert "({cut off) \u2192 12 days" in Page(shown).text
    assert "\u2192 Ada has 12 days." in Page(shown).text
    for text in (Page(shown).text, repr(shown)):
        assert text.count("same call, 2 times by now") == 1
    untold = TraceView(shown.found.spans, findings=False)
    for text in (Page(untold).text, repr(untold)):
        assert "same call" not in text
        assert "12 days and more" in text


def test_arguments_under_a_frameworks_keys_are_seen_and_a_schema_is_none(notes: Notes) -> None:
    schema = {
        "tool.parameters.type": "object",
        "tool.parameters.properties.employee.type": "string",
    }
    for keys in ({"tool.parameters.employee": "Ada"}, schema, schema):
        with notes.tracer.start_as_current_span("balance", attributes={KIND: "TOOL", **keys}):
            pass
    text = Page(notes.view()).text
    assert text.count('(employee="Ada")') == 1
    assert "()" not in text
    assert "same call" not in text
