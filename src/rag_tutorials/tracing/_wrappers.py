"""Wrappers that put a span around a retriever, an answer function and the pipeline of both."""

import functools
import inspect
import logging
import re
import types
from collections.abc import (
    AsyncIterator,
    Awaitable,
    Callable,
    Coroutine,
    Iterator,
    Mapping,
    Sequence,
)
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload
from weakref import WeakKeyDictionary

from openinference.semconv.trace import OpenInferenceSpanKindValues, SpanAttributes
from opentelemetry import context
from opentelemetry.trace import Span, Tracer, set_span_in_context
from opentelemetry.util.types import AttributeValue

from rag_tutorials.schema import RetrievalResult
from rag_tutorials.tracing._arguments import QUESTION_NAMES, accepts, reader, without_partial
from rag_tutorials.tracing._attributes import (
    ATTR_LLM_MODEL_NAME,
    Record,
    put_answer,
    put_prompt,
    put_question,
    put_results,
    put_top_k,
)
from rag_tutorials.tracing._delivery import record_failure

P = ParamSpec("P")
R = TypeVar("R")

RETRIEVAL = "retrieval"
GENERATION = "generation"
PIPELINE = "rag-pipeline"

_WHOLE = frozenset({str, list, tuple, dict, type(None)})  # results that need no look
_INSTEAD = (
    "Wrap a function that returns the whole result, or open a span where the result is consumed."
)

logger = logging.getLogger(__name__)

# Each wrapper made here, with its span name and the callable under it.
_wrapped: WeakKeyDictionary[Callable[..., Any], tuple[str, Callable[..., Any]]] = (
    WeakKeyDictionary()
)


class RagPipeline(Protocol):
    """A pipeline of a plain retriever and a plain answer function."""

    def __call__(self, question: str, top_k: int = ...) -> str:
        """Answer the question from the ``top_k`` best results."""


class AsyncRagPipeline(Protocol):
    """A pipeline whose retriever or answer function is async."""

    def __call__(self, question: str, top_k: int = ...) -> Coroutine[Any, Any, str]:
        """Answer the question from the ``top_k`` best results."""


