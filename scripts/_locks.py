"""Read the locks: pins with their hashes, as text and by name."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9._-]*)==(?P<version>\S+)(?: ; (?P<marker>.+))?")


@dataclass(frozen=True)
class Pin:
    """One package of a lock; ``marker`` says on which machines, "" on all."""

    name: str
    version: str
    marker: str
    hashes: tuple[str, ...]

    def __str__(self) -> str:
        marker = f" ; {self.marker}" if self.marker else ""
        return " \\\n    ".join([f"{self.name}=={self.version}{marker}", *self.hashes])


def read_lock(path: Path) -> Iterator[Pin]:
    """Yield the pins of a lock.

    Raises:
        ValueError: a line is not ``name==version``, with or without a marker.

    """
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    for line in text.splitlines():
        if not line.strip() or line.startswith("#"):
            continue
        requirement, *hashes = re.split(r"\s+(?=--hash=)", line.strip())
        pin = PIN.fullmatch(requirement.strip())
        if pin is None:
            raise ValueError(f"{path.name}: not name==version: {requirement}")
        yield Pin(pin["name"], pin["version"], pin["marker"] or "", tuple(hashes))


def write_lock(path: Path, pins: Sequence[Pin]) -> None:
    """Write pins as uv writes them."""
    path.write_text("".join(f"{pin}\n" for pin in pins), encoding="utf-8", newline="\n")
