"""The class's page in a browser, over a real Phoenix that asks for a key."""

from __future__ import annotations

import os
import re
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from json import dumps
from typing import Any

import httpx
import pytest
from playwright.sync_api import BrowserContext, Locator, Page, expect
from reporting import Server, report, serve, span

from rag_tutorials.classroom.instructor.place import ClassPlace, Person, Secrets
from rag_tutorials.classroom.instructor.place import Server as Where
from rag_tutorials.classroom.instructor.reading import read_reports
from rag_tutorials.classroom.instructor.watching import load_plans

from .conftest import TIMEOUT_MS, wait_for
from .test_accessibility import themes, violations

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("browser-class")]
PLANS = load_plans()
NAMES = (
    *("Ada Lovelace", "Grace Hopper", "Maximiliane von Württemberg-Hohenlohe-Langenburg"),
    *("李小龍", "Nguyễn Thị Minh Khai", "Олександра Коваленко", "Mary-Jane O'Connor", "محمد علي"),
    *("María José Carreño Quiñones", "Jürgen Schmidt", "Anna Schmidt", "Anna Schmidt", "Zoë"),
    *("Thandiwe Dlamini", "Søren Kjær", "Łukasz Wiśniewski", "Priyanka Chandrasekaran"),
    *("Ngozi Okonjo", "Björk Guðmundsdóttir", "Tuğba Şahin", "Dmitri Ivanov", "Chloé Lefèvre"),
    *("Wei Zhang", "Wei Zhao", "Fatima Zahra El-Idrissi", "Kenji Watanabe", "Ioana Popescu"),
    *("Pedro Álvares", "Aoife Ní Bhriain", "Sam Lee"),
)
SLUGS = tuple(f"student-{n}" for n in range(len(NAMES)))
TRACE = "5a" * 16
LESSON = "03_wrappers"
WAIT_MS = TIMEOUT_MS


@dataclass
class Class:
    """A class that is watched: its Phoenix, and the program that serves its page."""

    server: Server
    place: ClassPlace
    page: subprocess.Popen[str]
    url: str

    @property
    def secret(self) -> str:
        return self.place.secrets().admin


def first_reports() -> list[Any]:
    """Thirty students on their way through lesson 03; one never came."""
    found = []
    for n, slug in enumerate(SLUGS[:-1]):
        found.append(report(slug, "opened", "opened", 1900, lesson=LESSON))
        found.append(
            report(slug, "03.1", at=1800, lesson=LESSON, state="passed", attempt=1 + n % 3)
        )
        found.append(report(slug, "03.a", "prediction", 1750, lesson=LESSON, right=n % 2 == 0))
        if n % 3 == 0:
            sentence = f"`rerank-{n}` has {n} spans; it should have 2."
            for attempt in range(1, 6):
                more = {"trace_ids": (TRACE,), "project": f"{slug}.{LESSON}"} if n == 0 else {}
                at = 1700 - 250 * attempt
                found.append(
                    report(
                        *(slug, "03.2", "check", at),
                        lesson=LESSON,
                        attempt=attempt,
                        sentence=sentence,
                        **more,
                    )
                )
        elif n % 3 == 1:
            found.append(report(slug, "03.2", at=300, lesson=LESSON, state="passed"))
        else:
            text = "There is no span named `rerank`; did you mean it by `re-rank`?"
            found.append(report(slug, "03.2", at=200, lesson=LESSON, sentence=text))
    return found


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, chromium: object) -> Iterator[Class]:
    """It needs a browser, so that nothing is started without one."""
    folder = tmp_path_factory.mktemp("class")
    with serve(folder) as server:
        sent = first_reports()
        server.send(sent)
        # The page would show it coming; these tests begin when it is there.
        wait_for(lambda: len(read_reports(server.url, server.key)) == len(sent), "the reports")
        place = ClassPlace(folder / "place")
        place.keep_server(Where(server.url, server.url))
        place.keep_secrets(Secrets("", server.admin_secret, ""))
        place.keep_people(
            Person(slug, name, f"{slug}@class", str(n), str(n))
            for n, (slug, name) in enumerate(zip(SLUGS, NAMES, strict=True))
        )
        process, url = start_page(place)
        try:
            yield Class(server, place, process, url)
        finally:
            process.kill()
            process.communicate()


