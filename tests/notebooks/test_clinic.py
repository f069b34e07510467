"""The patients of lesson 14 in a real kernel: sick as they say, and told what they did."""

from __future__ import annotations

import os
from typing import Any

import pytest

from rag_tutorials.course.exercises.clinic import charts, numbered, patients
from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.exercises.clinic.waiting_room import waiting

pytestmark = pytest.mark.xdist_group("clinic")

SETUP = """
from rag_tutorials.course.equipment import Clinic
from rag_tutorials.course.exercises.clinic import numbered, waiting_room

clinic = Clinic(course)
everybody = numbered() | waiting_room.waiting()
"""


@pytest.fixture(scope="module")
def kernel(start_kernel: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Return a kernel with the clinic open."""
    running = start_kernel(
        {"COURSE_STATE_DIR": str(tmp_path_factory.mktemp("state")), "COURSE_PROVE_EXERCISES": "0"}
    )
    opened = [*running.open_course("scratch"), running.run(SETUP)]
    assert not "".join(each.error for each in opened)
    return running


@pytest.mark.parametrize(
    ("number", "patient"),
    list((numbered() | waiting()).items()),
    ids=lambda each: getattr(each, "function", ""),
)
def test_a_sick_program_shows_what_its_owner_complains_of(
    number: int, patient: Patient, kernel: Any
) -> None:
    if '"fork"' in patient.program and not hasattr(os, "fork"):
        pytest.skip("there is no fork here, as the chart says")
    assert not kernel.run(patient.program).error
    kernel.run(f"ran = clinic.examine({patient.function})")
    assert kernel.ask(f"everybody[{number}].symptom(ran)") is True
    assert kernel.ask("tuple(ran.printed.splitlines())") == patient.prints
    assert kernel.ask("ran.code") == patient.code


def test_a_patient_who_is_called_comes_into_a_new_cell(kernel: Any) -> None:
    number, patient = next(iter(waiting().items()))
    sent = kernel.send(f"waiting_room.call({number})")
    assert patient.complaint in kernel.wait(sent).value
    reply: dict[str, Any] = {"parent_header": {}}
    while reply["parent_header"].get("msg_id") != sent:
        reply = kernel.client.get_shell_msg(timeout=120)
    [payload] = reply["content"]["payload"]
    assert payload["source"] == "set_next_input"
    assert payload["replace"] is False
    assert payload["text"] == charts.program(number, patient)
    guessed = payload["text"].replace("...", repr(patient.diagnosis))
    output = kernel.run(guessed)
    assert not output.error
    assert patient.because in output.value
    check = charts.check(number, patient)
    assert "not yet" in kernel.run(check).value
    assert ": passed." in kernel.run(f"{patient.cure}\n{check}").value
    assert f"1 of {len(waiting())} passed" in kernel.run("course.progress(all=True)").value


def test_a_wrong_diagnosis_is_answered_and_the_right_one_is_not_told(kernel: Any) -> None:
    [patient, *_] = patients()
    kernel.run(patient.program)
    cell = 'course.predict("14.a", {guess})\ncourse.reveal("14.a", clinic.run({name}))'
    wrong = next(iter(patient.against))
    for guess, said in ((..., wrong), (wrong, patient.against[wrong])):
        words = "..." if guess is ... else repr(guess)
        output = kernel.run(cell.format(guess=words, name=patient.function))
        assert not output.error
        assert said in output.value
        assert patient.because not in output.value
        assert "POST / -> 405" in output.stdout
        assert "(nothing)" in output.stdout
    output = kernel.run(cell.format(guess=repr(patient.diagnosis), name=patient.function))
    assert patient.because in output.value


def test_what_a_program_may_do_wrong_is_told(kernel: Any) -> None:
    kernel.run("def patient(phoenix, project):\n    print('work')\n    raise SystemExit(3)")
    kernel.run("ran = clinic.examine(patient)\nprint(ran)")
    assert kernel.ask("(ran.printed, ran.code, list(ran.requests), dict(ran.spans))") == (
        "work\n",
        3,
        [],
        {},
    )
    assert "exit code        | 3" in kernel.run("print(ran)").stdout
    assert "CourseError" in kernel.run("clinic.run(print)").error


def test_a_program_may_be_called_what_a_module_is_called(kernel: Any) -> None:
    kernel.run(
        "def requests(phoenix, project):\n    from requests import get\n    print(get.__name__)"
    )
    kernel.run("ran = clinic.examine(requests)")
    assert kernel.ask("(ran.printed, ran.log, ran.code)") == ("get\n", "", 0)


def test_what_arrived_is_drawn_though_the_work_suffers(kernel: Any) -> None:
    [(number, patient)] = [
        (number, each)
        for number, each in enumerate(patients(), start=1)
        if each.function == "open_orders"
    ]
    kernel.run(patient.cure.replace('print("42', 'print("41'))
    said = kernel.run(f'course.check("14.{number}", open_orders)').value
    assert "The program prints `41 orders are open`" in said
    assert "count orders" in said.rpartition("Found")[2]


def test_a_span_in_any_project_is_found(kernel: Any) -> None:
    program = """
def patient(phoenix, project):
    from rag_tutorials.tracing import configure_tracing

    provider = configure_tracing(phoenix, project_name="somewhere else", batch=True)
    for number in range(120):
        provider.get_tracer("x").start_span(f"step {number}").end()
"""
    assert not kernel.run(program).error
    counts = "{name: len(some) for name, some in clinic.examine(patient).spans.items()}"
    assert kernel.ask(counts) == {"somewhere else": 120}
