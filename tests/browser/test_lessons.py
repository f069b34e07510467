"""Each lesson in JupyterLab: Run All, what stands below the cells, and what Phoenix shows of it."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from phoenix.client import Client
from playwright.sync_api import BrowserContext, Locator, Page, expect

from rag_tutorials.course.base.manifest import Lesson, load_lessons

from .conftest import ROOT, Lab, Notebook, free, tree_in_phoenix, wait_for

pytestmark = pytest.mark.xdist_group("browser-lessons")
LESSONS = load_lessons(ROOT / "notebooks" / "course.toml")
# What a lesson shows on purpose on stderr, and why.
MEANT = {
    "01_manual_spans": {
        r"Setting attribute on ended span": "the mistake 'set after the end'",
        r"Invalid type .* for attribute": "the table of values that are dropped",
    },
    "07_backends_and_delivery": {
        r"^Queue full, dropping Span": "the queue that overflows",
        r"^(Transient error|Failed to export spans batch)": "backends down, hanging, refusing",
        r"^(Traceback|  File \"<string>\"|RuntimeError: job 20)": "a worker that fails",
    },
    "08_sampling_and_redaction": {
        r"^String attribute value exceeds max length|^Attributes dict is full": "limits",
    },
    "09_find_what_failed": {
        r"^Matplotlib is building the font cache": "the first plot of this computer",
    },
}

# Lesson 12, with the stub: what the filter finds, and what somebody who reads the ten calls wrong.
SURE_AND_WRONG = 9
WRONGLY_ANSWERED = ("company card", "breast milk", "up to 14 days", "on probation")


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_lesson_runs_whole_and_phoenix_shows_its_traces(
    lesson: Lesson,
    lab: Lab,
    browser_window: BrowserContext,
    picture: Callable[[str, Page | Locator], None],
) -> None:
    notebook = Notebook(browser_window.new_page(), lab, lesson.name)
    assert lab.runs(lesson.name)
    if lesson.name == "00_start_here":
        picture("lab", notebook.page)
    notebook.run_all()
    every_cell_ran_in_peace(notebook)
    solutions_are_folded(notebook)
    nothing_is_cut_off(notebook)
    frames_show_phoenix(notebook)
    the_first_link_opens_what_the_notebook_drew(notebook, browser_window)
    if more := MORE.get(lesson.name):
        more(notebook, browser_window, picture)
    words_lead_to_their_place_in_the_glossary(notebook)
    port = notebook.port
    notebook.save()
    notebook.close()
    wait_for(lambda: not lab.runs(lesson.name), "the kernel to end with its tab")
    wait_for(lambda: free(port), "the port to be free")


def every_cell_ran_in_peace(notebook: Notebook) -> None:
    cells = notebook.every_cell_ran()
    meant = "|".join(MEANT.get(notebook.name, {})) or "$^"
    for cell in cells:
        parts = [one["text"] for one in cell["outputs"] if one.get("name") == "stderr"]
        for line in "".join(map("".join, parts)).splitlines():
            assert re.search(meant, line), f"{line!r} below {cell['id']}"


def solutions_are_folded(notebook: Notebook) -> None:
    solutions = [
        cell for cell in notebook.code_cells() if "solution" in cell["metadata"].get("tags", ())
    ]
    assert solutions
    folded = notebook.page.locator(
        ".jp-CodeCell .jp-InputPlaceholder, .jp-CodeCell .jp-Placeholder"
    )
    expect(folded).to_have_count(len(solutions))


def nothing_is_cut_off(notebook: Notebook) -> None:
    """Texts, tables and drawn outputs fit the page's width, and so do the lines inside them."""
    cut = notebook.page.evaluate(
        """() => [...document.querySelectorAll(
            '.jp-Notebook .jp-RenderedHTMLCommon, .jp-Notebook .jp-RenderedHTMLCommon pre'
        )].filter(part => part.scrollWidth > part.clientWidth + 1)
          .map(part => part.textContent.trim().slice(0, 100))"""
    )
    assert cut == []


def frames_show_phoenix(notebook: Notebook) -> None:
    for frame in notebook.page.locator(".jp-OutputArea iframe").all():
        frame.scroll_into_view_if_needed()
        inside = frame.content_frame
        if "/traces/" in (frame.get_attribute("src") or ""):
            expect(inside.locator("#trace-tree button").first).to_be_attached()
        else:
            expect(inside.get_by_role("table").first).to_be_visible()


