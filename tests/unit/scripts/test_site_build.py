"""A very small course, run and made a site of by the builder itself."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import build_site
import nbformat
import pytest
from _run import CommandError
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

pytestmark = pytest.mark.slow

LESSON = """
[[lesson]]
name = "00_first"
part = "Record"
title = "First"
why = "To see."
minutes = [1, 2]
prerequisites = []
objectives = ["Look"]
"""
TEXTS = {
    "README.md": "# A course\n\n[First](notebooks/00_first.ipynb), [licence](LICENSE)\n",
    "CONTRIBUTING.md": "# Contributing\n\n```python\n%cd course\n```\n",
    "CHANGELOG.md": "# Changelog\n",
    ".env": "OPENAI_API_KEY=made-up\n",
    "LICENSE": "Free.\n",
    "deploy/README.md": "# Deploy\n",
    "notebooks/course.toml": LESSON,
    "notebooks/glossary.md": '# Words\n\n## Errors\n\n<a id="an-event"></a>\n\n### An event\n',
    "notebooks/messages.md": "# Messages\n\n[event](glossary.md#an-event), [start](../README.md)\n",
    "notebooks/instructor/README.md": "# Teaching\n\n[First](../00_first.ipynb)\n",
}
TELLS = "import os, sys\nprint(sys.executable, os.getcwd(), os.environ['COURSE_LLM'])"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A course of one lesson, in which each kind of page occurs."""
    course = tmp_path / "course"
    for name, text in TEXTS.items():
        (course / name).parent.mkdir(parents=True, exist_ok=True)
        (course / name).write_text(text, encoding="utf-8")
    write(course, "[event](glossary.md#an-event)", TELLS)
    return course


def write(root: Path, text: str, code: str) -> None:
    """Write the lesson."""
    cells = [
        new_markdown_cell(f"# 00 · First\n\n{text}"),
        new_code_cell(code),
        new_code_cell('print(6 * 7)  # course.reveal("00.a", 42)'),
    ]
    nbformat.write(new_notebook(cells=cells), root / "notebooks" / "00_first.ipynb")


def test_a_course_becomes_a_site_with_outputs(root: Path, tmp_path: Path) -> None:
    site = build_site.build(root, tmp_path / "work", ["00"])
    page = BeautifulSoup((site / "notebooks/00_first.html").read_text("utf-8"), "html.parser")

    tells, answer = page.find_all("div", class_="cell")
    output = tells.find(class_="cell_output").get_text()
    assert "stub" in output
    assert ".venv" in output
    assert "rag-tutorials/notebooks" in output
    assert str(tmp_path) not in str(page)

    [fold] = answer.find_all("details")
    assert not fold.has_attr("open")
    assert "What the trace says" in fold.summary.get_text()
    assert "42" in fold.find(class_="cell_output").get_text()

    assert not list(tmp_path.rglob("work/**/.env"))

    [download] = page.find_all("a", download=True)
    taken = site / "notebooks" / str(download["href"])
    assert taken.name == "00_first.ipynb"
    assert taken.read_bytes() == (root / "notebooks" / "00_first.ipynb").read_bytes()

    listed = [
        a["href"]
        for a in BeautifulSoup((site / "index.html").read_text("utf-8"), "html.parser").select(
            ".bd-sidebar-primary nav.bd-links a"
        )
    ]
    assert [link for link in listed if link != "#"] == [
        "notebooks/00_first.html",
        "notebooks/glossary.html",
        "notebooks/messages.html",
        "notebooks/instructor/README.html",
        "deploy/README.html",
        "CHANGELOG.html",
        "CONTRIBUTING.html",
    ]


def test_a_warning_fails_the_build_and_says_where(
    root: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write(root, "[gone](glossary.md#gone)", "1")
    with pytest.raises(CommandError, match="Sphinx warned"):
        build_site.build(root, tmp_path / "work", [])
    [warning] = [line for line in capfd.readouterr().err.splitlines() if "WARNING" in line]
    assert "00_first.ipynb" in warning
    assert "gone" in warning


def test_a_lesson_that_fails_fails_the_build_and_says_where(root: Path, tmp_path: Path) -> None:
    write(root, "Text.", "raise ValueError('broken on purpose')")
    with pytest.raises(CommandError, match=r"(?s)00_first\.ipynb.*broken on purpose"):
        build_site.build(root, tmp_path / "work", ["00"])


def test_a_site_with_a_fault_is_not_handed_over(root: Path, tmp_path: Path) -> None:
    write(root, '<a href="gone.html">raw HTML is not looked at by Sphinx</a>', "1")
    with pytest.raises(CommandError, match=r"00_first\.html: gone\.html does not exist"):
        build_site.build(root, tmp_path / "work", [])


def test_a_lesson_that_is_not_there_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        build_site.main(["77"])
    assert "there is no lesson '77'" in capsys.readouterr().err


class Half(BaseHTTPRequestHandler):
    """Has every page but one."""

    def do_GET(self) -> None:
        self.send_response(404 if "gone" in self.path else 200)
        self.end_headers()

    def do_HEAD(self) -> None:
        self.do_GET()

    def log_message(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("page", ["there", "gone"])
def test_a_link_to_elsewhere_that_leads_nowhere_is_named(page: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    with ThreadingHTTPServer(("127.0.0.1", 0), Half) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{server.server_address[1]}/{page}"
        text = f"# A page\n\n[one]({address}) [other](http://localhost:1/passed-over)\n"
        (source / "index.md").write_text(text, "utf-8")
        asked = "-Dlinkcheck_ignore=http://localhost"  # loopback is passed over otherwise
        if page == "there":
            build_site.follow_links(source, tmp_path / "links", asked)
        else:
            with pytest.raises(CommandError, match=r"lead nowhere:\n.*/gone"):
                build_site.follow_links(source, tmp_path / "links", asked)
        server.shutdown()
