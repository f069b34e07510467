"""Application, a real collector, Phoenix with a key: what arrives, what is lost, what is said."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from collector import Collector, collector
from several_phoenix import Backend, MissingProgramError
from traffic import Traffic, eventually, stored

pytestmark = [pytest.mark.xdist_group("two-phoenix"), pytest.mark.slow]


@pytest.fixture
def start(both: Backend, tmp_path: Path) -> Iterator[Callable[..., Collector]]:
    """Start collectors in front of the first Phoenix."""
    url = both.phoenixes[0].url
    with ExitStack() as stack:

        def start_one(key: str, **settings: str) -> Collector:
            folder = tmp_path / f"collector {len(list(tmp_path.iterdir()))}"
            try:
                return stack.enter_context(collector(folder, url, key, **settings))
            except MissingProgramError as missing:
                pytest.skip(str(missing))

        yield start_one


def from_an_application(to: Collector, project: str, requests: int = 5) -> Traffic:
    """Send traces as an application without a key does; the collector takes all of them."""
    traffic = Traffic(to.url, "none", project)
    for _ in range(requests):
        assert traffic.send(traffic.batch())
    return traffic


def arrived(both: Backend, traffic: Traffic) -> bool:
    with both.ask() as client:
        return set(stored(client, traffic.project)) == traffic.accepted


def test_spans_come_through_with_the_collectors_key_in_fewer_requests(
    both: Backend, start: Callable[..., Collector]
) -> None:
    before = both.phoenixes[0].log.count("POST /v1/traces")
    traffic = from_an_application(start(both.make_key("collector")), "hop", requests=10)
    assert eventually(lambda: arrived(both, traffic))
    assert both.phoenixes[0].log.count("POST /v1/traces") - before < 10
    with both.ask() as client:
        projects = {each["name"] for each in client.get("/v1/projects").json()["data"]}
    assert "hop" in projects


def test_a_wrong_key_is_seen_in_its_log_alone(
    both: Backend, start: Callable[..., Collector]
) -> None:
    refused = start("wrong")
    from_an_application(refused, "wrong-key")
    assert eventually(lambda: "dropping data" in refused.log)
    assert "Http(401" in refused.log
    with both.ask() as client:
        assert not stored(client, "wrong-key")


def test_what_comes_while_phoenix_is_down_waits_in_memory_and_not_for_ever(
    both: Backend, start: Callable[..., Collector]
) -> None:
    key = both.make_key("collector")
    patient, hasty, ended = start(key), start(key, keeps_trying="1s"), start(key)
    phoenix = both.phoenixes[0]
    phoenix.end()
    waits = from_an_application(patient, "waits", requests=40)
    too_late = from_an_application(hasty, "too-late")
    gone = from_an_application(ended, "gone")
    assert eventually(lambda: "dropping data" in hasty.log)
    ended.process.terminate()
    ended.process.wait(120)
    phoenix.start()
    phoenix.wait_until_ready()
    assert eventually(lambda: arrived(both, waits))
    assert len(waits.accepted) == 960
    later = from_an_application(hasty, "later")
    assert eventually(lambda: arrived(both, later))
    with both.ask() as client:
        assert [len(stored(client, each.project)) for each in (too_late, gone)] == [0, 0]