def start_page(place: ClassPlace) -> tuple[subprocess.Popen[str], str]:
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "rag_tutorials.classroom.instructor.commands", "page"),
            dumps({"folder": str(place.folder), "port": 0}),
        ],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    assert process.stdout is not None
    said = process.stdout.readline()
    found = re.search(r"http://127\.0\.0\.1:\d+", said)
    assert found, said
    return process, found[0]


@pytest.fixture
def page(watched: Class, browser_window: BrowserContext) -> Iterator[Page]:
    """The page; what it says to the console is a fault, and so is a key in what it asked for."""
    page = browser_window.new_page()
    complaints: list[str] = []
    asked: set[str] = set()
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: asked.add(request.url))
    page.goto(watched.url)
    expect(cell(page, 0, "03.1")).to_have_attribute("class", re.compile("passed"), timeout=WAIT_MS)
    yield page
    assert complaints == []
    assert f"{watched.url}/state" in asked
    for url in asked:
        if url.startswith(watched.url):
            assert watched.secret not in httpx.get(url, timeout=60, trust_env=False).text


def row(page: Page, n: int) -> Locator:
    """The row of a student; the class's list gave the numbers, from 1."""
    return page.locator(f'#table tbody tr[data-key="{n + 1}"]')


def cell(page: Page, n: int, exercise: str) -> Locator:
    return row(page, n).locator(f'td[data-key="{exercise}"]')


def choose(page: Page, lesson: str) -> None:
    page.locator(f'#lessons button[data-key="{lesson}"]').click()


def test_thirty_students_by_all_exercises(page: Page) -> None:
    """It opens where the class is; each lesson has its exercises, all lessons together 71."""
    expect(page.locator("#board-title")).to_have_text("03 Wrappers")
    expect(page.locator("#figures dd").first).to_have_text("29")
    assert page.locator("#table tbody tr").count() == 30
    total = 0
    for plan in PLANS:
        choose(page, plan.number)
        expect(page.locator("#board-title")).to_have_text(f"{plan.number} {plan.title}")
        heads = page.locator("#table thead th b").all_text_contents()
        assert heads == [task.id for task in plan.exercises]
        total += len(heads)
    assert total == 71
    choose(page, "all")
    assert page.locator("#table thead th b").all_text_contents() == [one.number for one in PLANS]
    expect(cell(page, 1, "03")).to_have_text("2/4")
    page.locator("#follow").click()
    expect(page.locator("#board-title")).to_have_text("03 Wrappers")


def test_every_state_has_a_sign_and_words(page: Page) -> None:
    expect(cell(page, 1, "03.1")).to_have_text("✓2")
    expect(cell(page, 0, "03.1")).to_have_text("✓")
    expect(cell(page, 0, "03.2")).to_have_text("!5")
    expect(cell(page, 2, "03.2")).to_have_text("✗1")
    expect(cell(page, 0, "03.3")).to_have_text("○")
    expect(cell(page, 29, "03.1")).to_have_text("")
    expect(row(page, 29)).to_contain_text("not joined")
    link = cell(page, 0, "03.2").locator("a")
    expect(link).to_have_attribute("aria-label", "Ada Lovelace, 03.2: stuck, 5 checks")
    alike = row(page, 10).locator("th"), row(page, 11).locator("th")
    assert [one.locator(".name").text_content() for one in alike] == [
        "Anna Schmidt (student-10)",
        "Anna Schmidt (student-11)",
    ]


def test_it_says_whom_to_look_at_and_what_the_checks_say(page: Page) -> None:
    look = page.locator("#look")
    expect(look).to_contain_text("03.2: 10 of 29 are told the same. Stop and explain?")
    expect(look).to_contain_text("Stuck in 03.2: 10 students")
    expect(look).to_contain_text("Not joined: 1 student")
    said = page.locator("#said li")
    expect(page.locator("#said-title")).to_contain_text("03.2")
    expect(said).to_have_count(2)
    expect(said.nth(0)).to_contain_text("10 students now")
    expect(said.nth(0).locator("code")).to_have_text(re.compile(r"rerank-\d+"))
    page.get_by_role("button", name=re.compile("^03.1 ")).click()
    expect(page.locator("#said")).to_have_text("Nothing but “passed” so far.")
    page.get_by_role("button", name=re.compile("^03.2: 10 of 29")).click()
    expect(page.locator("#said-title")).to_contain_text("03.2")
    expect(page.locator("#guesses")).to_contain_text("15 of 29 right")
    cell(page, 2, "03.2").hover()
    expect(page.locator("#detail")).to_contain_text("did you mean it by `re-rank`?")


