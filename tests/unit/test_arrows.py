"""Who may know whom inside the package."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "src" / "rag_tutorials"
APPLICATION = {
    "schema",
    "data_generation",
    "io_utils",
    "chunking",
    "embeddings",
    "openai_client",
    "vector_store",
    "pipeline",
    "qa",
}
MAY_KNOW = {
    **dict.fromkeys(APPLICATION, APPLICATION),
    "launcher": set(),  # JupyterLab imports it at every start
    "loopback": {"loopback"},
    "tracing": {"tracing", "schema"},
    "stub_llm": {"stub_llm", "loopback"},
    "services": APPLICATION | {"tracing", "services", "loopback"},
    "course": APPLICATION | {"tracing", "stub_llm", "services", "course", "loopback"},
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
        "exercises": {"judging", "equipment", "prepare"},  # to be mended: exercises are content
        "prepare": {"student", "equipment"},
        "__init__": {"prepare"},
    },
    "stub_llm": {
        "language": set(),
        "answering": {"language"},
        "control": {"answering"},
        "wire": {"answering"},
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


def imports_of(file: Path) -> Iterator[str]:
    """Yield the absolute dotted names that a module imports, also inside functions."""
    module = ("rag_tutorials", *file.relative_to(PACKAGE).with_suffix("").parts)
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                base = ".".join([*module[: -node.level], *([base] if base else [])])
            yield from (f"{base}.{alias.name}" for alias in node.names)


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
    known = {
        ".".join(("rag_tutorials", *file.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(
            ".__init__"
        ): file
        for file in MODULES
    }
    graph = {
        module: {
            target
            for name in imports_of(file)
            for target in (name, name.rpartition(".")[0])
            if target in known and target != module and not module.startswith(f"{target}.")
        }
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
