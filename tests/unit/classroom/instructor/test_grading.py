"""A class is graded: real verdicts over real spans, read from a Phoenix that asks for a key."""

from __future__ import annotations

import csv
import json
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest
from openinference.semconv.resource import ResourceAttributes
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator
from opentelemetry.trace import Link
from reporting import Server, made, report, serve

from rag_tutorials.classroom.base.evidence import encode, trace_ids_of
from rag_tutorials.classroom.instructor import commands, grading
from rag_tutorials.classroom.instructor.grading import (
    Grade,
    Student,
    summary,
    write_details,
    write_table,
)
from rag_tutorials.classroom.instructor.place import ClassPlace, Person, Secrets
from rag_tutorials.classroom.instructor.place import Server as PlacedServer
from rag_tutorials.classroom.instructor.reading import Report, read_reports
from rag_tutorials.classroom.instructor.rejudging import Again, ClassTraces
from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.judging import catalog, judge
from rag_tutorials.course.judging.seen import Seen
from rag_tutorials.course.judging.verdict import Verdict

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("class-phoenix")]
LESSON = "06_context_between_processes"
EXERCISE = "06.2"


@dataclass(frozen=True)
class Somebody:
    slug: str
    name: str


class Notebook:
    """A student's notebook, for what the exercise needs: their own Phoenix is the class's."""

    chat_model = "gpt-4.1-mini"

    def __init__(self, server: Server, project: str, reads: str, own: Own) -> None:
        self.project = project
        self.phoenix_url = server.url
        self._traces = ClassTraces(server.url, server.admin_secret)
        self._reads = reads
        self._own = own

    def fetch(self, **filters: Any) -> Any:
        spans = self._traces.spans(self._reads, **filters)
        return [one for one in spans if int(one.span_id, 16) in self._own.ids]

    def link(self, what: Any = None) -> None:
        return None


class Own(SpanProcessor):
    """The ids of a student's own spans."""

    def __init__(self) -> None:
        self.ids: set[int] = set()

    def on_end(self, span: ReadableSpan) -> None:
        assert span.context
        self.ids.add(span.context.span_id)


# In a notebook's own name, so that its calls are the student's.
CODE = """
def answer_for(request_context):
    with tracer.start_as_current_span("answer", context=request_context):
        time.sleep(0.001)
    if twice:
        tracer.start_span("answer", context=request_context).end()

def nightly_report(finished):
    links = [Link(one) for one in finished] if right else []
    with tracer.start_as_current_span("report", links=links):
        time.sleep(0.001)
"""


class Shared(IdGenerator):
    """Trace ids that a program makes up: the same in everybody's."""

    def __init__(self) -> None:
        self._numbers = count(0x06_2_0001)

    def generate_span_id(self) -> int:
        return RandomIdGenerator().generate_span_id()

    def generate_trace_id(self) -> int:
        return next(self._numbers)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with serve(tmp_path_factory.mktemp("class")) as started:
        yield started


@pytest.fixture
def traces(server: Server) -> ClassTraces:
    return ClassTraces(server.url, server.admin_secret)


@pytest.fixture
def check(server: Server, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Verdict]:
    """Return a function that lets a student do the exercise, right or wrong."""

    def attempt(
        project: str,
        right: bool = True,
        ids: IdGenerator | None = None,
        reads: str = "",
        twice: bool = False,
    ) -> Verdict:
        resource = Resource({ResourceAttributes.PROJECT_NAME: project})
        provider = TracerProvider(
            resource=resource, id_generator=ids or RandomIdGenerator(), shutdown_on_exit=False
        )
        exporter = OTLPSpanExporter(
            f"{server.url}/v1/traces", headers={"authorization": f"Bearer {server.key}"}
        )
        own = Own()
        provider.add_span_processor(own)
        provider.add_span_processor(SimpleSpanProcessor(exporter))
        monkeypatch.setattr(trace, "get_tracer_provider", lambda: provider)
        names = {"__name__": "__main__", "tracer": trace.get_tracer("student"), "right": right}
        names |= {"time": time, "Link": Link, "twice": twice}
        exec(CODE, names)
        notebook: Any = Notebook(server, project, reads or project, own)
        given = names["answer_for"], names["nightly_report"]
        return judge.judge(notebook, catalog.find(EXERCISE), given)

    return attempt


