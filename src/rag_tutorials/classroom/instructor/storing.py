"""What Phoenix has accepted is stored before it ends, and reports before all else.

Phoenix answers a sender once it has a span in memory, and stores it later: up to minutes later
after a burst. A report that comes then would be seen by nobody for so long: here it overtakes what
waits. When Phoenix ends, it gives its queue five seconds and drops the rest. Here it gets the time
that it takes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import takewhile
from typing import Any

from rag_tutorials.classroom.base.wire import REPORTS

_STEP_S = 0.05
_TELL_S = 5.0
# An annotation whose span is not stored yet is tried again: every 10 s for 10 minutes, were it for
# Phoenix. More often, verdicts are seen sooner, and the end waits for them less long.
_RETRY_S = 1.0
_RETRIES = 600


class Storing:
    """Lets Phoenix's inserter store reports first, and end when it has stored everything.

    Set ``urgent`` to give up what is not stored yet. ``tell`` is given a sentence now and then.
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self.urgent = False
        self._tell = tell
        self._waiting: Callable[[], int] = lambda: 0

    @property
    def waiting(self) -> int:
        """How many spans, annotations and other writes are accepted and not stored."""
        return self._waiting()

    def guard(self, module: Any) -> None:
        """Have ``module``, the one that makes Phoenix's web application, use such an inserter.

        Raises:
            AttributeError: it does not make one as the tested Phoenix does.
        """
        storing = self

        class Inserter(module.BulkInserter):  # type: ignore[misc]
            def __init__(self, *arguments: Any, **settings: Any) -> None:
                retries = {"retry_delay_sec": _RETRY_S, "retry_allowance": _RETRIES}
                super().__init__(*arguments, **(settings | retries))

            async def __aenter__(self) -> Any:
                storing._waiting = lambda: waiting(self)
                return await super().__aenter__()

            async def _enqueue_span(self, span: Any, project_name: str) -> None:
                if project_name != REPORTS:
                    await super()._enqueue_span(span, project_name)
                    return
                ahead = sum(1 for _ in takewhile(_is_report, self._spans))
                self._spans.insert(ahead, (span, project_name))

            async def __aexit__(self, *error: Any) -> None:
                await storing._drain()
                await super().__aexit__(*error)

        module.BulkInserter = Inserter

    async def _drain(self) -> None:
        loop = asyncio.get_running_loop()
        told, quiet = loop.time(), loop.time()
        # An annotation that waits to be tried again is in no queue for as long as that.
        while not self.urgent and loop.time() - quiet < _RETRY_S + 5 * _STEP_S:
            now = loop.time()
            if self.waiting:
                quiet = now
                if now - told > _TELL_S:
                    told = now
                    self._tell(f"{self.waiting} are left to store; Ctrl-C again gives them up.")
            await asyncio.sleep(_STEP_S)


def _is_report(queued: tuple[Any, str]) -> bool:
    return queued[1] == REPORTS


def waiting(inserter: Any) -> int:
    """Return how much one of Phoenix's inserters has in its queues."""
    queues = inserter._queue_inserters._queues
    return int(
        len(inserter._spans)
        + len(inserter._span_batch)
        + inserter._operations.qsize()
        + sum(len(queue._queue) for queue in queues)
    )