def the_first_link_opens_what_the_notebook_drew(notebook: Notebook, window: BrowserContext) -> None:
    link = notebook.page.locator(".jp-OutputArea-output a", has_text="open in Phoenix").first
    drawn = link.locator("xpath=ancestor::div[2]").evaluate(
        """trace => [...trace.querySelectorAll('b')].map(name =>
            `${name.previousElementSibling.textContent.toLowerCase()} ${name.textContent}`)"""
    )
    assert drawn
    phoenix = follow(link, window)
    shown = [name.removesuffix(" ERROR") for name in tree_in_phoenix(phoenix)]
    assert len(shown) == len(drawn)
    for one, other in zip(sorted(shown), sorted(drawn), strict=True):
        assert one.startswith(other)  # a span's annotations stand behind its name
    phoenix.close()


def words_lead_to_their_place_in_the_glossary(notebook: Notebook) -> None:
    page = notebook.page
    back = page.locator("#jp-main-dock-panel .lm-TabBar-tab", has_text=notebook.file.name)
    links = page.locator('.jp-MarkdownCell a[href*="/glossary.md"]')
    written = notebook.file.read_text(encoding="utf-8").count("](glossary.md#")
    expect(links).to_have_count(written)
    for link in links.all():
        word = (link.get_attribute("href") or "").partition("#")[2]
        link.click()
        page.wait_for_function(
            """word => {
                const glossary = document.querySelector('.jp-MarkdownViewer')
                const place = glossary?.querySelector(`[data-jupyter-id="${word}"]`)
                if (!place || !glossary.checkVisibility()) return false
                const pane = place.closest('.jp-RenderedMarkdown')
                const above = place.getBoundingClientRect().top - pane.getBoundingClientRect().top
                const atEnd = pane.scrollTop + pane.clientHeight >= pane.scrollHeight - 2
                return above >= -2 && above < (atEnd ? pane.clientHeight : 40)
            }""",
            arg=word,
        )
        back.click()


def follow(link: Locator, window: BrowserContext) -> Page:
    """Click a link and return the tab that it opens."""
    with window.expect_page() as opened:
        link.click()
    return opened.value


def link_of(notebook: Notebook, source: str) -> Locator:
    """Return the link below the cell with this source."""
    cell = notebook.cell(source)
    cell.scroll_into_view_if_needed()
    return cell.locator(".jp-OutputArea-output a", has_text="Phoenix").first


def solution_of(notebook: Notebook, place: str) -> str:
    """Return an exercise's solution without its first line and its check."""
    [cell] = [one for one in notebook.code_cells() if one["id"] == f"solution-{place}"]
    return "".join(cell["source"]).partition("\n")[2].rpartition("\n")[0]


def start_here(
    notebook: Notebook, window: BrowserContext, picture: Callable[[str, Page | Locator], None]
) -> None:
    """The tour, and an exercise that is wrong first and then right."""
    phoenix = follow(link_of(notebook, "course.view(root)"), window)
    assert tree_in_phoenix(phoenix) == [
        "unknown my-first-trace",
        "chain rag-pipeline",
        "retriever retrieval",
        "llm generation",
    ]
    phoenix.set_viewport_size({"width": 1500, "height": 850})  # room to indent the tree
    phoenix.get_by_role("button", name="retriever retrieval").click()
    details = phoenix.get_by_test_id("span-details")
    expect(
        details.get_by_text(re.compile(r"document international-work-\d+")).first
    ).to_be_visible()
    expect(details.get_by_text(re.compile(r"^score 0\.\d+$"))).to_have_count(3)
    expect(details.get_by_role("tab", name="Events")).to_contain_text("0")
    picture("phoenix-trace", phoenix)
    phoenix.goto(phoenix.url.partition("/traces/")[0] + "/traces")
    expect(phoenix.get_by_role("link", name="my-first-trace")).to_be_visible()
    for drawn_last in ("ok", "P50"):  # the charts' legends
        expect(phoenix.get_by_text(drawn_last, exact=True)).to_be_visible()
    picture("phoenix-project", phoenix)
    phoenix.close()

    drawn = notebook.cell("complaint = ").locator(".jp-OutputArea-output").last
    drawn.locator("summary", has_text="retrieval").first.click()
    expect(drawn.get_by_text("document 0, ")).to_be_visible()
    picture("trace-in-notebook", drawn.locator(":scope > div").last)  # without the revealed answer
    drawn.locator("summary", has_text="retrieval").first.click()

    verdict = notebook.cell('course.check("00.1"').first.locator(".jp-OutputArea").last
    notebook.rewrite(
        notebook.cell('first_ranked = {"chunk": ...'),
        'first_ranked = {"chunk": "parental-leave-00", "score": 0.5}',
    )
    notebook.page.keyboard.press("Shift+Enter")
    expect(verdict).to_contain_text("not yet")
    picture("check-not-yet", verdict)
    notebook.rewrite(
        notebook.cell('first_ranked = {"chunk": "parental'), solution_of(notebook, "00-1")
    )
    notebook.page.keyboard.press("Shift+Enter")
    expect(verdict).to_contain_text("passed")
    picture("check-passed", verdict)