def told(student: str, verdict: Verdict, **changes: Any) -> Report:
    assert verdict.seen is not None
    evidence = encode(verdict.seen)
    fields = {
        "lesson": LESSON, "state": verdict.state, "sentence": verdict.sentence,
        "trace_ids": trace_ids_of(evidence), "project": f"{student}.{LESSON}",
        "evidence": evidence,
    }  # fmt: skip
    return made(student, EXERCISE, **(fields | changes))


def grade(
    people: Sequence[Somebody], reports: Sequence[Report], traces: ClassTraces
) -> list[Student]:
    return [one for one, _ in grading.grade(people, reports, traces)]


def of(students: Sequence[Student], slug: str) -> Grade:
    [found] = [one for one in students if one.slug == slug]
    return found.grades[EXERCISE]


def test_what_is_said_and_what_the_traces_say(
    server: Server, traces: ClassTraces, check: Callable[..., Verdict], tmp_path: Path
) -> None:
    honest = check(f"ada.{LESSON}")
    wrong = check(f"bob.{LESSON}", right=False)
    lost = check("not-in-the-class")
    assert (honest.state, wrong.state, lost.state) == ("passed", "not yet", "passed")
    httpx.delete(
        f"{server.url}/v1/projects/not-in-the-class",
        headers={"authorization": f"Bearer {server.admin_secret}"},
        trust_env=False,
        timeout=120,
    ).raise_for_status()
    spans = [
        report(one.student, EXERCISE, lesson=LESSON, state=one.state, sentence=one.sentence,
               trace_ids=one.trace_ids, project=one.project, evidence=one.evidence)
        for one in (
            told("ada", honest),
            told("bob", wrong, state="passed", sentence=""),
            told("cem", lost),
        )
    ]  # fmt: skip
    server.send(spans)
    deadline = time.monotonic() + 120
    while len(reports := read_reports(server.url, server.admin_secret)) < len(spans):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    people = [
        Somebody("ada", "Ada Ünal 😀"), Somebody("bob", '=HYPERLINK("x")'),
        Somebody("cem", "Cem, C."), Somebody("dora", "-Dora"), Somebody("everybody", ""),
    ]  # fmt: skip
    students = grade(people, reports, traces)

    assert of(students, "ada").proven == "traces"
    assert not of(students, "ada").differs
    assert of(students, "bob").differs
    assert of(students, "bob").again == Again("not yet", wrong.sentence)
    assert of(students, "cem").proven == "open"
    assert "6 are not in the class's" in (of(students, "cem").again or Again("")).sentence

    table, details = tmp_path / "grades.csv", tmp_path / "details.csv"
    write_table(table, students)
    assert table.read_bytes().startswith(b"\xef\xbb\xbf")
    rows = {row["student"]: row for row in csv.DictReader(table.open(encoding="utf-8-sig"))}
    assert list(rows) == ["dora", "bob", "ada", "cem"]
    heads = ("name", "passed", "proven", "by word", "open", "differing", EXERCISE)
    assert [[rows[slug][head] for head in heads] for slug in ("ada", "bob", "cem", "dora")] == [
        ["Ada Ünal 😀", "1", "1", "0", "0", "0", "passed"],
        ['\'=HYPERLINK("x")', "1", "0", "0", "0", "1", "passed / not yet"],
        ["Cem, C.", "1", "0", "0", "1", "0", "passed / ?"],
        ["'-Dora", "0", "0", "0", "0", "0", ""],
    ]
    assert {row["of"] for row in rows.values()} == {str(len(grading.of_the_course()))}
    write_details(details, students)
    long = list(csv.DictReader(details.open(encoding="utf-8-sig")))
    assert [
        (one["student"], one["stored"], one["again"], one["pass rests on"]) for one in long
    ] == [
        ("bob", "passed", "not yet", ""),
        ("ada", "passed", "passed", "traces"),
        ("cem", "passed", "unknown", "open"),
    ]
    assert long[0]["again sentence"] == wrong.sentence
    assert long[1]["traces"].split() == list(trace_ids_of(reports[0].evidence))

    said = summary(students)
    assert "4 students, 3 exercises reported as passed:" in said
    assert "1  proven" in said
    assert "1  open" in said
    assert "1  denied" in said
    assert f"stored passed, judged again not yet: {wrong.sentence}" in said
    assert "Without a report: -Dora." in said


