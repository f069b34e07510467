"""Every kind of fault of a built site is found, and a good one has none."""

from __future__ import annotations

from pathlib import Path

import pytest
from _site_check import faults_of

GOOD = """<!DOCTYPE html><html><head><link rel="stylesheet" href="_static/a.css">
<script src="_static/a.js"></script></head><body>
<h1 id="top">Title</h1><a href="#top">up</a> <a href="sub/other.html#there">other</a>
<a href="https://example.org/not/asked">elsewhere</a>
<img src="data:image/png;base64,aGVsbG8=" alt="">
<a href="sub/">folder</a><p>http://localhost:PORT and /v1/traces</p></body></html>"""


KEY = "sk-" + 20 * "0"  # looks like one


@pytest.fixture
def site(tmp_path: Path) -> Path:
    for name, text in {
        "index.html": GOOD,
        "sub/other.html": '<p id="there">x</p><a href="../index.html#top">back</a>',
        "sub/index.html": "<p>x</p>",
        "_static/a.css": "a { background: url(b.png) url('data:image/png;base64,aGVsbG8=') }",
        "_static/a.js": "// https://example.org",
        "_static/macros.html": '<script src="{{ not_a_page }}"></script>',
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def test_a_good_site_has_no_fault(site: Path) -> None:
    assert faults_of(site) == []


@pytest.mark.parametrize(
    ("html", "fault"),
    [
        ('<a href="gone.html">x</a>', "gone.html does not exist"),
        ('<a href="sub/other.html#gone">x</a>', "sub/other.html#gone: the page has no such place"),
        ('<a href="#gone">x</a>', "#gone: the page has no such place"),
        ('<img src="gone.png">', "gone.png does not exist"),
        ('<script src="https://example.org/a.js"></script>', "asks https://example.org/a.js"),
        ('<script src="//example.org/a.js"></script>', "asks //example.org/a.js"),
        ('<link rel="preconnect" href="https://example.org">', "asks https://example.org"),
        ('<iframe src="http://localhost:6006"></iframe>', "asks http://localhost:6006"),
        ('<a href="http://127.0.0.1:6006/x">x</a>', "needs a running course"),
        ("<p>/home/ada/course/x.py</p>", "a machine's path, /home/ada/course/x.py"),
        ("<p>/tmp/tmpabc</p>", "a machine's path, /tmp/tmpabc"),
        (f"<p>{KEY}</p>", f"a key, {KEY}"),
    ],
)
def test_a_fault_is_found_and_named_with_its_page(site: Path, html: str, fault: str) -> None:
    page = site / "index.html"
    page.write_text(page.read_text("utf-8").replace("</body>", html + "</body>"), "utf-8")
    [found, *others] = faults_of(site)
    assert found.startswith("index.html: ")
    assert any(fault in one for one in (found, *others))


def test_a_style_that_asks_elsewhere_is_found(site: Path) -> None:
    for style in ("@import 'https://example.org/a.css';", "a{src:url(//example.org/f.woff2)}"):
        (site / "_static" / "a.css").write_text(style, encoding="utf-8")
        [fault] = faults_of(site)
        assert fault.startswith("_static/a.css: asks ")
        assert "//example.org/" in fault
