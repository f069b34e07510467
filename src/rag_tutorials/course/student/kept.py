"""The progress file: what a student passed, predicted and diagnosed, kept across kernels."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import PRIVATE, state_dir, write_private

_FILE = "progress.json"
_NUMBERING = 2
# Numbering 1 had seven lessons; these exercises have another number since.
_RENUMBERED = {
    "03.4": "09.1",
    "03.5": "03.4",
    "05.3": "06.1",
    "05.4": "06.2",
    "05.5": "06.3",
    "06.1": "07.1",
    "06.2": "07.2",
    "06.3": "08.1",
    "06.4": "08.2",
    "06.5": "08.3",
}
Content = dict[str, dict[str, Any]]  # the file's tables: ``passed``, ``predictions``, ``quizzes``


def passed() -> dict[str, str]:
    """Return the ids of the passed exercises, each with the moment (ISO 8601, UTC)."""
    return _load()["passed"]


def predictions() -> dict[str, dict[str, Any]]:
    """Return the predictions that were made, by id: the ``first`` guess and the ``last``.

    The first is the one that stood when the answer was shown first. Each has ``guess``, ``when``
    (ISO 8601, UTC), and ``right``, which is ``None`` until the answer is shown.
    """
    return _load()["predictions"]


def quizzes() -> dict[str, dict[str, Any]]:
    """Return how quizzes went, by name: the ``first`` time and the ``last``.

    Each has ``right``, ``of`` and ``when`` (ISO 8601, UTC).
    """
    return _load()["quizzes"]


def remember(exercise_id: str) -> None:
    """Note that an exercise is passed; the first time counts."""
    _change(
        f"{exercise_id} is passed",
        lambda known: known["passed"].setdefault(exercise_id, _now()),
    )


def remember_guess(prediction_id: str, guess: Any) -> None:
    """Note what was predicted, before it is known whether it is right."""

    def change(known: Content) -> None:
        one = {"guess": _as_json(guess), "when": _now(), "right": None}
        kept = known["predictions"].setdefault(prediction_id, {})
        kept["last"] = one
        if kept.get("first", one)["right"] is None:
            kept["first"] = one

    _change(f"Your prediction {prediction_id} was seen", change)


def remember_right(prediction_id: str, right: bool) -> None:
    """Note whether the last guess was right, and the first, if its answer was not yet shown."""

    def change(known: Content) -> None:
        kept = known["predictions"].get(prediction_id, {})
        for guess in kept.values():
            if guess["right"] is None:
                guess["right"] = right

    _change(f"Your prediction {prediction_id} was compared", change)


def remember_quiz(name: str, right: int, of: int) -> None:
    """Note how many of a quiz's answers were right."""

    def change(known: Content) -> None:
        one = {"right": right, "of": of, "when": _now()}
        known["quizzes"].setdefault(name, {"first": one})["last"] = one

    _change(f"The {name} quiz was marked", change)


def reset(lesson: str | None = None) -> int:
    """Forget what a lesson (``"01"``), or all, has; return how many exercises were passed."""
    folder = state_dir()
    with _lock(folder):
        known = _read(folder / _FILE)
        before = len(known["passed"])
        for table in known.values():
            for key in [key for key in table if not lesson or key.startswith(lesson)]:
                del table[key]
        _write(folder / _FILE, known)
    return before - len(known["passed"])


def _load() -> Content:
    folder = state_dir()
    with _lock(folder):
        return _read(folder / _FILE)


def _change(what: str, change: Callable[[Content], object]) -> None:
    """Change the file; where it cannot be written, one printed sentence says so."""
    try:
        folder = state_dir()
        with _lock(folder):
            known = _read(folder / _FILE)
            before = json.dumps(known)
            change(known)
            if json.dumps(known) != before:
                _write(folder / _FILE, known)
    except (OSError, CourseError) as error:  # a lock that is not to be had is an OSError
        print(f"{what}, but could not be remembered ({sentence_of(error)}).")


def _lock(folder: Path) -> FileLock:
    return FileLock(folder / f"{_FILE}.lock", mode=PRIVATE, timeout=10)


def _read(path: Path) -> Content:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        done = {str(key): str(when) for key, when in data["passed"].items()}
        if data.get("numbering", 1) < _NUMBERING:
            done = {_RENUMBERED.get(key, key): when for key, when in done.items()}
        guesses = {
            str(key): {which: {**one[which], "right": one[which]["right"]} for which in one}
            for key, one in data.get("predictions", {}).items()
        }
        marks = {
            str(name): {which: {**one[which], "of": int(one[which]["of"])} for which in one}
            for name, one in data.get("quizzes", {}).items()
        }
        return {"passed": done, "predictions": guesses, "quizzes": marks}
    except FileNotFoundError:
        pass
    except (ValueError, TypeError, KeyError, AttributeError):
        aside = path.with_name(f"progress-unreadable-{datetime.now(UTC):%Y%m%dT%H%M%S}.json")
        path.replace(aside)
        print(f"The progress file could not be read; it is kept as {aside} and a new one begins.")
    return {"passed": {}, "predictions": {}, "quizzes": {}}


def _write(path: Path, known: Mapping[str, Any]) -> None:
    new = path.with_suffix(".new")
    write_private(new, json.dumps({"numbering": _NUMBERING, **known}, indent=1) + "\n")
    new.replace(path)


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def _as_json(guess: Any) -> Any:
    if isinstance(guess, (set, frozenset)):
        guess = sorted(guess, key=str)
    try:
        return json.loads(json.dumps(guess))
    except (TypeError, ValueError):
        return repr(guess)
