"""Right solutions of every kind pass, wrong ones are told what is wrong, in a real kernel."""

from __future__ import annotations

import importlib
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from attempts import Attempt, by_lesson

from rag_tutorials.course.judging import catalog

pytestmark = pytest.mark.xdist_group("attempts")

MODULES: dict[str, ModuleType] = {
    number: importlib.import_module(f"attempts.lesson_{number}") for number in catalog.lessons()
}
CASES = [
    pytest.param(number, attempt, id=f"{attempt.exercise} {attempt.label}")
    for number, module in MODULES.items()
    for attempt in module.ATTEMPTS
]


@pytest.fixture(scope="module")
def notebook(start_kernel: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Any]:
    """Return a function that makes the one kernel ready for a lesson."""
    kernel = start_kernel(
        {"COURSE_STATE_DIR": str(tmp_path_factory.mktemp("state")), "COURSE_PROVE_EXERCISES": "0"}
    )
    prepared, launched = kernel.open_course("scratch")
    assert not prepared.error + launched.error
    return by_lesson(kernel, MODULES)


@pytest.mark.parametrize(("number", "attempt"), CASES)
def test_an_attempt(number: str, attempt: Attempt, notebook: Callable[[str], Any]) -> None:
    kernel = notebook(number)
    code = f"{textwrap.dedent(attempt.code)}\ncourse.check({attempt.exercise!r}, {attempt.given})"
    output = kernel.run(code)
    assert not output.error, output.error
    headline, *rest = output.value.splitlines()
    if attempt.said is None:
        assert headline.endswith(": passed."), output.value
    else:
        assert headline.endswith(": not yet."), output.value
        assert attempt.said in "\n".join(rest), output.value


@pytest.mark.parametrize("number", catalog.lessons())
def test_each_exercise_is_tried_three_right_ways_and_six_wrong_ones(number: str) -> None:
    for exercise in catalog.of_lesson(number):
        some = [each for each in MODULES[number].ATTEMPTS if each.exercise == exercise.id]
        right = [each for each in some if each.said is None]
        assert len(right) >= 3, exercise.id
        assert len(some) - len(right) >= 6, exercise.id
        assert len({each.code + each.given for each in some}) == len(some), exercise.id


@pytest.mark.parametrize("number", catalog.lessons())
def test_each_extra_exercise_is_tried_two_right_ways_and_four_wrong_ones(number: str) -> None:
    for exercise in catalog.extra_of(number).exercises:
        some = [each for each in MODULES[number].ATTEMPTS if each.exercise == exercise.id]
        right = [each for each in some if each.said is None]
        assert len(right) >= 2, exercise.id
        assert len(some) - len(right) >= 4, exercise.id
        assert len({each.code + each.given for each in some}) == len(some), exercise.id


def test_the_attempts_of_every_lesson_are_looked_at() -> None:
    files = Path(__file__).parent.joinpath("attempts").glob("lesson_*.py")
    assert {file.stem.removeprefix("lesson_") for file in files} == set(MODULES)
