"""A prediction: a question that a student answers before the cell that shows the answer is run."""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.judging.answers import agrees, in_words, mistyped
from rag_tutorials.course.judging.markup import box, prose
from rag_tutorials.course.traces.view import TraceView

NO_GUESS = ...  # what stands in the lesson, to be replaced


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """A question about a trace that is still to be made. CONTRIBUTING.md has an example.

    Args:
        id: Lesson and letter, ``"02.a"``.
        title: The question, in a few words.
        truth: Of the trace found (:class:`Found`), or of a plain value, what is true.
        answer: What ``truth`` gives where the stub answers; the notebook tests hold them equal.
        because: Why, in one to three sentences.
        choices: What a guess may be; ``None`` where it is a number, a name or a list of names.
        against: What speaks against each wrong choice. With it, this is a diagnosis: the answer is
            told only to who finds it.
    """

    id: str
    title: str
    truth: Callable[[Any], Any]
    answer: Any
    because: str
    choices: tuple[Any, ...] | None = None
    against: Mapping[Any, str] = field(default_factory=dict)

    @property
    def options(self) -> str:
        """The choices as they are written in code, with commas."""
        return ", ".join(map(repr, self.choices or ()))

    def refusal(self, guess: Any) -> str | None:
        """Return a sentence if this cannot be a guess."""
        if self.choices is None:
            return mistyped(guess, self.answer)
        if any(agrees(guess, choice) for choice in self.choices):
            return None
        return f"{guess!r} is none of the choices: {self.options}."

    def truth_of(self, what: Any) -> Any:
        """Return what is true of a trace or a value.

        Raises:
            CourseError: it lacks what the prediction is about.
        """
        try:
            return self.truth(what)
        except Exception as error:
            raise CourseError(
                f"What was given lacks what prediction {self.id} looks at ({sentence_of(error)}); "
                "run the cell that makes it again, then this one."
            ) from error


class Revealed:
    """A guess beside what is true, and why; above the trace, where there is one.

    ``guess`` is ``...`` where none was given.
    """

    def __init__(
        self, prediction: Prediction, guess: Any, truth: Any, view: TraceView | None = None
    ) -> None:
        self.prediction = prediction
        self.guess = guess
        self.truth = truth
        self.view = view

    @property
    def right(self) -> bool | None:
        """Whether guess and truth agree; ``None`` without a guess."""
        return None if self.guess is NO_GUESS else agrees(self.guess, self.truth)

    def _lines(self) -> list[str]:
        if self.prediction.against:
            return self._diagnosis()
        says = "The trace says" if self.view else "It is"
        lines = [f"{says}: {in_words(self.truth)}."]
        if self.right is not None:
            sign = "✓ As you predicted" if self.right else "✗ Not as you predicted"
            lines = [f"You predicted: {in_words(self.guess)}. {lines[0]}", f"{sign}."]
        return [*lines, self.prediction.because]

    def _diagnosis(self) -> list[str]:
        if self.right:
            return [f"Your diagnosis: {in_words(self.guess)}.", "✓ It is.", self.prediction.because]
        if self.guess is NO_GUESS:
            return [f"No diagnosis yet. The choices: {self.prediction.options}."]
        said = f"Your diagnosis: {in_words(self.guess)}."
        return [said, "✗ It is not.", self.prediction.against[self.guess]]

    def __repr__(self) -> str:
        lines = [f"{self.prediction.id} {self.prediction.title}", *self._lines()]
        return "\n".join([*lines, *([repr(self.view)] if self.view else [])])

    def _repr_html_(self) -> str:
        colour = {True: "#2e7d32", False: "#b26a00", None: "#8888"}[self.right]
        lines = [f"<b>{html.escape(self.prediction.id)} {prose(self.prediction.title)}</b>"]
        lines += map(prose, self._lines())
        inside = "".join(f"<div>{line}</div>" for line in lines)
        return box(colour, inside) + (self.view._repr_html_() if self.view else "")
