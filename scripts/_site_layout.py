"""Lay out what Sphinx reads: the course's texts and notebooks where they are, so links stay."""

import shutil
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any

import nbformat
from _site_pages import Places, on_site, page_of

from rag_tutorials.course.base.manifest import load_lessons

FOLDERS = ("deploy", "notebooks")
NOT_COPIED = shutil.ignore_patterns("*.ipynb", ".ipynb_checkpoints", "__pycache__")
READING = """:::{note}
On these pages the lessons were run with the stubbed LLM. Hints, solutions and what a trace says to
a prediction are folded: click to open them. What works in a running course only says so.
:::
"""
LOOK_UP = ("summary", "glossary", "messages", "faults")  # others follow them


def lay_out(root: Path, source: Path, notebooks: Mapping[Path, Any], places: Places) -> None:
    """Fill the folder ``source``, which does not exist yet.

    Args:
        root: The course.
        source: What Sphinx reads.
        notebooks: By their files, also those to be shown without outputs.
        places: What must not be seen in outputs.

    Raises:
        CommandError: an output shows a picture that nobody has described.

    """
    source.mkdir(parents=True)
    for name in FOLDERS:
        shutil.copytree(root / name, source / name, ignore=NOT_COPIED)
    for file in root.iterdir():  # .env is private
        if file.is_file() and not file.name.startswith(".") and file.name != "README.md":
            shutil.copyfile(file, source / file.name)
    for text in source.rglob("*.md"):
        markdown = on_site(text.read_text(encoding="utf-8"), _top(text, source))
        text.write_text(markdown, encoding="utf-8")
    for file, notebook in notebooks.items():
        place = file.relative_to(root)
        clean = source / "clean" / place
        clean.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(file, clean)
        download = f"/{clean.relative_to(source).as_posix()}"
        page = page_of(notebook, places, download, _top(source / place, source))
        nbformat.write(page, source / place)  # type: ignore[no-untyped-call]
    readme = (root / "README.md").read_text(encoding="utf-8")
    contents = "\n".join(_contents(root, source))
    title, _, rest = readme.partition("\n")
    (source / "index.md").write_text(f"{title}\n\n{READING}{rest}\n{contents}", encoding="utf-8")


def _top(file: Path, source: Path) -> str:
    """Return the way from a file's folder to the top."""
    return "../" * (len(file.relative_to(source).parts) - 1)


def _contents(root: Path, source: Path) -> Iterator[str]:
    """Yield the list of all pages, chapter by chapter."""
    notebooks = source / "notebooks"
    lessons = load_lessons(root / "notebooks" / "course.toml")
    for part, some in groupby(lessons, key=lambda lesson: lesson.part):
        yield _chapter(source, part, [notebooks / f"{lesson.name}.ipynb" for lesson in some])
    yield _chapter(source, "Take home", sorted((notebooks / "way_home").glob("*.ipynb")))
    yield _chapter(source, "Look up", _texts(notebooks, LOOK_UP))
    yield _chapter(source, "Teach", _texts(notebooks / "instructor", ("README",)))
    yield _chapter(source, "Go on", [*_texts(source / "deploy", ()), *_texts(source, ())])


def _texts(folder: Path, first: Sequence[str]) -> list[Path]:
    rank = {name: number for number, name in enumerate(first)}
    return sorted(folder.glob("*.md"), key=lambda text: (rank.get(text.stem, len(rank)), text.stem))


def _chapter(source: Path, title: str, pages: Iterable[Path]) -> str:
    listed = "\n".join(page.relative_to(source).as_posix() for page in pages)
    return f"```{{toctree}}\n:hidden:\n:caption: {title}\n\n{listed}\n```\n"
