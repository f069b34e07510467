"""What the course writes into the environment around Phoenix, and that nobody else does."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from opentelemetry.propagate import get_global_textmap, set_global_textmap
from opentelemetry.propagators.composite import CompositePropagator

from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.embedded import environment
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.storage import Storage
from rag_tutorials.course.prepare import FIRST_PORT, _preferred_port

COURSE = Path(environment.__file__).parents[1]


@pytest.fixture(autouse=True)
def own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "environ", dict(os.environ))


@pytest.mark.parametrize(
    "name",
    [
        "PHOENIX_COLLECTOR_ENDPOINT",
        "PHOENIX_PROJECT_NAME",
        "OTEL_SDK_DISABLED",
        "OTEL_TRACES_SAMPLER",
        "OTEL_BSP_MAX_QUEUE_SIZE",
        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
        "OPENINFERENCE_HIDE_INPUTS",
    ],
)
def test_variables_that_change_what_is_recorded_or_where_it_goes_are_removed_and_named(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment, "_removed", [])
    os.environ[name] = "1"
    os.environ["PHOENIX_PORT"] = "7001"
    environment.remove_foreign()
    assert environment.removed() == [name]
    assert name not in os.environ
    assert os.environ["PHOENIX_PORT"] == "7001"


def test_a_propagator_that_was_read_at_import_is_taken_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "_removed", [])
    before = get_global_textmap()
    try:
        set_global_textmap(CompositePropagator([]))
        os.environ["OTEL_PROPAGATORS"] = "none"
        environment.remove_foreign()
        assert {"traceparent", "tracestate", "baggage"} == get_global_textmap().fields
    finally:
        set_global_textmap(before)


def test_phoenix_stays_on_loopback() -> None:
    environment.keep_quiet()
    assert os.environ["PHOENIX_HOST"] == "127.0.0.1"


def test_behind_a_hub_the_root_path_follows_the_port(tmp_path: Path) -> None:
    phoenix = EmbeddedPhoenix(Storage.claim(tmp_path, "lesson"))
    os.environ["JUPYTERHUB_SERVICE_PREFIX"] = "/user/ada/"
    phoenix.use_port(7001)
    assert os.environ["PHOENIX_HOST_ROOT_PATH"] == "/user/ada/proxy/7001"
    assert phoenix.browser_url == "/user/ada/proxy/7001"
    assert os.environ["PHOENIX_WORKING_DIR"] == str(tmp_path / "lesson")


def test_the_root_path_is_that_of_any_proxy_and_a_wrong_setting_changes_nothing(
    tmp_path: Path,
) -> None:
    os.environ["COURSE_PROXY_URL"] = "https://host/o/1/{port}/"
    environment.place(7001, tmp_path)
    assert os.environ["PHOENIX_HOST_ROOT_PATH"] == "/o/1/7001"
    before = dict(os.environ) | {"COURSE_PROXY_URL": "/proxy"}
    os.environ["COURSE_PROXY_URL"] = "/proxy"
    with pytest.raises(CourseError, match="COURSE_PROXY_URL is no address"):
        environment.place(7002, tmp_path / "other")
    assert dict(os.environ) == before
    os.environ["COURSE_PROXY_URL"] = "https://ada-{port}.example.dev"
    environment.place(7003, tmp_path)
    assert "PHOENIX_HOST_ROOT_PATH" not in os.environ


def test_phoenixs_variables_are_written_in_one_place() -> None:
    # The second Phoenix is a program of its own; what it asks for is its own affair.
    allowed = {"environment.py", "second_phoenix.py"}
    writes = re.compile(
        r"environ\[[^\]]*(PHOENIX|WORKING_DIR|PORT)[^\]]*\] =|PHOENIX_\w+=|environ\.update"
    )
    found = {file.name for file in COURSE.rglob("*.py") if writes.search(file.read_text())}
    assert found == allowed


def test_a_wish_for_a_port_is_followed_or_refused_in_a_sentence() -> None:
    lessons = ["00_start_here", "01_manual_spans"]
    os.environ["PHOENIX_PORT"] = "7007"
    assert _preferred_port("00_start_here", lessons) == 7007
    os.environ["PHOENIX_PORT"] = "http"
    with pytest.raises(CourseError, match=r"PHOENIX_PORT is 'http'; set it to a port number"):
        _preferred_port("00_start_here", lessons)
    del os.environ["PHOENIX_PORT"]
    assert _preferred_port("01_manual_spans", lessons) == FIRST_PORT + 1
    assert _preferred_port("my_own", lessons) == FIRST_PORT + 2
