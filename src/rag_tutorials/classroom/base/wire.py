"""Names and shapes of what a student sends: projects, reports, annotations.

Spans keep their ids, so that what is sent twice is there once. A report is one span, of all
students in one project, so that a table of the class is one request.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue, KeyValue
from opentelemetry.proto.resource.v1.resource_pb2 import Resource
from opentelemetry.proto.trace.v1.trace_pb2 import ResourceSpans, ScopeSpans, Span

from rag_tutorials.io_utils import document_id_of

TRACES = "/v1/traces"
ANNOTATIONS = "/v1/trace_annotations"
VIEWER = "/v1/user"  # whose the key is: what a class answers only to a key that holds
REPORTS = "class.reports"
CHECK, OPENED, PREDICTION, QUIZ = "check", "opened", "prediction", "quiz"

PROJECT_NAME = "openinference.project.name"
SPAN_KIND = "openinference.span.kind"
STUDENT = "user.id"
EVENT = "class.event"
LESSON = "class.lesson"
EXERCISE = "class.exercise"
STATE = "class.state"
SENTENCE = "class.sentence"
ATTEMPT = "class.attempt"
TRACE_IDS = "class.trace_ids"
PROJECT = "class.project"
EVIDENCE = "class.evidence"
RIGHT = "class.right"
OF = "class.of"
DROPPED = "class.dropped"

LONGEST_EVIDENCE = 64_000  # bytes
_DEFAULT_PROJECT = "default"  # Phoenix's, for spans that name none


def slug_of(name: str) -> str:
    """Return a student's name as projects have it: ``Ada Lovelace`` becomes ``ada-lovelace``.

    Letters and digits of every script stay. It is empty without any. A slug's slug is itself.
    """
    return document_id_of(name)


def project_of(slug: str, project: str | None) -> str:
    """Return where spans of a student's own project are in the class."""
    return f"{slug}.{project or _DEFAULT_PROJECT}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """One event of one student's work; a span in the class.

    Attributes:
        student: The slug.
        event: ``check``, ``opened``, ``prediction`` or ``quiz``.
        lesson: The lesson's name, ``01_manual_spans``.
        name: The span's name: the id of an exercise (``01.2``) or prediction (``02.a``), the
            quiz's name, or ``opened``.
        when: When it happened.
        state: Of a check: ``passed``, ``not yet``, ``not started`` or ``unable``.
        sentence: What the check said.
        attempt: Which attempt at the exercise it was, from 1. What could not be judged is none:
            ``not started`` and ``unable`` have the number of attempts before.
        trace_ids: The traces that were judged, in hexadecimal.
        project: Where in the class those are.
        evidence: What the check saw that is not in the traces, as JSON; may be empty.
        right: Whether the prediction was right, or how many answers of the quiz were; ``None``
            before that is known.
        of: How many answers the quiz has.
        dropped: How many of the student's spans were dropped so far, for want of room.
    """

    student: str
    event: str
    lesson: str
    name: str
    when: datetime
    state: str = ""
    sentence: str = ""
    attempt: int = 0
    trace_ids: tuple[str, ...] = ()
    project: str = ""
    evidence: str = ""
    right: bool | int | None = None
    of: int | None = None
    dropped: int = 0

    @property
    def exercise(self) -> str:
        """The exercise's id; empty for what is no check."""
        return self.name if self.event == CHECK else ""

    def attributes(self) -> dict[str, Any]:
        """Return the span's attributes, as :meth:`of_span` reads them."""
        found: dict[str, Any] = {
            SPAN_KIND: "EVALUATOR" if self.event == CHECK else "CHAIN",
            STUDENT: self.student,
            EVENT: self.event,
            LESSON: self.lesson,
            DROPPED: self.dropped,
        }
        if self.event == CHECK:
            found |= {
                EXERCISE: self.name,
                STATE: self.state,
                SENTENCE: self.sentence,
                ATTEMPT: self.attempt,
                TRACE_IDS: list(self.trace_ids),
                PROJECT: self.project,
                EVIDENCE: self.evidence,
            }
        if self.right is not None:
            found[RIGHT] = self.right
        if self.of is not None:
            found[OF] = self.of
        return found

    @classmethod
    def of_span(cls, name: str, when: datetime, attributes: Mapping[str, Any]) -> Report:
        """Return the report that a span of the project ``class.reports`` is.

        Args:
            name: The span's name.
            when: Its start.
            attributes: By their full names (``class.event``).

        Raises:
            ValueError: it is none.
        """
        try:
            return cls(
                student=str(attributes[STUDENT]),
                event=str(attributes[EVENT]),
                lesson=str(attributes[LESSON]),
                name=name,
                when=when,
                state=str(attributes.get(STATE, "")),
                sentence=str(attributes.get(SENTENCE, "")),
                attempt=int(attributes.get(ATTEMPT, 0)),
                trace_ids=tuple(map(str, attributes.get(TRACE_IDS) or ())),
                project=str(attributes.get(PROJECT, "")),
                evidence=str(attributes.get(EVIDENCE, "")),
                right=attributes.get(RIGHT),
                of=attributes.get(OF),
                dropped=int(attributes.get(DROPPED, 0)),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise ValueError(f"the span {name!r} is no report: {error}") from error

    def to_json(self) -> str:
        """Return the report as text, for a file."""
        return json.dumps(
            {"name": self.name, "when": self.when.isoformat(), "attributes": self.attributes()}
        )

    @classmethod
    def from_json(cls, text: str) -> Report:
        """Return the report that :meth:`to_json` wrote.

        Raises:
            ValueError: the text is none.
        """
        try:
            said = json.loads(text)
            when = datetime.fromisoformat(said["when"])
            return cls.of_span(said["name"], when, said["attributes"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"no report: {error}") from error


def report_request(
    reports: Iterable[tuple[str, Report]], dropped: int
) -> ExportTraceServiceRequest:
    """Return the request that sends reports, each with an id (32 hexadecimal digits) of its own."""
    spans = []
    for identity, report in reports:
        moment = round(report.when.astimezone(UTC).timestamp() * 1e6) * 1000
        attributes = {**report.attributes(), DROPPED: dropped}
        spans.append(
            Span(
                trace_id=bytes.fromhex(identity),
                span_id=bytes.fromhex(identity[:16]),
                name=report.name,
                kind=Span.SPAN_KIND_INTERNAL,
                start_time_unix_nano=moment,
                end_time_unix_nano=moment,
                attributes=[_key_value(key, value) for key, value in attributes.items()],
            )
        )
    resource = Resource(attributes=[_key_value(PROJECT_NAME, REPORTS)])
    of_scope = ScopeSpans(spans=spans)
    return ExportTraceServiceRequest(
        resource_spans=[ResourceSpans(resource=resource, scope_spans=[of_scope])]
    )


def move_to_class(resource: Resource, slug: str, project: str | None = None) -> None:
    """Name, in a resource of spans, the student's project in the class.

    ``project`` is the one that a request's header named, which counts more than the resource's.
    """
    own = project
    kept = []
    for one in resource.attributes:
        if one.key == PROJECT_NAME:
            own = own or one.value.string_value
        else:
            kept.append(one)
    del resource.attributes[:]
    resource.attributes.extend(kept)
    resource.attributes.append(_key_value(PROJECT_NAME, project_of(slug, own)))


def annotation_of(report: Report) -> dict[str, Any]:
    """Return the annotation on the first judged trace, as Phoenix's REST interface takes it."""
    return {
        "trace_id": report.trace_ids[0],
        "name": report.name,
        "annotator_kind": "CODE",
        "identifier": str(report.attempt),
        "result": {"label": report.state, "explanation": _clean(report.sentence) or None},
        "metadata": {"attempt": report.attempt, "student": report.student},
    }


def _clean(text: str) -> str:
    """Return a text that every database takes: without half characters and NUL."""
    return text.encode("utf-8", "replace").decode().replace("\0", "\N{REPLACEMENT CHARACTER}")


def _key_value(key: str, value: Any) -> KeyValue:
    return KeyValue(key=key, value=_any_value(value))


def _any_value(value: Any) -> AnyValue:
    if isinstance(value, bool):
        return AnyValue(bool_value=value)
    if isinstance(value, int):
        return AnyValue(int_value=value)
    if isinstance(value, str):
        return AnyValue(string_value=_clean(value))
    assert isinstance(value, Sequence)
    return AnyValue(array_value=ArrayValue(values=map(_any_value, value)))
