"""What Phoenix has accepted is stored before it ends; with Phoenix's own inserter and database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from served_class import message

from rag_tutorials.classroom.instructor.storing import Storing

pytestmark = pytest.mark.slow
SPANS = 60


class NoEvents:
    def put(self, _event: object) -> None:
        """Phoenix's pages are not here to be told."""


async def accept(folder: Path, guard: Callable[[Any], None]) -> None:
    """Have an inserter that is given no time at its end accept spans, and end at once."""
    from phoenix.db.bulk_inserter import BulkInserter
    from phoenix.db.engines import create_engine
    from phoenix.server.app import _db
    from phoenix.server.cost_tracking.span_cost_calculator import SpanCostCalculator
    from phoenix.server.daemons.generative_model_store import GenerativeModelStore
    from phoenix.server.types import DbSessionFactory
    from phoenix.trace.otel import decode_otlp_span

    engine = create_engine(f"sqlite:///{folder}/phoenix.db", log_migrations=False)
    db = DbSessionFactory(db=_db(engine), dialect="sqlite")
    module: Any = SimpleNamespace(BulkInserter=BulkInserter)
    guard(module)
    inserter = module.BulkInserter(
        db,
        event_queue=NoEvents(),
        span_cost_calculator=SpanCostCalculator(GenerativeModelStore(db)),
        shutdown_drain_sec=0.0,
        max_ops_per_transaction=10,
    )
    async with inserter as (_, enqueue, _):
        for span in message("x", SPANS).resource_spans[0].scope_spans[0].spans:
            await enqueue(decode_otlp_span(span), "x")
    await engine.dispose()


def stored(folder: Path) -> int:
    with sqlite3.connect(folder / "phoenix.db") as database:
        [[count]] = database.execute("select count(*) from spans")
    return int(count)


def test_phoenix_alone_drops_what_it_has_no_time_for(tmp_path: Path) -> None:
    asyncio.run(accept(tmp_path, lambda _module: None))
    assert stored(tmp_path) < SPANS


def test_everything_is_stored_before_the_end(tmp_path: Path) -> None:
    storing = Storing(lambda _text: None)
    asyncio.run(accept(tmp_path, storing.guard))
    assert stored(tmp_path) == SPANS
    assert storing.waiting == 0


def test_who_asks_twice_is_not_kept_waiting_and_is_told_how_much_is_lost(tmp_path: Path) -> None:
    storing = Storing(lambda _text: None)
    storing.urgent = True
    asyncio.run(accept(tmp_path, storing.guard))
    assert storing.waiting == SPANS - stored(tmp_path) > 0
