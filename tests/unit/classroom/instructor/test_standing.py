"""Where a class stands, told from reports alone."""

from __future__ import annotations

import random
from collections.abc import Iterable
from datetime import timedelta

import pytest
from reporting import NOW, made

from rag_tutorials.classroom.instructor.reading import Report
from rag_tutorials.classroom.instructor.standing import (
    ABSENT,
    BEHIND,
    PASSED,
    SILENT,
    STUCK,
    TRIED,
    UNABLE,
    UNTOUCHED,
    Limits,
    Plan,
    Standing,
    Student,
    Task,
    kind_of,
    said_of,
    stand,
    student_of,
)

PLANS = tuple(
    Plan(
        number,
        f"{number}_lesson",
        f"Lesson {number}",
        tuple(Task(f"{number}.{n}", f"Exercise {n}") for n in range(1, 6)),
    )
    for number in ("01", "02", "03")
)


def people(*reports: Report) -> dict[str, Student]:
    slugs = sorted({one.student for one in reports})
    return {slug: student_of(slug, [r for r in reports if r.student == slug]) for slug in slugs}


def standing(*reports: Report, listed: Iterable[str] = ()) -> Standing:
    return stand({slug: Student(slug) for slug in listed} | people(*reports), PLANS, NOW)


def words(found: Standing, word: str) -> dict[str, str]:
    return {sign.student: sign.exercise for sign in found.signs if sign.word == word}


@pytest.mark.parametrize(
    ("states", "state", "tries"),
    [
        (["not yet", "not yet"], TRIED, 2),
        (["passed"], PASSED, 1),
        (["not started", "not yet", "passed", "not yet"], PASSED, 2),
        (["not started"], UNTOUCHED, 0),
        (["not yet", "unable"], UNABLE, 1),
        (["not yet", "something new"], UNABLE, 1),
    ],
)
def test_an_exercise_stands_as_its_last_check_says_and_once_passed_stays_so(
    states: list[str], state: str, tries: int
) -> None:
    some = [made(state=one, ago=10 - n) for n, one in enumerate(states)]
    cell = student_of("ada", some).cells["01.1"]
    assert (cell.state, cell.tries) == (state, tries)


def test_reports_may_come_in_any_order_and_twice() -> None:
    some = [made(state="not yet", ago=20 - n, sentence=f"{n}", attempt=n) for n in range(1, 6)]
    some += [made(name="01.2", state="passed", ago=1, attempt=2)]
    expected = student_of("ada", some)
    mixed = some * 2
    random.Random(1).shuffle(mixed)
    assert student_of("ada", mixed) == expected
    assert expected.cells["01.1"].sentence == "5"
    assert expected.exercise == "01.2"


def test_attempts_whose_reports_were_lost_are_counted_by_their_number() -> None:
    cell = student_of("ada", [made(attempt=7)]).cells["01.1"]
    assert cell.tries == 7


def test_a_cell_leads_to_its_newest_trace_and_a_passed_one_to_the_trace_that_passed() -> None:
    one, two, three = ("1" * 32,), ("2" * 32,), ("3" * 32,)
    tried = [made(ago=5, trace_ids=one), made(ago=4, trace_ids=two), made(ago=3)]
    assert student_of("ada", tried).cells["01.1"].last.trace_ids == two
    passed = [*tried, made(state="passed", ago=2, trace_ids=three), made(ago=1, trace_ids=one)]
    found = student_of("ada", passed)
    assert found.cells["01.1"].last.trace_ids == three
    assert found.newest is not None
    assert found.newest.trace_ids == one


def test_predictions_and_quizzes_count_the_first_time() -> None:
    found = student_of(
        "ada",
        [
            made(name="02.a", event="prediction", state="", right=None, ago=9),
            made(name="02.a", event="prediction", state="", right=False, ago=8),
            made(name="02.a", event="prediction", state="", right=True, ago=7),
            made(name="entrance", event="quiz", state="", right=4, of=10, ago=6),
            made(name="entrance", event="quiz", state="", right=9, of=10, ago=5),
        ],
    )
    assert found.guesses == {"02.a": False}
    assert found.quizzes == {"entrance": (4, 10)}
    assert found.cells == {}


# Stuck


def tried(student: str, times: int, first: float, exercise: str = "01.1") -> list[Report]:
    return [made(student, exercise, ago=first * (1 - n / times)) for n in range(times)]


def test_many_checks_over_some_minutes_without_a_pass_are_stuck() -> None:
    found = standing(*tried("ada", 4, 5), *tried("bob", 3, 30), *tried("cyd", 9, 4))
    assert words(found, STUCK) == {"ada": "01.1"}
    (sign,) = (one for one in found.signs if one.word == STUCK)
    assert (sign.tries, sign.minutes) == (4, 5)


def test_who_passed_or_went_on_is_not_stuck() -> None:
    found = standing(
        *tried("ada", 6, 20),
        made("ada", state="passed"),
        *tried("bob", 6, 20),
        made("bob", "01.2", "not started"),
        *tried("cyd", 6, 20),
        made("cyd", "", "", event="opened", lesson="02_lesson"),
    )
    assert words(found, STUCK) == {"cyd": "01.1"}


@pytest.mark.parametrize("wrong", [-500, 0, 500])
def test_a_wrong_clock_and_reports_that_came_late_make_nobody_stuck_sooner_or_later(
    wrong: int,
) -> None:
    """All came at once, a minute ago: checks of the nine minutes before that."""
    heard = NOW - timedelta(minutes=1)
    late = [made("ada", ago=10 - 3 * n + wrong, heard=heard) for n in range(4)]
    (sign,) = (one for one in standing(*late).signs if one.word == STUCK)
    assert (sign.tries, sign.minutes) == (4, 10)


