"""What becomes of a lesson that was run when it is made a page."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import nbformat
import pytest
from _run import CommandError
from _site_pages import (
    FRAME,
    FRAME_PICTURED,
    LIVE,
    Places,
    on_site,
    page_of,
    unfolded,
    without_live_links,
    without_live_parts,
)
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output

from rag_tutorials.course.embedded.addresses import Frame, Link
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.verdict import PASSED, Verdict
from rag_tutorials.course.traces.spans import SpanRecord
from rag_tutorials.course.traces.view import TraceView

ADDRESS = "http://localhost:6006/redirects/traces/" + "1" * 32
LINK = Link(ADDRESS, "Open this trace in Phoenix")
NOWHERE = Places({})


def page(*cells: Any, places: Places = NOWHERE) -> list[Any]:
    """Return the cells of the page, without the title's."""
    notebook = new_notebook(cells=[new_markdown_cell("# 01 · Title\n\nText."), *cells])
    made = page_of(notebook, places, "/clean/01.ipynb")
    nbformat.validate(made)
    return made.cells[1:]


def shows(html: str) -> Any:
    return new_output("display_data", data={"text/html": html, "text/plain": "text"})


def prints(text: str, name: str = "stdout") -> Any:
    return new_output("stream", name=name, text=text)


def trace(*names: str, question: str = "How many days?") -> str:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    records = [
        SpanRecord(
            name=name,
            kind="CHAIN",
            trace_id="1" * 32,
            span_id=f"{number:016x}",
            parent_id=f"{number - 1:016x}" if number else None,
            start=start,
            end=start + timedelta(seconds=1),
            status="UNSET",
            status_message="",
            attributes={"input.value": question, "other": 1},
            events=(),
        )
        for number, name in enumerate(names)
    ]
    return TraceView(records, lambda _: LINK)._repr_html_()


def opened(html: str) -> list[str]:
    """Return the names of the spans that are unfolded."""
    soup = BeautifulSoup(html, "html.parser")
    return [fold.summary.b.get_text() for fold in soup.find_all("details", open=True)]


def test_what_the_trace_says_is_folded() -> None:
    source = 'course.predict("02.a", ...)\nrun()\ncourse.reveal("02.a", span)'
    [cell] = page(new_code_cell(source, outputs=[prints("2")]))
    assert cell.metadata["tags"] == ["hide-output"]
    assert cell.metadata["mystnb"]["code_prompt_show"] == "What the trace says"
    assert cell.source == source
    assert cell.outputs[0].text == "2"


def test_a_solution_is_folded_with_what_it_shows_and_is_plain_code() -> None:
    cell = new_code_cell(
        "%%solution 02.1\nx = 1",
        metadata={"tags": ["solution"], "jupyter": {"source_hidden": True}},
        outputs=[shows(Verdict(catalog.of_lesson("02")[0], PASSED, link=LINK)._repr_html_())],
    )
    [made] = page(cell)
    assert made.source == "x = 1"
    assert set(made.metadata["tags"]) == {"hide-cell", "solution"}
    assert made.metadata["mystnb"]["code_prompt_show"] == "Solution"
    assert "passed" in made.outputs[0].data["text/html"]
    assert ADDRESS not in made.outputs[0].data["text/html"]


def test_a_check_is_shown_without_its_verdict_on_the_starter() -> None:
    cell = new_code_cell("course.check(...)", metadata={"tags": ["check"]}, outputs=[prints("no")])
    [made] = page(cell)
    assert made.source == "course.check(...)"
    assert made.outputs == []


def test_the_progress_of_nobody_is_not_shown() -> None:
    cell = new_code_cell("course.progress()", outputs=[shows("<table><tr><td>0 of 3</td></tr>")])
    [made] = page(cell)
    [output] = made.outputs
    assert "0 of 3" not in output.data["text/html"]
    assert LIVE in output.data["text/html"].lower()


