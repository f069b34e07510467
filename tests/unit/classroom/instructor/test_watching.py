"""A class, look after look."""

from __future__ import annotations

from datetime import timedelta

from reporting import NOW, made

from rag_tutorials.classroom.instructor.reading import News, UnreachableError
from rag_tutorials.classroom.instructor.standing import ABSENT, PASSED, TRIED
from rag_tutorials.classroom.instructor.watching import Watch, load_plans

PLANS = load_plans()


class Given:
    def __init__(self, *news: News | UnreachableError) -> None:
        self._news = list(news)

    def read(self) -> News:
        one = self._news.pop(0) if self._news else News([])
        if isinstance(one, UnreachableError):
            raise one
        return one


def test_each_look_adds_to_what_is_known() -> None:
    watch = Watch(
        Given(News([made(sentence="`a`?")]), News([made("bob"), made(state="passed")])),
        dict,
        PLANS,
    )
    first = watch.look(NOW)
    assert first.standing.students["ada"].cells["01.1"].state == TRIED
    assert [one.now for one in first.said["01.1"]] == [("ada",)]
    second = watch.look(NOW)
    assert second.standing.students["ada"].cells["01.1"].state == PASSED
    assert [one.now for one in second.said["01.1"]] == [()]
    assert set(second.standing.students) == {"ada", "bob"}


def test_the_list_may_grow_and_whoever_is_not_on_it_goes_by_the_name_on_the_wire() -> None:
    listed = {"ada": "Ada Lovelace"}
    watch = Watch(Given(News([made("zoe")])), lambda: dict(listed), PLANS)
    assert watch.look(NOW).names == {"ada": "Ada Lovelace", "zoe": "zoe"}
    listed["ada-2"] = "Ada Lovelace"
    names = watch.look(NOW).names
    assert names["ada"] == "Ada Lovelace (ada)"
    assert names["ada-2"] == "Ada Lovelace (ada-2)"


def test_who_is_removed_is_nowhere_and_is_back_when_added_again() -> None:
    removed = {"bob"}
    alike = [made("ada", sentence="no"), made("bob", sentence="no"), made("bob", "01.2")]
    watch = Watch(Given(News(alike), News([made("bob")])), dict, PLANS, removed=lambda: removed)
    for _ in range(2):
        look = watch.look(NOW)
        assert set(look.standing.students) == set(look.names) == {"ada"}
        assert look.standing.present == {"ada"}
        assert [one.students for one in look.said["01.1"]] == [("ada",)]
        assert look.said["01.2"] == []
    removed.clear()
    look = watch.look(NOW)
    assert set(look.standing.students) == {"ada", "bob"}
    assert {slug for one in look.said["01.1"] for slug in one.students} == {"ada", "bob"}
    removed.add("ada")
    assert set(watch.look(NOW).standing.students) == {"bob"}


def test_a_class_that_is_another_one_is_told_anew() -> None:
    watch = Watch(
        Given(News([made("ada"), made("bob")]), News([made("cyd")], afresh=True)), dict, PLANS
    )
    watch.look(NOW)
    look = watch.look(NOW)
    assert set(look.standing.students) == {"cyd"}
    assert [one.students for one in look.said["01.1"]] == []


def test_while_nothing_can_be_read_time_stands_still() -> None:
    down = UnreachableError("The class's server does not answer.")
    watch = Watch(Given(News([made("ada")]), down, News([])), dict, PLANS)
    watch.look(NOW)
    later = NOW + timedelta(hours=3)
    look = watch.look(later)
    assert (look.trouble, look.read) == ("The class's server does not answer.", NOW)
    assert look.standing.signs == []
    look = watch.look(later)
    assert (look.trouble, look.read) == ("", later)
    assert [sign.word for sign in look.standing.signs] == [ABSENT]


def test_the_plans_are_the_lessons_with_exercises_in_order() -> None:
    assert [plan.number for plan in PLANS] == sorted(plan.number for plan in PLANS)
    assert all(
        task.id.startswith(f"{plan.number}.")
        for plan in PLANS
        for task in (*plan.exercises, *plan.predictions)
    )
