"""A small chat below a cell: a question, its answer, and a thumb. The keyboard is enough."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from html import escape
from typing import Any, Protocol

from ipywidgets import (  # type: ignore[import-untyped]
    HTML,
    Button,
    HBox,
    Text,
    ToggleButtons,
    VBox,
)

from rag_tutorials.course.base.errors import sentence_of

THUMBS = ("thumbs-up", "thumbs-down")
_TEXT_COMES_S = 0.5  # after an Enter; without a new text, the one of before is meant
STATIC = "(A chat stands here while a kernel runs; elsewhere, ask and judge by a call.)"


class Answer(Protocol):
    """What ``ask`` returns: at least a text."""

    @property
    def text(self) -> str:
        """What the user reads."""


class ChatBox:
    """Shows a chat: ``ask(question)`` answers, ``judge(answer, label)`` is told of each thumb.

    Enter sends, Shift+Tab goes back to the thumbs, Space presses one; the label is ``thumbs-up`` or
    ``thumbs-down``. An error of either function is shown in its place.
    """

    def __init__(self, ask: Callable[[str], Any], judge: Callable[[Any, str], object]) -> None:
        self._ask, self._judge = ask, judge
        self.question = Text(
            placeholder="Type a question, then Enter",
            description="Question",
            continuous_update=False,  # else a fast typist's last letters come after the Enter
        )
        self._entered = False
        self.send = Button(description="Send")
        self.turns = VBox()
        self.box = VBox([self.turns, HBox([self.question, self.send])])
        self.send.on_click(lambda _: self._turn())
        self.question.on_msg(self._on_message)
        self.question.observe(self._on_text, "value")

    def _on_message(self, _: Any, content: Mapping[str, Any], __: Any) -> None:
        """Enter was pressed; the browser sends what was typed after it, if it is new."""
        if content.get("event") == "submit":
            self._entered = True
            with suppress(RuntimeError):  # no event loop: nothing can come any more
                asyncio.get_running_loop().call_later(_TEXT_COMES_S, self._enter)
                return
            self._enter()

    def _on_text(self, _: Any) -> None:
        self._enter()

    def _enter(self) -> None:
        if self._entered:
            self._turn()

    def _turn(self) -> None:
        self._entered = False
        question = self.question.value.strip()
        if not question:
            return
        self.question.value = ""
        try:
            answer = self._ask(question)
        except Exception as error:
            self._add(_line("No answer", sentence_of(error)))
            return
        thumbs = ToggleButtons(options=THUMBS, value=None)
        said = HTML()
        thumbs.observe(lambda change: self._thumb(answer, change["new"], said), "value")
        self._add(_line("You", question), _line("Chat", answer.text), HBox([thumbs, said]))

    def _thumb(self, answer: Any, label: str, said: HTML) -> None:
        try:
            self._judge(answer, label)
            said.value = f"sent: {escape(label)}"
        except Exception as error:
            said.value = f"not sent: {escape(sentence_of(error))}"

    def _add(self, *lines: Any) -> None:
        self.turns.children = (*self.turns.children, *lines)

    def _repr_mimebundle_(self, **more: Any) -> Any:
        bundle = self.box._repr_mimebundle_(**more)
        return {**bundle, "text/plain": STATIC} if isinstance(bundle, dict) else bundle


def _line(who: str, text: str) -> HTML:
    return HTML(f"<b>{escape(who)}:</b> {escape(text)}")
