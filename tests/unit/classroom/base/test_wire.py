"""Names on the wire: slugs, projects, and a report that comes back from text as it was."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from opentelemetry.proto.resource.v1.resource_pb2 import Resource

from rag_tutorials.classroom.base.wire import (
    PROJECT_NAME,
    Report,
    move_to_class,
    project_of,
    report_request,
    slug_of,
)

CHECK = Report(
    student="ada-lovelace",
    event="check",
    lesson="01_manual_spans",
    name="01.2",
    when=datetime(2026, 3, 2, 10, 5, 7, 123456, UTC),
    state="not yet",
    sentence="Größe: „b“ \N{SNOWMAN}",
    attempt=3,
    trace_ids=("ab" * 16, "cd" * 16),
    project="ada-lovelace.01_manual_spans",
    evidence="{}",
    dropped=2,
)
QUIZ = Report(
    student="x",
    event="quiz",
    lesson="00_start_here",
    name="entrance",
    when=CHECK.when,
    right=3,
    of=5,
)


@pytest.mark.parametrize(
    ("name", "slug"),
    [
        ("Ada Lovelace", "ada-lovelace"),
        ("ada-lovelace", "ada-lovelace"),
        ("  José   Núñez ", "josé-núñez"),
        ("王小明", "王小明"),
        ("O'Neil, Jr.", "o-neil-jr"),
        ("../../etc", "etc"),
        ("!!!", ""),
    ],
)
def test_a_name_becomes_a_slug_whose_slug_is_itself(name: str, slug: str) -> None:
    assert slug_of(name) == slug
    assert slug_of(slug) == slug


@pytest.mark.parametrize("report", [CHECK, QUIZ])
def test_a_report_comes_back_from_text_as_it_was(report: Report) -> None:
    assert Report.from_json(report.to_json()) == report


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"name": 1, "when": "x", "attributes": {}}'])
def test_other_text_is_no_report(text: str) -> None:
    with pytest.raises(ValueError, match=r"report|Expecting|Invalid isoformat"):
        Report.from_json(text)


def test_a_report_is_the_same_span_however_often_it_is_sent() -> None:
    identity = "0123456789abcdef" * 2
    first, second = (report_request([(identity, CHECK)], dropped) for dropped in (0, 0))
    assert first == second
    [span] = first.resource_spans[0].scope_spans[0].spans
    assert span.trace_id.hex() == identity
    assert span.start_time_unix_nano == span.end_time_unix_nano
    assert span.start_time_unix_nano == 1_772_445_907_123_456_000


def test_the_project_is_the_students_whatever_it_was() -> None:
    for own, header, expected in [
        ("01_manual_spans", None, "ada.01_manual_spans"),
        ("01_manual_spans", "other", "ada.other"),
        (None, None, "ada.default"),
    ]:
        resource = Resource()
        if own:
            resource.attributes.add(key=PROJECT_NAME).value.string_value = own
        resource.attributes.add(key="service.name").value.string_value = "app"
        move_to_class(resource, "ada", header)
        found = {one.key: one.value.string_value for one in resource.attributes}
        assert found == {PROJECT_NAME: expected, "service.name": "app"}
    assert project_of("ada", "x") == "ada.x"
