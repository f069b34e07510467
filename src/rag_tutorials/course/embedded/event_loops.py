"""``nest_asyncio``, with which many public notebooks begin, beside servers in threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any


def mend_nest_asyncio() -> None:
    """Give ``asyncio.run`` back what ``nest_asyncio.apply()`` takes from it.

    That function's ``run`` takes no ``loop_factory`` and, in a thread, finds no event loop; servers
    and Phoenix's migrations need both. Where a loop runs already, its way stays.
    """
    nested = asyncio.run
    if not hasattr(asyncio, "_nest_patched") or hasattr(nested, "__wrapped__"):
        return

    def run(
        main: Coroutine[Any, Any, Any],
        *,
        debug: bool | None = None,
        loop_factory: Callable[[], asyncio.AbstractEventLoop] | None = None,
    ) -> Any:
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            with asyncio.Runner(debug=debug, loop_factory=loop_factory) as runner:
                return runner.run(main)
        return nested(main, debug=bool(debug))

    run.__wrapped__ = nested  # type: ignore[attr-defined]
    asyncio.run = run
