"""Two Phoenix on one PostgreSQL behind nginx, with the files of deploy/: what is lost when."""

from __future__ import annotations

import re
import signal

import httpx
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from several_phoenix import Backend, Phoenix
from traffic import Traffic, eventually, no_insertion, stored

pytestmark = [pytest.mark.xdist_group("two-phoenix"), pytest.mark.slow]


def everywhere(both: Backend, project: str) -> list[set[str]]:
    """Return what each running Phoenix has in a project."""
    found = []
    for each in both.phoenixes:
        if each.runs:
            with both.ask(each.url) as client:
                found.append(set(stored(client, project)))
    return found


def arrive(both: Backend, traffic: Traffic, spans: set[str]) -> bool:
    return bool(
        eventually(lambda: all(spans <= each for each in everywhere(both, traffic.project)))
    )


def raw(traffic: Traffic) -> httpx.Response:
    """Send a batch once, and return the answer."""
    return httpx.post(
        f"{traffic.url}/v1/traces",
        content=encode_spans(traffic.batch()).SerializeToString(),
        headers={
            "authorization": f"Bearer {traffic.key}",
            "content-type": "application/x-protobuf",
        },
        timeout=60,
    )


def test_what_the_balancer_takes_both_have(both: Backend) -> None:
    traffic = Traffic(both.url, both.make_key("one"), "balanced")
    before = [each.log.count("POST /v1/traces") for each in both.phoenixes]

    def both_took_some() -> bool:
        assert traffic.send(traffic.batch())
        after = [each.log.count("POST /v1/traces") for each in both.phoenixes]
        return all(now > then for now, then in zip(after, before, strict=True))

    assert eventually(both_took_some)
    assert arrive(both, traffic, traffic.accepted)
    assert everywhere(both, "balanced") == [traffic.accepted] * 2


def test_a_span_that_comes_twice_is_stored_once(both: Backend) -> None:
    traffic = Traffic(both.url, both.make_key("twice"), "twice")
    spans = traffic.batch()
    for each in both.phoenixes:
        for _ in range(2):
            assert Traffic(each.url, traffic.key, "twice").send(spans)
    assert traffic.send(spans)
    assert arrive(both, traffic, traffic.accepted)
    with both.ask() as client:
        assert set(stored(client, "twice").values()) == {1}


def test_a_batch_larger_than_a_megabyte_passes(both: Backend) -> None:
    traffic = Traffic(both.url, both.make_key("large"), "large")
    assert traffic.send(traffic.batch(traces=10, text="leave " * 50_000))
    assert arrive(both, traffic, traffic.accepted)


def test_a_wrong_key_is_refused_as_phoenix_refuses_it(both: Backend) -> None:
    assert not Traffic(both.url, "wrong", "nobody").send(Traffic("", "", "nobody").batch())
    answer = httpx.get(
        f"{both.url}/v1/projects", headers={"authorization": "Bearer wrong"}, timeout=120
    )
    assert answer.status_code == 401


def test_who_logged_in_at_one_is_known_to_both(both: Backend) -> None:
    question = {"query": "{ viewer { username } }"}
    with httpx.Client(base_url=both.url, trust_env=False, timeout=60) as browser:
        login = {"email": "admin@localhost", "password": both.admin_password}
        assert browser.post("/auth/login", json=login).status_code == 204
        for each in both.phoenixes:
            answer = browser.post(f"{each.url}/graphql", json=question)
            assert answer.json()["data"] == {"viewer": {"username": "admin"}}
        assert browser.post("/auth/refresh").status_code == 204
        assert [browser.post("/graphql", json=question).status_code for _ in range(4)] == [200] * 4
        assert "<html" in browser.get("/projects").text


def test_phoenix_sees_the_address_of_the_sender_not_that_of_nginx(both: Backend) -> None:
    """A limit of logins for each address must not become one for everybody."""
    httpx.get(f"{both.url}/healthz", headers={"x-forwarded-for": "192.0.2.7"}, timeout=120)
    assert not any("192.0.2.7" in each.log for each in both.phoenixes)
    httpx.get(
        f"{both.phoenixes[0].url}/healthz", headers={"x-forwarded-for": "192.0.2.8"}, timeout=120
    )
    assert eventually(lambda: "192.0.2.8" in both.phoenixes[0].log)