def test_passed_once_is_passed_and_a_wrong_not_yet_is_found(
    traces: ClassTraces, check: Callable[..., Verdict]
) -> None:
    project = f"ida.{LESSON}"
    right, wrong = check(project), check(project, right=False)
    reports = [
        told("ida", wrong),
        told("ida", right),
        told("ida", wrong, state="passed"),
        told("ida", wrong),
    ]
    found = of(grade([], reports, traces), "ida")
    assert (found.stored, found.proven, found.differs, found.attempts) == (
        "passed",
        "traces",
        False,
        4,
    )
    found = of(grade([], [told("ida", right, state="not yet", sentence="no")], traces), "ida")
    assert (found.differs, found.proven, found.cell) == (True, "", "not yet / passed")
    untouched = made("ida", EXERCISE, "not started", sentence="Write your part.")
    found = of(grade([], [untouched], traces), "ida")
    assert (found.stored, found.again, found.attempts, found.cell) == (
        "not started",
        None,
        0,
        "not started",
    )


def test_somebody_elses_trace_is_found(traces: ClassTraces, check: Callable[..., Verdict]) -> None:
    verdict = check(f"mia.{LESSON}")
    own = told("mia", verdict)
    taken = told("nils", verdict)
    lent = told("olga", verdict, project=f"mia.{LESSON}")
    students = grade([], [own, taken, lent], traces)
    assert of(students, "mia").proven == "traces"
    for slug, said in (("nils", "mia, olga claims it too"), ("olga", "which is another's")):
        assert of(students, slug).proven == "open", slug
        assert said in " ".join((of(students, slug).again or Again("")).findings)
    reports = [own, taken, lent]
    without = [one for one, _ in grading.grade([], reports, traces, removed={"mia"})]
    assert [one.slug for one in without] == ["nils", "olga"]  # and a copy stays one
    assert "mia, olga claims it too" in " ".join((of(without, "nils").again or Again("")).findings)
    unclaimed = grade([], [taken], traces)  # made by somebody who never checked it
    assert of(unclaimed, "nils").proven == "open"
    assert f"is in the project `mia.{LESSON}`" in summary(unclaimed)


def test_a_trace_id_that_everybodys_program_makes_up_is_nobodys(
    traces: ClassTraces, check: Callable[..., Verdict]
) -> None:
    first = check(f"pia.{LESSON}", ids=Shared())
    second = check(f"quinn.{LESSON}", ids=Shared(), reads=f"pia.{LESSON}")
    assert not traces.spans(f"quinn.{LESSON}")  # Phoenix keeps a trace where it began
    students = grade([], [told("pia", first), told("quinn", second)], traces)
    for slug in ("pia", "quinn"):
        assert of(students, slug).proven == "traces", of(students, slug)


def test_spans_that_the_evidence_leaves_out_are_found(
    traces: ClassTraces, check: Callable[..., Verdict]
) -> None:
    verdict = check(f"vera.{LESSON}", twice=True)
    assert verdict.sentence.startswith("There are 2 spans `answer`")
    assert verdict.seen
    evidence = json.loads(encode(verdict.seen))
    second = verdict.seen.found.named("answer")[1]
    del evidence["found"][second.trace_id][second.span_id]
    evidence["made"].remove(second.span_id)
    claimed = told("vera", verdict, state="passed", evidence=json.dumps(evidence))
    students = grade([], [claimed], traces)
    assert of(students, "vera").proven == "open"
    assert "leaves out 1 span of its traces" in summary(students)


