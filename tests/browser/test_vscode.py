"""What the course draws, under the rules of VS Code's notebook outputs.

Its page of outputs has colours as CSS variables, styles of its own for tables, links and code, and
a policy that takes no frame over http (``notebook.experimental.enableCsp``). The page here has the
same, and no script at all.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from rag_tutorials.course.embedded.addresses import Frame

from .test_accessibility import violations, widgets

pytestmark = pytest.mark.xdist_group("browser-accessibility")

# Foreground, background, links, code: of the themes Light Modern and Dark Modern.
THEMES = {
    "light": ("#3b3b3b", "#ffffff", "#005fb8", "#3b3b3b"),
    "dark": ("#cccccc", "#1f1f1f", "#4daafc", "#d0d0d0"),
}
PAGE = """<!DOCTYPE html>
<html lang="en" style="--vscode-editor-foreground:{0};--vscode-editor-background:{1};
  --vscode-textLink-foreground:{2};--vscode-textPreformat-foreground:{3}">
<head><meta charset="utf-8"><title>outputs</title>
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline';
  img-src https: http: data:; font-src https:; connect-src https:; child-src https: data:">
<style>
body {{ color: var(--vscode-editor-foreground); background: var(--vscode-editor-background); }}
a {{ color: var(--vscode-textLink-foreground); }}
pre, code {{ color: var(--vscode-textPreformat-foreground); }}
table, thead, tr, th, td, tbody {{ border: none !important; border-collapse: collapse; }}
table, th, tr {{ vertical-align: middle; text-align: right; }}
th, td {{ padding: 4px 8px; }}
tr:nth-child(even) {{ background-color: rgba(130, 130, 130, 0.08); }}
tbody th {{ font-weight: normal; }}
</style></head>
<body><main><h1>Outputs</h1>{outputs}</main></body></html>"""
COLOURS = """() => [...document.querySelectorAll('.output *')]
    .filter(one => [...one.childNodes].some(child => child.nodeType === 3 && child.data.trim()))
    .filter(one => !one.closest('a, pre, code'))
    .map(one => getComputedStyle(one).color)"""

themes = pytest.mark.parametrize("theme", THEMES)
Show = Callable[[str], Page]


@pytest.fixture
def show(browser_window: BrowserContext) -> Show:
    """Open a page with every output of the course in it."""

    def opened(theme: str) -> Page:
        parts = [f'<div class="output">{one._repr_html_()}</div>' for one in widgets()]
        page = browser_window.new_page()
        page.set_content(PAGE.format(*THEMES[theme], outputs="".join(parts)))
        return page

    return opened


@themes
def test_everything_can_be_read_in_the_themes_colours(theme: str, show: Show) -> None:
    page = show(theme)
    foreground = page.evaluate("getComputedStyle(document.body).color")
    colours = page.evaluate(COLOURS)
    assert len(colours) > 50
    assert set(colours) == {foreground}  # no text has a colour that fits one theme alone
    page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
    assert violations(page, {"include": [[".output"]]}) == []


def test_a_span_unfolds_without_any_script(show: Show) -> None:
    page = show("dark")
    document = page.get_by_text("leave-1").first
    expect(document).to_be_hidden()
    page.locator("summary").filter(has_text="RETRIEVER").first.click()
    expect(document).to_be_visible()
    assert page.locator(".output script, .output style, .output link").count() == 0


def test_a_frame_that_is_refused_leaves_its_link_and_a_word_about_it(
    browser_window: BrowserContext,
) -> None:
    shown = Frame("http://localhost:1/x", "Open this trace in Phoenix", 300)._repr_html_()
    page = browser_window.new_page()
    with page.expect_console_message(lambda one: "Content Security Policy" in one.text):
        page.set_content(PAGE.format(*THEMES["light"], outputs=shown))
    expect(page.get_by_text("If this stays, use the link below")).to_be_attached()
    expect(page.get_by_role("link", name="Open this trace in Phoenix")).to_have_attribute(
        "href", "http://localhost:1/x"
    )
