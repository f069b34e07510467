"""Importing a very large package in less than half the time."""

from __future__ import annotations

import contextlib
import gc
import importlib
import sys
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

# It builds parsers that jsonschema does without when the module is absent.
_ABSENT = "rfc3987_syntax"
# It imports all of Anthropic's SDK, 2,400 modules; Phoenix's assistant, which the course switches
# off, takes one function from it and does not call it before it is asked something.
_LATER = "pydantic_ai.models.anthropic"


class LaterModule(ModuleType):
    """Stands in for a module whose functions are imported when they are first called."""

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("__"):  # what the import system asks of every module
            raise AttributeError(name)

        def call(*args: Any, **kwargs: Any) -> Any:
            self._step_aside()
            return getattr(importlib.import_module(self.__name__), name)(*args, **kwargs)

        return call

    def _step_aside(self) -> None:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


@contextlib.contextmanager
def fast_imports() -> Iterator[None]:
    """Import Phoenix within this block: no garbage collection, and without two costly modules.

    The garbage collector would walk millions of new objects again and again. Afterwards both
    modules can be imported as ever.
    """
    stand_ins = {_ABSENT: None, _LATER: LaterModule(_LATER)}
    placed = {name: stand_in for name, stand_in in stand_ins.items() if name not in sys.modules}
    sys.modules.update(placed)  # type: ignore[arg-type]
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()  # what was imported stays; no later collection need look at it
        if collecting:
            gc.enable()
        for name, stand_in in placed.items():
            if sys.modules.get(name) is stand_in:
                sys.modules.pop(name, None)