def test_who_comes_back_the_next_day_is_not_stuck_at_once() -> None:
    yesterday = [made("ada", ago=24 * 60 - n) for n in range(6)]
    opened = made("ada", "opened", "", 4, event="opened", lesson="01_lesson")
    assert words(standing(*yesterday, opened), STUCK) == {}
    opened = made("ada", "opened", "", 6, event="opened", lesson="01_lesson")
    (sign,) = (one for one in standing(*yesterday, opened).signs if one.word == STUCK)
    assert (sign.tries, sign.minutes) == (6, 6)


# Silent


def test_who_says_nothing_while_the_others_do_is_silent() -> None:
    found = standing(made("ada", ago=15), made("bob", ago=2), made("cyd", ago=14))
    assert words(found, SILENT) == {"ada": "01.1"}


def test_a_break_is_not_silence() -> None:
    assert words(standing(*(made(slug, ago=20) for slug in "abcd"), made("e")), SILENT) == {}


def test_who_is_done_with_the_lesson_may_be_silent() -> None:
    done = [made("ada", f"01.{n}", "passed", ago=40 - n) for n in range(1, 6)]
    assert words(standing(*done, made("bob"), made("cyd")), SILENT) == {}


def test_who_went_home_and_who_never_came_are_absent() -> None:
    found = standing(made("ada", ago=91), made("bob", ago=89), made("cyd"), listed=["dan"])
    assert set(words(found, ABSENT)) == {"ada", "dan"}
    assert found.present == {"bob", "cyd"}


# Behind


def passed(student: str, count: int) -> list[Report]:
    ids = [task.id for plan in PLANS for task in plan.exercises]
    return [made(student, one, "passed", ago=3) for one in ids[:count]] or [made(student, ago=3)]


def test_who_has_passed_half_of_the_median_or_less_is_behind() -> None:
    done = zip("abcde", (3, 4, 6, 7, 9), strict=True)
    found = standing(*(one for slug, count in done for one in passed(slug, count)))
    assert set(words(found, BEHIND)) == {"a"}


def test_at_the_beginning_nobody_is_behind() -> None:
    assert words(standing(*passed("a", 0), *passed("b", 2), *passed("c", 2)), BEHIND) == {}


def test_exercises_beside_the_course_bring_nobody_ahead() -> None:
    extra = [made("a", f"14.{n}", "passed", ago=3) for n in range(20, 30)]
    others = [one for slug in "bcd" for one in passed(slug, 6)]
    assert set(words(standing(*extra, *others), BEHIND)) == {"a"}


def test_the_sentences_about_these_words_say_the_numbers_that_hold() -> None:
    said = Limits(stuck_tries=11, stuck_minutes=12, silent_minutes=13, away_minutes=14).words
    assert "11 checks" in said[STUCK]
    assert "12 minutes" in said[STUCK]
    assert "13 minutes" in said[SILENT]
    assert "14 minutes" in said[ABSENT]


def test_the_lesson_of_the_class_is_that_of_most_who_are_here() -> None:
    gone = [made(slug, "03.1", ago=200) for slug in "vwxyz"]
    found = standing(*gone, made("a", "01.1"), made("b", "02.1"), made("c", "02.2"))
    assert found.lesson == "02"
    assert standing(*gone).lesson == "03"
    assert standing().lesson == "01"


# Sentences


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("`a` is 3; it should be 2.", "`b` is 17; it should be 2."),
        (
            "There are 2 traces: `x y` is alone.",
            "There are 9 traces: `q` is alone.",
        ),
        ("It says 'no, never' to \"Ada\".", "It says 'yes' to \"Bob\"."),
        ("Took 0.5 s, not 1,000.", "Took -3.25 s, not 7."),
        (
            "Trace 0af7651916cd43dd8448eb211c80319c.",
            "Trace 00f067aa0ba902b7aaaaaaaaaaaaaaaa.",
        ),
    ],
)
def test_sentences_that_differ_in_what_they_quote_are_one(one: str, other: str) -> None:
    assert kind_of(one) == kind_of(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("`a` has no attribute `x`.", "`a` has no event `x`."),
        ("The student's span doesn't end.", "The student's child doesn't end."),
    ],
)
def test_sentences_that_say_something_else_are_two(one: str, other: str) -> None:
    assert kind_of(one) != kind_of(other)


def test_a_sentence_counts_once_a_student_and_what_most_were_told_last_leads() -> None:
    some = [
        *(made("ada", sentence=f"`a{n}` is missing.", ago=9) for n in range(5)),
        made("ada", sentence="There are 3 traces.", ago=1),
        made("bob", sentence="There are 4 traces.", ago=3),
        made("cyd", sentence="There are 4 traces.", ago=3),
        made("dan", sentence="There are 4 traces.", ago=3),
        made("dan", state="passed", sentence="", ago=2),
    ]
    first, second = said_of(some, people(*some))
    assert first.example == "There are 4 traces."
    assert first.now == ("ada", "bob", "cyd")
    assert first.students == ("ada", "bob", "cyd", "dan")
    assert first.checks == 4
    assert (second.now, second.students, second.checks) == ((), ("ada",), 5)


def test_a_student_whose_clock_is_wrong_is_not_silent_while_reports_come() -> None:
    late = made("ada", ago=500, heard=NOW - timedelta(minutes=1))
    assert words(standing(late, made("bob"), made("cyd")), SILENT) == {}
