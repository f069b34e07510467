"""The end of a class: whole files first, then nothing left, and never the other way round."""

from __future__ import annotations

import base64
import contextlib
import json
import sqlite3
import stat
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from served_class import Class, eventually, message, send

from rag_tutorials.classroom.base.code import ClassCode
from rag_tutorials.classroom.instructor import ending
from rag_tutorials.classroom.instructor.api import Api
from rag_tutorials.classroom.instructor.export import projects_of
from rag_tutorials.classroom.instructor.place import Person, Server
from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded.asking import MOST_ALIASES

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("class")]


@pytest.fixture
def ended(served: Class) -> Iterator[tuple[Class, ClassCode, ExportTraceServiceRequest]]:
    """A class of two people, one of whom sent a trace with a verdict, and has reported."""
    codes = served.add("Ada Lovelace,ada@example.org\nGrace Hopper\n")
    ada = codes["Ada Lovelace"]
    before = served.stored("not-of-the-class.x")
    sent = message("ada-lovelace.01/odd ?#name", 7, **{"session.id": "s-1"})
    assert send(ada, sent) == 200
    assert send(ada, message("class.reports", 1, **{"user.id": "walk-in"})) == 200
    assert send(ada, message("walk-in.02", 2)) == 200
    assert send(ada, message("not-of-the-class.x", 1)) == 200
    eventually(lambda: served.stored("not-of-the-class.x") == before + 1)
    trace = sent.resource_spans[0].scope_spans[0].spans[0].trace_id.hex()
    verdict = {"trace_id": trace, "name": "01.1", "annotator_kind": "CODE", "identifier": "2"}
    httpx.post(
        f"{ada.url}/v1/trace_annotations?sync=true",
        json={"data": [verdict | {"result": {"label": "passed", "explanation": "Well done."}}]},
        headers={"authorization": f"Bearer {ada.key}"},
        timeout=120,
    ).raise_for_status()
    yield served, ada, sent
    ending.end(
        served.place,
        served.folder / f"rest-{len(list(served.folder.iterdir()))}",
        served.folder,
        ask=False,
    )


def projects(one: Class) -> set[str]:
    found = httpx.get(
        f"{one.place.server().url}/v1/projects?limit=1000", headers=one.admin, timeout=120
    )
    return {project["name"] for project in found.json()["data"]}


def people(one: Class) -> set[str]:
    found = httpx.get(
        f"{one.place.server().url}/v1/users?limit=1000", headers=one.admin, timeout=120
    )
    return {user["username"] for user in found.json()["data"]} - {"admin", "system"}


def messages(file: Path) -> list[ExportTraceServiceRequest]:
    """Read OTLP in JSON: it is protobuf's, but that ids are hexadecimal and not base64."""

    def as_protobuf(span: dict[str, Any]) -> dict[str, Any]:
        for name in {"traceId", "spanId", "parentSpanId"} & set(span):
            span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
        return span

    found = []
    for line in file.read_text("utf-8").splitlines():
        content = json.loads(line, object_hook=as_protobuf)
        found.append(json_format.ParseDict(content, ExportTraceServiceRequest()))
    return found


def comparable(requests: list[ExportTraceServiceRequest]) -> dict[bytes, Any]:
    """Return spans by their ids, attributes in an order of their own."""
    spans = {}
    for request in requests:
        for resource in request.resource_spans:
            for span in (one for scope in resource.scope_spans for one in scope.spans):
                for attributes in (span.attributes, *(event.attributes for event in span.events)):
                    attributes.sort(key=lambda one: one.key)
                spans[span.span_id] = span
    return spans


def test_what_is_exported_is_the_spans_that_were_sent(
    ended: tuple[Class, ClassCode, ExportTraceServiceRequest], tmp_path: Path
) -> None:
    one, _, sent = ended
    done = one.run("end", to=str(tmp_path / "out"), yes=True)
    assert done.returncode == 0, done.stderr
    index = json.loads((tmp_path / "out" / "index.json").read_text("utf-8"))
    found = {project["project"]: project for project in index["projects"]}
    assert {name: (each["spans"], each["annotations"]) for name, each in found.items()} == {
        "ada-lovelace.01/odd ?#name": (7, 1),
        "walk-in.02": (2, 0),
        "class.reports": (1, 0),
    }
    ada = found["ada-lovelace.01/odd ?#name"]
    read = messages(tmp_path / "out" / ada["spans_file"])
    assert comparable(read) == comparable([sent])
    names = {
        attribute.value.string_value
        for request in read
        for resource in request.resource_spans
        for attribute in resource.resource.attributes
    }
    assert names == {"ada-lovelace.01/odd ?#name"}
    [note] = map(
        json.loads, (tmp_path / "out" / ada["annotations_file"]).read_text("utf-8").splitlines()
    )
    assert (note["of"], note["name"], note["result"]["label"]) == ("trace", "01.1", "passed")
    assert [each["slug"] for each in index["people"]] == ["ada-lovelace", "grace-hopper"]
    if sys.platform != "win32":
        for path in (tmp_path / "out", *(tmp_path / "out").iterdir()):
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077


