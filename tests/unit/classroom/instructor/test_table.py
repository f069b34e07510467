"""The class in a terminal."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from reporting import NOW, made

from rag_tutorials.classroom.instructor.place import ClassPlace, Server
from rag_tutorials.classroom.instructor.reading import News, Report, UnreachableError
from rag_tutorials.classroom.instructor.table import ALL, Table, chosen, show
from rag_tutorials.classroom.instructor.watching import Watch, load_plans
from rag_tutorials.course.base.errors import CourseError

PLANS = load_plans()
NAMES = {
    "ada": "Ada Lovelace",
    "max": "Maximiliane von Württemberg-Hohenlohe-Langenburg",
    "li": "李小龍",
    "nguyen": "Nguye\u0302\u0303n Thi\u0323 Minh Khai",
    "muhammad": "محمد علي",
    "anna": "Anna Schmidt",
    "anna-2": "Anna Schmidt",
}


class Given:
    """A class as it was written down; after that, one that does not answer."""

    def __init__(self, *readings: Sequence[Report]) -> None:
        self._readings = list(readings)

    def read(self) -> News:
        if not self._readings:
            raise UnreachableError("The class's server at http://127.0.0.1:1 does not answer.")
        return News(self._readings.pop(0))


def reports() -> list[Report]:
    return [
        *(made("ada", "03.1", ago=9 - n, sentence="There is no span `x`.") for n in range(4)),
        made("max", "03.1", ago=3),
        made("max", "03.1", "passed", ago=2),
        made("max", "03.2", "not started", ago=1, dropped=12),
        made("li", "03.1", "passed", ago=1),
        made("nguyen", "03.1", "unable", ago=1),
        made("anna", "03.2", ago=1),
    ]


def lines(lesson: str | None = None, width: int = 80, height: int | None = None) -> list[str]:
    watch = Watch(Given(reports()), lambda: NAMES, PLANS)
    return Table(watch, lesson).lines(watch.look(NOW), width, height)


def columns(text: str) -> int:
    wide = {"W": 2, "F": 2}
    return sum(
        0 if unicodedata.category(one) == "Mn" else wide.get(unicodedata.east_asian_width(one), 1)
        for one in text
    )


def row(name: str, some: Sequence[str]) -> list[str]:
    (found,) = (line for line in some if line.startswith(name))
    return found[len(name) :].split()


def test_each_state_has_its_sign_and_whoever_needs_help_is_first() -> None:
    some = lines()
    assert some[0] == "03 Wrappers: 5 of 7 here; 1 stuck, 0 silent, 0 behind"
    assert row("Ada Lovelace", some) == ["!4", "○", "○", "○", "stuck"]
    assert row("Maximiliane von Württemberg-...", some) == ["✓2", "○", "○", "○", "12", "dropped"]
    assert row("李小龍", some)[:2] == ["✓", "○"]
    assert row("Nguye\u0302\u0303n Thi\u0323 Minh Khai", some)[:2] == ["?", "○"]
    assert row("Anna Schmidt (anna)", some)[:2] == ["○", "✗1"]
    assert row("Anna Schmidt (anna-2)", some) == ["·", "·", "·", "·", "absent"]
    names = [line.split("  ")[0] for line in some[4:11]]
    assert names[0] == "Ada Lovelace"
    assert set(names[-2:]) == {"Anna Schmidt (anna-2)", "محمد علي"}


def test_the_most_frequent_sentence_and_what_stuck_means_are_below() -> None:
    text = " ".join(lines())
    assert "03.1, 1 told now: There is no span `x`." in text
    assert "Stuck: 4 checks or more without a pass" in text


@pytest.mark.parametrize("lesson", [ALL, *(plan.number for plan in PLANS)])
@pytest.mark.parametrize("width", [80, 100, 200])
def test_every_line_fits_and_every_cell_stands_below_its_head(lesson: str, width: int) -> None:
    some = lines(lesson, width)
    assert max(map(columns, some)) <= width
    head = next(line for line in some if line.startswith(("Student", "Lesson")))
    ends = [found.end() for found in re.finditer(r"\S+", head)][1:]
    plan = next((plan for plan in PLANS if plan.number == lesson), None)
    assert len(ends) == (len(plan.exercises) if plan else len(PLANS))
    for line in some[some.index(head) + (1 if plan else 2) :][: len(NAMES)]:
        for end in ends:
            place, used = 0, 0
            while used < end:
                used += columns(line[place])
                place += 1
            assert line[place - 1] != " ", line


def test_a_lesson_in_the_whole_course_says_how_much_is_passed() -> None:
    at = [plan.number for plan in PLANS].index("03") - len(PLANS)
    signs = {line[:7]: line.split()[at] for line in lines(ALL, 120) if len(line.split()) > 15}
    assert (signs["Ada Lov"], signs["Maximil"], signs["محمد علي"[:7]]) == ("!", "1", "·")


def test_a_terminal_too_low_shows_those_first_who_need_help() -> None:
    some = lines(height=16)
    assert len(some) < 16
    assert any(line.startswith("Ada Lovelace") for line in some)
    (more,) = (line for line in some if line.startswith("..."))
    assert re.fullmatch(r"\.\.\. and \d more; --once shows everybody", more)


class Terminal(io.TextIOWrapper):
    def __init__(self, encoding: str = "utf-8", terminal: bool = True) -> None:
        self.bytes = io.BytesIO()
        self.terminal = terminal
        super().__init__(self.bytes, encoding=encoding, write_through=True)

    def isatty(self) -> bool:
        return self.terminal

    @property
    def text(self) -> str:
        return self.bytes.getvalue().decode(self.encoding)


def watched(*readings: Sequence[Report]) -> Watch:
    return Watch(Given(*readings), lambda: NAMES, PLANS)


def test_a_file_gets_no_colours_and_no_second_table() -> None:
    out = Terminal(terminal=False)
    assert show(watched(reports(), reports()), stream=out, now=lambda: NOW) == 0
    assert "\x1b" not in out.text
    assert out.text.count("03 Wrappers") == 1


def test_a_terminal_that_wants_no_colour_gets_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    out = Terminal()
    show(watched(reports()), once=True, stream=out, now=lambda: NOW)
    assert "\x1b" not in out.text


def test_colours_stand_beside_the_same_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "80")
    out = Terminal()
    show(watched(reports()), once=True, stream=out, now=lambda: NOW)
    assert "\x1b[1;31m!4\x1b[0m" in out.text
    assert re.sub(r"\x1b\[[\d;]*m", "", out.text).splitlines() == lines()


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_console_without_the_signs_gets_letters(encoding: str) -> None:
    out = Terminal(encoding, terminal=False)
    show(watched(reports()), stream=out, now=lambda: NOW)
    assert row("Ada Lovelace", out.text.splitlines())[:2] == ["!4", "o"]
    assert "+2" in out.text


def test_it_is_drawn_again_until_the_end_and_says_when_the_class_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setattr("rag_tutorials.classroom.instructor.table.EVERY_S", 0.01)
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "40")
    end, out = threading.Event(), Terminal()
    moments = iter([NOW, NOW + timedelta(seconds=2), NOW + timedelta(minutes=30)])

    def now() -> object:
        moment = next(moments)
        if moment == NOW + timedelta(minutes=30):
            end.set()
        return moment

    later = [made("anna", "03.2", "passed", ago=0)]
    watch = watched(reports(), later)
    assert show(watch, stream=out, end=end, now=now) == 0  # type: ignore[arg-type]
    first, second, third = out.text.split("\x1b[H")[2:]
    plain = [
        re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", one).splitlines() for one in (first, second, third)
    ]
    assert row("Anna Schmidt (anna)", plain[0])[1] == "✗1"
    assert row("Anna Schmidt (anna)", plain[1])[1] == "✓2"
    assert row("Anna Schmidt (anna)", plain[2])[1] == "✓2"
    assert "does not answer" in " ".join(plain[2])
    # Half an hour in which nothing could be read makes nobody silent or absent.
    assert plain[2][0] == plain[1][0]
    assert out.text.endswith("\x1b[?25h")


def test_once_without_an_answer_fails_and_says_why() -> None:
    out = Terminal(terminal=False)
    assert show(watched(), once=True, stream=out, now=lambda: NOW) == 1
    # Nothing was ever read: it is not said of anybody that they are absent.
    assert out.text == "The class's server at http://127.0.0.1:1 does not answer.\n"


def test_a_reader_that_has_enough_is_no_error(tmp_path: Path) -> None:
    ClassPlace(tmp_path).keep_server(Server("http://127.0.0.1:9", ""))
    command = [sys.executable, "-m", "rag_tutorials.classroom.instructor.commands", "show"]
    options = {"folder": str(tmp_path), "lesson": None, "once": True}
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            [*command, json.dumps(options)], stdout=writing, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (1, b"")


def test_a_lesson_is_found_by_number_or_name() -> None:
    watch = watched()
    assert chosen(watch, "03_wrappers") == chosen(watch, "03") == "03"
    assert (chosen(watch, None), chosen(watch, ALL)) == (None, ALL)
    with pytest.raises(CourseError, match="There is no lesson '99'; there are 00, 01"):
        chosen(watch, "99")