def events_and_errors(
    notebook: Notebook, window: BrowserContext, picture: Callable[[str, Page | Locator], None]
) -> None:
    """The error has its event, in the child that failed."""
    phoenix = follow(link_of(notebook, 'course.reveal("02.d", request)'), window)
    assert tree_in_phoenix(phoenix) == [
        "unknown rag-request",
        "unknown dense-retrieval ERROR",
        "unknown keyword-retrieval",
    ]
    phoenix.get_by_role("button", name="unknown dense-retrieval ERROR").click()
    details = phoenix.get_by_test_id("span-details")
    events = details.get_by_role("tab", name="Events")
    expect(events).to_contain_text("1")
    events.click()
    event = details.get_by_text("exception", exact=True)
    expect(event).to_be_visible()
    picture("phoenix-error", phoenix)  # before the stack trace shows this machine's folders
    event.click()
    expect(details.get_by_text("exception.type")).to_be_visible()
    phoenix.close()


def conversations(
    notebook: Notebook, window: BrowserContext, picture: Callable[[str, Page | Locator], None]
) -> None:
    """A session's turns, a chat by the keyboard alone, a verdict by hand that the check accepts."""
    page = notebook.page
    session = follow(link_of(notebook, "course.session_link(chat"), window)
    expect(session.get_by_text("And Bob?").first).to_be_visible()
    expect(session.get_by_text("Turn 05")).to_be_attached()
    session.close()

    chat = notebook.cell("box = ChatBox(").locator(".jp-OutputArea-output")
    question = chat.get_by_label("Question")
    question.scroll_into_view_if_needed()
    question.focus()
    page.keyboard.type("How long is the probation period?")
    page.keyboard.press("Enter")
    expect(chat.get_by_text("Chat:")).to_be_visible()
    expect(chat.get_by_text("You: How long is the probation period?")).to_be_visible()
    expect(question).to_be_focused()
    page.keyboard.press("Shift+Tab")
    expect(chat.get_by_role("button", name="thumbs-down")).to_be_focused()
    page.keyboard.press("Space")
    expect(chat.get_by_text("sent: thumbs-down")).to_be_visible()

    phoenix = follow(link_of(notebook, "wrong_turn = conversation"), window)
    turn, summary, *_ = tree_in_phoenix(phoenix)
    assert turn.startswith("chain turn")
    assert summary == "chain summarise"
    phoenix.get_by_role("button", name="Annotate this span").click()
    phoenix.get_by_role("button", name="Select an item").click()
    with phoenix.expect_response(
        lambda answer: "createSpanAnnotations" in (answer.request.post_data or "")
    ):
        phoenix.get_by_role("option", name="wrong").click()
    phoenix.get_by_role("button", name="Take notes").click()
    note = phoenix.get_by_role("textbox", name="Add a note to this span")
    note.fill("The summary lost her name.")
    with phoenix.expect_response(
        lambda answer: "createSpanNotes" in (answer.request.post_data or "")
    ):
        note.press("Enter")
    phoenix.close()

    page.bring_to_front()
    check = notebook.cell('course.check("11.6"').first
    verdict = check.locator(".jp-OutputArea").last
    resolved = """client.sessions.add_session_annotation(
    session_id=forgetful.ids["session_id"], annotation_name="resolved", label="no",
    annotator_kind="HUMAN", explanation="Her name was lost.")"""
    notebook.rewrite(notebook.cell("# Here, the session's verdict"), resolved)
    check.locator(".cm-content").click()
    page.keyboard.press("Shift+Enter")
    expect(verdict).to_contain_text("passed")


