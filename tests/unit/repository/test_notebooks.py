"""Hygiene of the notebooks: what ruff and nbmake do not see."""

import json
import math
import re
import tomllib
from itertools import pairwise
from pathlib import Path
from statistics import mean
from typing import Any

import nbformat
import pytest

from rag_tutorials.course.base.manifest import Lesson, load_lessons
from rag_tutorials.course.judging import catalog

FOLDER = Path(__file__).parents[3] / "notebooks"
LESSONS = load_lessons(FOLDER / "course.toml")
LONGEST_CELL = 25  # lines
LONGEST_LESSON = 45  # minutes
MOST_CELLS = 60
LONGEST = {"14_clinic": 60}  # whose sections are taken singly
KEY = re.compile(r"sk-[A-Za-z0-9_-]{16,}|px_[A-Za-z0-9]{16,}|eyJ[A-Za-z0-9_-]{20,}")
EXERCISE = re.compile(r"(?ms)^(?:## Exercise |### Patient |## The waiting room$).*?(?=^## |\Z)")
MACHINE_PATH = re.compile(r"(?<![\w.])/(home|root|Users|tmp|work)/\w")

by_lesson = pytest.mark.parametrize("lesson", LESSONS, ids=lambda lesson: lesson.name)


def load(lesson: Lesson) -> dict[str, Any]:
    return json.loads((FOLDER / f"{lesson.name}.ipynb").read_text(encoding="utf-8"))


def source(cell: dict[str, Any]) -> str:
    return "".join(cell["source"])


def cells(lesson: Lesson, kind: str) -> list[dict[str, Any]]:
    return [cell for cell in load(lesson)["cells"] if cell["cell_type"] == kind]


def prose(lesson: Lesson) -> str:
    return "\n\n".join(source(cell) for cell in cells(lesson, "markdown"))


def header(lesson: Lesson) -> str:
    low, high = lesson.minutes
    objectives = "\n".join(f"- {objective}" for objective in lesson.objectives)
    return (
        f"# {lesson.number} · {lesson.title}\n\n"
        f"{lesson.why}\n\n"
        f"**Time:** {low} to {high} minutes. "
        f"**Before this:** {'; '.join(lesson.prerequisites)}. **Key needed:** no.\n\n"
        f"**You will learn to**\n\n{objectives}"
    )


def test_the_manifest_lists_the_notebooks_that_exist() -> None:
    on_disk = sorted(path.stem for path in FOLDER.glob("*.ipynb"))
    assert [lesson.name for lesson in LESSONS] == on_disk


def test_prerequisites_come_earlier() -> None:
    seen: set[str] = set()
    names = {lesson.name for lesson in LESSONS}
    for lesson in LESSONS:
        assert {name for name in lesson.prerequisites if name in names} <= seen
        seen.add(lesson.name)


@by_lesson
def test_a_notebook_is_valid_and_stripped(lesson: Lesson) -> None:
    notebook = load(lesson)
    nbformat.validate(nbformat.from_dict(notebook))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    ids = [cell["id"] for cell in notebook["cells"]]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[a-z0-9-]{2,40}", identity) for identity in ids)
    for cell in cells(lesson, "code"):
        assert not cell["outputs"]
        assert cell["execution_count"] is None


@by_lesson
def test_the_header_is_the_manifests(lesson: Lesson) -> None:
    assert source(load(lesson)["cells"][0]) == header(lesson)


@by_lesson
def test_the_opening_is_the_same_everywhere(lesson: Lesson) -> None:
    first, second = (source(cell) for cell in cells(lesson, "code")[:2])
    assert first == f'from rag_tutorials.course import prepare\n\ncourse = prepare("{lesson.name}")'
    assert second == (
        "import phoenix as px\n"
        "from phoenix.otel import register\n\n"
        "session = px.active_session() or px.launch_app(use_temp_dir=False)\n"
        "tracer_provider = register(\n"
        "    project_name=course.project,\n"
        "    endpoint=course.otlp_endpoint,\n"
        '    protocol="http/protobuf",\n'
        "    verbose=False,\n"
        ")"
    )


@by_lesson
def test_headings_descend_without_jumps(lesson: Lesson) -> None:
    text = re.sub(r"```.*?```", "", prose(lesson), flags=re.DOTALL)
    levels = [len(mark) for mark in re.findall(r"(?m)^(#+) ", text)]
    assert levels.count(1) == 1
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@by_lesson
def test_pictures_have_words_and_exist(lesson: Lesson) -> None:
    assert "<img" not in prose(lesson)
    for words, target in re.findall(r"!\[(.*?)\]\((.*?)\)", prose(lesson)):
        assert len(words.split()) >= 4, f"{target} needs a description"
        assert (FOLDER / target).is_file()


def slug(heading: str) -> str:
    """Return the id that code hosts, editors and static sites give a heading."""
    return re.sub(r"[^\w -]", "", heading).lower().replace(" ", "-")


def anchors(page: Path) -> list[str]:
    return re.findall(r'(?m)^<a id="(.+)"></a>$', page.read_text(encoding="utf-8"))


@by_lesson
def test_links_within_the_course_lead_somewhere(lesson: Lesson) -> None:
    for target in re.findall(r"(?<!!)\[[^\]]*\]\(([^)]+)\)", prose(lesson)):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        file = FOLDER / name if name else FOLDER / f"{lesson.name}.ipynb"
        assert file.exists(), f"{target} does not exist"
        assert file.parent.name != "instructor", "a student's page stands beside the lessons"
        if anchor:
            assert anchor in anchors(file), f"{target} leads to the top of the page"


