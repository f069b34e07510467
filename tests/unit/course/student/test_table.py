"""The table of what is passed and predicted."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.exercise import Exercise
from rag_tutorials.course.judging.extra import Extra
from rag_tutorials.course.judging.prediction import Prediction
from rag_tutorials.course.student import kept
from rag_tutorials.course.student.table import table

HINTS = ("a", "b", "c")
EXERCISES = {
    "00": (Exercise(id="00.1", title="Read <b>", minutes=3, hints=HINTS, facts=len),),
    "01": (
        Exercise(id="01.1", title="Write", minutes=3, hints=HINTS, facts=len),
        Exercise(id="01.2", title="Repair", minutes=3, hints=HINTS, facts=len),
    ),
}
PREDICTIONS = {
    "01": tuple(
        Prediction(id=each, title="How many?", truth=len, answer=1, because="It is one.")
        for each in ("01.a", "01.b")
    )
}


EXTRA = {
    "01": Extra(
        "the attic",
        tuple(
            Exercise(id=each, title="More", minutes=3, hints=HINTS, facts=len)
            for each in ("01.3", "01.4")
        ),
        (Prediction(id="01.c", title="How many?", truth=len, answer=1, because="It is one."),),
    )
}


@pytest.fixture(autouse=True)
def _content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path))
    monkeypatch.setattr(catalog, "of_lesson", lambda number: EXERCISES.get(number, ()))
    monkeypatch.setattr(catalog, "predictions_of", lambda number: PREDICTIONS.get(number, ()))
    monkeypatch.setattr(catalog, "extra_of", lambda number: EXTRA.get(number, Extra()))


def test_a_lesson_says_its_part_minutes_and_what_is_passed() -> None:
    kept.remember("01.2")
    kept.remember_guess("01.a", 1)
    kept.remember_right("01.a", True)
    kept.remember_guess("01.b", 2)
    kept.remember_right("01.b", False)
    kept.remember_guess("01.b", 1)
    kept.remember_right("01.b", True)  # told by then
    low, high = load_lessons()[1].minutes
    assert repr(table("01")).splitlines() == [
        "Record",
        f"01 Manual spans, {low} to {high} minutes: 1 of 2 passed; "
        "predictions: 1 of 2 as the trace said",
        "  open    01.1  Write",
        "  passed  01.2  Repair",
        "  extra, the attic: 0 of 2 passed",
    ]


def test_a_prediction_that_was_not_made_is_not_a_wrong_one() -> None:
    kept.remember_guess("01.b", 2)
    kept.remember_right("01.b", False)
    assert "; predictions: 0 of 1 as the trace said, 1 not made" in repr(table("01"))
    kept.remember_guess("01.a", 1)  # and the trace was not asked yet
    assert "; predictions: 0 of 1 as the trace said, 1 not made" in repr(table("01"))


def test_extra_exercises_stand_apart_and_are_in_no_sum() -> None:
    kept.remember("01.4")
    kept.remember_guess("01.c", 1)
    kept.remember_right("01.c", True)
    said = "extra, the attic: 1 of 2 passed (01.4); predictions: 1 of 1 as the trace said"
    for whole in (table("01"), table()):
        assert f"  {said}" in repr(whole).splitlines()
        assert said in whole._repr_html_()
        assert "01.3" not in repr(whole)
    assert "Whole course: 0 of 3 passed; predictions: 2 not made" in repr(table())
    assert "extra" not in repr(table("00")) + table("00")._repr_html_()


def test_the_whole_course_is_by_part_and_summed_up() -> None:
    kept.remember("01.2")
    text = repr(table())
    lines = text.splitlines()
    assert lines[-2:] == [
        "Whole course: 1 of 3 passed; predictions: 2 not made",
        "Right diagnoses: open before lesson 01; open after the last lesson",
    ]
    parts = list(dict.fromkeys(lesson.part for lesson in load_lessons()))
    assert [line for line in lines if line in parts] == parts
    for lesson in load_lessons():
        assert f"{lesson.number} {lesson.title}, {lesson.minutes[0]} to" in text


def test_both_quizzes_are_below_the_whole_course() -> None:
    kept.remember_quiz("entrance", 3, 10)
    kept.remember_quiz("entrance", 10, 10)
    kept.remember_quiz("exit", 9, 10)
    said = "3 of 10 before lesson 01; 9 of 10 after the last lesson"
    assert repr(table()).splitlines()[-1] == f"Right diagnoses: {said}"
    assert said in table()._repr_html_()
    assert said not in repr(table("01"))
    kept.reset("01")
    assert kept.quizzes()["exit"]["first"]["right"] == 9
    kept.reset()
    assert kept.quizzes() == {}


def test_the_page_escapes_titles_and_has_a_heading_a_part() -> None:
    page = table()._repr_html_()
    assert "Read &lt;b&gt;" in page
    assert "0 of 3 passed" in page
    for lesson in load_lessons():
        assert f'colspan="3">{lesson.part}</th>' in page
        assert f"{lesson.minutes[0]} to {lesson.minutes[1]} minutes" in page
