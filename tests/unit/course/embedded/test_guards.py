"""What is put around a function holds for everybody who imported it earlier."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest

from rag_tutorials.course.embedded.guards import put_around


def test_a_name_bound_earlier_goes_through_what_was_put_around_later() -> None:
    offset = 1

    def add(number: int, *, times: int = 1) -> int:
        """Add an offset that the function closes over."""
        return number + offset * times

    bound_earlier = add

    def loudly(original: Callable[..., Any]) -> Callable[..., Any]:
        return lambda *args, **kwargs: ("loud", original(*args, **kwargs))

    with pytest.raises(AttributeError, match="closes over"):
        put_around(add, loudly)
    assert add(1) == 2

    def double(number: int, *, times: int = 2) -> int:
        """Multiply."""
        return number * times

    bound_earlier = double
    put_around(double, loudly)
    assert bound_earlier(4) == ("loud", 8)
    put_around(double, lambda original: lambda *args, **kwargs: -original(*args, **kwargs))
    assert bound_earlier(4, times=3) == -12
    assert str(inspect.signature(double)) == "(number: 'int', *, times: 'int' = 2) -> 'int'"
    assert "return number * times" in inspect.getsource(double)
    assert double.__doc__ == "Multiply."


def test_only_a_function_can_be_put_around() -> None:
    with pytest.raises(AttributeError, match="no function"):
        put_around(print, lambda original: original)