def test_it_changes_by_itself_and_keeps_place_and_focus(page: Page, watched: Class) -> None:
    """Nodes stay the same ones, and so do the place that was scrolled to and the focus."""
    page.set_viewport_size({"width": 1280, "height": 500})
    focused = cell(page, 26, "03.1").locator("a")
    focused.focus()
    box = page.locator("#scroll")
    place = box.evaluate("box => box.scrollTop")
    assert place > 0
    page.evaluate(
        """() => { window.before = [...document.querySelectorAll('#table tr, #table th, #look li')];
        window.touched = 0;
        new MutationObserver(some => window.touched += some.length)
            .observe(document.getElementById('table'), {childList: true, subtree: true}) }"""
    )
    expect(cell(page, 26, "03.2")).to_have_attribute("class", re.compile("tried"))
    passes = report(SLUGS[26], "03.2", lesson=LESSON, state="passed", attempt=2)
    watched.server.send([passes])
    expect(cell(page, 26, "03.2")).to_have_text("✓2", timeout=WAIT_MS)
    expect(focused).to_be_focused()
    assert box.evaluate("box => box.scrollTop") == place
    assert page.evaluate("window.before.slice(0, 31).every(node => node.isConnected)")
    assert page.evaluate("window.touched") <= 4  # two texts of one cell, and one of the head


def test_names_can_be_hidden_everywhere(page: Page) -> None:
    """Neither texts nor attributes nor addresses tell them, in none of the views."""
    whole = "document.documentElement.outerHTML"
    parts = {part for name in NAMES for part in re.split(r"[\s-]", name) if len(part) > 3}
    parts |= {*SLUGS}
    assert "Lovelace" in page.evaluate(whole)
    page.locator("#names").select_option("numbers")
    for lesson in ("03", "all", "01"):
        choose(page, lesson)
        expect(row(page, 0)).to_contain_text("Student 1")
        text = page.evaluate(whole)
        assert [part for part in parts if re.search(rf"{part}\b", text)] == []
    page.locator("#names").select_option("initials")
    expect(row(page, 2)).to_contain_text("MVWH 3")
    page.reload()  # the choice is kept
    expect(row(page, 0)).to_contain_text("AL 1", timeout=WAIT_MS)
    assert "Lovelace" not in page.evaluate(whole)


def test_the_order_can_put_those_first_who_need_help(page: Page) -> None:
    page.locator("#order").select_option("need")
    expect(page.locator("#table tbody tr").nth(0).locator("th")).to_contain_text("stuck")
    expect(page.locator("#table tbody tr").nth(9).locator("th")).to_contain_text("stuck")
    expect(page.locator("#table tbody tr").nth(29).locator("th")).to_contain_text("not joined")


@themes
@pytest.mark.parametrize("lesson", ["03", "14", "all"])
@pytest.mark.parametrize("width", [1280, 1920])
def test_axe_finds_nothing(page: Page, theme: Any, lesson: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 900})
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    choose(page, lesson)
    page.locator("details").evaluate("fold => fold.open = true")
    assert violations(page) == []
    # All columns are in sight: nobody scrolls sideways on a projector.
    assert page.locator("#scroll").evaluate("box => box.scrollWidth <= box.clientWidth")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_keyboard_is_enough(page: Page, watched: Class) -> None:
    def now() -> str:
        text: str = page.evaluate(
            "(document.activeElement.ariaLabel ?? document.activeElement.textContent).trim()"
        )
        return text

    page.locator("#follow").focus()
    reached = []
    for _ in range(30):
        page.keyboard.press("Tab")
        reached.append(now())
        if reached[-1].startswith("What the words"):
            break
    # One stop for the whole table, which is the head of its first exercise at first.
    assert sum(text.startswith("03.1 ") for text in reached) == 1
    assert not any("Lovelace" in text for text in reached if not text.startswith("Stuck"))
    assert reached[-1].startswith("What the words")
    page.keyboard.press("Enter")
    expect(page.locator("#words")).to_contain_text("4 checks or more without a pass")
    page.get_by_role("button", name=re.compile("^03.1 ")).focus()
    page.keyboard.press("ArrowRight")
    assert now().startswith("03.2 ")
    page.keyboard.press("ArrowDown")
    assert now() == "Ada Lovelace, 03.2: stuck, 5 checks"
    page.keyboard.press("ArrowLeft")
    expect(page.locator("#detail")).to_contain_text("Ada Lovelace · 03.1")
    page.keyboard.press("ArrowLeft")
    assert now().startswith("Ada Lovelace")
    expect(page.locator("#detail")).to_have_text("")
    page.keyboard.press("ArrowDown")  # where no trace is to be opened, there is no stop
    assert now().startswith("Ada Lovelace")


