"""What the class's Phoenix holds, as files that need no Phoenix.

Spans are OTLP in JSON, a file a project: each line is a ``TracesData`` message as the Collector's
file exporter writes it. Beside it, annotations as JSON lines, and ``index.json`` over all. Phoenix
keeps times to the microsecond, and neither links nor what OpenTelemetry calls a span's kind.
"""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rag_tutorials.classroom.base.wire import PROJECT_NAME, SPAN_KIND
from rag_tutorials.classroom.instructor.api import Api
from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import write_private
from rag_tutorials.course.embedded.asking import MOST_ALIASES, annotations_of

INDEX = "index.json"
_LINE = 100  # spans
_AT_ONCE = 1000
_STATUS = {"UNSET": 0, "OK": 1, "ERROR": 2}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LONG_AGO = datetime(1900, 1, 1, tzinfo=UTC)
_PATIENCE_S = 60.0
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\.|$)", re.IGNORECASE)  # on Windows


@dataclass(frozen=True, slots=True)
class Project:
    """A project of Phoenix: its id there, its name, and how many spans it has."""

    id: str
    name: str
    spans: int


@dataclass(frozen=True, slots=True)
class Exported:
    """A project in files: their names, what they hold, and the students that its spans name."""

    project: str
    spans_file: str
    spans: int
    annotations_file: str
    annotations: int


def projects_of(api: Api) -> list[Project]:
    """Return all projects with their numbers of spans, counted now.

    Phoenix keeps a count until it hears of a change, later for a project that has the id of a
    deleted one, never if another Phoenix on the same database made it. It keeps it for an interval
    of time: one that nobody asked for before is counted.

    Raises:
        CourseError: Phoenix does not answer.
    """
    every = {"include_experiment_projects": True, "include_dataset_evaluator_projects": True}
    named = [one for page in api.pages("/v1/projects", **every) for one in page]
    since = _LONG_AGO + timedelta(microseconds=secrets.randbelow(10**12))
    count = f"recordCount(timeRange: {{ start: {json.dumps(since.isoformat())} }})"
    found = []
    for start in range(0, len(named), MOST_ALIASES):
        part = named[start : start + MOST_ALIASES]
        fields = " ".join(
            f"p{number}: node(id: {json.dumps(one['id'])}) {{ ... on Project {{ {count} }} }}"
            for number, one in enumerate(part)
        )
        counts = api.graphql(f"{{ {fields} }}")
        found += [
            Project(one["id"], one["name"], int(counts[f"p{number}"]["recordCount"]))
            for number, one in enumerate(part)
        ]
    return found


def export(api: Api, projects: Iterable[Project], folder: Path) -> list[Exported]:
    """Write projects into a folder, and return what each became.

    Raises:
        CourseError: Phoenix does not answer, a file cannot be written, or a project has more spans
            than could be read.
    """
    done: list[Exported] = []
    names: set[str] = set()
    for project in projects:
        name = _file_name(project.name, names)
        names.add(name.casefold())
        try:
            one = _export(api, project, folder, name)
        except OSError as error:
            raise CourseError(
                f"{project.name} cannot be written into {folder} or read from Phoenix "
                f"({sentence_of(error)}); free some space, see that the class is served, and run "
                "the same command again."
            ) from error
        if one.spans < project.spans:
            raise CourseError(
                f"The export is not complete: {project.name} has {project.spans} spans, and "
                f"{one.spans} could be read; run the same command again."
            )
        done.append(one)
    return done


