"""The first difference between a trace that an exercise expects and the one found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import Link, Status, StatusCode, Tracer, format_span_id

from rag_tutorials.course.judging.comparison import Comparison
from rag_tutorials.course.judging.drawing import Drawing
from rag_tutorials.course.judging.expected import ExpectedSpan, Rule, span
from rag_tutorials.course.judging.mistake import Mistake
from rag_tutorials.course.traces.annotations import Annotation
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.spans import from_sdk

KIND = "openinference.span.kind"
REQUEST = span("request", "CHAIN", span("retrieval", "RETRIEVER"), span("generation", "LLM"))


class Recorded:
    """Spans of the SDK, kept in memory."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        provider = TracerProvider()
        provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer: Tracer = provider.get_tracer("test")

    def span(self, name: str, kind: str | None = None, **more: Any) -> Any:
        attributes = {**({KIND: kind} if kind else {}), **more.pop("attributes", {})}
        return self.tracer.start_as_current_span(name, attributes=attributes, **more)

    @property
    def finished(self) -> tuple[ReadableSpan, ...]:
        return self.exporter.get_finished_spans()

    def mistakes(self, *expected: ExpectedSpan, **more: Any) -> list[Mistake]:
        links = {
            format_span_id(one.context.span_id): [
                format_span_id(link.context.span_id) for link in one.links
            ]
            for one in self.finished
            if one.context
        }
        found = Found(from_sdk(one) for one in self.finished)
        comparison = Comparison(expected, found, links=lambda one: links[one.span_id], **more)
        return list(comparison.differences())

    def differences(self, *expected: ExpectedSpan, **more: Any) -> list[str]:
        return [mistake.sentence for mistake in self.mistakes(*expected, **more)]


@pytest.fixture
def recorded() -> Recorded:
    return Recorded()


def right(recorded: Recorded) -> None:
    with recorded.span("request", "CHAIN"):
        with recorded.span("retrieval", "RETRIEVER"):
            pass
        with recorded.span("generation", "LLM"):
            pass


def test_a_right_trace_has_no_difference(recorded: Recorded) -> None:
    right(recorded)
    assert recorded.differences(REQUEST) == []


def root_instead_of_child(recorded: Recorded) -> None:
    with recorded.span("request", "CHAIN"), recorded.span("generation", "LLM"):
        pass
    with recorded.span("retrieval", "RETRIEVER"):
        pass


def child_instead_of_root(recorded: Recorded) -> None:
    with recorded.span("outer"):
        right(recorded)


def child_of_another(recorded: Recorded) -> None:
    with (
        recorded.span("request", "CHAIN"),
        recorded.span("retrieval", "RETRIEVER"),
        recorded.span("generation", "LLM"),
    ):
        pass


def missing(recorded: Recorded) -> None:
    with recorded.span("request", "CHAIN"), recorded.span("retrieval", "RETRIEVER"):
        pass


def misspelt(recorded: Recorded) -> None:
    with recorded.span("request", "CHAIN"):
        with recorded.span("retreival", "RETRIEVER"):
            pass
        with recorded.span("generation", "LLM"):
            pass


def twice(recorded: Recorded) -> None:
    with recorded.span("request", "CHAIN"):
        for name, kind in (("retrieval", "RETRIEVER"), ("generation", "LLM")) * 2:
            with recorded.span(name, kind):
                pass


def wrong_order(recorded: Recorded) -> None:
    with recorded.span("request", "CHAIN"):
        for name, kind in (("generation", "LLM"), ("retrieval", "RETRIEVER")):
            with recorded.span(name, kind):
                pass


def wrong_kind(recorded: Recorded) -> None:
    with recorded.span("request", "CHAIN"):
        for name in ("retrieval", "generation"):
            with recorded.span(name, "LLM"):
                pass


def another_trace(recorded: Recorded) -> None:
    right(recorded)
    with recorded.span("extra"):
        pass


def orphan(recorded: Recorded) -> None:
    never_ended = recorded.tracer.start_span("request")
    from opentelemetry.trace import use_span

    with use_span(never_ended), recorded.span("retrieval"):
        pass


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (
            root_instead_of_child,
            "`retrieval` is a root span; it should be a child of `request`.",
        ),
        (child_instead_of_root, "`request` is a child of `outer`; it should be a root span."),
        (
            child_of_another,
            "`generation` is a child of `retrieval`; it should be a child of `request`.",
        ),
        (missing, "There is no span named `generation`."),
        (misspelt, "There is no span named `retrieval`; did you mean it by `retreival`?"),
        (twice, "There are 2 spans `retrieval` under `request`; there should be 1."),
        (wrong_order, "`generation` starts before `retrieval`; it should start after it."),
        (wrong_kind, "`retrieval` has the kind LLM; it should be RETRIEVER."),
        (another_trace, "There are 2 traces: `extra` has a trace of its own; there should be 1."),
        (
            orphan,
            "`retrieval` is an orphan: it has a parent, but the parent is not in Phoenix (it never "
            "ended, or was sent elsewhere).",
        ),
    ],
)
def test_nesting_order_and_number(
    recorded: Recorded, make: Callable[[Recorded], None], sentence: str
) -> None:
    make(recorded)
    assert recorded.differences(REQUEST)[0] == sentence