def evaluate(
    notebook: Notebook, window: BrowserContext, picture: Callable[[str, Page | Locator], None]
) -> None:
    """Verdicts in tree, metrics, list and filter; ten given by clicks, which the check accepts."""
    phoenix = follow(link_of(notebook, "judge_all(refusal)"), window)
    root, *_ = tree_in_phoenix(phoenix)
    assert re.match(r"chain rag-pipeline .*correctness mean score [01]\.00", root)
    phoenix.get_by_role("button", name="retriever retrieval").click()
    details = phoenix.get_by_test_id("span-details")
    expect(details.get_by_text("Retrieval Metrics")).to_be_visible()
    for metric in ("ndcg", "precision", "hit"):
        expect(details.get_by_text(metric, exact=True)).to_be_visible()
    expect(details.get_by_text("Document Annotations").first).to_be_attached()

    phoenix.goto(phoenix.url.partition("/traces/")[0] + "/spans")
    named = phoenix.get_by_role("row").filter(has_text="rag-pipeline")
    expect(named.first).to_be_visible()
    expect(phoenix.get_by_role("columnheader", name="annotations")).to_be_attached()
    phoenix.locator(".cm-content").first.click()
    phoenix.keyboard.press("Control+a")
    wrong_and_sure = "annotations['fact'].label == 'wrong' and annotations['refusal'].label"
    phoenix.keyboard.insert_text(f"{wrong_and_sure} == 'answered'")
    phoenix.keyboard.press("Enter")
    expect(named).to_have_count(SURE_AND_WRONG)
    expect(phoenix.get_by_role("row")).to_have_count(1 + SURE_AND_WRONG)

    links = notebook.cell("ten_traces = list").locator(".jp-OutputArea-output table a")
    expect(links).to_have_count(10)
    for link in links.all():
        phoenix.goto(link.get_attribute("href") or "")
        pencil = phoenix.get_by_role("button", name="Annotate this span")
        expect(pencil).to_be_visible()
        if pencil.get_attribute("aria-pressed") != "true":  # it stays open for the next one
            pencil.click()
        phoenix.get_by_role("button", name="Select an item").click()
        question = link.text_content() or ""
        label = "wrong" if any(part in question for part in WRONGLY_ANSWERED) else "right"
        with phoenix.expect_response(
            lambda answer: "createSpanAnnotations" in (answer.request.post_data or "")
        ):
            phoenix.get_by_role("option", name=label).click()
    phoenix.close()
    notebook.page.bring_to_front()
    check = notebook.cell('course.check("12.3"').first
    check.locator(".cm-content").click()
    notebook.page.keyboard.press("Shift+Enter")
    verdict = check.locator(".jp-OutputArea").last
    expect(verdict).to_contain_text("passed")

    agent = follow(link_of(notebook, "def trajectory"), window)
    assert tree_in_phoenix(agent)[0].startswith("agent agent")
    agent.get_by_role("button", name="Show 2 more").first.click()
    expect(agent.get_by_text("trajectory").first).to_be_visible()
    agent.close()


