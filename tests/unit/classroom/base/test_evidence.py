"""What a check saw survives the way through text, and nothing else does."""

from __future__ import annotations

import json
import pickle
from collections import OrderedDict, deque, namedtuple
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace import INVALID_SPAN, format_span_id
from pydantic import BaseModel

from rag_tutorials.classroom.base import evidence
from rag_tutorials.classroom.base.evidence import NotCarried, decode, encode, fingerprint
from rag_tutorials.classroom.base.wire import LONGEST_EVIDENCE
from rag_tutorials.course.exercises.lesson_02 import RateLimitError
from rag_tutorials.course.judging.answers import agrees
from rag_tutorials.course.judging.given import is_unfinished, wrong_type
from rag_tutorials.course.judging.looks import sent_text
from rag_tutorials.course.judging.mistake import MistakeError
from rag_tutorials.course.judging.seen import Seen
from rag_tutorials.course.judging.watching import Deed
from rag_tutorials.course.traces.annotations import Annotation
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.spans import Event, SpanRecord
from rag_tutorials.schema import RetrievalResult

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
THERE: Any = SimpleNamespace(project="01_manual_spans", chat_model="gpt-4.1-mini")
HERE: Any = SimpleNamespace(data="the course's folder")


def a_span(number: int, **changes: Any) -> SpanRecord:
    fields: dict[str, Any] = {
        "name": f"span-{number}", "kind": "CHAIN", "trace_id": f"{7:032x}",
        "span_id": f"{number:016x}", "parent_id": None, "start": NOW,
        "end": NOW + timedelta(seconds=1), "status": "OK", "status_message": "",
        "attributes": {"input.value": "a question"}, "events": (),
    }  # fmt: skip
    return SpanRecord(**(fields | changes))


def through_text(seen: Seen, spans: Any = ()) -> Seen:
    text = encode(seen)
    assert len(text.encode()) <= LONGEST_EVIDENCE
    return decode(json.dumps(json.loads(text)), HERE, spans)


def value_of(value: Any) -> Any:
    return through_text(Seen(THERE, (value,))).given[0]


@pytest.mark.parametrize(
    "value",
    [
        None, True, 3, 2.5, "Größe 😀 \x00", [1, [2, "x"]], (1, ("a", 2)), {"a": (1,)},
        {1: "x", (2, 3): {"!": "y"}}, {"!": "not a tag"}, {1, 2}, NOW,
        RetrievalResult("id", 0.5, "dense", "text"),
    ],
)  # fmt: skip
def test_plain_values_come_back_as_they_were(value: Any) -> None:
    assert value_of(value) == value
    assert type(value_of(value)) is type(value)


def test_other_containers_come_back_as_the_nearest_plain_one() -> None:
    assert value_of(OrderedDict(a=1)) == {"a": 1}
    assert value_of(deque([1, 2])) == [1, 2]
    assert value_of(range(3)) == [0, 1, 2]
    assert value_of({"a": 1}.keys()) == ["a"]
    assert is_unfinished(value_of([...]))


@pytest.mark.parametrize("value", [np.int64(4), np.float32(0.5), np.bool_(True)])
def test_numbers_of_numpy_agree_with_just_what_they_agreed_with(value: Any) -> None:
    back = value_of(value)
    for truth in (4, 0.5, True, [1, 2], "4"):
        assert agrees(back, truth) == agrees(value, truth)
    assert isinstance(back, (int, float)) == isinstance(value, (int, float))


def test_an_array_and_a_column_of_a_frame_are_their_values() -> None:
    for value in (pd.Series([3, 4]), np.array([3, 4])):
        assert agrees(value_of(value), [4, 3])
        assert not agrees(value_of(value), [4, 4])


class _Answer(BaseModel):
    text: str
    score: float


@dataclass
class _Own:
    text: str


def test_objects_keep_the_fields_that_they_have() -> None:
    namespace = SimpleNamespace(text="six months")
    of_the_notebook = type("_Class", (), {"__module__": "__main__"})()
    of_the_notebook.text = "six months"
    for value in (
        _Answer(text="six months", score=1.0),
        _Own("six months"),
        namespace,
        of_the_notebook,
    ):
        back = value_of(value)
        assert back.text == "six months"
        assert repr(back) == repr(value)
        assert type(back).__name__ == type(value).__name__
        with pytest.raises(NotCarried, match="`other` of a "):
            back.other  # noqa: B018


def test_a_row_keeps_its_names() -> None:
    row = namedtuple("Row", "chunk_id text")("a-1", "six months")
    back = value_of([row])[0]
    assert back == row
    assert (back.text, repr(back)) == (row.text, repr(row))


class _Thing:
    pass