def test_a_frame_becomes_words_and_the_pictures_below_are_unfolded() -> None:
    frame = Frame(ADDRESS, "Open this trace in Phoenix", 600)._repr_html_()
    pictures = "Look.\n\n<details><summary>See</summary>\n\n![Phoenix](images/a.png)\n\n</details>"
    [cell, text] = page(
        new_code_cell("course.view()", outputs=[shows(frame)]), new_markdown_cell(pictures)
    )
    assert cell.outputs[0].data == {"text/html": f'<p class="live">{FRAME_PICTURED}</p>'}
    assert "<details open><summary>See" in text.source
    hint = "<details><summary>Hint</summary>\n\nThink.\n\n</details>"
    [cell, text] = page(
        new_code_cell("course.view()", outputs=[shows(frame)]), new_markdown_cell(hint)
    )
    assert cell.outputs[0].data == {"text/html": f'<p class="live">{FRAME}</p>'}
    assert text.source == hint


def test_a_link_into_phoenix_becomes_words_and_others_stay() -> None:
    html = LINK._repr_html_() + ' <a href="https://example.org/x">elsewhere</a>'
    soup = BeautifulSoup(without_live_parts(html), "html.parser")
    assert soup.find("span", class_="live").get_text() == f"Open this trace in Phoenix ({LIVE})"
    assert [link["href"] for link in soup.find_all("a")] == ["https://example.org/x"]
    assert "localhost" not in str(soup)


@pytest.mark.parametrize(
    "address",
    [
        "http://localhost:6006/projects",
        "http://127.0.0.1:6006",
        "http://[::1]:6006/x",
        "/user/ada/proxy/6006/",
    ],
)
def test_every_address_of_a_running_course_is_taken_for_one(address: str) -> None:
    assert "href" not in without_live_parts(f'<a href="{address}">Phoenix</a>')
    assert address not in without_live_links(f"| [a question]({address}) | 1 |")


def test_links_of_a_printed_table_become_words_with_one_note() -> None:
    table = f"| question |\n|---|\n| [one]({ADDRESS}) |\n| [two](https://example.org) |"
    made = without_live_links(table)
    assert "| one |" in made
    assert "[two](https://example.org)" in made
    assert made.lower().count(LIVE) == 1
    assert without_live_links("| [two](https://example.org) |") == "| [two](https://example.org) |"


def test_nothing_that_acts_is_left_in_an_output() -> None:
    html = "<b>1</b><script>alert(1)</script><style>b{}</style><link href='x.css'>"
    assert without_live_parts(html) == "<b>1</b>"


def test_the_spans_that_the_text_below_speaks_of_are_unfolded() -> None:
    html = trace("rag-request", "retrieval", "generation")
    assert opened(unfolded(html, "Unfold `retrieval`: two documents.")) == ["retrieval"]
    assert opened(unfolded(html, "Unfold them all.")) == ["rag-request", "retrieval", "generation"]
    assert opened(unfolded(html, "Nothing of it.\n\n## Next\n\nUnfold `generation`.")) == []
    assert opened(unfolded(html, "")) == []


def test_an_output_knows_the_text_right_below_it_only() -> None:
    cells = [
        new_code_cell("course.show(span)", outputs=[shows(trace("retrieval"))]),
        new_code_cell("1"),
        new_markdown_cell("Unfold `retrieval`."),
    ]
    assert opened(page(*cells)[0].outputs[0].data["text/html"]) == []
    del cells[1]
    assert opened(page(*cells)[0].outputs[0].data["text/html"]) == ["retrieval"]


def test_folders_and_ports_of_the_machine_are_not_seen(tmp_path: Path) -> None:
    places = Places({tmp_path: "rag-tutorials", tmp_path / "state": ".course", Path("/"): "root"})
    said = (
        f"{tmp_path}/src/x.py, {tmp_path}/state/traces; http://localhost:6006/x localhost:40123"
        " HTTPConnectionPool(host='127.0.0.1', port=35425)"
    )
    wanted = (
        "rag-tutorials/src/x.py, .course/traces; http://localhost:PORT/x localhost:PORT"
        " HTTPConnectionPool(host='127.0.0.1', port=PORT)"
    )
    assert places.hide(said) == wanted
    error = new_output("error", ename="E", evalue=str(tmp_path), traceback=[f"File {tmp_path}/a"])
    [cell] = page(
        new_code_cell("1", outputs=[prints(said), shows(f"<p>{said}</p>"), error]), places=places
    )
    stream, shown, failed = cell.outputs
    assert stream.text == wanted
    assert str(tmp_path) not in str(shown)
    assert failed.traceback == ["File rag-tutorials/a"]


