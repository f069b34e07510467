"""Which step breaks what: found in few runs, whatever breaks, and never said without a look."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence

import pytest
from _blame import Blame, find_blame

Breaks = Callable[[frozenset[str]], bool]


class Runs:
    """A suite whose tests break by the steps that ``breaks`` says."""

    def __init__(self, breaks: Mapping[str, Breaks]) -> None:
        self.breaks = breaks
        self.made: list[tuple[int, tuple[str, ...]]] = []

    def __call__(self, stepped: Sequence[str], tests: Sequence[str]) -> Collection[str]:
        self.made.append((len(stepped), tuple(tests)))
        return [test for test in tests if self.breaks[test](frozenset(stepped))]


def by(*names: str) -> Breaks:
    """Broken as soon as all of these have taken their steps."""
    return lambda stepped: stepped >= frozenset(names)


def always(_: frozenset[str]) -> bool:
    return True


def find(
    packages: Sequence[str],
    breaks: Mapping[str, Breaks],
    runs: int = 5,
    possible: Callable[[Sequence[str]], bool] = always,  # type: ignore[assignment]
) -> tuple[list[Blame], Runs]:
    suite = Runs(breaks)
    found = find_blame(packages, breaks, suite, possible, runs)
    assert len(suite.made) <= runs
    assert len(set(suite.made)) == len(suite.made)  # no run twice
    return found, suite


PACKAGES = [f"p{number:02}" for number in range(16)]


@pytest.mark.parametrize("culprit", PACKAGES)
def test_one_of_sixteen_is_named_in_five_runs(culprit: str) -> None:
    found, _ = find(PACKAGES, {"test": by(culprit)})
    assert found == [Blame((culprit,), ("test",))]


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_of_few_packages_each_is_named(count: int) -> None:
    for culprit in PACKAGES[:count]:
        found, _ = find(PACKAGES[:count], {"test": by(culprit)})
        assert found == [Blame((culprit,), ("test",))]


def test_of_very_many_a_few_are_named_and_the_culprit_is_among_them() -> None:
    many = [f"p{number:03}" for number in range(100)]
    for culprit in many:
        [found], _ = find(many, {"test": by(culprit)})
        assert culprit in found.packages
        assert len(found.packages) <= 7


def test_what_is_broken_without_any_step_blames_nobody() -> None:
    found, suite = find(PACKAGES, {"test": always})
    assert found == [Blame((), ("test",))]
    assert suite.made[-1][0] == 0


def test_no_package_is_blamed_for_what_was_never_seen_whole() -> None:
    found, suite = find(PACKAGES[:1], {"test": always})
    assert (found, suite.made) == ([Blame((), ("test",))], [(0, ("test",))])


def test_without_a_run_left_it_says_that_nothing_was_seen() -> None:
    found, suite = find(PACKAGES[:1], {"test": by("p00")}, runs=0)
    assert (found, suite.made) == ([Blame(("p00",), ("test",), seen=False)], [])


def test_two_causes_are_found_side_by_side() -> None:
    found, _ = find(
        PACKAGES[:4], {"a": by("p00"), "b": by("p03"), "c": by("p03"), "d": always}, runs=5
    )
    assert sorted(found, key=lambda one: one.broken) == [
        Blame(("p00",), ("a",)),
        Blame(("p03",), ("b", "c")),
        Blame((), ("d",)),
    ]


def test_two_steps_that_break_together_name_the_one_that_completes_them() -> None:
    found, _ = find(PACKAGES, {"test": by("p03", "p09")})
    assert found == [Blame(("p09",), ("test",))]


def test_steps_that_must_be_taken_together_are_named_together() -> None:
    def possible(stepped: Sequence[str]) -> bool:
        return ("p04" in stepped) == ("p06" in stepped)  # neither goes without the other

    found, suite = find(PACKAGES, {"test": by("p05")}, possible=possible)
    assert found == [Blame(("p04", "p05", "p06"), ("test",))]
    assert {cut for cut, _ in suite.made}.isdisjoint({5, 6})


def test_a_run_asks_only_for_what_is_in_doubt() -> None:
    _, suite = find(PACKAGES[:4], {"a": by("p00"), "b": by("p03")})
    cut, tests = suite.made[0]
    assert (cut, tests) == (2, ("a", "b"))
    assert all(len(tests) == 1 for _, tests in suite.made[1:])


def test_it_is_always_the_same() -> None:
    breaks = {name: by(random.Random(name).choice(PACKAGES)) for name in "abcdef"}
    first = find(PACKAGES, breaks)
    assert find(PACKAGES, dict(reversed(breaks.items())))[0] == first[0]


def test_whoever_is_blamed_is_guilty_whatever_breaks() -> None:
    chance = random.Random(7)
    for _ in range(300):
        packages = [f"p{number:02}" for number in range(chance.randint(1, 40))]
        guilty = {
            f"t{number}": chance.choice([None, *packages]) for number in range(chance.randint(1, 5))
        }
        breaks = {name: by(one) if one else always for name, one in guilty.items()}
        found, _ = find(packages, breaks)
        assert sorted(test for blame in found for test in blame.broken) == sorted(guilty)
        for blame in found:
            for test in blame.broken:
                if blame.seen:
                    assert guilty[test] in (blame.packages or (None,))
