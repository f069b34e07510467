"""Putting something around a function of Phoenix."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import FunctionType
from typing import Any


def put_around(function: Any, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Make every call of ``function`` go through what ``around`` makes of it.

    The function stays the same object: whoever imported it earlier, with
    ``from phoenix.otel import register`` for instance, goes through it too. Called again, this
    replaces what was put around before. ``function.__wrapped__`` is the function as it was.

    Raises:
        AttributeError: this is no plain function, or it closes over something.
    """
    if not isinstance(function, FunctionType):
        raise AttributeError(f"{function!r} is no function")
    if function.__closure__:
        raise AttributeError(f"{function!r} closes over something")
    original = getattr(function, "__wrapped__", None)
    if original is None:
        original = FunctionType(
            function.__code__,
            function.__globals__,
            function.__name__,
            function.__defaults__,
        )
        original.__kwdefaults__ = function.__kwdefaults__
        functools.update_wrapper(original, function)
        del original.__wrapped__  # type: ignore[attr-defined]
        function.__wrapped__ = original  # type: ignore[attr-defined]
        function.__defaults__ = None
    function.__kwdefaults__ = {"_through": around(original)}
    function.__code__ = _through.__code__


def _through(*args: Any, _through: Callable[..., Any], **kwargs: Any) -> Any:
    return _through(*args, **kwargs)
