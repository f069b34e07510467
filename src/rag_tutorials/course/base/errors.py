"""What goes wrong for a student, in one sentence."""

from __future__ import annotations


class CourseError(RuntimeError):
    """A cause and a remedy, in one sentence.

    IPython shows the sentence alone: a stack trace through the course's own code teaches nothing.
    """

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


def sentence_of(error: BaseException) -> str:
    """Return ``Type: first line`` of an error, for use inside another sentence."""
    try:
        text = str(error).strip().splitlines()
    except Exception:  # its own __str__ raises
        text = []
    return f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
