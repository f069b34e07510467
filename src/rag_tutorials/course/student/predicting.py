"""Predict, then reveal: a guess is kept, and held against the trace."""

from __future__ import annotations

from typing import Any

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.judging import proof
from rag_tutorials.course.judging.prediction import NO_GUESS, Prediction, Revealed
from rag_tutorials.course.student import kept
from rag_tutorials.course.traces.reading import Traces
from rag_tutorials.course.traces.view import show, showable

_guesses: dict[str, Any] = {}


def predict(prediction: Prediction, guess: Any) -> bool:
    """Keep a guess, and say whether it was one; ``...`` is none.

    Raises:
        CourseError: this cannot be a guess. It stops the cell before the answer is shown.
    """
    if proof.proving():
        proof.note_asked(prediction)
    if guess is not NO_GUESS:
        if refusal := prediction.refusal(guess):
            raise CourseError(f"Prediction {prediction.id} was not kept: {refusal}")
        if not proof.proving():
            kept.remember_guess(prediction.id, guess)
    _guesses[prediction.id] = guess
    return guess is not NO_GUESS


def reveal(course: Traces, prediction: Prediction, what: Any, expect: int) -> Revealed:
    """Hold the guess against a trace, which is drawn, or against a plain value.

    Raises:
        CourseError: the trace is not in Phoenix, or lacks what the prediction is about.
    """
    view = show(course, what, expect) if showable(what) else None
    truth = prediction.truth_of(view.found if view else what)
    revealed = Revealed(prediction, _guess(prediction), truth, view)
    if proof.proving():
        proof.note_revealed(revealed)
    elif revealed.right is not None:
        kept.remember_right(prediction.id, revealed.right)
    return revealed


def _guess(prediction: Prediction) -> Any:
    """Return the guess of this kernel; after a restart, the one that was kept."""
    if prediction.id in _guesses or proof.proving():
        return _guesses.get(prediction.id, NO_GUESS)
    last = kept.predictions().get(prediction.id, {}).get("last")
    return last["guess"] if last else NO_GUESS