def test_a_revoked_key_is_refused_by_both_after_a_while(both: Backend) -> None:
    first, second = both.phoenixes
    with both.ask(first.url) as administrator:
        answer = administrator.post("/v1/system/api_keys", json={"data": {"name": "short"}})
        made = answer.raise_for_status().json()["data"]
        headers = {"authorization": f"Bearer {made['key']}"}

        def status(of: Phoenix) -> int:
            return httpx.get(f"{of.url}/v1/projects", headers=headers, timeout=60).status_code

        assert [status(first), status(second)] == [200, 200]
        administrator.delete(f"/v1/system/api_keys/{made['id']}").raise_for_status()
    assert status(first) == 401
    assert eventually(lambda: status(second) == 401)


def test_one_that_ends_in_the_middle_of_the_load_loses_nothing(both: Backend) -> None:
    traffic = Traffic(both.url, both.make_key("term"), "term")
    ended, stays = both.phoenixes

    def kept() -> int:
        with both.ask(stays.url) as client:
            return len(stored(client, "term"))

    with traffic.flowing(kept, ahead=50):  # few enough for the 5 s, also on a busy machine
        assert eventually(lambda: len(traffic.accepted) >= 100)
        ended.end(signal.SIGTERM)
        now = len(traffic.accepted)
        assert eventually(lambda: len(traffic.accepted) >= now + 100)
    assert not traffic.refused
    assert "still pending" not in ended.log
    assert arrive(both, traffic, traffic.accepted)
    assert stays.runs


def test_what_one_does_not_answer_the_other_takes(both: Backend) -> None:
    traffic = Traffic(both.url, both.make_key("hangs"), "hangs")
    hangs, _ = both.phoenixes
    assert hangs.process is not None
    hangs.process.send_signal(signal.SIGSTOP)
    try:
        for _ in range(3):
            assert traffic.send(traffic.batch())
    finally:
        hangs.process.send_signal(signal.SIGCONT)
    assert arrive(both, traffic, traffic.accepted)
    with both.ask() as client:
        assert set(stored(client, "hangs").values()) == {1}


def test_what_waits_in_one_that_is_killed_is_lost_and_comes_with_a_repetition(
    both: Backend,
) -> None:
    traffic = Traffic(both.url, both.make_key("kill"), "kill")
    killed, _ = both.phoenixes
    waits = Traffic(killed.url, traffic.key, "kill")
    with no_insertion(both.database):
        for _ in range(5):
            assert waits.send(waits.batch())
        killed.end(signal.SIGKILL)
        for _ in range(4):
            assert traffic.send(traffic.batch())
    assert arrive(both, traffic, traffic.accepted)
    assert everywhere(both, "kill") == [traffic.accepted]
    for spans in [*waits.batches, *traffic.batches]:
        assert traffic.send(spans)
    assert arrive(both, traffic, traffic.accepted | waits.accepted)
    with both.ask() as client:
        assert set(stored(client, "kill").values()) == {1}


def test_one_that_ends_stores_for_five_seconds_and_says_what_it_drops(both: Backend) -> None:
    traffic = Traffic(both.url, both.make_key("drop"), "drop")
    ended, _ = both.phoenixes
    with no_insertion(both.database):
        direct = Traffic(ended.url, traffic.key, "drop")
        for _ in range(5):
            assert direct.send(direct.batch())
        ended.end(signal.SIGTERM)
    said = re.search(r"stopped with (\d+) spans still pending after a 5.0s", ended.log)
    assert said is not None
    assert int(said[1]) == len(direct.accepted) == 120
    assert everywhere(both, "drop") == [set()]


def test_senders_hear_that_both_are_full_and_pages_still_come(both: Backend) -> None:
    traffic = Traffic(both.url, both.make_key("full"), "full")
    with no_insertion(both.database):
        last = [200] * 4
        for _ in range(200):
            last = [*last[1:], raw(traffic).status_code]
            if set(last) == {503}:
                break
        assert last == [503] * 4
        assert [httpx.get(f"{both.url}/healthz", timeout=120).status_code for _ in range(4)] == [
            200
        ] * 4
        assert raw(traffic).status_code == 503
    assert eventually(lambda: raw(traffic).status_code == 200)
