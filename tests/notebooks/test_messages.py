"""notebooks/messages.md: each message is provoked, and is printed as the page says."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest
from messages import MODULES, Said, provokers

from rag_tutorials.course.base.manifest import load_lessons

HERE = Path(__file__).parent
NOTEBOOKS = HERE.parents[1] / "notebooks"
PAGE = (NOTEBOOKS / "messages.md").read_text("utf-8")
ENTRY = re.compile(
    r'<a id="(?P<name>[a-z0-9-]+)"></a>\n\n'
    r"### (?P<quote>`+) ?(?P<message>.+?) ?(?P=quote)\n\n"
    r"- From: `(?P<by>.+)` \((?P<how>.+)\)\n"
    r"- Means: (?:.+\n  )*.+\n"
    r"- Do: (?:.+\n  )*.+\n"
    r"- More: \[(?P<words>.+)\]\((?P<target>.+)\), \*(?P<section>.+)\*\n"
)
FOREIGN = ("OTEL_", "PHOENIX_", "OPENINFERENCE_", "OPENAI_", "COURSE_", "PYTHONWARNINGS")


@dataclass(frozen=True)
class Entry:
    """A message as the page has it."""

    name: str
    quote: str
    message: str
    by: str
    how: str
    words: str
    target: str
    section: str

    def fits(self, said: Said) -> bool:
        """Whether this is one whole line of what was said, by whom and how the page says."""
        pattern = re.escape(self.message).replace("…", ".+?")
        lines = said.text.splitlines()
        return (said.by, said.how) == (self.by, self.how) and any(
            re.fullmatch(pattern, line.strip()) for line in lines
        )


ENTRIES = [Entry(**found.groupdict()) for found in ENTRY.finditer(PAGE)]
MODULE_OF = {name.replace("_", "-"): module for module in MODULES for name in provokers(module)}


def heard(module: str) -> dict[str, list[Said]]:
    """Return what each of a module's provokers made the libraries say."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)
    }
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "heard.json")
        command = [sys.executable, "-m", "messages", module, str(file)]
        subprocess.run(command, cwd=HERE, env=environment, timeout=600, check=True)
        said = json.loads(file.read_text("utf-8"))
    return {name.replace("_", "-"): [Said(*one) for one in each] for name, each in said.items()}


@pytest.mark.slow
@pytest.mark.parametrize("module", MODULES)
def test_each_message_is_still_printed_so(module: str) -> None:
    said = heard(module)
    entries = [one for one in ENTRIES if MODULE_OF.get(one.name) == module]
    changed = [one for one in entries if not any(map(one.fits, said[one.name]))]
    told = [[f"{one}", "is not said, but", *map(str, said[one.name])] for one in changed]
    assert not changed, "\n".join(line for lines in told for line in lines)


def test_each_message_has_one_provoker_and_each_provoker_a_message() -> None:
    named = [name.replace("_", "-") for module in MODULES for name in provokers(module)]
    assert Counter(one.name for one in ENTRIES) == Counter(named)
    assert len(ENTRIES) >= 40
    assert {file.stem for file in (HERE / "messages").glob("[a-z]*.py")} == set(MODULES)


def test_the_page_is_made_of_whole_entries() -> None:
    assert len(ENTRIES) == PAGE.count("\n### ") == PAGE.count("<a id=")
    assert len({(one.by, one.message) for one in ENTRIES}) == len(ENTRIES)


def headings(file: Path) -> set[str]:
    text = file.read_text("utf-8")
    if file.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        text = "\n".join("".join(each["source"]) for each in cells if each["cell_type"] != "code")
    return set(re.findall(r"(?m)^#{2,3} (.+)$", text))


def test_each_entry_leads_to_a_section_that_exists() -> None:
    sections = {target: headings(NOTEBOOKS / target) for target in {one.target for one in ENTRIES}}
    missing = [one for one in ENTRIES if one.section not in sections[one.target]]
    assert missing == []
    titles = {
        f"{each.name}.ipynb": f"{each.number} {each.title}"
        for each in load_lessons(NOTEBOOKS / "course.toml")
    }
    assert all(one.words == titles.get(one.target, one.words) for one in ENTRIES)


def test_another_wording_would_be_noticed() -> None:
    entry = Entry(
        "x", "`", "Queue of … full, dropping Span.", "a.logger", "log, WARNING", "", "", ""
    )
    said = Said("a.logger", "log, WARNING", "Queue of 2 full, dropping Span.")
    assert entry.fits(said)
    assert entry.fits(said._replace(text=f"\n  {said.text}\nTraceback ..."))
    for other in (
        said._replace(text="Queue of 2 full, dropping Log."),
        said._replace(text=f"{said.text} Others follow."),
        said._replace(text="Queue of  full, dropping Span."),
        said._replace(by="another.logger"),
        said._replace(how="log, ERROR"),
    ):
        assert not entry.fits(other)
