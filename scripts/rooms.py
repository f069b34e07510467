"""Print the rooms of ``src`` with their files and lines, and the arrows between them.

``python scripts/rooms.py`` needs no environment. Each folder of the package is counted by itself,
with the files directly in it; those at the top are called ``application``. A room is a folder of
the first or second level; what lies deeper is a part of its room. An arrow says from which other
rooms a folder's files import, also inside functions.
"""

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

SOURCE = Path(__file__).resolve().parent.parent / "src"
PACKAGE = "rag_tutorials"
TOP = "application"


@dataclass
class Room:
    """A folder's own files and lines, and the other rooms that these files import from."""

    files: int = 0
    lines: int = 0
    knows: set[str] = field(default_factory=set)


def modules(source: Path = SOURCE) -> dict[str, Path]:
    """Return the file of each module of the package, by its dotted name."""
    found = {}
    for file in sorted((source / PACKAGE).rglob("*.py")):
        parts = file.relative_to(source).with_suffix("").parts
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = file
    return found


def imports_of(file: Path, source: Path = SOURCE) -> Iterator[str]:
    """Yield the absolute dotted names that a module imports, also inside functions."""
    module = file.relative_to(source).with_suffix("").parts
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*module[: -node.level], *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


def targets(file: Path, known: Mapping[str, Path], source: Path = SOURCE) -> Iterator[str]:
    """Yield the modules among ``known`` that a module imports, or imports a name of."""
    for name in imports_of(file, source):
        while name and name not in known:
            name = name.rpartition(".")[0]
        if name and known[name] != file:
            yield name


def folder_of(file: Path, source: Path = SOURCE) -> str:
    """Return the folder of a file below the package, such as ``course/traces``."""
    return "/".join(file.parent.relative_to(source / PACKAGE).parts) or TOP


def room_of(folder: str) -> str:
    """Return the room that a folder is, or is a part of."""
    return "/".join(folder.split("/")[:2])


def rooms(source: Path = SOURCE) -> dict[str, Room]:
    """Return the folders by name, those first that nobody else stands on."""
    known = modules(source)
    found: dict[str, Room] = {}
    for file in known.values():
        folder = folder_of(file, source)
        room = found.setdefault(folder, Room())
        room.files += 1
        room.lines += len(file.read_text(encoding="utf-8").splitlines())
        for name in targets(file, known, source):
            room.knows.add(room_of(folder_of(known[name], source)))
        room.knows.discard(room_of(folder))
    height = {room_of(folder): len(reached(found, room_of(folder))) for folder in found}
    return dict(
        sorted(found.items(), key=lambda item: (-height[room_of(item[0])], *item[0].split("/")))
    )


def reached(found: Mapping[str, Room], start: str) -> set[str]:
    """Return the rooms that can be reached from one by the arrows of its folders."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        here = todo.pop()
        for folder, room in found.items():
            if room_of(folder) == here:
                todo += room.knows - seen
                seen |= room.knows
    return seen


def circles(found: Mapping[str, Room]) -> list[str]:
    """Return the rooms from which arrows lead back to themselves."""
    return sorted({room for room in map(room_of, found) if room in reached(found, room)})


def picture(found: Mapping[str, Room]) -> str:
    """Draw the rooms as a table; each stands above those that it knows, if no arrow goes up."""
    total = sum(room.lines for room in found.values())
    lines = [f"{'room':24} {'files':>5} {'lines':>6} {'%':>3}  knows"]
    for name, room in found.items():
        share = round(100 * room.lines / total)
        knows = ", ".join(other for other in found if other in room.knows)
        lines.append(f"{name:24} {room.files:5} {room.lines:6,} {share:3}  {knows}".rstrip())
    lines.append(f"{'':24} {sum(room.files for room in found.values()):5} {total:6,}")
    return "\n".join(lines)


if __name__ == "__main__":
    print(picture(rooms()))
