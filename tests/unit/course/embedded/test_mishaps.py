"""What went wrong on the way into Phoenix is remembered, without a key, and still shown."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from rag_tutorials.course.embedded import mishaps
from rag_tutorials.course.embedded.mishaps import Mishaps

HTTP = "opentelemetry.exporter.otlp.proto.http.trace_exporter"


@pytest.fixture
def heard(tmp_path: Path) -> Mishaps:
    heard = Mishaps(tmp_path)
    heard.listen()
    heard.listen()
    return heard


def test_an_exporters_last_failure_is_kept_with_its_cause_and_without_a_key(
    heard: Mishaps, caplog: pytest.LogCaptureFixture
) -> None:
    logger = logging.getLogger(HTTP)
    logger.warning(
        "Transient error %s encountered while exporting spans batch, retrying in 0.9s.",
        "no way to http://ada:secret@host/v1/traces?api_key=secret (refused)",
    )
    logger.error("Failed to export spans batch due to timeout, max retries or shutdown.")
    assert heard.export.endswith(
        "max retries or shutdown. The cause: no way to http://host/v1/traces (refused)"
    )
    assert len(caplog.records) == 2
    assert not heard.store


def test_phoenixs_loss_on_a_full_disk_names_the_disk(
    heard: Mishaps,
    tmp_path: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logger = logging.getLogger("phoenix.db.bulk_inserter")
    logger.warning("Releasing %s spans", 3)
    assert "Releasing 3 spans" in heard.store
    monkeypatch.setattr(mishaps, "free_bytes", lambda _: 0)
    logger.warning("Releasing %s spans", 4)
    assert [record.getMessage() for record in caplog.records] == [
        "Releasing 3 spans",
        f"The disk that holds {tmp_path} is full: Phoenix could not keep the last spans. Free some "
        "space, then run the cells that made them again.",
    ]


def test_a_later_phoenix_hears_in_the_place_of_the_earlier(heard: Mishaps, tmp_path: Path) -> None:
    later = Mishaps(tmp_path)
    later.listen()
    logging.getLogger(HTTP).error("Failed")
    assert later.export.endswith("Failed")
    assert not heard.export
