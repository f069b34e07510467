"""The end of a server, a process or a fault: ``stop()``, or the end of its ``with`` block."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self


class Stoppable(ABC):
    """Something that goes on until :meth:`stop` is called or its ``with`` block is left."""

    @abstractmethod
    def stop(self) -> None:
        """End it; a second call does nothing."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
