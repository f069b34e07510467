"""``prepare`` in a folder of its own: what it refuses, in one sentence, and ``.env``."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PREPARE = """
from rag_tutorials.course import prepare
from rag_tutorials.course.base.errors import CourseError
try:
    prepare("scratch")
except CourseError as error:
    print(error)
"""


TWICE = """
import os
from rag_tutorials.course import prepare

prepare("scratch")
os.environ["PHOENIX_PROJECT_NAME"] = "set by a cell"
prepare("scratch")
print([name for name in os.environ if name in {names}])
"""


def course_folder(folder: Path) -> Path:
    (folder / "notebooks").mkdir()
    (folder / "notebooks" / "course.toml").write_bytes(
        (ROOT / "notebooks" / "course.toml").read_bytes()
    )
    return folder


def run(program: str, folder: Path) -> str:
    settings = {"COURSE_STATE_DIR": str(folder / "state"), "COURSE_LLM": "stub"}
    return subprocess.run(
        [sys.executable, "-c", program],
        cwd=folder,
        env=os.environ | settings,
        capture_output=True,
        text=True,
        check=True,
    ).stdout


@pytest.mark.slow
def test_what_the_env_file_sets_for_others_stays_out_of_the_way_when_it_is_read_again(
    tmp_path: Path,
) -> None:
    names = ["OTEL_SDK_DISABLED", "PHOENIX_COLLECTOR_ENDPOINT", "PHOENIX_SQL_DATABASE_URL"]
    lines = [f"{name}=true" for name in names]
    (course_folder(tmp_path) / ".env").write_text("\n".join(lines), "utf-8")
    said = run(TWICE.format(names=[*names, "PHOENIX_PROJECT_NAME"]), tmp_path)
    assert f"Set and ignored in this notebook: {', '.join(names)};" in said
    assert said.endswith("['PHOENIX_PROJECT_NAME']\n")


@pytest.mark.slow
@pytest.mark.parametrize("name", ["handbook_manual.txt", "queries.jsonl"])
def test_a_folder_in_a_data_files_place_is_named_with_the_way_back(
    tmp_path: Path, name: str
) -> None:
    (course_folder(tmp_path) / "data" / name).mkdir(parents=True)
    said = run(PREPARE, tmp_path)
    assert said == (
        f"{tmp_path / 'data' / name} is a folder and should be a file; rename the folder and get "
        f"the file back with `git checkout -- data/{name}`.\n"
    )
