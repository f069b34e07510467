"""Work that an interrupt must not leave half done."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

_STEP_S = 0.01


class Work:
    """A call in a thread of its own: an interrupt ends the waiting for it, and not the call.

    ``runs`` says whether it has not ended.
    """

    def __init__(self, call: Callable[[], Any], name: str) -> None:
        self._call = call
        self._value: Any = None
        self._error: BaseException | None = None
        self.runs = True
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def wait(self) -> Any:
        """Wait for the end, and return what the call returned or raise what it raised.

        Not by ``Thread.join``: interrupted, it takes the thread for ended (Python 3.11).
        """
        while self.runs:
            time.sleep(_STEP_S)
        if self._error is not None:
            raise self._error
        return self._value

    def _run(self) -> None:
        try:
            self._value = self._call()
        except BaseException as error:
            self._error = error
        finally:
            self.runs = False
