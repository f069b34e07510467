"""The README's table of lessons is the manifest's, and what people are told to run exists."""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

import _cli
import pytest

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


def test_the_files_that_the_readme_leads_to_exist() -> None:
    text = (ROOT / "README.md").read_text("utf-8")
    links = [link.partition("#")[0] for link in re.findall(r"\]\((?!https?:)([^)\s]+)\)", text)]
    assert len(links) > 5
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert (ROOT / ".env.example").is_file()


# Commands, wherever a person reads one: texts, notebooks, settings, messages of the code


def commands_of(parser: argparse.ArgumentParser) -> dict[str, argparse.ArgumentParser]:
    """Return a parser's commands by name; it may have none."""
    actions = (one for one in parser._actions if isinstance(one, argparse._SubParsersAction))
    return next((dict(one.choices) for one in actions), {})


COMMANDS = commands_of(_cli._parser())
CALL = re.compile(r"course\.py((?:[ \t]+[\w./\[\]{}-]+)+)")


def read_by_people() -> Iterator[Path]:
    """Yield the repository's files in which a command may stand."""
    for pattern in (
        "*.*",
        ".ci/*",
        ".devcontainer/*",
        ".github/**/*",
        "deploy/**/*",
        "notebooks/**/*",
        "scripts/**/*",
        "src/**/*.py",
        "src/**/*.md",
    ):
        for file in ROOT.glob(pattern):
            text = file.suffix in {".md", ".py", ".ipynb", ".toml", ".yml", ".yaml", ".json", ""}
            if text and file.is_file() and "checkpoint" not in file.as_posix():
                yield file


def faults_of(text: str) -> list[str]:
    """Return the commands of course.py in a text that it does not have, or not so."""
    # In code and notebooks a message may be broken: "... course.py " "lab".
    joined = re.sub(r"course\.py *\\?[\"'](?:\s|\\n|,)*f?\\?[\"']", "course.py ", text)
    found = []
    for call in CALL.finditer(joined):
        command, *rest = call[1].split()
        command = command.rstrip(".")
        parser = COMMANDS.get(command)
        if parser is None:
            found.append(f"{command}: no such command")
            continue
        if (inner := commands_of(parser)) and rest:  # such as: class serve
            command, *rest = f"{command} {rest[0]}", *rest[1:]
            parser = inner.get(command.split()[1].rstrip("."))
            if parser is None:
                found.append(f"{command}: no such command")
                continue
        for word in rest[: rest.index("--")] if "--" in rest else rest:
            option = word.strip("[]")
            if option.startswith("--") and option not in parser._option_string_actions:
                found.append(f"{command} {option}: no such option")
    return found


def calls_of(text: str) -> set[str]:
    return {call[1].split()[0].rstrip(".") for call in CALL.finditer(text)}


@pytest.mark.parametrize(
    "file", sorted(read_by_people()), ids=lambda file: file.relative_to(ROOT).as_posix()
)
def test_every_command_that_a_person_reads_exists(file: Path) -> None:
    text = file.read_text("utf-8")
    assert faults_of(text) == []
    for script in re.findall(r"scripts/\w+\.py", text):
        assert (ROOT / script).is_file(), script


def test_every_command_is_told_to_students_or_contributors() -> None:
    told = " ".join((ROOT / name).read_text("utf-8") for name in ("README.md", "CONTRIBUTING.md"))
    for command in COMMANDS:
        assert re.search(rf"(?:course\.py |`){command}\b", told), command
    for command in ("lab", "test", "doctor"):
        assert f"python scripts/course.py {command}" in (ROOT / "README.md").read_text("utf-8")


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("python scripts/course.py lab      # opens", []),
        ("run `python scripts/course.py docter`", ["docter: no such command"]),
        ("course.py test -- tests/browser --save-screenshots", []),
        ("course.py test --fast", ["test --fast: no such option"]),
        ("course.py lab.", []),
        ("course.py class add names.txt --csv codes.csv", []),
        ("course.py class adds names.txt", ["class adds: no such command"]),
        ("course.py class serve --urls", ["class serve --urls: no such option"]),
        (
            '"again: scripts/course.py "\n    "labb, which repairs"',
            ["labb: no such command"],
        ),
        ("the commands of scripts/course.py.", []),
    ],
)
def test_a_renamed_command_is_found(text: str, faults: list[str]) -> None:
    assert faults_of(text) == faults


def test_the_remedies_in_the_code_are_among_what_is_looked_at() -> None:
    looked_at = {file.relative_to(ROOT).as_posix(): file for file in read_by_people()}
    assert {"README.md", "CONTRIBUTING.md", "scripts/_doctor.py", ".ci/run"} <= set(looked_at)
    called = set[str]().union(*(calls_of(file.read_text("utf-8")) for file in looked_at.values()))
    assert {"lab", "test", "doctor", "setup", "reset"} <= called