def traced_retrieval(
    retriever: Callable[P, R], tracer: Tracer, *, max_chars: int | None = None
) -> Callable[P, R]:
    """Put a RETRIEVER span named "retrieval" around each call of a retriever.

    The result behaves as the retriever does: same signature, name, docstring, arguments, result
    and exceptions, sync or async, also as a method. The span holds the question (input.value),
    top_k, each result as a document (retrieval.documents.N.document.id, .content, .score,
    .metadata with its source), their number (retrieval.document_count), and the ids with their
    scores in rank order (output.value).

    Whatever ends the call without a result is recorded once and sets the status ERROR: an
    exception, and also KeyboardInterrupt, SystemExit and the cancellation of an await, because a
    call that was cut short must not look like one that returned nothing. Success leaves the
    status UNSET, as OpenTelemetry asks of instrumentation.

    What goes wrong in recording never reaches the caller. A field that cannot be recorded, a
    score of None for instance, is left out alone, and each wrapper names it once in the log. A
    lone surrogate in a text is replaced; what stands under a JSON MIME type is valid JSON.

    Wrapping a traced retriever again replaces the earlier wrapper: one call makes one span.

    Args:
        retriever: ``retriever(question, top_k=...) -> list[RetrievalResult]``, a function, method,
            classmethod, staticmethod, functools.partial or object with ``__call__``, plain or
            async. The question is its parameter ``question``, ``query`` or ``q``, else the first
            one after that of a method's object. No other arguments are recorded.
        tracer: Makes the spans, see get_tracer.
        max_chars: Cut each recorded text to this many characters; the text then says how many
            are missing. None records everything.

    Raises:
        TypeError: If the retriever is not callable or is a generator function. At a call, if it
            returns a stream: a generator, an async iterator, or an iterator with a ``close``. The
            work goes on while these are read, after the span has ended; and a span kept open for
            them would never end where they are abandoned. Also if a plain function returns an
            awaitable. What is refused is closed.
        ValueError: If max_chars is negative.
    """
    if isinstance(retriever, classmethod | staticmethod):  # inside a class, before it exists
        function = traced_retrieval(retriever.__func__, tracer, max_chars=max_chars)
        return cast(Callable[P, R], type(retriever)(function))
    _check_max_chars(max_chars)
    retriever = _unwrapped(retriever, RETRIEVAL)
    read_question = reader(retriever, QUESTION_NAMES, fallback=0)
    read_top_k = reader(retriever, ("top_k",))

    def describe_input(record: Record, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        put_question(record, read_question(args, kwargs), max_chars)
        put_top_k(record, read_top_k(args, kwargs))

    return _traced(
        retriever,
        tracer,
        RETRIEVAL,
        _kind(OpenInferenceSpanKindValues.RETRIEVER),
        describe_input,
        lambda record, results: put_results(record, results, max_chars),
    )


def traced_generation(
    answer_fn: Callable[P, R],
    tracer: Tracer,
    model_name: str = "",
    *,
    max_chars: int | None = None,
) -> Callable[P, R]:
    """Put an LLM span named "generation" around each call of an answer function.

    The result behaves as the answer function does, see traced_retrieval. The span holds the
    input, the answer (output.value) and the model (llm.model_name). The input (input.value) is
    the question as text, or a JSON object of ``question`` and ``context`` if the call has a
    context. The messages and token counts that the model really saw come from the instrumentation
    of the LLM client, as a child of this span.

    Args:
        answer_fn: ``answer_fn(question, context, ...) -> str``, plain or async. The question is
            found as in traced_retrieval; the context is the parameter ``context``, else the one
            after the first, recorded if it is a sequence of passages. No other arguments are
            recorded: they may hold clients and keys.
        tracer: Makes the spans, see get_tracer.
        model_name: The model that answers. Empty: the span names no model.
        max_chars: As in traced_retrieval, for the question, each passage and the answer.

    Raises:
        TypeError: As in traced_retrieval.
        ValueError: If max_chars is negative.
    """
    if isinstance(answer_fn, classmethod | staticmethod):
        function = traced_generation(answer_fn.__func__, tracer, model_name, max_chars=max_chars)
        return cast(Callable[P, R], type(answer_fn)(function))
    _check_max_chars(max_chars)
    answer_fn = _unwrapped(answer_fn, GENERATION)
    read_question = reader(answer_fn, QUESTION_NAMES, fallback=0)
    read_context = reader(answer_fn, ("context",), fallback=1)
    attributes = _kind(OpenInferenceSpanKindValues.LLM)
    if model_name:
        attributes[ATTR_LLM_MODEL_NAME] = model_name

    return _traced(
        answer_fn,
        tracer,
        GENERATION,
        attributes,
        lambda record, args, kwargs: put_prompt(
            record, read_question(args, kwargs), read_context(args, kwargs), max_chars
        ),
        lambda record, answer: put_answer(record, answer, max_chars),
    )


@overload
def build_traced_rag_pipeline(
    *,
    retriever: Callable[..., Sequence[RetrievalResult]],
    answer_fn: Callable[..., str],
    tracer: Tracer,
    model_name: str = "",
    top_k: int = 5,
    max_chars: int | None = None,
) -> RagPipeline: ...


@overload
def build_traced_rag_pipeline(
    *,
    retriever: Callable[..., Awaitable[Sequence[RetrievalResult]]],
    answer_fn: Callable[..., str] | Callable[..., Awaitable[str]],
    tracer: Tracer,
    model_name: str = "",
    top_k: int = 5,
    max_chars: int | None = None,
) -> AsyncRagPipeline: ...


@overload
def build_traced_rag_pipeline(
    *,
    retriever: Callable[..., Sequence[RetrievalResult]],
    answer_fn: Callable[..., Awaitable[str]],
    tracer: Tracer,
    model_name: str = "",
    top_k: int = 5,
    max_chars: int | None = None,
) -> AsyncRagPipeline: ...


def build_traced_rag_pipeline(
    *,
    retriever: Callable[..., Any],
    answer_fn: Callable[..., Any],
    tracer: Tracer,
    model_name: str = "",
    top_k: int = 5,
    max_chars: int | None = None,
) -> Callable[..., Any]:
    """Join a retriever and an answer function into one traced callable.

    A call makes three spans: "rag-pipeline" (CHAIN, with the question and the answer) and under
    it "retrieval" and "generation". A retriever or answer function that is traced already is
    used as it is, with its own tracer, model name and max_chars.

    Args:
        retriever: ``retriever(question, top_k=...) -> list[RetrievalResult]``.
        answer_fn: ``answer_fn(question, context) -> str``; the context is the list of the
            retrieved texts, best first.
        tracer: Makes the spans, see get_tracer.
        model_name: As in traced_generation.
        top_k: How many results a call retrieves unless it says otherwise.
        max_chars: As in traced_retrieval, for all three spans.

    Returns:
        ``pipeline(question, top_k=top_k) -> str``; a coroutine function if the retriever or the
        answer function is async.

    Raises:
        TypeError: As in traced_retrieval; also if the retriever takes no argument named top_k.
        ValueError: If max_chars is negative.
    """
    if not accepts(retriever, "top_k"):
        raise TypeError(
            f"{_name(retriever)} takes no argument named top_k: pass a retriever with the "
            "signature (question, top_k=5), for instance a lambda around yours."
        )
    if _under(retriever, RETRIEVAL) is None:
        retriever = traced_retrieval(retriever, tracer, max_chars=max_chars)
    if _under(answer_fn, GENERATION) is None:
        answer_fn = traced_generation(answer_fn, tracer, model_name, max_chars=max_chars)
    default_top_k = top_k

    def rag_pipeline(question: str, top_k: int = default_top_k) -> Any:
        """Answer the question from the ``top_k`` best results."""
        results = retriever(question, top_k=top_k)
        return answer_fn(question, [result.text for result in results])

    async def async_rag_pipeline(question: str, top_k: int = default_top_k) -> Any:
        """Answer the question from the ``top_k`` best results."""
        results = retriever(question, top_k=top_k)
        if retriever_is_async:
            results = await results
        answer = answer_fn(question, [result.text for result in results])
        return await answer if answer_fn_is_async else answer

    retriever_is_async, answer_fn_is_async = _is_async(retriever), _is_async(answer_fn)
    pipeline: Callable[..., Any] = (
        async_rag_pipeline if retriever_is_async or answer_fn_is_async else rag_pipeline
    )
    read_question = reader(pipeline, QUESTION_NAMES)
    return _traced(
        pipeline,
        tracer,
        PIPELINE,
        _kind(OpenInferenceSpanKindValues.CHAIN),
        lambda record, args, kwargs: put_question(record, read_question(args, kwargs), max_chars),
        lambda record, answer: put_answer(record, answer, max_chars),
    )


def _traced(
    fn: Callable[P, R],
    tracer: Tracer,
    span_name: str,
    attributes: Mapping[str, AttributeValue],
    describe_input: Callable[[Record, tuple[Any, ...], dict[str, Any]], None],
    describe_output: Callable[[Record, Any], None],
) -> Callable[P, R]:
    """Wrap ``fn`` in a span with fixed attributes, and those of each call's input and output."""
    recorder = _Recorder(tracer, span_name, attributes, _name(fn))

    if _is_async(fn):
        async_fn = cast(Callable[..., Awaitable[Any]], fn)

        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            span = recorder.start()
            if span is None:
                return await async_fn(*args, **kwargs)
            token = context.attach(set_span_in_context(span))
            try:
                recording = span.is_recording()
                if recording:
                    recorder.record(span, describe_input, args, kwargs)
                result = await async_fn(*args, **kwargs)
                if type(result) not in _WHOLE and _is_stream(result):
                    closing = _close(result)
                    if closing is not None:
                        await closing
                    raise _stream_error(fn)
                if recording:
                    recorder.record(span, describe_output, result)
                return result
            except BaseException as error:
                if span.is_recording():
                    record_failure(span, error)
                raise
            finally:
                context.detach(token)
                recorder.end(span)

        return _dressed(async_wrapper, fn, span_name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        span = recorder.start()
        if span is None:
            return fn(*args, **kwargs)
        token = context.attach(set_span_in_context(span))
        try:
            recording = span.is_recording()
            if recording:
                recorder.record(span, describe_input, args, kwargs)
            result = fn(*args, **kwargs)
            if type(result) not in _WHOLE:
                _refuse_unfinished(fn, result)
            if recording:
                recorder.record(span, describe_output, result)
            return result
        except BaseException as error:
            if span.is_recording():
                record_failure(span, error)
            raise
        finally:
            context.detach(token)
            recorder.end(span)

    return _dressed(wrapper, fn, span_name)


class _Recorder:
    """Makes the spans of one wrapper. Nothing that goes wrong in here reaches the caller."""

    def __init__(
        self, tracer: Tracer, span_name: str, attributes: Mapping[str, AttributeValue], of: str
    ) -> None:
        self._tracer = tracer
        self._span_name = span_name
        self._attributes = attributes
        self._of = of
        self._named: set[str] = set()

    def start(self) -> Span | None:
        try:
            return self._tracer.start_span(self._span_name, attributes=self._attributes)
        except Exception:
            logger.warning("A call of %s has no span.", self._of, exc_info=True)
            return None

    def record(self, span: Span, describe: Callable[..., None], *subject: Any) -> None:
        record = Record()
        try:
            describe(record, *subject)
        except Exception as error:
            record.miss("some attributes", error)
        try:
            span.set_attributes(record)
        except Exception as error:
            record.miss("some attributes", error)
        for key, reason in record.missing.items():
            name = re.sub(r"\.\d+", ".N", key)
            if name not in self._named:  # a retriever without scores is said so once
                self._named.add(name)
                logger.warning(
                    "The %s span of %s lacks %s, which could not be recorded: %s.",
                    *(self._span_name, self._of, key, reason),
                )

    def end(self, span: Span) -> None:
        try:
            span.end()
        except Exception:  # a span processor's
            logger.warning("A span could not be ended.", exc_info=True)


def _dressed(wrapper: Callable[..., Any], fn: Callable[P, R], span_name: str) -> Callable[P, R]:
    """Give the wrapper the name, docstring and signature of ``fn``, and remember it."""
    own = without_partial(fn)
    if inspect.isroutine(own):
        functools.update_wrapper(wrapper, own)
    else:  # the state of a callable object is no business of its wrapper
        functools.update_wrapper(wrapper, own, ("__module__", "__doc__"), ())
        wrapper.__name__ = wrapper.__qualname__ = _name(fn)
    vars(wrapper)["__wrapped__"] = fn  # where inspect.signature looks
    _wrapped[wrapper] = (span_name, fn)
    return wrapper


def _unwrapped(fn: Callable[P, R], span_name: str) -> Callable[P, R]:
    """The callable under an earlier wrapper of the same kind, or ``fn`` itself, checked."""
    under = _under(fn, span_name)
    if under is not None:
        return cast(Callable[P, R], under)
    if not callable(fn):
        raise TypeError(f"Only a callable can be traced, got {type(fn).__name__}.")
    function = _function(fn)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{_name(fn)} is a generator function: its span would end before its work begins. "
            f"{_INSTEAD}"
        )
    return fn


def _under(fn: Any, span_name: str) -> Any:
    """What a wrapper of this kind was put around, bound as ``fn`` is; None without a wrapper."""
    if isinstance(fn, functools.partial):
        under = _under(fn.func, span_name)
        return under and functools.partial(under, *fn.args, **fn.keywords)
    if inspect.ismethod(fn):
        under = _under(fn.__func__, span_name)
        return under and types.MethodType(under, fn.__self__)
    if inspect.isfunction(fn):
        found, under = _wrapped.get(fn, ("", None))
        return under if found == span_name else None
    return None


def _is_async(fn: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(_function(fn))


def _function(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function that a call of ``fn`` ends in, through functools.partial and ``__call__``."""
    fn = without_partial(fn)
    if inspect.isroutine(fn) or inspect.isclass(fn):
        return fn
    return type(fn).__call__


def _name(fn: Callable[..., Any]) -> str:
    fn = without_partial(fn)
    return getattr(fn, "__name__", type(fn).__name__)


def _refuse_unfinished(fn: Callable[..., Any], result: object) -> None:
    if _is_a(Awaitable, result):
        if inspect.iscoroutine(result):
            result.close()
        raise TypeError(
            f"{_name(fn)} is a plain function that returned an awaitable: its span would end "
            "before the work does. Wrap an `async def` function instead."
        )
    if _is_stream(result):
        closing = _close(result)
        if inspect.iscoroutine(closing):
            closing.close()  # nobody can await it here
        raise _stream_error(fn)


def _is_stream(result: object) -> bool:
    """Say whether the work goes on while the result is read: a generator, a response in pieces."""
    if _is_a(Iterator, result):
        return _has_close(result)
    return _is_a(AsyncIterator, result)


def _is_a(kind: type, result: object) -> bool:
    try:
        return isinstance(result, kind)
    except Exception:  # a proxy of something that is gone cannot tell its class
        return False


def _has_close(result: object) -> bool:
    try:
        return hasattr(result, "close")
    except Exception:  # somebody's property
        return False


def _close(stream: Any) -> Awaitable[Any] | None:
    """Close a stream that nobody will read; what is returned has to be awaited."""
    close = getattr(stream, "aclose", None) or getattr(stream, "close", None)
    try:
        closing = close() if callable(close) else None
    except Exception:  # the error that is coming says more
        return None
    return closing if isinstance(closing, Awaitable) else None


def _stream_error(fn: Callable[..., Any]) -> TypeError:
    return TypeError(
        f"{_name(fn)} returned a stream: its span would end before the stream does. {_INSTEAD}"
    )


def _kind(kind: OpenInferenceSpanKindValues) -> dict[str, AttributeValue]:
    return {SpanAttributes.OPENINFERENCE_SPAN_KIND: kind.value}


def _check_max_chars(max_chars: int | None) -> None:
    if max_chars is not None and max_chars < 0:
        raise ValueError(f"max_chars must be 0 or more, or None to record everything: {max_chars}")
