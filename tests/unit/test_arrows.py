"""Who may know whom inside the package."""

from pathlib import Path

import pytest
from rooms import circles, imports_of, modules, picture, rooms, targets

PACKAGE = Path(__file__).parents[2] / "src" / "rag_tutorials"
APPLICATION = {
    "schema",
    "texts",
    "data_generation",
    "io_utils",
    "chunking",
    "embeddings",
    "evaluation",
    "openai_client",
    "vector_store",
    "pipeline",
    "qa",
    "tools",
}
MAY_KNOW = {
    **dict.fromkeys(APPLICATION, APPLICATION),
    "launcher": set(),  # JupyterLab imports it at every start
    "loopback": {"loopback"},
    "tracing": {"tracing", "schema"},
    "stub_llm": {"stub_llm", "loopback"},
    "services": APPLICATION | {"tracing", "services", "loopback"},
    "course": APPLICATION | {"tracing", "stub_llm", "services", "course", "loopback"},
    "classroom": {"classroom", "course", "loopback", "io_utils"},
}
# The rooms of the packages that have any, each with those that it stands on.
STANDS_ON: dict[str, dict[str, set[str]]] = {
    "course": {
        "base": set(),
        "embedded": {"base"},
        "traces": {"embedded"},
        "judging": {"traces"},
        "student": {"judging"},
        "equipment": {"embedded"},
        "exercises": {"judging", "equipment"},
        "prepare": {"student", "equipment"},
        "__init__": {"prepare"},
    },
    "classroom": {
        "base": set(),
        "student": {"base"},
        "instructor": {"base"},
        "__init__": {"student"},
    },
    "stub_llm": {
        "language": set(),
        "answering": {"language"},
        "control": {"answering"},
        "replying": {"answering"},
        "wire": {"replying"},
        "app": {"wire", "control"},
        "server": {"app"},
        "__init__": {"server"},
        "__main__": {"server"},
    },
}
TRACING_LIBRARIES = {"opentelemetry", "openinference", "phoenix"}
FORBIDDEN_LIBRARIES = {
    **dict.fromkeys(APPLICATION, TRACING_LIBRARIES),
    "tracing": {"phoenix", "openai", "chromadb"},
    "services": {"phoenix"},  # it takes seconds to import, and a service only exports to it
    "stub_llm": {*TRACING_LIBRARIES, "openai", "chromadb"},
}


def room_of(file: Path) -> str:
    return file.relative_to(PACKAGE).with_suffix("").parts[0]


MODULES = sorted(file for file in PACKAGE.rglob("*.py") if file != PACKAGE / "__init__.py")


def test_every_room_has_its_rule() -> None:
    assert {room_of(file) for file in MODULES} == set(MAY_KNOW)


@pytest.mark.parametrize("file", MODULES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_a_module_knows_only_whom_it_may(file: Path) -> None:
    room = room_of(file)
    for name in imports_of(file):
        top, *rest = name.split(".")
        assert top not in FORBIDDEN_LIBRARIES.get(room, set()), f"{room} must not import {top}"
        if top == "rag_tutorials" and rest:
            assert rest[0] in MAY_KNOW[room], f"{room} must not import {name}"


def below(package: str, room: str) -> set[str]:
    """Return the rooms that a room may know: all that it stands on, and itself."""
    return {room}.union(*(below(package, other) for other in STANDS_ON[package][room]))


@pytest.mark.parametrize("package", STANDS_ON)
def test_every_room_inside_a_package_has_its_arrows(package: str) -> None:
    inside = {
        file.relative_to(PACKAGE / package).with_suffix("").parts[0]
        for file in (PACKAGE / package).rglob("*.py")
    }
    assert inside == set(STANDS_ON[package])


@pytest.mark.parametrize(
    "file",
    [file for file in MODULES if room_of(file) in STANDS_ON],
    ids=lambda file: file.relative_to(PACKAGE).as_posix(),
)
def test_the_arrows_between_the_rooms_of_a_package_go_one_way(file: Path) -> None:
    package = room_of(file)
    room = file.relative_to(PACKAGE / package).with_suffix("").parts[0]
    for name in imports_of(file):
        top, *rest = name.split(".")
        if top == "rag_tutorials" and rest[:1] == [package] and len(rest) > 1:
            # A name that is no room is one of the package itself.
            target = rest[1] if rest[1] in STANDS_ON[package] else "__init__"
            assert target in below(package, room), f"{room} must not import {name}"


def test_nobody_imports_in_a_circle() -> None:
    known = modules()
    graph = {
        module: {name for name in targets(file, known) if not module.startswith(f"{name}.")}
        for module, file in known.items()
    }
    finished: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, f"circular import: {' -> '.join([*path, module])}"
        if module not in finished:
            for target in graph[module]:
                visit(target, (*path, module))
            finished.add(module)

    for module in graph:
        visit(module, ())


# The picture that scripts/rooms.py prints


def test_no_arrow_leads_up_or_in_a_circle() -> None:
    found = rooms()
    assert circles(found) == []
    order = list(found)
    for name, room in found.items():
        for other in room.knows:
            assert order.index(name) < order.index(other), f"{name} -> {other}"


def test_no_folder_holds_a_fifth_of_the_code_by_itself() -> None:
    found = rooms()
    total = sum(room.lines for room in found.values())
    assert total == sum(len(file.read_text("utf-8").splitlines()) for file in modules().values())
    assert {name for name, room in found.items() if room.lines > total / 5} == set()


def write(source: Path, **files: str) -> Path:
    for name, text in files.items():
        file = source / "rag_tutorials" / f"{name.replace('__', '/')}.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return source


def test_the_picture_shows_files_lines_and_arrows(tmp_path: Path) -> None:
    source = write(
        tmp_path,
        course__low__deep__d="from rag_tutorials.course.low import c\n",
        qa="import json\n",
        course__a="from rag_tutorials.qa import ask\ndef f():\n    from . import low\n",
        course__low__b="x = 1\n",
        course__low__c="from .b import x\n",
    )
    (source / "rag_tutorials/course/low/__init__.py").touch()
    found = rooms(source)
    assert {name: (room.files, room.lines, room.knows) for name, room in found.items()} == {
        "course": (1, 3, {"course/low", "application"}),
        "course/low": (3, 2, set()),
        "course/low/deep": (1, 1, set()),  # a part of its room
        "application": (1, 1, set()),
    }
    assert circles(found) == []
    lines = picture(found).splitlines()
    assert lines[1].split() == ["course", "1", "3", "43", "application,", "course/low"]
    assert lines[-1].split() == ["6", "7"]
    write(source, course__low__up="import rag_tutorials.course.a\n")
    assert circles(rooms(source)) == ["course", "course/low"]
    (source / "rag_tutorials/course/low/up.py").unlink()
    write(source, course__low__deep__up="import rag_tutorials.course.a\n")
    assert circles(rooms(source)) == ["course", "course/low"]
