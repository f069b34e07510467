"""Which argument is the question, in any callable and any way to call it."""

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from openinference.instrumentation import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from rag_tutorials.tracing import ATTR_INPUT_VALUE, ATTR_RETRIEVAL_TOP_K, traced_retrieval

QUESTION = "How many days?"
_exporter = InMemorySpanExporter()
_provider = TracerProvider()
_provider.add_span_processor(SimpleSpanProcessor(_exporter))
TRACER = _provider.get_tracer("test")


@pytest.fixture(autouse=True)
def no_spans() -> None:
    _exporter.clear()


def traced(fn: Any) -> Any:
    return traced_retrieval(fn, TRACER)


def kept(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator of somebody else's."""

    @functools.wraps(fn)
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        return fn(*args, **kwargs)

    return wrapper


@contextmanager
def one_span() -> Iterator[dict[str, Any]]:
    attributes: dict[str, Any] = {}
    yield attributes
    (span,) = _exporter.get_finished_spans()
    attributes.update(span.attributes or {})


def with_a_store(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A decorator that gives an argument of its own."""

    @functools.wraps(fn)
    def wrapper(query: str, top_k: int = 5) -> Any:
        return fn("a store", query, top_k)

    return wrapper


def plain(query: str, top_k: int = 5) -> list[Any]:
    return []


def from_store(store: object, query: str, top_k: int = 5) -> list[Any]:
    return []


def under_another_name(sentence: str = QUESTION, top_k: int = 5) -> list[Any]:
    return []


def keyword_only(*, sentence: str, top_k: int = 5) -> list[Any]:
    return []


def late(top_k: int, *, question: str) -> list[Any]:
    return []


def anything(*args: Any, **kwargs: Any) -> list[Any]:
    return []


class Attributed(functools.partial):  # type: ignore[type-arg]
    """A partial that does not merge with the one inside it."""


class Retriever:
    def plain(self, sentence: str, top_k: int = 5) -> list[Any]:
        return []

    wrapped = traced(plain)

    def odd(this, sentence: str, top_k: int = 5) -> list[Any]:  # noqa: N805
        return []

    odd = traced(odd)

    async def later(me, sentence: str, top_k: int = 5) -> list[Any]:  # noqa: N805
        return []

    later = traced(later)

    @kept
    @traced
    def decorated(this, sentence: str, top_k: int = 5) -> list[Any]:  # noqa: N805
        return []

    @traced
    @classmethod
    def outside(kind, sentence: str, top_k: int = 5) -> list[Any]:  # noqa: N804
        return []

    @classmethod
    @traced
    def inside(kind, sentence: str, top_k: int = 5) -> list[Any]:  # noqa: N804
        return []

    @traced
    @staticmethod
    def static_outside(sentence: str, top_k: int = 5) -> list[Any]:
        return []

    @staticmethod
    @traced
    def static_inside(sentence: str, top_k: int = 5) -> list[Any]:
        return []

    bound_early = functools.partialmethod(plain, QUESTION)

    def __call__(self, sentence: str, top_k: int = 5) -> list[Any]:
        return []


class Child(Retriever):
    def odd(this, sentence: str, top_k: int = 5) -> list[Any]:  # noqa: N805
        return super().odd(sentence, top_k)


it = Retriever()


@pytest.mark.parametrize(
    "call",
    [
        lambda: traced(functools.partial(plain, QUESTION))(),
        lambda: traced(functools.partial(plain, query=QUESTION))(),
        lambda: traced(functools.partial(plain, query="another"))(query=QUESTION),
        lambda: traced(functools.partial(plain, top_k=5))(QUESTION),
        lambda: traced(functools.partial(functools.partial(plain, top_k=5), QUESTION))(),
        lambda: traced(Attributed(Attributed(from_store, "a store"), QUESTION))(),
        lambda: traced(functools.partial(under_another_name, QUESTION))(top_k=5),
        lambda: traced(functools.partial(it.plain, QUESTION))(),
        lambda: traced(functools.partial(Retriever.plain, it))(QUESTION),
        lambda: traced(functools.partial(it, QUESTION))(),
        lambda: traced(it.bound_early)(),
        lambda: traced(from_store)("a store", QUESTION),
        lambda: traced(from_store)(query=QUESTION, store="a store"),
        lambda: traced(with_a_store(from_store))(QUESTION),
        lambda: traced(kept(from_store))("a store", QUESTION),
        lambda: traced(functools.lru_cache(plain))(QUESTION),
        lambda: traced(under_another_name)(),
        lambda: traced(under_another_name)(sentence=QUESTION),
        lambda: traced(keyword_only)(sentence=QUESTION),
        lambda: traced(late)(5, question=QUESTION),
        lambda: traced(anything)(QUESTION, top_k=5),
        lambda: traced(anything)(query=QUESTION, top_k=5),
        lambda: traced(anything)(q=QUESTION, top_k=5),
        lambda: traced(it.plain)(QUESTION),
        lambda: traced(it)(QUESTION),
        lambda: traced(Retriever.inside)(QUESTION),
        lambda: it.wrapped(QUESTION),
        lambda: it.wrapped(sentence=QUESTION),
        lambda: Retriever.wrapped(it, QUESTION),
        lambda: it.odd(QUESTION),
        lambda: it.odd(sentence=QUESTION),
        lambda: Child().odd(QUESTION),
        lambda: it.decorated(QUESTION),
        lambda: it.outside(QUESTION),
        lambda: Retriever.outside(QUESTION),
        lambda: it.inside(QUESTION),
        lambda: Child.inside(QUESTION),
        lambda: it.static_outside(QUESTION),
        lambda: Retriever.static_outside(QUESTION),
        lambda: it.static_inside(QUESTION),
    ],
)
def test_the_question_is_found(call: Callable[[], list[Any]]) -> None:
    with one_span() as attributes:
        assert call() == []
    assert attributes[ATTR_INPUT_VALUE] == QUESTION
    assert attributes[ATTR_RETRIEVAL_TOP_K] == 5


def test_the_question_of_an_async_method_is_found() -> None:
    with one_span() as attributes, pytest.raises(StopIteration):
        it.later(QUESTION).send(None)
    assert attributes[ATTR_INPUT_VALUE] == QUESTION


def test_a_method_put_into_its_class_later_is_one_too(monkeypatch: pytest.MonkeyPatch) -> None:
    def search(this: Retriever, sentence: str, top_k: int = 5) -> list[Any]:
        return []

    monkeypatch.setattr(Retriever, "search", traced(search), raising=False)
    with one_span() as attributes:
        it.search(QUESTION)  # type: ignore[attr-defined]
    assert attributes[ATTR_INPUT_VALUE] == QUESTION


@pytest.mark.parametrize("given", [it.odd, functools.partial(it.odd, top_k=5)])
def test_a_bound_wrapper_is_not_wrapped_twice(given: Any) -> None:
    with one_span() as attributes:
        traced(given)(QUESTION)
    assert attributes[ATTR_INPUT_VALUE] == QUESTION


def test_no_other_argument_is_taken_for_the_question() -> None:
    def search(*, api_key: str, sentence: str) -> list[Any]:
        return []

    with one_span() as attributes:
        traced(search)(api_key="the-secret", sentence=QUESTION)
    assert "the-secret" not in str(attributes)
