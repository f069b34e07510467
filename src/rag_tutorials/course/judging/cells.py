"""Which names of the notebook are stale, because the cell that should make them did not run."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from typing import Any

from rag_tutorials.course.base.errors import sentence_of

_MISSING = object()


class Cells:
    """Listens to IPython: what each cell assigns, and whether it got that far."""

    def __init__(self, shell: Any) -> None:
        self._shell = shell
        self._running: list[tuple[str, dict[str, Any]]] = []
        self._stale: dict[str, str] = {}

    def before(self, info: Any) -> None:
        """Note what the names that a cell assigns are now."""
        source = info.raw_cell or ""
        space = self._shell.user_ns
        names = _assigned(self._shell.transform_cell(source), source)
        self._running.append((source, {name: space.get(name, _MISSING) for name in names}))

    def after(self, result: Any) -> None:
        """Hold those that a failed cell left as they were for stale."""
        if not self._running:  # the cell that began to listen
            return
        _, before = self._running.pop()
        error = result.error_before_exec or result.error_in_exec
        for name, value in before.items():
            now = self._shell.user_ns.get(name, _MISSING)
            if error is not None and now is value is not _MISSING:
                self._stale[name] = sentence_of(error).rstrip(".")
            else:
                self._stale.pop(name, None)

    def sentence(self) -> str | None:
        """Return what is wrong if the running cell uses a stale name."""
        if not self._running:
            return None
        source, own = self._running[-1]
        used = _names(self._shell.transform_cell(source), ast.Load) - own.keys()
        for name in used & self._stale.keys():
            return (
                f"The cell that makes `{name}` did not run to its end ({self._stale[name]}), so "
                "this would look at an older one; mend that cell, run it, then run this cell again."
            )
        return None


_listening: list[Cells] = []


def current_shell() -> Any:
    """Return the IPython shell, or ``None`` outside of one."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return None
    return get_ipython()


def listen() -> None:
    """Begin to listen to IPython; once is enough, and outside of it there is nothing to hear."""
    shell = current_shell()
    if shell is not None and not _listening:
        cells = Cells(shell)
        shell.events.register("pre_run_cell", cells.before)
        shell.events.register("post_run_cell", cells.after)
        _listening.append(cells)


def stale() -> str | None:
    """Return a sentence if the running cell uses what an earlier cell failed to make."""
    return _listening[0].sentence() if _listening else None


def _names(source: str, context: type[ast.expr_context]) -> set[str]:
    return {
        node.id
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.Name) and isinstance(node.ctx, context)
    }


def _assigned(source: str, raw: str) -> set[str]:
    """Return the names that a cell assigns at its top level, also if it does not parse."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return set(re.findall(r"(?m)^(?:async )?(?:def|class)?\s*(\w+)\s*(?:[(:]|=[^=])", raw))
    return set(_stored(tree))


def _stored(node: ast.AST) -> Iterator[str]:
    """Yield the names that are bound here, not those inside functions and classes."""
    inside = (ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
    for child in ast.iter_child_nodes(node):
        if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            yield child.name
        elif isinstance(child, ast.Name) and isinstance(child.ctx, ast.Store):
            yield child.id
        elif not isinstance(child, inside):
            yield from _stored(child)
