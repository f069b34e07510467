"""The version means something and is told alike everywhere; who carries on is told how."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import _release
import pytest
import yaml
from _run import CommandError
from _setup import Checkout

from rag_tutorials.course.base.manifest import load_lessons

ROOT = Path(__file__).parents[3]
CHANGES = (ROOT / "CHANGELOG.md").read_text("utf-8")


def test_the_version_is_told_alike_everywhere() -> None:
    assert _release.check_version(Checkout(ROOT)) == Checkout(ROOT).version()


@pytest.mark.parametrize("name", ["CHANGELOG.md", "CITATION.cff"])
def test_a_version_that_is_told_otherwise_stops_a_release(name: str, tmp_path: Path) -> None:
    for file in ("pyproject.toml", "CHANGELOG.md", "CITATION.cff"):
        text = (ROOT / file).read_text("utf-8")
        if file == name:
            text = text.replace(Checkout(ROOT).version(), "9.9.9")
        (tmp_path / file).write_text(text, "utf-8")
    with pytest.raises(CommandError, match=rf"{name} begins with 9\.9\.9"):
        _release.check_version(Checkout(tmp_path))


def test_the_changelog_goes_from_the_newest_version_to_the_first() -> None:
    entries = re.findall(r"(?m)^## (\d+)\.(\d+)\.(\d+) \((\d{4}-\d{2}-\d{2})\)$", CHANGES)
    assert len(entries) == len(re.findall(r"(?m)^## ", CHANGES)) >= 2
    numbers = [tuple(map(int, entry[:3])) for entry in entries]
    assert numbers == sorted(set(numbers), reverse=True)
    days = [entry[3] for entry in entries]
    assert days == sorted(days, reverse=True)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    assert citation["date-released"] == days[0]


def test_the_citation_names_no_person_and_the_projects_licence() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text("utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert [set(author) for author in citation["authors"]] == [{"name"}]
    assert citation["title"] in (ROOT / "README.md").read_text("utf-8").splitlines()[0]
    assert project["license"] in citation["license"]
    assert citation["abstract"].strip() == project["description"]


def test_the_guidance_for_an_assistant_is_short_and_names_what_is_there() -> None:
    text = (ROOT / "AGENTS.md").read_text("utf-8")
    assert len(text.split()) < 400
    assert "Explain, do not solve" in text
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
    assert (ROOT / "src/rag_tutorials/course/exercises").is_dir()
    tags = "".join(
        (ROOT / "notebooks" / f"{lesson.name}.ipynb").read_text("utf-8")
        for lesson in load_lessons()
    )
    for tag in re.findall(r"tagged\s+`(\w+)`", text):
        assert f'"{tag}"' in tags