def test_a_word_of_the_glossary_has_one_address_everywhere() -> None:
    """JupyterLab follows the anchor (its own ids keep capitals), everything else the heading."""
    text = (FOLDER / "glossary.md").read_text(encoding="utf-8")
    headings = re.findall(r"(?m)^### (.*)$", text)
    assert re.findall(r'<a id="(.+)"></a>\n\n### (.+)\n', text) == [
        (slug(heading), heading) for heading in headings
    ]


@by_lesson
def test_nothing_secret_and_no_machines_path(lesson: Lesson) -> None:
    text = (FOLDER / f"{lesson.name}.ipynb").read_text(encoding="utf-8")
    assert not KEY.search(text)
    assert not MACHINE_PATH.search(text)


@by_lesson
def test_code_cells_are_short_and_explained(lesson: Lesson) -> None:
    lines = {cell["id"]: len(source(cell).splitlines()) for cell in cells(lesson, "code")}
    assert max(lines.values()) <= LONGEST_CELL
    for cell in cells(lesson, "code"):
        if "solution" in cell["metadata"].get("tags", []):
            del lines[cell["id"]]  # it is folded away
    words = len(prose(lesson).split())
    assert words / sum(lines.values()) >= 5, "a lesson explains"


def outside_exercises(lesson: Lesson) -> tuple[int, int]:
    """Return the words and lines of code to read; an exercise's minutes include its own."""
    words = lines = 0
    for cell in load(lesson)["cells"]:
        if cell["cell_type"] == "code":
            written = [line for line in source(cell).splitlines() if line.strip()]
            lines += 0 if cell["metadata"].get("tags") else len(written)
        elif not source(cell).startswith("<details><summary>Hint"):
            words += len(EXERCISE.sub("", source(cell)).split())
    return words, lines


@by_lesson
def test_the_minutes_are_those_that_it_takes(lesson: Lesson) -> None:
    """Reading at 200 words a minute, code at 20 lines, and the exercises as they were timed."""
    words, lines = outside_exercises(lesson)
    exercises = sum(exercise.minutes for exercise in catalog.of_lesson(lesson.number))
    minutes = round(words / 200 + lines / 20 + exercises)
    low, high = lesson.minutes
    assert low <= minutes <= high <= LONGEST.get(lesson.name, LONGEST_LESSON)
    assert high - low <= 10


TRIED = tomllib.loads((Path(__file__).parents[2] / "notebooks/tried.toml").read_text("utf-8"))


def task_and_starter(exercise_id: str) -> tuple[int, int]:
    """Return an exercise's words to read and lines of code to start from."""
    [lesson] = [each for each in LESSONS if each.number == exercise_id[:2]]
    task = re.compile(
        rf"(?ms)^(?:## Exercise|### Patient) {re.escape(exercise_id)}\b.*?(?=^## |\Z)"
    )
    words = lines = 0
    for cell in load(lesson)["cells"]:
        if "check" in cell["metadata"].get("tags", ()) and words:
            break
        if found := task.search(source(cell)):
            words = len(found[0].split())
        elif words:
            lines += sum(bool(line.strip()) for line in source(cell).splitlines())
    return words, lines


@by_lesson
def test_each_exercise_was_tried_and_a_lesson_has_not_too_many_cells(lesson: Lesson) -> None:
    checks = [one for one in cells(lesson, "code") if "check" in one["metadata"].get("tags", ())]
    tried = [re.findall(r'course\.check\(\s*"([\d.]+)"', source(one)) for one in checks]
    assert all(len(ids) == 1 and ids[0] in TRIED for ids in tried)
    assert len(load(lesson)["cells"]) <= MOST_CELLS


@pytest.mark.parametrize("exercise_id", TRIED)
def test_an_exercises_minutes_are_what_trying_it_took(exercise_id: str) -> None:
    """Read 200 words and 20 lines, type 120 characters a minute; half a minute for each check."""
    words, lines = task_and_starter(exercise_id)
    assert words
    took = [
        (words + one["read"]) / 200 + lines / 20 + one["typed"] / 120 + one["tries"] / 2
        for one in TRIED[exercise_id]
    ]
    assert catalog.find(exercise_id).minutes == math.ceil(mean(took))


@by_lesson
def test_a_prediction_is_asked_for_in_words(lesson: Lesson) -> None:
    """Above its cell; in the clinic the exercises themselves are what is asked."""
    made = sum(
        source(cell).count("course.predict(")
        for cell in cells(lesson, "code")
        if "exercise" not in cell["metadata"].get("tags", ())
    )
    assert len(re.findall(r"\*\*Predict\b", prose(lesson))) == made


@by_lesson
def test_each_objective_is_summed_up_at_the_end(lesson: Lesson) -> None:
    _, found, summary = prose(lesson).rpartition("\n## Summary")
    assert found
    for objective in lesson.objectives:
        assert objective in summary


def test_the_first_lesson_lists_them_all() -> None:
    listed = re.findall(r"(?m)^\| (.+) \| \[(.+)\]\((.+)\.ipynb\) \| (.+) \|$", prose(LESSONS[0]))
    assert listed == [
        (each.part, f"{each.number} {each.title}", each.name, "{} to {}".format(*each.minutes))
        for each in LESSONS
    ]
