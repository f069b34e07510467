"""A student's kernel in a class: what arrives there, and that the class is never in the way."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import nbformat
import psutil
import pytest
from class_server import PATIENCE_S, ClassServer, Fault, until

from rag_tutorials.classroom.base.code import ClassCode
from rag_tutorials.course.embedded.ports import free_port
from rag_tutorials.course.equipment.processes import start

pytestmark = [pytest.mark.xdist_group("class"), pytest.mark.slow]

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LESSON = "01_manual_spans"
TRACE = """
with tracer_provider.get_tracer("test").start_as_current_span("{name}"):
    pass
"""


class SharedPhoenix:
    """A Phoenix with authentication, and what a test asks it."""

    def __init__(self, url: str, key: str, admin_secret: str) -> None:
        self.url = url
        self.key = key
        self.admin_secret = admin_secret
        self._client = self._with(key)

    def _with(self, key: str) -> httpx.Client:
        headers = {"authorization": f"Bearer {key}"}
        return httpx.Client(
            base_url=self.url,
            headers=headers,
            trust_env=False,
            timeout=60,
            limits=httpx.Limits(keepalive_expiry=1),  # Phoenix closes what is idle after 5 s
        )

    def _data(self, path: str, **asked: Any) -> list[dict[str, Any]]:
        answer = self._client.get(path, params={"limit": 1000, **asked})
        if answer.status_code == 404:
            return []
        return list(answer.raise_for_status().json()["data"])

    def spans(self, project: str) -> list[dict[str, Any]]:
        return self._data(f"/v1/projects/{project}/spans")

    def annotations(self, project: str, trace_ids: list[str]) -> list[dict[str, Any]]:
        return self._data(f"/v1/projects/{project}/trace_annotations", trace_ids=trace_ids)

    def reports(self, student: str) -> list[dict[str, Any]]:
        return [
            {"name": span["name"], **span["attributes"]}
            for span in self.spans("class.reports")
            if span["attributes"]["user.id"] == student
        ]

    def new_key(self) -> tuple[str, Callable[[], object]]:
        """Return a key, and what revokes it."""
        admin = self._with(self.admin_secret)
        made = admin.post("/v1/system/api_keys", json={"data": {"name": "to be revoked"}})
        data = made.raise_for_status().json()["data"]

        def revoke() -> None:
            admin.delete(f"/v1/system/api_keys/{data['id']}").raise_for_status()

        return str(data["key"]), revoke


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedPhoenix]:
    folder = tmp_path_factory.mktemp("class") / "phoenix"
    process = start("rag_tutorials.course.equipment.second_phoenix", "--folder", folder)
    said = process.wait_until_ready(PATIENCE_S)
    yield SharedPhoenix(said["url"], said["api_key"], said["admin_secret"])
    process.stop()


def environment(state: Path, **more: str) -> dict[str, str]:
    return {
        "COURSE_STATE_DIR": str(state),
        "PHOENIX_PORT": str(free_port()),
        "COURSE_LLM": "stub",
        "COURSE_PROVE_EXERCISES": "",  # a student's kernel: solutions are theirs
        **more,
    }


def cells_of(lesson: str) -> list[str]:
    notebook = nbformat.read(NOTEBOOKS / f"{lesson}.ipynb", 4)  # type: ignore[no-untyped-call]
    return [cell.source for cell in notebook.cells if cell.cell_type == "code"]


def test_a_lesson_with_a_service_and_a_worker_is_whole_in_the_class(
    shared: SharedPhoenix, start_kernel: Callable[..., Any], tmp_path: Path
) -> None:
    code = ClassCode(shared.url, shared.key, "Ada Lovelace", 1000).encode()
    kernel = start_kernel(environment(tmp_path / "state", COURSE_CLASS=code))
    cells = cells_of("06_context_between_processes")
    solution = next(cell for cell in cells if cell.startswith("%%solution 06.1"))
    wanted = [
        *cells[: cells.index(solution)],
        solution.partition("\n")[2],
        next(cell for cell in cells if "request-with-a-job" in cell),
    ]
    outputs = [kernel.run(cell) for cell in wanted]
    assert not [output.error for output in outputs if output.error]
    opening = outputs[0].stdout
    assert "You join the class at" in opening
    assert "--verdicts-only" in opening
    assert f"Your checks and traces go to the class at {shared.url}, as ada-lovelace." in opening

    # What the judge has is what the class gets, from all processes, in the student's project.
    own = "{span['context']['span_id']: span['name'] for span in course.client.spans.get_spans("
    own += "project_identifier=course.project, limit=1000)}"
    project = "ada-lovelace.06_context_between_processes"

    def whole() -> bool:
        there = {one["context"]["span_id"]: one["name"] for one in shared.spans(project)}
        return len(there) > 10 and there == kernel.ask(own)

    until(whole)
    names = {span["name"] for span in shared.spans(project)}
    assert {"POST /retrieve", "retrieval", "generation"} <= names  # service and worker

    def checks_there() -> list[dict[str, Any]]:
        there = [one for one in shared.reports("ada-lovelace") if one["class.event"] == "check"]
        return sorted(there, key=lambda one: int(one["class.attempt"]))

    until(lambda: len(checks_there()) == 2)
    reports, checks = shared.reports("ada-lovelace"), checks_there()
    [opened] = [one for one in reports if one["class.event"] == "opened"]
    assert opened["class.lesson"] == "06_context_between_processes"
    assert [one["name"] for one in checks] == ["06.1", "06.1"]
    assert [one["class.state"] for one in checks] == ["not yet", "passed"]
    assert [one["class.attempt"] for one in checks] == [1, 2]
    for check in checks:
        [judged] = check["class.trace_ids"]
        [said] = until(lambda judged=judged: shared.annotations(project, [judged]))
        assert said["name"] == "06.1"
        assert said["result"]["label"] == check["class.state"]
        assert (said["result"]["explanation"] or "") == check["class.sentence"]
        assert said["metadata"] == {
            "attempt": check["class.attempt"],
            "student": "ada-lovelace",
        }

    # The key is in the membership's file alone: no output, no process, no span, no spool.
    assert kernel.ask("'COURSE_CLASS' in __import__('os').environ") is False
    for pid in kernel.ask("[service.pid, worker.pid]"):
        assert shared.key not in str(psutil.Process(pid).environ())
        assert code not in str(psutil.Process(pid).environ())
    shown = kernel.run("print(course, vars(course), vars(course.companion), course.doctor())")
    assert not shown.error
    for secret in (shared.key, code):
        assert secret not in str([*outputs, shown])
        assert secret not in str(shared.spans(project)) + str(reports)
    has_key = []
    for file in (tmp_path / "state").rglob("*"):
        with contextlib.suppress(IsADirectoryError, FileNotFoundError):  # Phoenix goes on writing
            has_key += [file] if shared.key.encode() in file.read_bytes() else []
    assert [file.name for file in has_key] == ["class.json"]
    assert has_key[0].stat().st_mode & 0o077 == 0


def test_a_kernel_that_is_killed_while_the_class_is_down_loses_nothing(
    start_kernel: Callable[..., Any], tmp_path: Path
) -> None:
    server = ClassServer()
    server.fault = Fault(503)
    code = ClassCode(server.url, "made.up.key", "Grace", 1000).encode()
    kernel = start_kernel(environment(tmp_path / "state", COURSE_CLASS=code))
    assert not any(output.error for output in kernel.open_course(LESSON))
    names = [f"span {number}" for number in range(10)]
    for name in names:
        assert not kernel.run(TRACE.format(name=name)).error
    assert not kernel.run("course.check('01.1', {'a': 1})").error
    kernel.restart()  # at once, as SIGKILL does
    prepared, _ = kernel.open_course(LESSON)
    assert "The class did not get all yet: it asks to wait (HTTP 503)" in prepared.stdout
    assert "report" in prepared.stdout
    assert "it asks to wait (HTTP 503)" in kernel.run("print(course.doctor())").stdout
    server.fault = None
    until(lambda: [span.name for span in server.spans(f"grace.{LESSON}")] == names)
    assert "01.1" in server.reports()
    server.stop()


def test_two_kernels_of_one_student_and_a_key_that_is_revoked(
    shared: SharedPhoenix, start_kernel: Callable[..., Any], tmp_path: Path
) -> None:
    key, revoke = shared.new_key()
    code = ClassCode(shared.url, key, "Annie", 1000).encode()
    state = tmp_path / "state"
    kernels = [start_kernel(environment(state)) for _ in range(2)]
    for kernel, lesson in zip(kernels, (LESSON, "02_events_and_errors"), strict=True):
        assert not any(output.error for output in kernel.open_course(lesson))
        assert kernel.ask("[one for one in __import__('sys').modules if 'classroom' in one]") == []
    joined = kernels[0].run(f"from rag_tutorials.classroom import join\njoin({code!r})")
    assert "as Annie (annie)" in joined.stdout
    kernels[1].run("course = prepare('02_events_and_errors')")
    for kernel in kernels:
        assert not kernel.run(TRACE.format(name="mine")).error
    for lesson in (LESSON, "02_events_and_errors"):
        until(lambda lesson=lesson: len(shared.spans(f"annie.{lesson}")) == 1)

    revoke()
    assert not kernels[0].run("course.check('01.1', {'a': 1})").error  # goes on alone
    until(lambda: "refuses the key" in kernels[0].run("print(course.doctor())").stdout)
    again = kernels[1].run(f"from rag_tutorials.classroom import join\njoin({code!r})")
    assert not again.error  # cells below it run all the same
    assert "refuses the key of this code (HTTP 401)" in again.stdout
    assert key not in again.stdout

    # Another code of the same student: both kernels go on with it, and send what waited.
    code = ClassCode(shared.url, shared.key, "Annie", 1000).encode()
    assert not kernels[1].run(f"join({code!r})").error
    kernels[0].run(TRACE.format(name="later"))
    until(lambda: {"01.1"} <= {one["name"] for one in shared.reports("annie")})
    until(lambda: len(shared.spans(f"annie.{LESSON}")) == 2)

    left = kernels[0].run("from rag_tutorials.classroom import leave\nleave()")
    assert "nothing is sent any more" in left.stdout
    for kernel in kernels:
        assert not kernel.run(TRACE.format(name="private")).error
        assert not kernel.run("course.check('01.1', {'a': 1})").error
    assert not (state / "class.json").exists()
    time.sleep(2)  # nothing is to come, so there is no state to wait for
    assert "private" not in str(shared.spans(f"annie.{LESSON}"))
    assert "class" not in kernels[0].run("print(course.doctor())").stdout
    assert "you are in no class" in kernels[1].run("print(course.doctor())").stdout


def test_verdicts_only_sends_reports_and_nothing_else(
    start_kernel: Callable[..., Any], tmp_path: Path
) -> None:
    server = ClassServer()
    code = ClassCode(server.url, "made.up.key", None, 1000).encode()
    setting = f'{code} --name "Mary Jackson" --verdicts-only'
    kernel = start_kernel(environment(tmp_path / "state", COURSE_CLASS=setting))
    prepared, _ = kernel.open_course(LESSON)
    assert "No trace leaves it." in prepared.stdout
    assert "Your checks and predictions go to the class" in prepared.stdout
    kernel.run(TRACE.format(name="private"))
    kernel.run("course.check('01.1', {'a': 1})")
    until(lambda: "01.1" in server.reports())
    assert {project for one in server.arrived for project, _ in one.spans} == {"class.reports"}
    assert not server.annotations()
    server.stop()
