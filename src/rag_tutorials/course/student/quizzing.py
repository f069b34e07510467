"""Ask a quiz, mark its answers, and keep how many were right."""

from __future__ import annotations

import html
from collections.abc import Mapping
from typing import Any

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.judging import proof
from rag_tutorials.course.judging.markup import box, prose
from rag_tutorials.course.judging.quiz import Finding, Quiz, refusal, send, truths
from rag_tutorials.course.student import kept
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.reading import Traces
from rag_tutorials.course.traces.view import TraceView

_asked: dict[str, dict[str, Found]] = {}


class Asked:
    """A quiz's traces by letter, and the findings to choose from."""

    def __init__(self, quiz: Quiz, views: Mapping[str, TraceView]) -> None:
        self._quiz = quiz
        self._views = views

    def __repr__(self) -> str:
        lines = [f"{one.id}: {one.words}" for one in self._quiz.findings]
        for letter, view in self._views.items():
            lines += ["", f"Trace {letter}", repr(view)]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        rows = (
            f"<div><code>{html.escape(one.id)}</code>: {html.escape(one.words)}</div>"
            for one in self._quiz.findings
        )
        traces = (
            f"<div style='margin-top:8px'><b>Trace {letter}</b></div>{view._repr_html_()}"
            for letter, view in self._views.items()
        )
        return box("#8888", "".join(rows)) + "".join(traces)


class Marked:
    """How many answers to a quiz were right; of the exit, also which were not.

    ``given`` says whether there were answers at all.
    """

    def __init__(self, right: int, of: int, lines: list[str], given: bool = True) -> None:
        self.right = right
        self.of = of
        self.given = given
        self._lines = lines

    def __repr__(self) -> str:
        return "\n".join(self._lines)

    def _repr_html_(self) -> str:
        return box("#8888", "".join(f"<div>{prose(line)}</div>" for line in self._lines))


def ask(traces: Traces, quiz: Quiz) -> Asked:
    """Send the quiz's traces to Phoenix, once in a kernel, and draw what Phoenix has of them.

    Raises:
        CourseError: they did not all arrive.
    """
    reader = Traces(quiz.project, traces.phoenix)
    views = {
        letter: TraceView(found.spans, reader.link, findings=False)  # they are asked for
        for letter, found in _found(traces, quiz).items()
    }
    return Asked(quiz, views)


def mark(traces: Traces, quiz: Quiz, answers: Mapping[str, Any], explain: bool) -> Marked:
    """Hold answers, letter to finding, against the traces; ``...`` is none. Keep the number.

    Raises:
        CourseError: these cannot be answers; nothing was kept.
    """
    if sentence := refusal(quiz, answers):
        raise CourseError(f"The {quiz.name} quiz was not marked: {sentence}")
    of = len(quiz.cases)
    given = {letter: answer for letter, answer in answers.items() if answer is not ...}
    if not given:
        return Marked(0, of, ["No answers yet: put a finding where each `...` is."], given=False)
    truth = truths(quiz, _found(traces, quiz))
    right = sum(truth[letter] == answer for letter, answer in given.items())
    if not proof.proving():
        kept.remember_quiz(quiz.name, right, of)
    lines = [f"{right} of {of} right."]
    if explain:
        words = {one.id: one for one in quiz.findings}
        lines += [
            f"Trace {letter}: {_said(words[true])}"
            for letter, true in truth.items()
            if given.get(letter) != true
        ]
    return Marked(right, of, lines)


def _said(finding: Finding) -> str:
    taught = f" (lesson {finding.lesson})" if finding.lesson else ""
    return f"`{finding.id}`, {finding.words}{taught}."


def _found(traces: Traces, quiz: Quiz) -> dict[str, Found]:
    if quiz.name not in _asked:
        _asked[quiz.name] = send(quiz, traces)
    return _asked[quiz.name]