def test_an_orphan_is_told_what_its_missing_parent_is_told(recorded: Recorded) -> None:
    orphan(recorded)
    for hint, said in (("It asks for the global provider.",) * 2, ("", "the block ends it")):
        [first, *_] = recorded.mistakes(replace(REQUEST, hint=hint))
        assert "is an orphan" in first.sentence
        assert said in first.hint


def test_other_children_are_allowed_unless_the_span_is_exact(recorded: Recorded) -> None:
    with recorded.span("request"), recorded.span("extra"):
        pass
    assert recorded.differences(span("request")) == []
    assert recorded.differences(span("request", exact=True)) == [
        "`extra` is one span too many under `request`."
    ]


def test_repeated_spans(recorded: Recorded) -> None:
    with recorded.span("batch"):
        for _ in range(3):
            with recorded.span("ask"):
                pass
    assert recorded.differences(span("batch", None, span("ask", times=3))) == []
    assert recorded.differences(span("batch", None, span("ask", times=None))) == []
    assert recorded.differences(span("batch", None, span("ask", times=4))) == [
        "There are 3 spans `ask` under `batch`; there should be 4."
    ]
    none = span("batch", None, span("ask", times=0))
    assert recorded.differences(none) == [
        "There are 3 spans `ask` under `batch`; there should be none."
    ]


def test_a_span_in_its_place_is_not_the_one_that_is_misplaced(recorded: Recorded) -> None:
    late = span("late", None, span("reply"))
    wanted = (span("at once", None, span("reply")), late)
    with recorded.span("at once"), recorded.span("reply"):
        pass
    with recorded.span("late"):
        pass
    assert recorded.differences(*wanted)[0] == (
        "There are no spans `reply` under `late`; there should be 1."
    )
    with recorded.span("reply"):
        pass
    assert recorded.differences(*wanted)[0] == (
        "`reply` is a root span; it should be a child of `late`."
    )


def test_one_span_too_many_elsewhere_is_the_misplaced_one(recorded: Recorded) -> None:
    with recorded.span("at once"):
        for _ in range(2):
            with recorded.span("reply"):
                pass
    with recorded.span("late"):
        pass
    wanted = (span("at once", None, span("reply")), span("late", None, span("reply")))
    assert recorded.differences(*wanted)[-1] == (
        "`reply` is a child of `at once`; it should be a child of `late`."
    )


def test_what_was_set_too_late_is_the_hint_for_what_is_missing(recorded: Recorded) -> None:
    with recorded.span("answer", attributes={"n": 1}):
        pass
    wanted = span("answer", attributes={"n": 2, "output.value": str})
    found = Found(from_sdk(one) for one in recorded.finished)
    hints = [one.hint for one in Comparison((wanted,), found, late=True).differences()]
    assert hints[0] == ""
    assert hints[1].startswith("An attribute was set after the end of its span")
    assert [one.hint for one in Comparison((wanted,), found).differences()] == ["", ""]


def test_several_traces_and_others(recorded: Recorded) -> None:
    for name in ("first", "second"):
        with recorded.span(name):
            pass
    assert recorded.differences(span("first"), span("second")) == []
    assert recorded.differences(span("first"), more_traces=True) == []
    assert recorded.differences(span("first")) == [
        "There are 2 traces: `second` has a trace of its own; there should be 1."
    ]


def test_parallel_children_need_no_order(recorded: Recorded) -> None:
    wrong_order(recorded)
    unordered = span("request", None, span("retrieval"), span("generation"), ordered=False)
    assert recorded.differences(unordered) == []


def _calls(*questions: str, **more: Any) -> ExpectedSpan:
    wanted = [span("call", "TOOL", attributes={"question": one}) for one in questions]
    return span("agent", "AGENT", *wanted, **more)


@pytest.mark.parametrize("started", [("a", "b", "c"), ("c", "a", "b"), ("b", "c", "a")])
def test_children_of_one_name_are_found_in_any_order_where_order_is_free(
    recorded: Recorded, started: tuple[str, ...]
) -> None:
    with recorded.span("agent", "AGENT"):
        for question in started:
            with recorded.span("call", "TOOL", attributes={"question": question}):
                pass
    assert recorded.differences(_calls("a", "b", "c", ordered=False)) == []
    in_order = recorded.differences(_calls("a", "b", "c"))
    assert bool(in_order) == (started != ("a", "b", "c"))
    assert recorded.differences(_calls("a", "b", "b", ordered=False)) == [
        "`call` has `question` = c; it should be `b`."
    ]


