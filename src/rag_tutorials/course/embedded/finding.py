"""One thing that was looked at where nothing arrives in Phoenix."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Finding:
    """What was looked at (``name``), what is there, and what to do if it is not all right."""

    name: str
    text: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether there is nothing to do."""
        return not self.remedy
