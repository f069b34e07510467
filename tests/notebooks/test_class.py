"""A student's kernel in a class: what arrives there, and that the class is never in the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from rag_tutorials.course.embedded.ports import free_port
from rag_tutorials.course.equipment.processes import start

pytestmark = [pytest.mark.xdist_group("class"), pytest.mark.slow]

PATIENCE_S = 120.0
LESSON = "01_manual_spans"


class SharedPhoenix:
    """A Phoenix with authentication, and what a test asks it."""

    def __init__(self, url: str, key: str) -> None:
        self.url = url
        self.key = key
        self._client = httpx.Client(
            base_url=url, headers={"authorization": f"Bearer {key}"}, trust_env=False, timeout=60
        )

    def spans(self, project: str) -> list[dict[str, Any]]:
        answer = self._client.get(f"/v1/projects/{project}/spans", params={"limit": 1000})
        return [] if answer.status_code == 404 else list(answer.raise_for_status().json()["data"])

    def annotations(self, project: str, trace_id: str) -> list[dict[str, Any]]:
        path = f"/v1/projects/{project}/trace_annotations"
        answer = self._client.get(path, params={"trace_ids": trace_id})
        return [] if answer.status_code == 404 else list(answer.raise_for_status().json()["data"])

    def reports(self, student: str) -> list[dict[str, Any]]:
        return [
            {"name": span["name"], **span["attributes"]}
            for span in self.spans("class.reports")
            if span["attributes"]["user.id"] == student
        ]


def until(state: Callable[[], Any]) -> Any:
    """Wait until a state is reached, and return it."""
    deadline = time.monotonic() + PATIENCE_S
    while not (found := state()):
        assert time.monotonic() < deadline, "it did not come"
        time.sleep(0.1)
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedPhoenix]:
    folder = tmp_path_factory.mktemp("class") / "phoenix"
    process = start("rag_tutorials.course.equipment.second_phoenix", "--folder", folder)
    said = process.wait_until_ready(PATIENCE_S)
    yield SharedPhoenix(said["url"], said["api_key"])
    process.stop()


def environment(state: Path) -> dict[str, str]:
    return {"COURSE_STATE_DIR": str(state), "PHOENIX_PORT": str(free_port())}