def test_a_span_that_only_one_of_its_kind_can_take_is_left_to_it(recorded: Recorded) -> None:
    with recorded.span("agent", "AGENT"):
        for question in ("b", "a"):
            call = recorded.span("call", "TOOL", attributes={"question": question})
            with call, recorded.span("model", "LLM"):
                pass
    anything = span("call", "TOOL", span("model", "LLM"), attributes={"question": ...})
    only_b = span("call", "TOOL", attributes={"question": "b"})
    for children in ((anything, only_b), (only_b, anything)):
        assert recorded.differences(span("agent", "AGENT", *children, ordered=False)) == []


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"input.value": ...}, None),
        ({"input.value": "hello"}, None),
        ({"input.value": str}, None),
        ({"top_k": int}, None),
        ({"top_k": float}, None),
        ({"flag": bool}, None),
        ({"tags": ("a", "b")}, None),
        ({"absent": None}, None),
        ({"top_k": Rule("1 or more", lambda k: k >= 1)}, None),
        ({"output.value": ...}, "`step` has no attribute `output.value`."),
        ({"input.valeu": ...}, "`step` has no attribute `input.valeu`; did you mean it by"),
        ({"input.value": "bye"}, "`step` has `input.value` = hello; it should be `bye`."),
        ({"top_k": str}, "`step` has `top_k` = 5 (a whole number); it should be text."),
        ({"flag": int}, "`step` has `flag` = true (true or false); it should be a whole number."),
        ({"top_k": None}, "`step` has the attribute `top_k`; it should not."),
        (
            {"top_k": Rule("10 or more", lambda k: k >= 10)},
            "`step` has `top_k` = 5; it should be 10 or more.",
        ),
        (
            {"input.value": Rule("10 or more", lambda k: k >= 10)},
            "`step` has `input.value` = hello; it should be 10 or more.",
        ),
    ],
)
def test_attributes(recorded: Recorded, wanted: dict[str, Any], sentence: str | None) -> None:
    attributes = {"input.value": "hello", "top_k": 5, "flag": True, "tags": ["a", "b"]}
    with recorded.span("step", attributes=attributes):
        pass
    found = recorded.differences(span("step", attributes=wanted))
    if sentence is None:
        assert found == []
    else:
        assert found[0].startswith(sentence)


@pytest.mark.parametrize(
    ("have", "wanted", "passes"),
    [
        (StatusCode.OK, "OK", True),
        (StatusCode.OK, "ERROR", False),
        (StatusCode.UNSET, "not ERROR", True),
        (StatusCode.ERROR, "not ERROR", False),
        (StatusCode.ERROR, "ERROR", True),
        (StatusCode.UNSET, "OK", False),
    ],
)
def test_status(recorded: Recorded, have: StatusCode, wanted: str, passes: bool) -> None:
    with recorded.span("step") as one:
        one.set_status(Status(have))
    found = recorded.differences(span("step", status=wanted))
    assert (found == []) is passes
    assert passes or "`step` has the status" in found[0]


def test_events(recorded: Recorded) -> None:
    with recorded.span("step") as one:
        one.record_exception(ValueError("no"))
        one.record_exception(ValueError("no"))
        one.add_event("cache-miss", {"key": "abroad"})
    assert recorded.differences(span("step", events={"exception": 2, "retry": 0})) == []
    assert recorded.differences(span("step", events={"cache-miss": {"key": str}})) == []
    assert recorded.differences(span("step", events={"exception": 1})) == [
        "`step` has 2 `exception` events; it should have 1."
    ]
    assert recorded.differences(span("step", events={"retry": {}})) == [
        "`step` has no `retry` event."
    ]
    wrong = span("step", events={"cache-miss": {"key": "home"}})
    assert recorded.differences(wrong) == [
        "The event `cache-miss` of `step` has `key` = abroad; it should be `home`."
    ]


