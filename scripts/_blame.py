"""Which package's step to a newer version breaks which tests, found in few runs.

Packages take their steps in a fixed order, and a cut says how many have taken theirs. A test that
is whole at one cut and broken at a later one is broken by a step between them. Each run looks at
all broken tests at once, so several causes are found side by side.
"""

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Blame:
    """The packages among whose steps is the one that breaks these tests.

    ``packages`` is empty where the tests are broken without any step. ``seen`` says whether the
    tests were seen whole before that step.
    """

    packages: tuple[str, ...]
    broken: tuple[str, ...]
    seen: bool = True


@dataclass
class _Test:
    """A broken test: ``low`` steps leave it whole (which was ``seen``, or not), ``high`` do not."""

    name: str
    high: int
    low: int = 0
    seen: bool = False
    never_whole: bool = False

    @property
    def done(self) -> bool:
        return self.never_whole or (self.seen and self.high - self.low <= 1)


def find_blame(
    packages: Sequence[str],
    broken: Iterable[str],
    run: Callable[[Sequence[str], Sequence[str]], Collection[str]],
    possible: Callable[[Sequence[str]], bool],
    runs: int,
) -> list[Blame]:
    """Say which steps break the tests that are broken when all packages have taken theirs.

    ``run(stepped, tests)`` returns which of the tests are broken with the steps of some packages
    alone, the first ones of ``packages``; it is called ``runs`` times at most.
    ``possible(stepped)`` says whether these versions go together at all.
    """
    tests = [_Test(name, len(packages)) for name in sorted(set(broken))]
    together: dict[int, bool] = {0: True, len(packages): True}
    for left in range(runs, 0, -1):
        cut = _next_cut(tests, packages, possible, together, last=left == 1)
        if cut is None:
            break
        asked = [test for test in tests if not test.done and test.low <= cut < test.high]
        still = set(run(packages[:cut], [test.name for test in asked]))
        for test in asked:
            if test.name not in still:
                test.low, test.seen = cut, True
            elif cut == 0:
                test.never_whole = True
            else:
                test.high = cut
    return _gathered(tests, packages)


def _next_cut(
    tests: Sequence[_Test],
    packages: Sequence[str],
    possible: Callable[[Sequence[str]], bool],
    together: dict[int, bool],
    *,
    last: bool,
) -> int | None:
    """Return the cut that tells most: the middle of the widest doubt, or 0 if that is in doubt."""

    def fits(cut: int) -> bool:
        if cut not in together:
            together[cut] = possible(packages[:cut])
        return together[cut]

    for test in sorted(tests, key=lambda one: (one.low - one.high, one.name)):
        if test.done:
            continue
        if last and not test.seen:
            return 0
        middle = (test.low + test.high) / 2
        between = sorted(range(test.low + 1, test.high), key=lambda cut: (abs(cut - middle), cut))
        cut = next((one for one in between if fits(one)), None)
        if cut is not None:
            return cut
        if not test.seen:
            return 0
    return None


def _gathered(tests: Sequence[_Test], packages: Sequence[str]) -> list[Blame]:
    """Put tests together that the same steps break."""
    found: dict[tuple[tuple[str, ...], bool], list[str]] = {}
    for test in tests:
        steps = () if test.never_whole else tuple(packages[test.low : test.high])
        found.setdefault((steps, test.seen or test.never_whole), []).append(test.name)
    return [Blame(steps, tuple(names), seen) for (steps, seen), names in found.items()]
