"""Print the rooms of `src` with their files and lines, and the arrows between them.

`python scripts/rooms.py` needs no environment. A room is a folder of the package, with the files
that lie directly in it; the files at the top of the package are the room `application`. Its
sub-folders are rooms of their own. An arrow says whose names a room's files import, also inside
functions.
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
    """A folder's own files and lines, and the rooms that these files import from."""

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
    """Yield the modules among `known` that a module imports, or imports a name of."""
    for name in imports_of(file, source):
        while name and name not in known:
            name = name.rpartition(".")[0]
        if name and known[name] != file:
            yield name


def room_of(file: Path, source: Path = SOURCE) -> str:
    """Return the room that a file lies in, such as `course/traces`."""
    return "/".join(file.parent.relative_to(source / PACKAGE).parts) or TOP


def rooms(source: Path = SOURCE) -> dict[str, Room]:
    """Return the rooms by name, those first that nobody else stands on."""
    known = modules(source)
    found: dict[str, Room] = {}
    for file in known.values():
        room = found.setdefault(room_of(file, source), Room())
        room.files += 1
        room.lines += len(file.read_text(encoding="utf-8").splitlines())
        room.knows |= {room_of(known[name], source) for name in targets(file, known, source)}
    for name, room in found.items():
        room.knows.discard(name)
    return dict(sorted(found.items(), key=lambda item: (-len(reached(found, item[0])), item[0])))


def reached(found: Mapping[str, Room], start: str) -> set[str]:
    """Return the rooms that can be reached from one by its arrows."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        for name in found[todo.pop()].knows - seen:
            seen.add(name)
            todo.append(name)
    return seen


def circles(found: Mapping[str, Room]) -> list[str]:
    """Return the rooms from which arrows lead back to themselves."""
    return sorted(name for name in found if name in reached(found, name))


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