DOWN = Annotation(
    on="a" * 16,
    name="user feedback",
    kind="HUMAN",
    label="thumbs-down",
    score=0.0,
    explanation=None,
    identifier="ada",
    source="API",
)


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        ({"user feedback": {"label": "thumbs-down", "score": 0, "explanation": None}}, None),
        ({"user feedback": 1, "note": 0}, None),
        (
            {"user feedback": {"source": "APP"}},
            "The annotation `user feedback` of `turn` has `source` = API; it should be `APP`.",
        ),
        (
            {"user feedback": {"explanation": str}},
            "The annotation `user feedback` of `turn` has no field `explanation`.",
        ),
        ({"note": {}}, "`turn` has no annotation `note`."),
        (
            {"user_feedback": {}},
            "`turn` has no annotation `user_feedback`; did you mean it by `user feedback`?",
        ),
        ({"user feedback": 0}, "`turn` has 1 annotation `user feedback`; it should have none."),
    ],
)
def test_annotations(recorded: Recorded, wanted: dict[str, Any], sentence: str | None) -> None:
    with recorded.span("turn"):
        pass
    turn = replace(from_sdk(recorded.finished[0]), annotations=(DOWN,))
    comparison = Comparison((span("turn", annotations=wanted),), Found([turn]))
    assert [one.sentence for one in comparison.differences()] == ([sentence] if sentence else [])
    drawing = Drawing(comparison.expected, comparison.found)
    assert "annotation user feedback" in drawing.found()


def test_a_secret_in_an_annotation_is_seen(recorded: Recorded) -> None:
    with recorded.span("turn"):
        pass
    said = replace(DOWN, name="note", explanation="ask ada@example.com")
    turn = replace(from_sdk(recorded.finished[0]), annotations=(said,))
    comparison = Comparison((), Found([turn]), without=("ada@example.com",))
    assert [one.sentence for one in comparison.differences()] == [
        "The secret is still in the annotation `note` (`explanation`) of `turn`."
    ]


def test_links(recorded: Recorded) -> None:
    with recorded.span("first") as first:
        pass
    with recorded.span("second", links=[Link(first.get_span_context())]):
        pass
    assert recorded.differences(span("first"), span("second", links=["first"])) == []
    assert recorded.differences(span("first", links=["second"]), span("second")) == [
        "`first` has no link to `second`."
    ]


@pytest.mark.parametrize("place", ["attribute", "event", "event name", "name", "status"])
def test_a_secret_is_found_wherever_it_is_and_not_repeated(recorded: Recorded, place: str) -> None:
    secret = "token-of-ada"
    with recorded.span(f"step {secret}" if place == "name" else "step") as one:
        if place == "attribute":
            one.set_attribute("input.value", f"with {secret} inside")
        if place == "event":
            one.add_event("sent", {"header": secret})
        if place == "event name":
            one.add_event(f"sent {secret}")
        if place == "status":
            one.set_status(Status(StatusCode.ERROR, f"{secret} is refused"))
    name = recorded.finished[0].name
    assert recorded.differences(span(name)) == []
    (sentence,) = recorded.differences(span(name), without=(secret,))
    assert sentence.startswith("The secret is still in")
    found = Found(from_sdk(one) for one in recorded.finished)
    asked = span(name, attributes={"input.value": ...})
    assert secret not in Drawing((asked,), found).found(without=(secret,))


def test_a_number_that_was_set_as_text_is_named_with_both_types(recorded: Recorded) -> None:
    with recorded.span("step", attributes={"count": "3", "score": "0.5"}):
        pass
    assert recorded.differences(span("step", attributes={"count": 3, "score": float})) == [
        "`step` has `count` = 3 (text); it should be the number 3.",
        "`step` has `score` = 0.5 (text); it should be a number.",
    ]


def test_a_misnamed_span_is_not_taken_for_one_that_is_expected_elsewhere(
    recorded: Recorded,
) -> None:
    with (
        recorded.span("leave-request", "AGENT"),
        recorded.span("the tool", "TOOL"),
    ):
        pass
    wanted = span("leave-request", "AGENT", span("leave_left", "TOOL"))
    assert recorded.differences(wanted) == [
        "There is no span named `leave_left`; did you mean it by `the tool`?"
    ]


def test_an_exception_event_that_tells_nothing_is_none(recorded: Recorded) -> None:
    with recorded.span("step") as one:
        one.add_event("exception")
    assert recorded.differences(span("step", events={"exception": 1})) == [
        "`step` has no `exception` events; it should have 1."
    ]


def test_hints_belong_to_the_mistake(recorded: Recorded) -> None:
    with recorded.span("request", "LLM") as one:
        one.set_attribute("count", "3")
    found = Found(from_sdk(one) for one in recorded.finished)
    rule = Rule("1 or more", lambda count: count >= 1, "Count them.")
    wanted = span("request", "CHAIN", attributes={"count": rule})
    kind, count = Comparison((wanted,), found).differences()
    assert "`openinference.span.kind`, with the value `CHAIN`" in kind.hint
    assert count.hint == "Count them."
    own = span("request", "CHAIN", hint="Look at the root.")
    assert [one.hint for one in Comparison((own,), found).differences()] == ["Look at the root."]