@pytest.mark.parametrize("before", range(285, 301))
def test_a_folder_is_not_seen_where_a_long_value_is_folded(before: int) -> None:
    place = Path("/srv/ada/course")
    value = "-" * before + f"{place}/src/x.py" + "-" * 100
    html = trace("retrieval", question=value)
    assert "characters more</summary>" in html
    made = Places({place: "rag-tutorials"}).hide(html)
    shown = BeautifulSoup(made, "html.parser")
    for more in shown.find_all("summary"):
        more.decompose()
    text = shown.get_text()
    assert "rag-tutorials/src/x.py" in text
    assert not any(part in text for part in ("srv", "ada", "course"))


def test_a_folder_is_not_seen_where_the_rest_is_left_out() -> None:
    places = Places({Path("/srv/ada/course"): "rag-tutorials"})
    assert places.hide("in /srv/ada/cour… 9 characters") == "in rag-tutorials… 9 characters"
    assert places.hide("in /srv/a… 9 characters") == "in rag-tutorials… 9 characters"
    assert places.hide("in /srv… and /… ") == "in /srv… and /… "


def test_what_a_library_warns_its_authors_of_is_left_out_and_a_log_stays() -> None:
    warning = "/x/site-packages/lib/a.py:24: SomeWarning: The 'alias' attribute\n  warnings.warn(\n"
    cells = page(
        new_code_cell("1", outputs=[prints(warning, "stderr")]),
        new_code_cell("2", outputs=[prints(warning + "Queue full, dropping Span.\n", "stderr")]),
    )
    assert cells[0].outputs == []
    assert cells[1].outputs[0].text == "Queue full, dropping Span.\n"


def test_a_picture_needs_words() -> None:
    png = new_output("display_data", data={"image/png": "aGVsbG8=", "text/plain": "<Figure>"})
    with pytest.raises(CommandError, match="Describe it"):
        page(new_code_cell("plt.show()", outputs=[png]))
    [cell] = page(new_code_cell("plt.show()", outputs=[png], metadata={"alt": "Three rows."}))
    assert cell.metadata["mystnb"]["image"] == {"alt": "Three rows."}
    assert cell.outputs[0].data == {"image/png": "aGVsbG8="}


def test_a_form_says_that_it_needs_a_running_course() -> None:
    data = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "VBox()"}
    [cell] = page(new_code_cell("box", outputs=[new_output("display_data", data=data)]))
    assert LIVE in cell.outputs[0].data["text/html"]


def test_the_corner_of_a_data_frame_is_no_heading() -> None:
    html = "<table><tr><th></th><th>a</th></tr></table>"
    assert without_live_parts(html) == "<table><tr><td></td><th>a</th></tr></table>"


def test_a_page_begins_with_its_title_and_the_notebook_to_take_home() -> None:
    notebook = new_notebook(cells=[new_markdown_cell("# 01 · Title\n\nText.")])
    lines = page_of(notebook, NOWHERE, "/clean/01.ipynb").cells[0].source.split("\n")
    assert lines[0] == "# 01 · Title"
    assert lines[3] == "{download}`Download this notebook </clean/01.ipynb>`"
    assert lines[-1] == "Text."
    assert notebook.cells[0].source == "# 01 · Title\n\nText."


def test_an_anchor_gives_way_to_its_heading() -> None:
    text = 'Words.\n\n<a id="exception-event"></a>\n\n### Exception event\n'
    assert on_site(text, "../") == "Words.\n\n### Exception event\n"


def test_a_link_to_the_readme_leads_to_the_first_page_and_one_to_another_readme_does_not() -> None:
    text = "[a](../README.md#two-commands) [b](README.md) [c](../deploy/README.md)"
    wanted = "[a](../index.md#two-commands) [b](README.md) [c](../deploy/README.md)"
    assert on_site(text, "../") == wanted
    assert on_site("[a](README.md)", "") == "[a](index.md)"