def experiments(
    notebook: Notebook, window: BrowserContext, picture: Callable[[str, Page | Locator], None]
) -> None:
    """An example's span, two experiments side by side, a prompt, a replayed call, a red gate."""
    examples = follow(link_of(notebook, '"handbook-hard", examples=examples'), window)
    examples.get_by_role("link", name=re.compile("^RGF0YXNldEV4YW1wbGU")).first.click()
    examples.get_by_text("View Source Span").first.click()
    assert tree_in_phoenix(examples) == [
        "chain rag-request",
        "embedding CreateEmbeddings",
        "llm ChatCompletion",
    ]
    examples.close()

    compared = follow(link_of(notebook, "experimentId=pair"), window)
    compared.set_viewport_size({"width": 1500, "height": 850})
    for name in ("dense", "both"):
        expect(compared.get_by_text(name, exact=True).first).to_be_visible()
    expect(compared.get_by_text("finds_document").first).to_be_visible()
    expect(compared.get_by_text('"answer"').first).to_be_visible()
    picture("phoenix-compare", compared)
    compared.close()

    prompts = follow(link_of(notebook, 'course.page("prompts")'), window)
    prompts.get_by_text("handbook-answer").first.click()
    for said in ("production", "{{ context }}", "{{ question }}"):
        expect(prompts.get_by_text(said).first).to_be_visible()
    save_the_next_version(prompts, notebook.port)
    prompts.close()
    notebook.page.bring_to_front()
    asking = "def ask_staging"
    staging = solution_of(notebook, "13-4").partition(asking)
    notebook.rewrite(notebook.cell("staged = version(INSTRUCTIONS)"), "".join(staging[1:]))
    notebook.page.keyboard.press("Shift+Enter")
    verdict = notebook.cell('course.check("13.4", ask_staging)').first.locator(".jp-OutputArea")
    expect(verdict.last).to_contain_text("passed")

    playground = follow(link_of(notebook, '"playground", "spans"'), window)
    playground.set_viewport_size({"width": 1280, "height": 1000})
    system = playground.locator(".cm-content", has_text="You answer questions about the employee")
    system.click()
    playground.keyboard.press("Control+End")
    playground.keyboard.insert_text(" Answer as a JSON object with the keys answer and passage.")
    playground.get_by_role("button", name=re.compile("^Run")).click()
    answer = playground.locator(".cm-content", has_text='"passage"')
    expect(answer).to_be_visible()
    expect(playground.get_by_role("button", name=re.compile("^Run"))).to_be_visible()
    picture("phoenix-playground", playground)
    playground.close()

    gate = notebook.cell("def gate(")
    gate.scroll_into_view_if_needed()
    failed = follow(gate.locator('a[href*="/redirects/traces/"]').first, window)
    assert tree_in_phoenix(failed) == [
        "chain Task: answer",
        "embedding CreateEmbeddings",
        "llm ChatCompletion",
    ]
    failed.close()


def save_the_next_version(page: Page, port: int) -> None:
    """On a prompt's page: change its text, save that as a version, tag the version."""
    asks = " Answer as a JSON object with the keys `answer` and `passage`."
    page.get_by_role("link", name="Open this Prompt in Playground").click()
    # The page that is left has the same text, and takes none.
    system = page.get_by_role("textbox", name="Message content").first
    expect(system).to_contain_text("You answer questions about the employee")
    system.click()
    page.keyboard.press("Control+End")
    page.keyboard.insert_text(asks)
    expect(system).to_contain_text(asks)
    page.get_by_role("button", name="Save prompt").click()
    dialog = page.get_by_role("dialog")
    dialog.locator("label", has_text="staging").click()
    expect(dialog.get_by_role("checkbox", name="staging")).to_be_checked()
    with page.expect_response(
        lambda answer: "reateChatPromptVersion" in (answer.request.post_data or "")
    ):
        dialog.get_by_role("button", name="Update Prompt").click()
    prompts = Client(base_url=f"http://127.0.0.1:{port}").prompts
    saved = prompts.get(prompt_identifier="handbook-answer", tag="staging")
    assert asks in str(saved._dumps()["template"]["messages"][0])


CALL = """from rag_tutorials.course.exercises.clinic import waiting_room

waiting_room.call(13)"""


def the_waiting_room(
    notebook: Notebook, window: BrowserContext, picture: Callable[[str, Page | Locator], None]
) -> None:
    """A patient that is called: its chart, its program in a new cell, its check."""
    own = notebook.cell("course.progress(all=True)").first
    notebook.rewrite(own, CALL)
    expect(notebook.cell("waiting_room.call(13)").first).to_contain_text(
        "It is up, and unreachable"
    )
    program = notebook.cell("def parcels(phoenix, project)").first
    expect(program).to_be_visible()
    program.locator(".cm-content").click()
    notebook.page.keyboard.press("Shift+Enter")
    expect(program.locator(".jp-OutputArea").last).to_contain_text("4318")
    notebook.rewrite(notebook.cell("waiting_room.call(13)").first, 'course.check("14.13", parcels)')
    check = notebook.cell('course.check("14.13"').first
    expect(check.locator(".jp-OutputArea").last).to_contain_text("not yet")


MORE = {
    "00_start_here": start_here,
    "02_events_and_errors": events_and_errors,
    "11_conversations": conversations,
    "12_evaluate": evaluate,
    "13_experiments": experiments,
    "14_clinic": the_waiting_room,
}
