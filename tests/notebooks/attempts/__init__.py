"""What students may try for each exercise: right ways that differ, and wrong ones, with verdicts.

A module a lesson: ``SETUP`` is what the notebook has by then, ``ATTEMPTS`` what is tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any


@dataclass(frozen=True)
class Attempt:
    """One try at an exercise; ``said`` is part of the verdict, ``None`` where it passes."""

    exercise: str
    label: str
    code: str
    given: str
    said: str | None


def changed(code: str, *changes: tuple[str, str]) -> str:
    """Return code with parts replaced; each part must be there."""
    for old, new in changes:
        assert old in code, f"{old!r} is not in the code"
        code = code.replace(old, new)
    return code


def tries(
    exercise: str,
    given: str,
    right: dict[str, str],
    wrong: dict[str, tuple[str, str]],
) -> list[Attempt]:
    """Return the attempts at one exercise: right ones by label, wrong ones with what is said."""
    return [
        *(Attempt(exercise, label, code, given, None) for label, code in right.items()),
        *(Attempt(exercise, label, code, given, said) for label, (code, said) in wrong.items()),
    ]


def by_lesson(kernel: Any, modules: Mapping[str, ModuleType]) -> Callable[[str], Any]:
    """Return a function that makes the kernel ready for a lesson, by its number, and returns it."""
    now: list[str] = []

    def of(number: str) -> Any:
        if now != [number]:
            for code in (
                *(getattr(modules[each], "LEAVE", "") for each in now),
                modules[number].SETUP,
            ):
                made = kernel.run(code)
                assert not made.error, made.error
            now[:] = [number]
        return kernel

    return of
