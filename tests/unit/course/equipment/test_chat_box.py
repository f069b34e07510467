"""The small chat below a cell, without a browser: what its widgets do when they are used."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from rag_tutorials.course.equipment import ChatBox


class Talk:
    """A chat that notes what it was asked and told."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.judged: list[tuple[str, str]] = []
        self.error: Exception | None = None

    def ask(self, question: str) -> Any:
        self.asked.append(question)
        if self.error:
            raise self.error
        return SimpleNamespace(text=f"<b>{len(self.asked)}</b> days & more")

    def judge(self, answer: Any, label: str) -> None:
        if self.error:
            raise self.error
        self.judged.append((answer.text, label))


@pytest.fixture
def talk() -> Talk:
    return Talk()


@pytest.fixture
def box(talk: Talk) -> ChatBox:
    return ChatBox(talk.ask, talk.judge)


def enter(box: ChatBox, question: str) -> None:
    box.question.value = question
    box.question._handle_custom_msg({"event": "submit"}, [])


def texts(box: ChatBox) -> list[str]:
    return [line.value for line in box.turns.children if hasattr(line, "value")]


def test_enter_asks_and_empties_the_line(box: ChatBox, talk: Talk) -> None:
    enter(box, " How many days? ")
    assert talk.asked == ["How many days?"]
    assert box.question.value == ""
    assert texts(box) == [
        "<b>You:</b> How many days?",
        "<b>Chat:</b> &lt;b&gt;1&lt;/b&gt; days &amp; more",
    ]


def test_the_button_asks_too_and_nothing_is_asked_of_nothing(box: ChatBox, talk: Talk) -> None:
    box.send.click()
    enter(box, "   ")
    assert talk.asked == []
    box.question.value = "Until when?"
    box.send.click()
    assert talk.asked == ["Until when?"]


def test_what_was_typed_may_come_after_the_enter(box: ChatBox, talk: Talk) -> None:
    async def browser() -> None:
        box.question._handle_custom_msg({"event": "submit"}, [])
        box.question.value = "How many days?"
        assert talk.asked == ["How many days?"]
        box.question.value = "left without an Enter"
        await asyncio.sleep(0)
        assert talk.asked == ["How many days?"]
        box.question._handle_custom_msg({"event": "submit"}, [])
        while len(talk.asked) < 2:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(browser(), 120))
    assert talk.asked == ["How many days?", "left without an Enter"]


def test_a_thumb_goes_to_its_own_answer_and_may_change(box: ChatBox, talk: Talk) -> None:
    enter(box, "first")
    enter(box, "second")
    first = box.turns.children[2].children[0]
    first.value = "thumbs-down"
    first.value = "thumbs-up"
    assert [label for _, label in talk.judged] == ["thumbs-down", "thumbs-up"]
    assert {text for text, _ in talk.judged} == {"<b>1</b> days & more"}
    assert box.turns.children[2].children[1].value == "sent: thumbs-up"


def test_an_error_is_shown_in_its_place(box: ChatBox, talk: Talk) -> None:
    enter(box, "first")
    talk.error = ConnectionError("nobody <there>")
    enter(box, "second")
    assert "nobody &lt;there&gt;" in texts(box)[-1]
    thumbs, said = box.turns.children[2].children
    thumbs.value = "thumbs-up"
    assert said.value.startswith("not sent: ")
    assert "&lt;there&gt;" in said.value


def test_where_no_widget_is_drawn_a_sentence_says_so(box: ChatBox) -> None:
    bundle = box._repr_mimebundle_()
    assert "application/vnd.jupyter.widget-view+json" in bundle
    assert "by a call" in bundle["text/plain"]
