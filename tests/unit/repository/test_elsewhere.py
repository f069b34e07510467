"""The files and the README's section for places other than this machine, as far as files go."""

import ast
import json
import re
import tomllib
from pathlib import Path

import _cli
from IPython.core.inputtransformer2 import TransformerManager

from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.prepare import FIRST_PORT

ROOT = Path(__file__).parents[3]
README = (ROOT / "README.md").read_text(encoding="utf-8")
ELSEWHERE = README.partition("## Elsewhere\n")[2].partition("\n## ")[0]


def test_the_dev_container_runs_a_command_that_exists_and_knows_the_ports() -> None:
    container = json.loads((ROOT / ".devcontainer" / "devcontainer.json").read_text("utf-8"))
    program, *arguments = container["postCreateCommand"].split()[1:]
    assert (ROOT / program).is_file()
    assert _cli._parser().parse_args(arguments).command == "setup"
    assert re.fullmatch(r"\S+:3\.1[1-4]", container["image"])
    interpreter = container["customizations"]["vscode"]["settings"]
    assert interpreter["python.defaultInterpreterPath"].endswith("/.venv/bin/python")
    phoenix = next(key for key, port in container["portsAttributes"].items() if "Ph" in str(port))
    first, last = map(int, phoenix.split("-"))
    assert first == FIRST_PORT
    assert last >= FIRST_PORT + len(load_lessons())


def test_each_place_says_whether_it_was_tested() -> None:
    rows = [line for line in ELSEWHERE.splitlines() if line.startswith("| **")]
    assert len(rows) == 6
    for row in rows:
        assert "tested here" in row.split("|")[3], row


def test_the_cell_for_colab_is_one() -> None:
    cell = re.findall(r"```python\n(.*?)```", ELSEWHERE, re.DOTALL)
    assert len(cell) == 1
    code = TransformerManager().transform_cell(cell[0])
    assert len(ast.parse(code).body) == 3
    assert "-e ./course" in cell[0]


def test_the_repositorys_address_is_the_one_in_pyproject_wherever_it_stands() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    address = project["urls"]["Repository"]
    assert f'REPOSITORY = "{address}"' in ELSEWHERE
    name = address.rpartition("/")[2]
    told = [
        found
        for file in ("README.md", "CONTRIBUTING.md", "AGENTS.md", "CHANGELOG.md", "CITATION.cff")
        for found in re.findall(rf"https://[\w./-]+/{name}\b", (ROOT / file).read_text("utf-8"))
    ]
    assert set(told) == {address}


def test_the_pictures_are_small_have_words_and_are_shown() -> None:
    shown = dict(re.findall(r"!\[(.*?)\]\(notebooks/(images/.*?)\)", README))
    shown = {target: words for words, target in shown.items()}
    texts = [path.read_text("utf-8") for path in (ROOT / "notebooks").glob("*.ipynb")]
    for picture in sorted((ROOT / "notebooks" / "images").iterdir()):
        name = f"images/{picture.name}"
        assert picture.stat().st_size < 150_000, name
        assert len(shown.get(name, "").split()) >= 4 or any(name in text for text in texts), name
