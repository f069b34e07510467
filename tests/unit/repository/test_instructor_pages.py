"""notebooks/instructor: a page for each lesson, in step with the notebook and with course.toml."""

import json
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

from rag_tutorials.course.base.manifest import Lesson, load_lessons

ROOT = Path(__file__).parents[3]
FOLDER = ROOT / "notebooks" / "instructor"
LESSONS = load_lessons(ROOT / "notebooks" / "course.toml")
ONE_PAGE = 450


def page_of(lesson: Lesson) -> str:
    return (FOLDER / f"{lesson.name}.md").read_text("utf-8")


def plan_of(page: str) -> list[tuple[int, str]]:
    return [(int(m), s) for m, s in re.findall(r"^\| (\d+) \| \*(.+)\* \|$", page, flags=re.M)]


def sections_of(lesson: Lesson) -> dict[str, list[str]]:
    """Return each heading of the notebook, in order, with the code cells below it."""
    notebook = nbformat.read(ROOT / "notebooks" / f"{lesson.name}.ipynb", 4)
    sections: dict[str, list[str]] = {}
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            text = re.sub(r"^```.+?^```", "", cell.source, flags=re.M | re.S)
            for heading in re.findall(r"^#{2,3} (.+)$", text, flags=re.M):
                sections[heading] = []
        elif sections and "solution" not in cell.metadata.get("tags", []):
            last = next(reversed(sections))
            sections[last].append(f"# {cell.id}\n{cell.source}")
    return sections


def closing_of(sections: dict[str, list[str]]) -> str:
    return next(h for h, cells in sections.items() if any("# finish" in c[:8] for c in cells))


def undefined_names(cells: list[str]) -> set[str]:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in cells])
    command = [sys.executable, "-m", "ruff", "check", "--isolated", "--select=F821"]
    checked = subprocess.run(
        [*command, "--output-format=json", "--stdin-filename=lesson.ipynb", "-"],
        input=nbformat.writes(notebook),
        capture_output=True,
        text=True,
        check=False,
    )
    return {problem["message"] for problem in json.loads(checked.stdout)}


def test_the_index_has_every_page_with_its_minutes() -> None:
    index = (FOLDER / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| \[(.+)\]\((.+)\.md\) \| (\d+) \|$", index, flags=re.M)
    assert rows == [
        (f"{each.number} {each.title}", each.name, str(sum(m for m, _ in plan_of(page_of(each)))))
        for each in LESSONS
    ]
    assert "(../faults.md)" in index


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_a_page_fits_its_lesson_and_the_stage(lesson: Lesson) -> None:
    page, sections = page_of(lesson), sections_of(lesson)
    low, high = lesson.minutes
    assert low <= sum(minutes for minutes, _ in plan_of(page)) <= high
    assert len([word for word in page.split() if re.search(r"\w", word)]) < ONE_PAGE

    planned = [section for _, section in plan_of(page)]
    assert planned == [heading for heading in sections if heading in planned]  # in order
    named = re.findall(r"(?<!\*)\*([^*]+)\*(?!\*)", page)
    for name in (" ".join(name.split()) for name in named):
        assert any(
            heading == name or (name.endswith("…") and heading.startswith(name[:-1].strip()))
            for heading in sections
        ), f"{lesson.name} has no section {name!r}"
    with_code = [heading for heading, cells in sections.items() if cells]
    assert set(with_code) - set(named) == {closing_of(sections)}
    for part in ("Say first", "Show, in this order", "Questions", "Mistakes", "Jump in late"):
        assert f"\n## {part}\n" in page


@pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)
def test_what_a_latecomer_runs_is_enough(lesson: Lesson) -> None:
    sections = sections_of(lesson)
    headings = list(sections)
    end = headings.index(closing_of(sections))
    lists = [
        [" ".join(name.split()) for name in re.findall(r"\*([^*]+)\*", entry)]
        for entry in page_of(lesson).partition("## Jump in late")[2].split("\n- ")[1:]
    ]
    assert lists
    for start, *first in lists:
        here = headings.index(start)
        if first:
            assert set(first) <= set(headings[:here])
        run = first or headings[:here]
        cells = [cell for heading in [*run, *headings[here:end]] for cell in sections[heading]]
        assert undefined_names(cells) == set(), f"to begin at {start}"


def test_too_little_would_be_noticed() -> None:
    sections = sections_of(LESSONS[1])
    last = sections[closing_of(sections)]
    assert undefined_names(last) != set()
