"""The check of 05.3 tells a stream that only looks right from one that is."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import pytest

from rag_tutorials.course.judging.catalog import find
from rag_tutorials.course.judging.mistake import MistakeError


def read(stream: Callable[[Iterable[str]], Any]) -> Any:
    """Return what the check's caller reads from a stream."""
    run = find("05.3").run
    assert run is not None
    return asyncio.run(run(None, stream))


async def one_by_one(words: Iterable[str]) -> AsyncIterator[str]:
    for word in words:
        yield word


async def all_ahead(words: Iterable[str]) -> AsyncIterator[str]:
    for word in list(words):
        yield word


async def a_coroutine(words: Iterable[str]) -> AsyncIterator[str]:
    return one_by_one(words)


def test_a_stream_is_read_whole_and_half() -> None:
    wanted = find("05.3").returns
    assert wanted.holds(read(one_by_one))  # type: ignore[union-attr]


def test_a_stream_that_makes_up_its_words_is_seen() -> None:
    wanted = find("05.3").returns
    assert not wanted.holds(read(lambda words: one_by_one(["a", "b", "c"])))  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("stream", "sentence"),
    [
        (all_ahead, "3 words were taken before word 1 went out"),
        (a_coroutine, "gave coroutine; whoever calls it needs an async generator"),
        (iter, "needs an async generator"),
        (list, "gave list"),
    ],
)
def test_what_is_no_stream_is_named(stream: Any, sentence: str) -> None:
    with pytest.raises(MistakeError, match=sentence):
        read(stream)
