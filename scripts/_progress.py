"""How far uv is with installing packages, from what it says and what it has put into its cache."""

import re
from pathlib import Path


class Packages:
    """Packages fetched of packages to fetch, then that all are in place.

    Give uv ``--verbose``: it names beforehand what it must fetch. What it has fetched and unpacked
    is a new folder in its cache's ``archive-v*``; it says nothing of small packages itself.
    """

    def __init__(self, cache: Path | None) -> None:
        self._cache = cache
        self._before = self._unpacked()
        self._to_fetch = 0
        self._installed = ""

    def hear(self, line: str) -> bool:
        """Take note of a line that uv printed; return whether it is worth keeping."""
        if line.startswith("DEBUG Identified uncached distribution"):
            self._to_fetch += 1
        elif found := re.match(r"Installed (\d+) package", line):
            self._installed = found[1]
        return not line.startswith(("DEBUG", "TRACE"))

    def __str__(self) -> str:
        if self._installed:
            return f"{self._installed} installed, compiling them"
        if not self._to_fetch:
            return ""
        fetched = min(max(self._unpacked() - self._before, 0), self._to_fetch)
        return f"{fetched} of {self._to_fetch} packages fetched"

    def _unpacked(self) -> int:
        if self._cache is None:
            return 0
        return sum(1 for _ in self._cache.glob("archive-v*/*"))
