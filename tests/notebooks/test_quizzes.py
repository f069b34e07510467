"""The quizzes before and after the course, in a kernel with a real Phoenix."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

TRUTHS = """
from rag_tutorials.course.judging import catalog, quiz
from rag_tutorials.course.student import kept, quizzing

def truths(name):
    return quiz.truths(catalog.find_quiz(name), quizzing._asked[name])
"""


@pytest.fixture(scope="module")
def kernel(start_kernel: Any, tmp_path_factory: pytest.TempPathFactory) -> Any:
    state = tmp_path_factory.mktemp("state")
    kernel = start_kernel({"COURSE_STATE_DIR": str(state), "COURSE_PROVE_EXERCISES": "0"})
    prepared, launched = kernel.open_course("00_start_here")
    assert not prepared.error + launched.error
    assert not kernel.run(TRUTHS).error
    return kernel


def test_each_trace_has_exactly_one_finding_and_both_quizzes_have_the_same_kinds(
    kernel: Any,
) -> None:
    found = {}
    for name in ("entrance", "exit"):
        asked = kernel.run(f'course.quiz("{name}")')
        assert not asked.error
        for letter in "ABCDEFGHIJ":
            assert f"\nTrace {letter}\n" in asked.value
        assert asked.value.count("/redirects/traces/") == 11  # one case is in two pieces
        assert "same call" not in asked.value, "the view would say what is asked for"
        found[name] = kernel.ask(f'truths("{name}")')
        assert list(found[name]) == list("ABCDEFGHIJ")
    assert Counter(found["entrance"].values()) == Counter(found["exit"].values())
    assert len(set(found["exit"].values())) == 9, "no answer follows from the others"
    assert found["entrance"] != found["exit"]
    both = zip(found["entrance"].values(), found["exit"].values(), strict=True)
    assert sum(one == other for one, other in both) <= 2, "the order tells nothing"


@pytest.mark.parametrize("name", ["entrance", "exit"])
def test_no_trace_is_so_slow_that_its_time_could_be_the_finding(name: str, kernel: Any) -> None:
    assert not kernel.run(f'course.quiz("{name}")').error
    longest = "max(one.milliseconds for one in quizzing._asked[{!r}][letter].spans if one.kind {})"
    steps = longest.format(name, "in ('LLM', 'RETRIEVER')")
    times = kernel.ask(f"{{letter: {steps} for letter in 'ABCDEFGHIJ'}}")
    assert max(times.values()) < 1000, times


def test_the_number_is_kept_and_the_entrance_tells_no_answer(kernel: Any) -> None:
    kernel.run('course.quiz("entrance"); course.quiz("exit")')
    blank = kernel.run('course.quiz("entrance", {"A": ..., "B": ...})')
    assert blank.value == "No answers yet: put a finding where each `...` is."
    assert kernel.ask("kept.quizzes()") == {}
    first = kernel.run('course.quiz("entrance", {"A": truths("entrance")["A"], "B": "all well"})')
    assert first.value == "1 of 10 right."
    assert kernel.run('course.quiz("entrance", truths("entrance"))').value == "10 of 10 right."
    nearly = kernel.run('course.quiz("exit", truths("exit") | {"A": "loop"})').value
    assert nearly.splitlines() == [
        "9 of 10 right.",
        "Trace A: `swallowed`, a step failed, and no status says so (lesson 02).",
    ]
    progress = kernel.run("course.progress(all=True)").value
    assert progress.splitlines()[-1] == (
        "Right diagnoses: 1 of 10 before lesson 01; 9 of 10 after the last lesson"
    )
    marks = kernel.ask("kept.quizzes()")
    assert [marks["entrance"][which]["right"] for which in ("first", "last")] == [1, 10]


@pytest.mark.parametrize(
    ("answers", "sentence"),
    [
        ("['loop']", "the answers are a dictionary from letter to finding"),
        ("{'Z': 'loop'}", "there is no trace 'Z'; there are A, B, C"),
        ("{'A': 'lop'}", "'lop' (trace A) is no finding; there are all well, retrieval,"),
        ("{'A': ['loop']}", "['loop'] (trace A) is no finding"),
    ],
)
def test_what_cannot_be_an_answer_is_one_sentence(kernel: Any, answers: str, sentence: str) -> None:
    before = kernel.ask("kept.quizzes()")
    error = kernel.run(f'course.quiz("entrance", {answers})').error
    assert sentence in error
    assert kernel.ask("kept.quizzes()") == before


def test_an_unknown_quiz_names_the_known_ones(kernel: Any) -> None:
    error = kernel.run('course.quiz("middle")').error
    assert "There is no quiz 'middle'; there are entrance, exit." in error
