"""What a check has judged in a kernel is judged alike from another Phoenix and from evidence."""

from __future__ import annotations

import importlib
import json
import os
import re
import textwrap
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from attempts import Attempt, by_lesson

from rag_tutorials.classroom.base.evidence import fingerprints_of, trace_ids_of
from rag_tutorials.classroom.instructor.rejudging import (
    TRACES,
    UNKNOWN,
    WORD,
    ClassTraces,
    judge_again,
)
from rag_tutorials.course.equipment import processes
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.verdict import PASSED

pytestmark = pytest.mark.xdist_group("rejudging")

SECOND = "rag_tutorials.course.equipment.second_phoenix"
MODULES = {each: importlib.import_module(f"attempts.lesson_{each}") for each in catalog.lessons()}
# What needs the student's own Phoenix: its datasets, experiments and prompts are not in a class.
HELD = {"13.1", "13.2", "13.3", "13.4", "13.5"}
# What looks at no trace: what another backend got, or what the check's own run found out.
BY_WORD = {"07.1", "07.2", "07.3", "08.1", "08.3"}
PATIENCE_S = 120.0

# Whatever the kernel's Phoenix accepts goes on to the class, all of it and at once.
FORWARD = """
import gzip, queue, threading, urllib.request
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from rag_tutorials.classroom.base.wire import move_to_class

waiting = queue.Queue()

def forward():
    while True:
        body, encoding, project = waiting.get()
        request = ExportTraceServiceRequest.FromString(
            gzip.decompress(body) if encoding == "gzip" else body
        )
        for each in request.resource_spans:
            move_to_class(each.resource, "ada", project)
        sent = urllib.request.Request(
            {url!r} + "/v1/traces",
            request.SerializeToString(),
            {{"content-type": "application/x-protobuf", "authorization": "Bearer " + {key!r}}},
        )
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({{}}))
        opener.open(sent, timeout=60).close()
        waiting.task_done()

course.phoenix.listeners.append(lambda *accepted: waiting.put(accepted))
threading.Thread(target=forward, daemon=True).start()
"""
CHECK = """
import rag_tutorials.course.judging.judge as _judging
from rag_tutorials.classroom.base.evidence import encode as _encode
from rag_tutorials.course.judging.catalog import find as _find
_verdict = _judging.judge(course, _find({exercise!r}), ({given},))
waiting.join()
(_verdict.state, _verdict.sentence, _encode(_verdict.seen) if _verdict.seen else "")
"""


def _cases() -> Iterator[Any]:
    """Yield a right attempt at each exercise, and a wrong one at every other.

    Of the clinic, whose patients are alike and run as programs, every sixth. With ``REJUDGE=all``
    in the environment: all attempts, which takes a quarter of an hour.
    """
    everything = os.environ.get("REJUDGE") == "all"
    for number, module in MODULES.items():
        of_exercise: dict[str, list[Attempt]] = {}
        for attempt in module.ATTEMPTS:
            of_exercise.setdefault(attempt.exercise, []).append(attempt)
        some = list(of_exercise.values())
        some = some[:: 6 if len(some) > 10 and not everything else 1]
        for place, attempts in enumerate(some):
            right = [one for one in attempts if one.said is None]
            wrong = [one for one in attempts if one.said is not None]
            chosen = attempts if everything else right[:1] + wrong[: place % 2]
            for one in chosen:
                yield pytest.param(number, one, id=f"{one.exercise} {one.label}")


def words(sentence: str) -> list[str]:
    return sorted(re.findall(r"\w+", sentence))


@pytest.fixture(scope="module")
def a_class(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClassTraces]:
    process = processes.start(SECOND, "--folder", str(tmp_path_factory.mktemp("class") / "phoenix"))
    greeting = process.wait_until_ready(120)
    traces = ClassTraces(greeting["url"], greeting["admin_secret"])
    traces.greeting = greeting  # type: ignore[attr-defined]
    yield traces
    process.stop()


@pytest.fixture(scope="module")
def notebook(
    start_kernel: Any, a_class: Any, tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Any]:
    """Return a function that makes the one kernel ready for a lesson."""
    kernel = start_kernel(
        {"COURSE_STATE_DIR": str(tmp_path_factory.mktemp("state")), "COURSE_PROVE_EXERCISES": "0"}
    )
    prepared, launched = kernel.open_course("scratch")
    assert not prepared.error + launched.error
    greeting = a_class.greeting
    output = kernel.run(FORWARD.format(url=greeting["url"], key=greeting["api_key"]))
    assert not output.error, output.error
    return by_lesson(kernel, MODULES)


@pytest.mark.parametrize(("number", "attempt"), list(_cases()))
def test_an_attempt_is_judged_alike_again(
    number: str, attempt: Attempt, notebook: Callable[[str], Any], a_class: ClassTraces
) -> None:
    kernel = notebook(number)
    made = kernel.run(textwrap.dedent(attempt.code))
    assert not made.error, made.error
    check = CHECK.format(exercise=attempt.exercise, given=attempt.given)
    state, sentence, evidence = kernel.ask(check)
    assert evidence
    evidence = json.dumps(json.loads(evidence))
    wanted = fingerprints_of(evidence)
    deadline = time.monotonic() + PATIENCE_S
    while True:
        spans = a_class.spans("ada.scratch", trace_ids_of(evidence)) if wanted else []
        if wanted.keys() <= {one.span_id for one in spans} or time.monotonic() > deadline:
            break
        time.sleep(0.05)
    again = judge_again(attempt.exercise, evidence, "ada.scratch", spans, a_class)
    assert not again.findings
    if attempt.exercise in HELD and again.state == UNKNOWN:
        assert "datasets, experiments, prompts" in again.sentence
        return
    assert again.state == state, again.sentence
    assert words(again.sentence) == words(sentence)  # a set has no order
    if state == PASSED:
        assert again.rests_on == (WORD if attempt.exercise in BY_WORD else TRACES)
