"""Whether an exporter waits for a Phoenix that is not there."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from opentelemetry.sdk.trace.export import SpanExportResult

from rag_tutorials.course.embedded.absence import give_up_at_once
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.storage import Storage
from rag_tutorials.course.equipment.receiver import Receiver
from rag_tutorials.loopback import HOST

SUCCESS, FAILURE = SpanExportResult.SUCCESS, SpanExportResult.FAILURE


class Kernel:
    """A kernel's Phoenix, and an exporter to it that notes what it is to send."""

    def __init__(self, phoenix: EmbeddedPhoenix) -> None:
        self.phoenix = phoenix
        self.session: object | None = object()
        self.sent: list[Any] = []
        self.answer = SUCCESS
        kernel = self

        class Exporter:
            def __init__(self, endpoint: str) -> None:
                self._endpoint = endpoint

            def export(self, spans: Sequence[Any]) -> SpanExportResult:
                kernel.sent += spans
                return kernel.answer

        package = SimpleNamespace(
            otel=SimpleNamespace(HTTPSpanExporter=Exporter), active_session=lambda: self.session
        )
        give_up_at_once(package, phoenix)
        self.exporter = Exporter(phoenix.otlp_endpoint)
        self.elsewhere = Exporter("http://127.0.0.1:9/v1/traces")


@pytest.fixture
def kernel(tmp_path: Path) -> Iterator[Kernel]:
    phoenix = EmbeddedPhoenix(Storage.claim(tmp_path, "lesson"))
    with socket.socket() as taken:  # so that nobody else comes to listen there
        taken.bind((HOST, 0))
        phoenix.port = taken.getsockname()[1]
        yield Kernel(phoenix)


@pytest.fixture
def receiver(kernel: Kernel) -> Iterator[Receiver]:
    with Receiver.start() as running:
        kernel.phoenix.port = int(running.url.rpartition(":")[2])
        kernel.exporter._endpoint = kernel.phoenix.otlp_endpoint
        yield running


def test_while_phoenix_runs_nobody_looks(kernel: Kernel) -> None:
    assert kernel.exporter.export(["a"]) is SUCCESS  # the port is closed
    assert kernel.sent == ["a"]


def test_without_phoenix_spans_are_given_up_and_that_is_said_once(
    kernel: Kernel, caplog: pytest.LogCaptureFixture
) -> None:
    kernel.session = None
    assert [kernel.exporter.export([one]) for one in "abc"] == [FAILURE] * 3
    assert kernel.sent == []
    [said] = [record.getMessage() for record in caplog.records]
    assert said.startswith(f"Nothing listens at {kernel.phoenix.url}: this notebook's Phoenix has")


def test_after_a_failure_somebody_looks(kernel: Kernel) -> None:
    kernel.answer = FAILURE
    assert [kernel.exporter.export([one]) for one in "abc"] == [FAILURE] * 3
    assert kernel.sent == ["a"]


def test_whoever_listens_gets_the_spans(kernel: Kernel, receiver: Receiver) -> None:
    kernel.session = None
    kernel.answer = FAILURE
    for one in "ab":
        kernel.exporter.export([one])
    assert kernel.sent == ["a", "b"]


def test_another_endpoint_is_left_alone(kernel: Kernel) -> None:
    kernel.session = None
    for one in "ab":
        kernel.elsewhere.export([one])
    assert kernel.sent == ["a", "b"]