def test_a_click_leads_to_the_trace_in_the_class_phoenix(
    page: Page, watched: Class, browser_window: BrowserContext
) -> None:
    with browser_window.expect_page() as opened:
        cell(page, 0, "03.2").locator("a").click()
    tab = opened.value
    expect(tab.locator("main")).to_contain_text("has not arrived yet")
    project = f"{SLUGS[0]}.{LESSON}"
    made = span("rerank-and-answer", {"openinference.span.kind": "CHAIN"}, trace_id=TRACE)
    watched.server.send([made], project)
    # By itself it goes on to Phoenix, which asks who that is.
    tab.wait_for_url(re.compile(rf"{re.escape(watched.server.url)}/login"), timeout=WAIT_MS)
    email, password = "instructor@example.org", f"{secrets.token_hex(8)}Aa1"
    httpx.post(
        f"{watched.server.url}/v1/users",
        headers={"authorization": f"Bearer {watched.secret}"},
        json={
            "user": {
                "email": email,
                "username": "instructor",
                "role": "ADMIN",
                "auth_method": "LOCAL",
                "password": password,
            },
            "send_welcome_email": False,
        },
        timeout=60,
        trust_env=False,
    ).raise_for_status()
    log_in(tab, email, password)
    # Whom somebody else has made chooses a password of their own first.
    for label, value in (("Old", password), ("New", f"{password}b"), ("Confirm", f"{password}b")):
        tab.get_by_label(f"{label} Password").fill(value)
    tab.get_by_role("button", name="Reset Password").click()
    tab.wait_for_url(re.compile(r"/(login|projects)"), timeout=WAIT_MS)
    if "/login" in tab.url:
        log_in(tab, email, f"{password}b")
        tab.wait_for_url(re.compile("/projects"), timeout=WAIT_MS)
    for link in (cell(page, 0, "03.2").locator("a"), row(page, 0).locator("th a")):
        with browser_window.expect_page() as opened:
            link.click()
        tab = opened.value
        tab.wait_for_url(re.compile("/projects/.*/traces/"), timeout=WAIT_MS)
        expect(tab.get_by_text("rerank-and-answer").first).to_be_visible(timeout=WAIT_MS)


def log_in(tab: Page, email: str, password: str) -> None:
    tab.get_by_label("Email").fill(email)
    tab.get_by_label("Password").fill(password)
    tab.get_by_role("button", name=re.compile("log in", re.IGNORECASE)).click()


def test_a_server_that_is_down_is_said_and_what_was_known_stays(
    watched: Class, browser_window: BrowserContext
) -> None:
    """First the class's server, then the program behind the page."""
    place = ClassPlace(watched.place.folder.parent / "other")
    with serve(watched.place.folder.parent / "second") as second:
        second.send([report("ada", "03.1", lesson=LESSON, state="passed")])
        place.keep_server(Where(second.url, second.url))
        place.keep_secrets(Secrets("", second.admin_secret, ""))
        process, url = start_page(place)
        try:
            page = browser_window.new_page()
            page.goto(url)
            expect(cell(page, 0, "03.1")).to_have_text("✓", timeout=WAIT_MS)
            expect(page.locator("#trouble")).to_be_hidden()
            second.process.stop()
            trouble = page.get_by_role("status")
            expect(trouble).to_contain_text("does not answer", timeout=WAIT_MS)
            expect(trouble).to_contain_text(re.compile(r"What you see is of \d+:\d\d"))
            expect(cell(page, 0, "03.1")).to_have_text("✓")
            assert violations(page) == []
            process.send_signal(signal.SIGINT)
            assert process.wait(60) == 0
            expect(trouble).to_contain_text("class page", timeout=WAIT_MS)
            expect(cell(page, 0, "03.1")).to_have_text("✓")
        finally:
            process.kill()
            process.communicate()