def write_index(folder: Path, exported: Iterable[Exported], people: Iterable[Any]) -> None:
    """Write the list of the files and of the people.

    Raises:
        OSError: it cannot be written.
    """
    content = {
        "exported": datetime.now(UTC).isoformat(timespec="seconds"),
        "projects": [asdict(one) for one in exported],
        "people": [{"slug": one.slug, "name": one.name, "email": one.email} for one in people],
    }
    write_private(folder / INDEX, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _export(api: Api, project: Project, folder: Path, name: str) -> Exported:
    spans_file, notes_file = f"{name}.spans.jsonl", f"{name}.annotations.jsonl"
    write_private(folder / spans_file, "")
    ids: dict[str, list[str]] = {"span": [], "trace": [], "session": []}
    with (folder / spans_file).open("a", encoding="utf-8") as lines:
        for page in _spans(api, project):
            for start in range(0, len(page), _LINE):
                part = page[start : start + _LINE]
                lines.write(json.dumps(traces_data(project.name, part), ensure_ascii=False) + "\n")
            ids["span"] += [one["context"]["span_id"] for one in page]
            ids["trace"] += [one["context"]["trace_id"] for one in page]
            sessions = (one["attributes"].get("session.id") for one in page)
            ids["session"] += [str(one) for one in sessions if one]
    spans = len(set(ids["span"]))
    write_private(folder / notes_file, "")
    annotations = 0
    with (folder / notes_file).open("a", encoding="utf-8") as lines:
        for of, which in ids.items():
            unique = list(dict.fromkeys(which))
            for one in annotations_of(
                api.url, project.id, of, unique, _PATIENCE_S, headers=api.bearer
            ):
                lines.write(json.dumps({"of": of, **one}, ensure_ascii=False) + "\n")
                annotations += 1
    return Exported(project.name, spans_file, spans, notes_file, annotations)


def _spans(api: Api, project: Project) -> Iterator[list[dict[str, Any]]]:
    """Yield a project's spans in the order in which Phoenix stored them, as REST has them."""
    path = f"/v1/projects/{quote(project.id, safe='')}/spans"
    return api.pages(path, _AT_ONCE, sort="id", order="asc")


def _file_name(project: str, taken: Container[str]) -> str:
    """Return a project's name as a file's, on every system, that is not ``taken``."""
    safe = re.sub(r"[^\w.-]", "_", project)[:80].strip(".") or "_"
    if _RESERVED.match(safe):
        safe = f"_{safe}"
    name, number = safe, 1
    while name.casefold() in taken:
        number += 1
        name = f"{safe}-{number}"
    return name


def traces_data(project: str, spans: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return spans of Phoenix's REST interface as an OTLP ``TracesData`` message in JSON."""
    resource = {"attributes": _key_values({PROJECT_NAME: project})}
    scope = {"spans": [_span(one) for one in spans]}
    return {"resourceSpans": [{"resource": resource, "scopeSpans": [scope]}]}


def _span(span: Mapping[str, Any]) -> dict[str, Any]:
    status: dict[str, Any] = {"code": _STATUS.get(span["status_code"], 0)}
    if span.get("status_message"):
        status["message"] = span["status_message"]
    kind = {} if span["span_kind"] == "UNKNOWN" else {SPAN_KIND: span["span_kind"]}
    parent = {"parentSpanId": span["parent_id"]} if span.get("parent_id") else {}
    return {
        "traceId": span["context"]["trace_id"],
        "spanId": span["context"]["span_id"],
        **parent,
        "name": span["name"],
        "startTimeUnixNano": _nanoseconds(span["start_time"]),
        "endTimeUnixNano": _nanoseconds(span["end_time"]),
        "attributes": _key_values({**span.get("attributes", {}), **kind}),
        "events": [
            {
                "timeUnixNano": _nanoseconds(event["timestamp"]),
                "name": event["name"],
                "attributes": _key_values(event.get("attributes") or {}),
            }
            for event in span.get("events") or ()
        ],
        "status": status,
    }


def _nanoseconds(moment: str) -> str:
    since = datetime.fromisoformat(moment).astimezone(UTC) - _EPOCH
    return str(since // timedelta(microseconds=1) * 1000)


def _key_values(attributes: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [{"key": str(key), "value": _value(value)} for key, value in attributes.items()]


def _value(value: Any) -> dict[str, Any]:
    """Return a value of JSON as OTLP's ``AnyValue``; 64-bit integers are text there."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        finite = value - value == 0
        return {"doubleValue": value if finite else _infinite(value)}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [_value(one) for one in value]}}
    return {"kvlistValue": {"values": _key_values(value)}}


def _infinite(value: float) -> str:
    return "NaN" if value != value else "Infinity" if value > 0 else "-Infinity"
