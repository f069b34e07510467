"""notebooks/summary.md: its keys are OpenInference's, its filters are ones that Phoenix takes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from openinference.semconv import trace as semconv
from opentelemetry.semconv.attributes import exception_attributes

NOTEBOOKS = Path(__file__).parents[3] / "notebooks"
PAGES = sorted(NOTEBOOKS.glob("*.md"))
SECTIONS = {
    part.partition("\n")[0]: part
    for part in re.split(r"(?m)^## ", (NOTEBOOKS / "summary.md").read_text("utf-8"))[1:]
}


def rows(section: str) -> list[list[str]]:
    lines = re.findall(r"(?m)^\| (.+) \|$", SECTIONS[section])
    return [line.split(" | ") for line in lines[1:]]


def constants() -> set[str]:
    found = [
        vars(group)
        for name, group in vars(semconv).items()
        if name.endswith("Attributes") and isinstance(group, type)
    ]
    found.append(vars(exception_attributes))
    return {value for group in found for value in group.values() if isinstance(value, str)}


def test_each_key_is_made_of_known_names() -> None:
    known = constants()
    keys: list[str] = []
    for first, *_ in rows("Attributes"):
        for name in re.findall(r"`([^`]+)`", first):
            # `a.b.c`, `.d` is short for a.b.d as well
            keys.append(f"{keys[-1].rpartition('.')[0]}{name}" if name[0] == "." else name)
    assert len(keys) >= 20
    for key in keys:
        for part in key.split(".N."):
            assert part in known, key


@pytest.mark.slow
def test_phoenix_takes_each_filter() -> None:
    [spans] = [row[1] for row in rows("Filters in Phoenix") if row[0] == "tab **Spans**"]
    conditions, _, joined = spans.partition(";")
    filters = re.findall(r"`([^`]+)`", conditions)
    first, second, *_ = filters
    assert "`and`" in joined
    filters.append(f"{first} and {second}")
    [query] = re.findall(r'where\("(.+)"\)', SECTIONS["Filters in Phoenix"])
    program = (
        "import sys\n"
        "from phoenix.trace.dsl.filter import SpanFilter\n"
        "for condition in sys.argv[1:]: SpanFilter(condition)\n"
        "try: SpanFilter('status_code =')\n"
        "except Exception: print('and it refuses what is none')"
    )
    command = [sys.executable, "-c", program, *filters, query]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "refuses" in done.stdout


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_a_pages_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)", page.read_text("utf-8")):
        assert "://" in target or (NOTEBOOKS / target).is_file(), target
