"""axe-core on what the course adds to a page, light and dark, and the keyboard on its controls."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from axe_playwright_python.sync_playwright import Axe
from nbconvert.exporters import HTMLExporter
from playwright.sync_api import BrowserContext, Page

from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.embedded import running
from rag_tutorials.course.embedded.addresses import Frame, Link
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.verdict import NOT_STARTED, NOT_YET, PASSED, UNABLE, Verdict
from rag_tutorials.course.student.table import Row, Table
from rag_tutorials.course.traces.spans import Event, SpanRecord
from rag_tutorials.course.traces.view import TraceView

from .conftest import ROOT

pytestmark = pytest.mark.xdist_group("browser-accessibility")
LESSONS = load_lessons(ROOT / "notebooks" / "course.toml")
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
# JupyterLab colours code; the page's frame is nbconvert's. What remains is the course's.
LESSON = {"include": [[".jp-RenderedMarkdown"]], "exclude": [[".highlight"]]}
WIDGETS = {"include": [[".jp-OutputArea-output"]]}
START = datetime(2026, 1, 1, tzinfo=UTC)
LINK = Link("http://localhost:6006/redirects/traces/1", "Open this trace in Phoenix")

themes = pytest.mark.parametrize("theme", ["light", "dark"])


def span(number: int, parent: int | None, kind: str, **more: Any) -> SpanRecord:
    given = {"status": "UNSET", "status_message": "", "attributes": {}, "events": (), **more}
    return SpanRecord(
        name=f"step {number}",
        kind=kind,
        trace_id="1" * 32,
        span_id=f"{number:016x}",
        parent_id=None if parent is None else f"{parent:016x}",
        start=START + timedelta(milliseconds=number),
        end=START + timedelta(milliseconds=100 + number),
        **given,
    )


def trace() -> TraceView:
    """A trace with all that a view can draw."""
    documents = {
        f"retrieval.documents.{n}.document.{key}": value
        for n in range(2)
        for key, value in (("id", f"leave-{n}"), ("score", 0.5), ("content", "Leave. " * 90))
    }
    failure = {"exception.type": "ValueError", "exception.message": "no question"}
    kinds = ["EMBEDDING", "TOOL", "AGENT", "RERANKER", "GUARDRAIL", "EVALUATOR", "PROMPT"]
    records = [
        span(0, None, "UNKNOWN"),
        span(1, 0, "CHAIN", attributes={"input.value": "How many days?", "other": 1}, status="OK"),
        span(2, 1, "RETRIEVER", attributes=documents),
        span(
            3,
            1,
            "LLM",
            status="ERROR",
            status_message="ValueError: no question",
            events=(Event("exception", START, failure),),
            attributes={"llm.model_name": "gpt-4.1-mini", "llm.token_count.total": 12},
        ),
        span(4, 99, "CHAIN"),
        *(span(10 + number, 1, kind) for number, kind in enumerate(kinds)),
        *(span(30 + number, 1, "LLM") for number in range(25)),
    ]
    return TraceView(records, lambda _: LINK)


def widgets() -> list[Any]:
    """Everything that the course shows in an output."""
    exercise = catalog.of_lesson("01")[0]
    tree = "CHAIN · rag-request\n" + "\n".join(f"└─ RETRIEVER · retrieval {'x' * 90}" for _ in "ab")
    trees = {"expected": tree, "found": tree, "link": LINK}
    return [
        trace(),
        Verdict(exercise, PASSED, link=LINK),
        Verdict(exercise, NOT_YET, "Span `a` is missing.", hint="Look at `b`.", **trees),
        Verdict(exercise, NOT_STARTED, "Write your part."),
        Verdict(exercise, UNABLE, "Phoenix does not answer."),
        Table(
            [Row("01 Manual spans", "Record", "35 to 45", catalog.of_lesson("01"), ())],
            {exercise.id: "2026-01-01"},
            {},
            {},
        ),
        LINK,
        Frame("about:blank", "Open this trace in Phoenix", 300),
    ]


def notebook_of(things: list[Any]) -> nbformat.NotebookNode:
    outputs = [
        nbformat.v4.new_output(
            "display_data", data={"text/html": thing._repr_html_(), "text/plain": repr(thing)}
        )
        for thing in things
    ]
    cells = [nbformat.v4.new_code_cell("show()", outputs=[output]) for output in outputs]
    return nbformat.v4.new_notebook(cells=cells)


@pytest.fixture
def show(
    browser_window: BrowserContext, tmp_path: Path
) -> Callable[[nbformat.NotebookNode, str], Page]:
    """Open a notebook as a page in JupyterLab's own style, with everything unfolded."""

    def opened(notebook: nbformat.NotebookNode, theme: str) -> Page:
        exporter = HTMLExporter(theme=theme, require_js_url="", mathjax_url="")
        exporter.exclude_input_prompt = True
        page_text, _ = exporter.from_notebook_node(notebook)
        file = tmp_path / "page.html"
        file.write_text(page_text, encoding="utf-8")
        page = browser_window.new_page()
        page.goto(file.as_uri())
        page.add_style_tag(path=ROOT / "scripts" / "lab" / "custom.css")
        page.evaluate("document.querySelectorAll('details').forEach(fold => fold.open = true)")
        return page

    return opened


def violations(page: Page, context: dict[str, Any] | None = None) -> list[str]:
    """Return what axe finds, in short."""
    found = Axe().run(page, context=context, options=RULES).response
    assert found["passes"], "axe looked at nothing"
    return [
        f"{one['id']}: {node['html'][:200]} {json.dumps(node['any'][:1])[:300]}"
        for one in found["violations"]
        for node in one["nodes"]
    ]


@themes
@pytest.mark.parametrize("lesson", [lesson.name for lesson in LESSONS])
def test_the_text_of_a_lesson(
    lesson: str, theme: str, show: Callable[[nbformat.NotebookNode, str], Page]
) -> None:
    notebook = nbformat.read(ROOT / "notebooks" / f"{lesson}.ipynb", as_version=4)
    assert violations(show(notebook, theme), LESSON) == []


@themes
def test_what_the_course_shows_below_cells(
    theme: str, show: Callable[[nbformat.NotebookNode, str], Page]
) -> None:
    assert violations(show(notebook_of(widgets()), theme), WIDGETS) == []


@themes
@pytest.mark.parametrize("count", [0, 2])
def test_the_page_behind_the_launchers_tile(
    theme: str, count: int, browser_window: BrowserContext
) -> None:
    page = browser_window.new_page()
    page.emulate_media(color_scheme=theme)  # type: ignore[arg-type]
    page.set_content(
        running.page(
            [
                running.Running(f"0{number}_lesson", 6006, "http://localhost:6006")
                for number in range(count)
            ]
        )
    )
    assert violations(page) == []


def test_the_keyboard_reaches_every_control(
    show: Callable[[nbformat.NotebookNode, str], Page],
) -> None:
    page = show(notebook_of(widgets()), "light")
    controls = page.locator(".jp-OutputArea-output").locator("a, summary, iframe")
    total = controls.count()
    assert total > 30
    controls.evaluate_all("all => all.forEach((one, n) => one.dataset.number = n)")
    reached = set()
    for _ in range(3 * total):
        page.keyboard.press("Tab")
        number = page.evaluate("document.activeElement.dataset.number")
        if number is not None:
            reached.add(number)
    assert len(reached) == total

    fold = page.locator("details").first
    fold.locator("summary").first.focus()
    assert fold.evaluate("fold => fold.open")
    page.keyboard.press("Enter")
    assert not fold.evaluate("fold => fold.open")