def test_everything_of_the_class_is_deleted_and_nothing_else(
    ended: tuple[Class, ClassCode, ExportTraceServiceRequest], tmp_path: Path
) -> None:
    one, ada, sent = ended
    done = one.run("end", to=None, yes=True, here=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "left alone: " in done.stdout
    assert "not-of-the-class.x" in done.stdout
    assert projects(one) == {"default", "not-of-the-class.x"}
    assert people(one) == set()
    assert one.place.people() == ()
    assert send(ada, sent) == 401
    [folder] = tmp_path.iterdir()
    assert (folder / "index.json").exists()


def test_without_a_yes_it_exports_and_deletes_nothing(
    ended: tuple[Class, ClassCode, ExportTraceServiceRequest], tmp_path: Path
) -> None:
    one, _, _ = ended
    asked = one.run("end", to=str(tmp_path / "out"), yes=False)
    assert asked.returncode == 1
    assert "Delete 2 users with their keys, and 3 projects with 10 spans" in asked.stdout
    assert asked.stdout.endswith("Nothing was changed.\n")
    assert people(one) == {"ada-lovelace", "grace-hopper"}
    assert "walk-in.02" in projects(one)
    again = one.run("end", to=str(tmp_path / "out"), yes=True)
    assert again.returncode == 1
    assert "is not empty; name a new folder with --to. Nothing was deleted." in again.stderr
    assert "walk-in.02" in projects(one)


def test_an_export_that_is_not_whole_deletes_nothing(
    ended: tuple[Class, ClassCode, ExportTraceServiceRequest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, _, _ = ended
    pages = Api.pages

    def without_the_last(self: Api, path: str, *args: Any, **query: Any) -> Iterator[list[Any]]:
        for page in pages(self, path, *args, **query):
            yield page[:-1] if query.get("order") == "asc" and len(page) == 7 else page

    monkeypatch.setattr(Api, "pages", without_the_last)
    with pytest.raises(CourseError, match=r"has 7 spans, and 6 could be read.*Nothing was deleted"):
        ending.end(one.place, tmp_path / "out", tmp_path, ask=False)
    assert people(one) == {"ada-lovelace", "grace-hopper"}
    assert not (tmp_path / "out").exists()
    monkeypatch.undo()
    assert ending.end(one.place, tmp_path / "out", tmp_path, ask=False) == 0


def test_a_folder_that_cannot_be_written_deletes_nothing(
    ended: tuple[Class, ClassCode, ExportTraceServiceRequest], tmp_path: Path
) -> None:
    one, _, _ = ended
    (tmp_path / "file").touch()
    failed = one.run("end", to=str(tmp_path / "file" / "out"), yes=True)
    assert failed.returncode == 1
    assert "cannot be made" in failed.stderr
    assert failed.stderr.endswith("Nothing was deleted.\n")
    assert people(one) == {"ada-lovelace", "grace-hopper"}


def test_a_failure_in_the_middle_says_what_is_left_and_the_next_run_goes_on(
    ended: tuple[Class, ClassCode, ExportTraceServiceRequest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, _, _ = ended
    delete = Api.delete
    calls: list[str] = []

    def breaks(self: Api, path: str) -> bool:
        calls.append(path)
        if len(calls) == 2:
            raise CourseError("The class's Phoenix does not answer.")
        return delete(self, path)

    monkeypatch.setattr(Api, "delete", breaks)
    with pytest.raises(CourseError) as raised:
        ending.end(one.place, tmp_path / "first", tmp_path, ask=False)
    assert (
        "The users and their keys are deleted; 1 projects are deleted, 2 are left. Everything is in"
    ) in str(raised.value)
    assert projects(one) == {"default", "not-of-the-class.x", "walk-in.02", "class.reports"}
    monkeypatch.undo()
    again = one.run("end", to=str(tmp_path / "second"), yes=True)
    assert again.returncode == 0, again.stderr
    assert projects(one) == {"default", "not-of-the-class.x"}
    assert one.place.people() == ()
    index = json.loads((tmp_path / "second" / "index.json").read_text("utf-8"))
    assert [each["project"] for each in index["projects"]] == ["walk-in.02", "class.reports"]


def test_what_arrives_while_it_asks_is_exported_too(
    ended: tuple[Class, ClassCode, ExportTraceServiceRequest],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one, ada, _ = ended
    late = message("ada-lovelace.03", 30)

    def yes(_question: str) -> bool:
        return send(ada, late) == 200  # answered, and not stored yet

    monkeypatch.setattr(ending, "confirmed", yes)
    assert ending.end(one.place, tmp_path / "out", tmp_path, ask=True) == 0
    index = json.loads((tmp_path / "out" / "index.json").read_text("utf-8"))
    [file] = [each["spans_file"] for each in index["projects"] if each["spans"] == 30]
    assert comparable(messages(tmp_path / "out" / file)) == comparable([late])
    assert projects(one) == {"default", "not-of-the-class.x"}


def test_who_was_removed_is_exported_and_deleted_with_the_class(
    ended: tuple[Class, ClassCode, ExportTraceServiceRequest], tmp_path: Path
) -> None:
    one, _, _ = ended
    assert one.run("remove", name="ada-lovelace").returncode == 0
    done = one.run("end", to=str(tmp_path / "out"), yes=True)
    assert done.returncode == 0, done.stderr
    index = json.loads((tmp_path / "out" / "index.json").read_text("utf-8"))
    assert "ada-lovelace" in [each["slug"] for each in index["people"]]
    assert "ada-lovelace.01/odd ?#name" in [each["project"] for each in index["projects"]]
    assert projects(one) == {"default", "not-of-the-class.x"}
    assert one.place.removed() == ()


def test_a_class_with_many_projects_ends_as_one_with_few(
    ended: tuple[Class, ClassCode, ExportTraceServiceRequest], tmp_path: Path
) -> None:
    one, ada, _ = ended
    many = {f"ada-lovelace.{number:03}" for number in range(2 * MOST_ALIASES + 1)}
    together = ExportTraceServiceRequest()
    for name in sorted(many):
        together.MergeFrom(message(name, 1))
    assert send(ada, together) == 200
    eventually(lambda: many <= projects(one))
    done = one.run("end", to=str(tmp_path / "out"), yes=True)
    assert done.returncode == 0, done.stderr
    index = json.loads((tmp_path / "out" / "index.json").read_text("utf-8"))
    assert many <= {each["project"] for each in index["projects"] if each["spans"] == 1}
    assert projects(one) == {"default", "not-of-the-class.x"}


def test_spans_are_counted_anew_whatever_phoenix_remembers(
    ended: tuple[Class, ClassCode, ExportTraceServiceRequest],
) -> None:
    one, _, _ = ended

    def counted() -> dict[str, int]:
        with Api(one.place) as api:
            return {each.name: each.spans for each in projects_of(api)}

    def remembered() -> dict[str, int]:
        with Api(one.place) as api:
            answer = api.graphql("{ projects { edges { node { name recordCount } } } }")
        nodes = (edge["node"] for edge in answer["projects"]["edges"])
        return {node["name"]: node["recordCount"] for node in nodes}

    def one_span_less() -> bool:
        """Delete a span as another Phoenix would; return whether this one still counts it."""
        with contextlib.closing(sqlite3.connect(one.place.phoenix / "phoenix.db", 120)) as database:
            database.execute("DELETE FROM spans WHERE id = (SELECT max(id) FROM spans)")
            database.commit()
            [left] = database.execute("SELECT count(*) FROM spans").fetchone()
        assert sum(counted().values()) == left
        return sum(remembered().values()) > left

    assert counted()["walk-in.02"] == 2
    # Phoenix forgets what it remembers shortly after it has stored something itself.
    eventually(one_span_less)


def test_where_nothing_is_left_nothing_is_exported(served: Class, tmp_path: Path) -> None:
    done = served.run("end", to=None, yes=True, here=str(tmp_path))
    assert done.returncode == 0, done.stderr
    assert "there is nothing to end" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_without_phoenix_nothing_is_deleted(tmp_path: Path) -> None:
    one = Class(tmp_path / "class")
    ada = Person("ada", "Ada", "", "VXNlcjox", "VXNlckFwaUtleTox")
    one.place.keep_server(Server(f"http://127.0.0.1:{one.port}", "http://x"))
    one.place.keep_people([ada])
    failed = one.run("end", to=str(tmp_path / "out"), yes=True)
    assert failed.returncode == 1
    assert "does not answer" in failed.stderr
    assert one.place.people() == (ada,)