def test_altered_spans_are_found(traces: ClassTraces, check: Callable[..., Verdict]) -> None:
    verdict = check(f"rosa.{LESSON}")
    evidence = json.loads(encode(verdict.seen)) if verdict.seen else {}
    some = next(iter(evidence["found"].values()))
    some[next(iter(some))] = "00000000"
    altered = told("rosa", verdict, evidence=json.dumps(evidence))
    found = of(grade([], [altered], traces), "rosa")
    assert found.proven == "open"
    assert "1 of its spans are not what the check looked at" in summary(
        grade([], [altered], traces)
    )


def test_a_report_that_is_no_evidence_or_no_exercise_is_told(traces: ClassTraces) -> None:
    for exercise, evidence, said in (
        (EXERCISE, "", "beyond the traces, which was not sent"),
        (EXERCISE, '{"found": 7}', "evidence that can be read"),
        ("99.1", "", "no exercise '99.1'"),
    ):
        [student] = grade([], [made("sam", exercise, "passed", evidence=evidence)], traces)
        [found] = student.grades.values()
        assert found.proven == "open"
        assert said in (found.again or Again("")).sentence


def test_a_pass_that_no_trace_bears_out_is_by_word(traces: ClassTraces) -> None:
    course: Any = type("Course", (), {"project": "07_x", "chat_model": "m"})()
    seen = Seen(course, ({"a": "b"},), returned={"Phoenix": 2, "the file": 2})
    one = made("tim", "07.1", "passed", evidence=encode(seen), project="tim.07_x")
    [student] = grade([], [one], traces)
    assert student.grades["07.1"].proven == "word"
    assert student.count("word") == 1


def test_what_the_students_phoenix_holds_cannot_be_judged_again(traces: ClassTraces) -> None:
    course: Any = type("Course", (), {"project": "13_x", "chat_model": "m"})()
    one = made("uma", "13.1", "passed", evidence=encode(Seen(course, ("x",))), project="uma.13_x")
    [student] = grade([], [one], traces)
    found = student.grades["13.1"]
    assert found.proven == "open"
    assert "datasets, experiments, prompts" in (found.again or Again("")).sentence


def test_a_class_that_does_not_answer_and_a_file_that_cannot_be_written_are_sentences(
    tmp_path: Path,
) -> None:
    closed = ClassTraces("http://127.0.0.1:9", "key")
    with pytest.raises(CourseError, match="class serve"):
        closed.spans("x", ["ab" * 16])
    with pytest.raises(CourseError, match="class serve"):
        closed.projects_of(["ab" * 16])
    with pytest.raises(CourseError, match="cannot be written"):
        write_table(tmp_path / "no" / "grades.csv", [])


@pytest.mark.parametrize("name", ["=1+1", "+1", "-1", "@x", " =1", "\t=1", "\uff1d1+1"])
def test_no_name_becomes_a_formula(name: str, tmp_path: Path) -> None:
    write_table(tmp_path / "grades.csv", [Student("x", name, {})])
    [row] = csv.DictReader((tmp_path / "grades.csv").open(encoding="utf-8-sig"))
    assert row["name"] == f"'{name}"


def test_the_command_grades_the_class_of_a_folder(
    server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = ClassPlace(tmp_path / "class")
    place.keep_server(PlacedServer(server.url, server.url))
    place.keep_secrets(replace(Secrets.new(), admin=server.admin_secret))
    place.keep_people([Person("dora", "Dora", "dora@localhost", "1", "1")])
    file = tmp_path / "grades.csv"
    options = {"folder": str(place.folder), "csv": str(file), "details": None}
    assert commands.main(["grade", json.dumps(options)]) == 0
    said = capsys.readouterr().out
    assert "Without a report: Dora" in said
    assert str(file) in said
    assert "dora,Dora," in file.read_text(encoding="utf-8-sig")
    assert server.admin_secret not in said + file.read_text(encoding="utf-8-sig")
