"""Backends chosen by the environment alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace import TracerProvider

from rag_tutorials.course.equipment import Receiver
from rag_tutorials.tracing import provider_from_environment


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with Receiver.start() as running:
        yield running


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in list(os.environ):
        if name.startswith("OTEL_"):
            monkeypatch.delenv(name)


def trace_once(provider: TracerProvider, name: str = "request") -> None:
    with provider.get_tracer("test").start_as_current_span(name) as span:
        span.set_attribute("input.value", "grüße\nzwei")
    provider.shutdown()


def names_in(path: Path) -> list[str]:
    return [json.loads(line)["name"] for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.mark.parametrize("chosen", [None, "", " ", "otlp", " otlp "])
def test_otlp_is_the_default(
    chosen: str | None, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    if chosen is not None:
        monkeypatch.setenv("OTEL_TRACES_EXPORTER", chosen)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_SERVICE_NAME", "handbook-app")
    monkeypatch.setenv("OTEL_RESOURCE_ATTRIBUTES", "openinference.project.name=handbook")
    trace_once(provider_from_environment())
    [span] = receiver.spans
    assert span.name == "request"
    assert span.resource["service.name"] == "handbook-app"
    assert span.resource["openinference.project.name"] == "handbook"


@pytest.mark.parametrize("header", ["authorization=Bearer abc", "authorization=Bearer%20abc"])
def test_a_key_is_sent(header: str, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", header)
    trace_once(provider_from_environment())
    assert receiver.headers[0]["authorization"] == "Bearer abc"


def test_the_console(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "console")
    trace_once(provider_from_environment())
    assert json.loads(capsys.readouterr().out)["name"] == "request"


def test_a_file_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a folder" / "traces.jsonl"
    path.parent.mkdir()
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", f"file:{path}")
    trace_once(provider_from_environment(), "first")
    trace_once(provider_from_environment(), "second")
    assert names_in(path) == ["first", "second"]


def test_several_places_at_once(
    tmp_path: Path,
    receiver: Receiver,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = tmp_path / "traces.jsonl"
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", f"otlp, console ,file:{path}")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    trace_once(provider_from_environment())
    assert [span.name for span in receiver.spans] == ["request"]
    assert names_in(path) == ["request"]
    assert json.loads(capsys.readouterr().out)["name"] == "request"


def test_none_is_nowhere(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", "none")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    trace_once(provider_from_environment())
    assert (receiver.spans, capsys.readouterr().out) == ([], "")


@pytest.mark.parametrize("wrong", ["phoenix", "file:", "otlp,consol", "otlp;console"])
def test_a_wrong_name_is_one_sentence(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_TRACES_EXPORTER", wrong)
    with pytest.raises(ValueError, match="it takes otlp, console, file:PATH and none"):
        provider_from_environment()


def test_the_sampler_and_the_limits_are_the_environments(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    monkeypatch.setenv("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "5")
    trace_once(provider_from_environment())
    monkeypatch.setenv("OTEL_TRACES_SAMPLER", "always_off")
    trace_once(provider_from_environment())
    assert [span.attributes["input.value"] for span in receiver.spans] == ["grüße"]


def test_more_than_128_attributes_are_kept(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url)
    provider = provider_from_environment()
    with provider.get_tracer("test").start_as_current_span("many") as span:
        span.set_attributes({f"a{number}": number for number in range(500)})
    provider.shutdown()
    assert len(receiver.spans[0].attributes) == 500


def test_a_program_that_ends_has_sent_everything(receiver: Receiver) -> None:
    program = (
        "from rag_tutorials.tracing import provider_from_environment as p\n"
        "tracer = p().get_tracer('test')\n"
        "for number in range(700): tracer.start_span(f'job-{number}').end()\n"
    )
    environment = {**os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    subprocess.run([sys.executable, "-c", program], env=environment, check=True, timeout=120)
    assert {span.name for span in receiver.spans} == {f"job-{number}" for number in range(700)}
