"""The README's table of lessons is the manifest's."""

from pathlib import Path

from rag_tutorials.course.base.manifest import Lesson, load_lessons

ROOT = Path(__file__).parents[3]


def row(lesson: Lesson) -> str:
    low, high = lesson.minutes
    return (
        f"| {lesson.part} | [{lesson.number} {lesson.title}](notebooks/{lesson.name}.ipynb) "
        f"| {low} to {high} | {lesson.why} |"
    )


def test_the_table_of_lessons_is_the_manifests() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    _, _, rest = text.partition("<!-- lessons: from notebooks/course.toml -->\n")
    table, found, _ = rest.partition("\n<!-- /lessons -->")
    assert found
    lines = ["| part | lesson | minutes | why |", "|---|---|---|---|"]
    lines += [row(lesson) for lesson in load_lessons(ROOT / "notebooks" / "course.toml")]
    assert table == "\n".join(lines)


def test_the_commands_named_exist() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    for command in ("lab", "test", "doctor"):
        assert f"python scripts/course.py {command}" in text
    for target in ("LICENSE", "LICENSE-CONTENT", "CONTRIBUTING.md", ".env.example"):
        assert (ROOT / target).is_file(), target
