"""What Phoenix has accepted is stored before it ends; with Phoenix's own inserter and database."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from served_class import message

from rag_tutorials.classroom.base.wire import REPORTS
from rag_tutorials.classroom.instructor.storing import Storing

pytestmark = pytest.mark.slow
SPANS = 60


class NoEvents:
    def put(self, _event: object) -> None:
        """Phoenix's pages are not here to be told."""


async def accept(
    folder: Path,
    guard: Callable[[Any], None],
    accepted: Sequence[tuple[str, int]] = (("x", SPANS),),
) -> None:
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
        for project, count in accepted:
            for span in message(project, count).resource_spans[0].scope_spans[0].spans:
                await enqueue(decode_otlp_span(span), project)
    await engine.dispose()


def stored(folder: Path) -> int:
    with sqlite3.connect(folder / "phoenix.db") as database:
        [[count]] = database.execute("select count(*) from spans")
    return int(count)


def stored_in_order(folder: Path) -> list[tuple[str, str]]:
    """Return project and name of each stored span, in the order of storing."""
    with sqlite3.connect(folder / "phoenix.db") as database:
        rows = database.execute(
            "select projects.name, spans.name from spans "
            "join traces on traces.id = spans.trace_rowid "
            "join projects on projects.id = traces.project_rowid order by spans.id"
        )
        return list(rows)


def test_phoenix_alone_drops_what_it_has_no_time_for(tmp_path: Path) -> None:
    asyncio.run(accept(tmp_path, lambda _module: None))
    assert stored(tmp_path) < SPANS


def test_everything_is_stored_before_the_end(tmp_path: Path) -> None:
    storing = Storing(lambda _text: None)
    asyncio.run(accept(tmp_path, storing.guard))
    assert stored(tmp_path) == SPANS
    assert storing.waiting == 0


def test_reports_overtake_the_spans_that_wait_and_not_each_other(tmp_path: Path) -> None:
    storing = Storing(lambda _text: None)
    queue = (("x", SPANS), (REPORTS, 2), ("y", 3), (REPORTS, 1))
    asyncio.run(accept(tmp_path, storing.guard, queue))
    order = stored_in_order(tmp_path)
    assert [project for project, _ in order] == [*[REPORTS] * 3, *["x"] * SPANS, *["y"] * 3]
    assert [name for _, name in order[:3]] == ["step 0 ✓", "step 1 ✓", "step 0 ✓"]


def test_who_asks_twice_is_not_kept_waiting_and_is_told_how_much_is_lost(tmp_path: Path) -> None:
    storing = Storing(lambda _text: None)
    storing.urgent = True
    asyncio.run(accept(tmp_path, storing.guard))
    assert storing.waiting == SPANS - stored(tmp_path) > 0
