"""What students may try for each exercise: right ways that differ, and wrong ones, with verdicts.

A module a lesson: ``SETUP`` is what the notebook has by then, ``ATTEMPTS`` what is tried.
"""

from __future__ import annotations

from dataclasses import dataclass


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