def test_what_has_no_json_says_so_at_every_use_and_prints_as_it_did() -> None:
    def ask(question: str) -> str:
        return question

    function, thing = value_of(ask), value_of(thing_itself := _Thing())
    assert repr(thing) == repr(thing_itself)
    assert callable(function)
    assert not callable(thing)
    uses: list[Any] = [
        lambda: function("x"), lambda: thing.a, lambda: thing == 1, lambda: thing != 1,
        lambda: bool(thing), lambda: len(thing), lambda: list(thing), lambda: str(thing),
        lambda: f"{thing}", lambda: thing[0], lambda: 1 in thing, lambda: thing + 1,
        lambda: {thing}, lambda: float(thing), lambda: agrees(thing, [1]), lambda: thing < 1,
    ]  # fmt: skip
    for use in uses:
        with pytest.raises(NotCarried, match=r"function `ask`|a _Thing"):
            use()


def test_no_look_takes_what_is_missing_for_a_mistake() -> None:
    assert not issubclass(NotCarried, Exception)  # that is what a trace lacks


def test_a_given_span_is_known_by_its_ids() -> None:
    span = TracerProvider().get_tracer("test").start_span("x")
    back = value_of(span)
    assert isinstance(back, trace.Span)
    assert back.get_span_context()[:2] == span.get_span_context()[:2]  # the ids
    with pytest.raises(NotCarried, match="`name`"):
        back.name  # type: ignore[attr-defined]  # noqa: B018
    [record] = [a_span(1)]
    seen = through_text(Seen(THERE, ([record],), found=Found([record])), [record])
    assert seen.given == ([record],)


def test_a_span_that_was_never_recorded_is_told_as_before() -> None:
    from rag_tutorials.course.judging import catalog

    exercise = catalog.find("09.3")
    assert wrong_type(exercise, [value_of(INVALID_SPAN)]) == wrong_type(exercise, [INVALID_SPAN])


def test_an_error_keeps_its_type_as_far_as_it_is_known_here() -> None:
    class OwnError(ValueError):
        pass

    for error, known in (
        (KeyError("x"), KeyError),
        (OwnError("too long"), ValueError),
        (RateLimitError("later"), RateLimitError),
        (UnicodeDecodeError("utf-8", b"x", 0, 1, "no"), UnicodeDecodeError),
    ):
        back = through_text(Seen(THERE, (), error=error)).error
        assert isinstance(back, known)
        assert (type(back).__name__, str(back)) == (type(error).__name__, str(error))
    back = through_text(Seen(THERE, (), error=MistakeError("It is wrong.", "Mend it."))).error
    assert isinstance(back, MistakeError)
    assert (back.mistake.sentence, back.mistake.hint) == ("It is wrong.", "Mend it.")


def test_nothing_that_is_decoded_runs_or_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pickle, "loads", lambda *_: pytest.fail("pickle"))
    told = json.loads(encode(Seen(THERE, (1,), error=ValueError("x"))))
    for name in ("os:system", "antigravity:geohash", "builtins:exec", "rag_tutorials.nobody:X"):
        told["error"]["types"] = [name]
        told["given"] = [{"!": "object", "type": name, "said": "", "of": {"a": 1}}]
        seen = decode(json.dumps(told), HERE, ())
        assert type(seen.error).__mro__[1] is Exception
        assert seen.given[0].a == 1
    import sys

    assert "antigravity" not in sys.modules


def test_spans_are_carried_as_ids_and_come_from_elsewhere() -> None:
    one, other = a_span(1), a_span(2, start=NOW + timedelta(seconds=1))
    text = encode(Seen(THERE, (), made=Found([one]), found=Found([one, other])))
    assert "a question" not in text
    assert evidence.trace_ids_of(text) == (one.trace_id,)
    assert evidence.fingerprints_of(text).keys() == {one.span_id, other.span_id}
    elsewhere = [a_span(1, name="other"), other, a_span(3)]
    seen = decode(text, HERE, elsewhere)
    assert [span.name for span in seen.found.spans] == ["other", "span-2"]
    assert [span.name for span in seen.made.spans] == ["other"]
    assert seen.arrived
    assert not decode(text, HERE, [other]).arrived


def test_what_phoenix_keeps_otherwise_is_as_it_was_made() -> None:
    made = a_span(1, attributes={"a": (1, 2), "d.1.id": "x", "d.2.id": "y"})
    kept = a_span(1, attributes={"a": [1, 2], "d.0.id": "x", "d.1.id": "y"})
    seen = through_text(Seen(THERE, (), made=Found([made]), found=Found([kept])), [kept])
    assert seen.made.spans[0].attributes == {"a": [1, 2], "d.1.id": "x", "d.2.id": "y"}
    assert seen.found.spans[0].attributes == kept.attributes


def test_a_span_that_never_arrived_is_told_whole_and_does_not_arrive_later() -> None:
    made = a_span(1, events=(Event("refused", NOW, {"times": 2}),))
    seen = through_text(Seen(THERE, (), made=Found([made]), arrived=False), [a_span(1)])
    assert seen.made.spans == (made,)
    assert not len(seen.found)
    assert not seen.arrived
    forged = json.loads(encode(Seen(THERE, (), made=Found([made]), arrived=False)))
    forged["arrived"] = True
    assert not decode(json.dumps(forged), HERE, [a_span(1)]).arrived


