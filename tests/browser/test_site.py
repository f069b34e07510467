"""The site as a reader opens it from a disk: search, light and dark, small screens, axe."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import build_site
import pytest
from playwright.sync_api import BrowserContext, Page, ViewportSize, expect

from .conftest import ROOT
from .test_accessibility import violations

pytestmark = pytest.mark.xdist_group("browser-site")
RUN = "00"  # the lesson with outputs; the pages of the others have none
LESSON = "notebooks/00_start_here.html"
PAGES = (
    "index.html",
    LESSON,
    "notebooks/glossary.html",
    "notebooks/instructor/14_clinic.html",
    "search.html?q=span",
)
DESKTOP = ViewportSize(width=1280, height=900)
PHONE = ViewportSize(width=390, height=844)


@pytest.fixture(scope="module")
def site(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The course's site. It is looked at in a browser, so none is built without one."""
    return build_site.build(ROOT, tmp_path_factory.mktemp("site") / "work", [RUN])


@pytest.fixture
def served(site: Path) -> Iterator[str]:
    """The site's address on a server of this machine: from a disk, a browser shows a download."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(site))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def opened(
    window: BrowserContext,
    site: Path,
    page: str,
    scheme: str = "light",
    size: ViewportSize = DESKTOP,
) -> Page:
    """Open a page as the reader's system asks for it, without animations."""
    tab = window.new_page()
    tab.set_viewport_size(size)
    tab.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
    tab.goto(f"{site.as_uri()}/{page}")
    return tab


def unfold(page: Page) -> None:
    """Open every fold, and wait for the end of what moves."""
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    page.wait_for_function("document.getAnimations().every(one => one.playState !== 'running')")


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_also_in_what_is_folded(
    scheme: str, site: Path, browser_window: BrowserContext
) -> None:
    for name in PAGES:
        page = opened(browser_window, site, name, scheme)
        expect(page.locator("html")).to_have_attribute("data-theme", scheme)
        unfold(page)
        assert violations(page) == [], name
        page.close()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_no_page_needs_scrolling_sideways(
    size: ViewportSize, site: Path, browser_window: BrowserContext
) -> None:
    files = [file for file in site.rglob("*.html") if "_static" not in file.parts]
    assert len(files) > 30
    wide = []
    for file in files:
        page = opened(browser_window, site, file.relative_to(site).as_posix(), size=size)
        unfold(page)
        if page.evaluate("document.documentElement.scrollWidth") > size["width"]:
            wide.append(file.name)
        page.close()
    assert wide == []


def test_a_small_screen_reaches_every_page(site: Path, browser_window: BrowserContext) -> None:
    page = opened(browser_window, site, LESSON, size=PHONE)
    assert violations(page) == []
    page.locator(".primary-toggle:visible").first.click()
    page.get_by_role("link", name="Glossary").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("Glossary")


def test_search_finds_a_word_without_a_server(site: Path, browser_window: BrowserContext) -> None:
    page = opened(browser_window, site, "index.html")
    page.keyboard.press("Control+k")
    page.keyboard.type("baggage")
    page.keyboard.press("Enter")
    hits = page.locator("#search-results li a")
    hits.first.wait_for()
    hits.filter(has_text="Context between processes").first.click()
    expect(page.locator("article")).to_contain_text(re.compile("baggage", re.IGNORECASE))


def test_light_and_dark_can_be_chosen(site: Path, browser_window: BrowserContext) -> None:
    page = opened(browser_window, site, "index.html")
    colours = {}
    for theme in ("dark", "light"):
        page.get_by_role("button", name="Color mode").click()
        page.locator(f"button.theme-change-button[data-mode={theme}]").click()
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        colours[theme] = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert colours["dark"] != colours["light"]


def test_a_prediction_is_not_spoiled_and_its_answer_is_one_click_away(
    site: Path, browser_window: BrowserContext
) -> None:
    page = opened(browser_window, site, LESSON)
    answer = page.get_by_text("The trace says: 4")
    expect(answer).to_be_hidden()
    fold = page.locator("details.hide", has=page.get_by_text("What the trace says")).first
    fold.locator("summary").first.click()
    expect(answer).to_be_visible()
    # The lesson goes on to speak of `retrieval`: what it holds is in sight.
    expect(fold.get_by_text("my-first-trace")).to_be_visible()


def test_what_needs_a_running_course_says_so(site: Path, browser_window: BrowserContext) -> None:
    page = opened(browser_window, site, LESSON)
    expect(page.get_by_text("In a running course, Phoenix opens here")).to_be_visible()
    expect(page.get_by_role("img", name="Phoenix shows the trace my-first-trace")).to_be_visible()
    assert page.locator("iframe").count() == 0
    assert page.locator("a[href*='localhost']").count() == 0


def test_every_page_has_the_courses_icon_so_no_host_is_asked_in_vain(
    served: str, browser_window: BrowserContext
) -> None:
    for name in PAGES:
        page = browser_window.new_page()
        missing: list[str] = []
        page.on("console", lambda said, to=missing: to.append(said.text))
        page.goto(f"{served}/{name}")
        icon = page.locator("link[rel=icon]").evaluate("link => link.href")
        assert page.request.get(icon).text().startswith("<svg"), name
        assert [text for text in missing if "404" in text] == [], name
        page.close()


def test_the_notebook_to_take_home_is_the_one_of_the_course(
    served: str, browser_window: BrowserContext
) -> None:
    page = browser_window.new_page()
    page.goto(f"{served}/{LESSON}")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download this notebook").click()
    assert download.value.suggested_filename == "00_start_here.ipynb"
    taken = Path(download.value.path()).read_bytes()
    assert taken == (ROOT / "notebooks" / "00_start_here.ipynb").read_bytes()
