"""``prepare`` before it starts anything: what it refuses, in one sentence."""

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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["handbook_manual.txt", "queries.jsonl"])
def test_a_folder_in_a_data_files_place_is_named_with_the_way_back(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / "notebooks").mkdir()
    (tmp_path / "notebooks" / "course.toml").write_bytes(
        (ROOT / "notebooks" / "course.toml").read_bytes()
    )
    (tmp_path / "data" / name).mkdir(parents=True)
    state = {"COURSE_STATE_DIR": str(tmp_path / "state"), "COURSE_LLM": "stub"}
    said = subprocess.run(
        [sys.executable, "-c", PREPARE],
        cwd=tmp_path,
        env=os.environ | state,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert said == (
        f"{tmp_path / 'data' / name} is a folder and should be a file; rename the folder and get "
        f"the file back with `git checkout -- data/{name}`.\n"
    )
