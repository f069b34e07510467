"""Look at what is installed: is it what the locks name, and is each file as it was installed.

Files are held against the RECORD of each package: presence and size, and the digest where a file
was written later than its RECORD. Compiled files are left out: Python makes them anew.
"""

import base64
import csv
import hashlib
import os
import re
from collections.abc import Iterator, Sequence, Set
from pathlib import Path

from _locks import Pin

SATISFIED = b"Would make no changes"  # uv's words when all is installed already


def versions_off(site: Path, pins: Sequence[Pin]) -> dict[str, str]:
    """Return which packages are missing or of another version than their pins, and how.

    A pin for some machines only is not missed here; its version is compared all the same.
    """
    installed: dict[str, set[str]] = {}
    for name, version, _ in _distributions(site):
        installed.setdefault(name, set()).add(version)
    off: dict[str, str] = {}
    for name in {pin.name for pin in pins}:
        wanted = [pin for pin in pins if pin.name == name]
        found = installed.get(name, set())
        if not found and any(not pin.marker for pin in wanted):
            off[name] = "is missing"
        elif len(found) > 1:
            off[name] = f"is there as {' and as '.join(sorted(found))}"
        elif not found <= {pin.version for pin in wanted}:
            off[name] = f"is {', '.join(found)} instead of {wanted[0].version}"
    return off


def files_off(site: Path, names: Set[str]) -> dict[str, str]:
    """Return which of the installed packages ``names`` have a damaged file, and the first one.

    ``site`` is the folder ``site-packages``, ``names`` are normal (see ``normal``).
    """
    off: dict[str, str] = {}
    for name, _, folder in _distributions(site):
        if name in names and name not in off and (fault := _fault(site, folder)):
            off[name] = fault
    return off


def normal(name: str) -> str:
    """Return a package's name as locks spell it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _distributions(site: Path) -> Iterator[tuple[str, str, Path]]:
    """Yield name, version and metadata folder of each installed package."""
    for folder in sorted(site.glob("*.dist-info")):
        name, _, version = folder.name.removesuffix(".dist-info").rpartition("-")
        yield normal(name), version, folder


def drop_damaged_records(site: Path, names: Set[str]) -> None:
    """Remove the RECORD of packages where it is damaged: uv can replace one without, not these."""
    for name, _, folder in _distributions(site):
        if name in names and _record(folder) is None:
            (folder / "RECORD").unlink(missing_ok=True)


def _fault(site: Path, folder: Path) -> str:
    """Say what is wrong with the first damaged file of a package, "" if none is."""
    record = folder / "RECORD"
    rows = _record(folder)
    if rows is None:
        return f"{folder.name}/RECORD is {'damaged' if record.exists() else 'missing'}"
    written, root = record.stat().st_mtime, str(site)
    for path, digest, size in rows:
        if not size or path.endswith(".pyc"):
            continue
        file = os.path.join(root, path)  # noqa: PTH118  tens of thousands of files: no Path each
        try:
            state = os.stat(file)  # noqa: PTH116
        except OSError:
            return f"{path} is missing"
        if state.st_size != int(size):
            return f"{path} is damaged"
        if state.st_mtime > written and not _holds(file, digest):
            return f"{path} was changed"
    return ""


def _record(folder: Path) -> list[tuple[str, str, str]] | None:
    """Return the lines of a package's RECORD, path, digest and size; None if it is not whole."""
    try:
        text = (folder / "RECORD").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return None
    rows = list(_rows(text))
    listed_itself = any(path == f"{folder.name}/RECORD" for path, _, _ in rows)
    # Each installer ends the last line; what was cut short does not.
    return rows if listed_itself and text.endswith("\n") else None


def _rows(text: str) -> Iterator[tuple[str, str, str]]:
    """Yield path, digest and size of each line of a RECORD, "" for what it does not have."""
    for line in text.splitlines():
        parts = next(csv.reader([line])) if '"' in line else line.split(",")
        path, digest, size = parts if len(parts) == 3 else (parts[0] if parts else "", "", "")
        yield path, digest, size if size.isdecimal() else ""


def _holds(file: str, digest: str) -> bool:
    """Say whether a file has the digest that RECORD gives it, if that is a SHA-256."""
    kind, _, value = digest.partition("=")
    if kind != "sha256":
        return True
    found = hashlib.sha256(Path(file).read_bytes()).digest()
    return base64.urlsafe_b64encode(found).rstrip(b"=").decode() == value
