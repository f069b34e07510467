"""Importing Phoenix in half the time: what the course switches off is not imported.

Phoenix has an assistant and an MCP server. The course turns both off (``server``), yet their code
would be imported with the rest, and with it Anthropic's SDK and FastMCP: 3,400 of 6,800 modules.
Stand-ins take the place of the modules that lead there. Used all the same, they import the real
ones.
"""

from __future__ import annotations

import contextlib
import gc
import importlib.util
import pkgutil
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any, Self

# Parsers that jsonschema does without when the module is absent.
_ABSENT = "rfc3987_syntax"
_LATER = (
    "phoenix.server.agents.agent_factory",
    "phoenix.server.agents.capabilities",
    "phoenix.server.mcp_server",
    "pydantic_ai.mcp",
    "fastmcp",
    "fastmcp.exceptions",
    "fastmcp.tools.base",
)


class LaterModule(ModuleType):
    """Stands in for a module that is imported when one of its names is used."""

    def __getattr__(self, name: str) -> Later:
        if name.startswith("__"):  # what the import system asks of every module
            raise AttributeError(name)
        return Later(self, name)

    def real(self) -> ModuleType:
        """Return the module itself, imported if need be."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return importlib.import_module(self.__name__)


class Later:
    """A name of a :class:`LaterModule`. Calling it, or asking it for an attribute, is using it."""

    def __init__(self, module: LaterModule, name: str) -> None:
        self._module, self._name = module, name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call what the name stands for."""
        return getattr(self._module.real(), self._name)(*args, **kwargs)

    def __getattr__(self, attribute: str) -> Any:
        if attribute.startswith("__"):  # what typing asks of every annotation
            raise AttributeError(attribute)
        return getattr(getattr(self._module.real(), self._name), attribute)

    def __getitem__(self, _parameter: object) -> Self:
        return self  # a generic class in an annotation


@contextlib.contextmanager
def without_collection() -> Iterator[None]:
    """Keep the garbage collector from walking what is being made: it would find nothing to free.

    What was made is old at the end, as if it had survived: the next full collection looks at it,
    and not the next one, which would cost half a second.
    """
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.freeze()
            gc.unfreeze()  # into the oldest generation, without a walk
            gc.enable()


def without_server() -> None:
    """Let this process import ``phoenix.client`` alone, for a Phoenix that runs elsewhere.

    Where the server is installed too, the first lines of the package ``phoenix`` import all of it.
    Here the package is made and not run: its submodules are found, ``phoenix.launch_app`` is not.
    Nothing happens if Phoenix was imported already.
    """
    spec = None if "phoenix" in sys.modules else importlib.util.find_spec("phoenix")
    if spec is not None:
        package = importlib.util.module_from_spec(spec)
        package.__path__ = pkgutil.extend_path(package.__path__, package.__name__)
        sys.modules[package.__name__] = package


@contextlib.contextmanager
def fast_imports(leave_out: bool = True) -> Iterator[None]:
    """Import Phoenix within this block: without garbage collection, and without the modules above.

    The collector would walk millions of new objects again and again. Afterwards everything can be
    imported as ever. ``leave_out=False`` is for a Phoenix that may build on those modules.
    """
    later = {name: LaterModule(name) for name in _LATER} if leave_out else {}
    stand_ins = {_ABSENT: None, **later}
    placed = {name: stand_in for name, stand_in in stand_ins.items() if name not in sys.modules}
    sys.modules.update(placed)  # type: ignore[arg-type]
    try:
        with without_collection():
            yield
    finally:
        for name, stand_in in placed.items():
            if sys.modules.get(name) is stand_in:
                sys.modules.pop(name, None)