def test_annotations_of_the_students_phoenix_are_with_the_spans() -> None:
    note = Annotation(f"{1:016x}", "note", "HUMAN", None, None, "slow", "", "APP")
    of_session = Annotation("s-1", "resolved", "HUMAN", "no", 0.0, "why", "", "API")
    found = Found([a_span(1, annotations=(note,))], [of_session])
    seen = through_text(Seen(THERE, (), found=found), [a_span(1)])
    assert seen.found.spans[0].annotations == (note,)
    assert seen.found.session_annotations == (of_session,)


class _Response:
    def __init__(self) -> None:
        self.status_code = 429
        self.headers = {"Retry-After-Ms": "50", "openai-organization": "org-of-somebody"}

    def json(self) -> Any:
        return {"error": {"message": "too fast"}}


def test_requests_keep_what_checks_ask_and_no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_API_KEY", "made-up-key-of-nobody")
    deed = Deed(
        "/v1/chat/completions", f"{1:016x}", NOW, 2, NOW, '{"messages": "made-up-key-of-nobody"}',
        {"Authorization": "Bearer made-up", "Traceparent": "00-1-2-01"}, _Response(),
    )  # fmt: skip
    called = Deed("look_up", f"{1:016x}", NOW, 1, NOW, result=(1, "two"))
    text = encode(Seen(THERE, ("class-key-1",), deeds=[deed, called]), hide=["class-key-1"])
    for secret in ("made-up", "org-of-somebody", "class-key-1"):
        assert secret not in text
    first, second = decode(text, HERE, ()).deeds
    assert first.refused
    assert first.answer == {"error": {"message": "too fast"}}
    assert first.headers["traceparent"] == "00-1-2-01"
    assert first.result.headers["retry-after-ms"] == "50"
    assert (first.name, first.began, first.at_once) == (deed.name, NOW, 2)
    with pytest.raises(NotCarried, match="header `authorization`"):
        first.headers["authorization"].startswith("Bearer")
    assert second.result == (1, "two")
    assert not second.refused


def test_what_is_too_long_goes_first_and_says_so() -> None:
    long = Deed("/chat/completions", "", NOW, 1, NOW, "x" * 9000)
    seen = through_text(Seen(THERE, ("y" * 9000, ["z"] * 10_000), deeds=[long]))
    assert seen.given[0] == "y" * 9000
    uses: list[tuple[str, Any]] = [
        ("a text of 9,000 characters", lambda: "x" in seen.deeds[0].body),
        ("a text of 9,000 characters", lambda: sent_text(seen.deeds[0])),
        ("a list of 50,000 characters", lambda: isinstance(seen.given[1], list)),
    ]
    for what, use in uses:
        with pytest.raises(NotCarried, match=what):
            use()
    some = [Deed("/chat/completions", "", NOW, 1, NOW, "é" * 1900) for _ in range(40)]
    assert len(through_text(Seen(THERE, (), deeds=some)).deeds) == 40
    assert encode(Seen(THERE, (1,), links={str(n): ["x" * 16] for n in range(5000)})) == ""


def test_what_holds_itself_or_no_end_is_encoded_in_bounded_time() -> None:
    loop: list[Any] = [1]
    loop += [loop, loop, loop]
    for value, what in ((loop, "a list"), (range(10**9), "a range")):
        with pytest.raises(NotCarried, match=what):
            list(value_of(value))


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"found": 1}', '{"found": {"a": 1}}', "[" * 10**5]
)
def test_what_is_no_evidence_is_not_carried(text: str) -> None:
    with pytest.raises(NotCarried):
        decode(text, HERE, ())


def test_evidence_that_somebody_changed_is_not_carried() -> None:
    whole = json.loads(encode(Seen(THERE, (1,), deeds=[Deed("x", "", NOW, 1, NOW)])))
    for key in whole:
        for value in (None, 7, "x", [[1]], {"a": {"b": 1}}):
            changed = json.dumps(whole | {key: value})
            try:
                decode(changed, HERE, ())
            except NotCarried:
                continue  # or it is a value that could be there


def test_fingerprints_do_not_depend_on_the_database_but_on_all_that_is_said() -> None:
    one = a_span(1, attributes={"a": 1.0, "b": [1, 2], "c": {"x": 1}})
    same = a_span(1, attributes={"c": {"x": 1.0}, "b": (1.0, 2), "a": 1}, start=NOW)
    assert fingerprint(one) == fingerprint(same)
    others = [
        a_span(1, attributes={**one.attributes, "a": True}),
        a_span(1, attributes=one.attributes, name="x"),
        a_span(1, attributes=one.attributes, parent_id=format_span_id(1)),
        a_span(1, attributes=one.attributes, events=(Event("e", NOW, {}),)),
        a_span(1, attributes=one.attributes, status="ERROR"),
    ]
    assert len({fingerprint(each) for each in (one, *others)}) == 6
