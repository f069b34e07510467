"""Wrappers that put a span around a retriever, an answer function and the pipeline of both."""

import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, ParamSpec, Protocol, TypeVar, cast, overload
from weakref import WeakKeyDictionary

from openinference.semconv.trace import OpenInferenceSpanKindValues, SpanAttributes
from opentelemetry.trace import Span, Tracer
from opentelemetry.util.types import AttributeValue

from rag_tutorials.schema import RetrievalResult
from rag_tutorials.tracing._attributes import (
    ATTR_LLM_MODEL_NAME,
    ATTR_RETRIEVAL_TOP_K,
    Attributes,
    answer_attributes,
    prompt_attributes,
    question_attributes,
    retrieval_attributes,
)

P = ParamSpec("P")
R = TypeVar("R")
Arguments = tuple[tuple[Any, ...], dict[str, Any]]

RETRIEVAL = "retrieval"
GENERATION = "generation"
PIPELINE = "rag-pipeline"

_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)

logger = logging.getLogger(__name__)

# Each wrapper made here, with its span name and the callable under it.
_wrapped: WeakKeyDictionary[Callable[..., Any], tuple[str, Callable[..., Any]]] = (
    WeakKeyDictionary()
)


class RagPipeline(Protocol):
    """A pipeline of a plain retriever and a plain answer function."""

    def __call__(self, question: str, top_k: int = ...) -> str:
        """Answer the question from the `top_k` best results."""


class AsyncRagPipeline(Protocol):
    """A pipeline whose retriever or answer function is async."""

    def __call__(self, question: str, top_k: int = ...) -> Coroutine[Any, Any, str]:
        """Answer the question from the `top_k` best results."""


def traced_retrieval(
    retriever: Callable[P, R], tracer: Tracer, *, max_chars: int | None = None
) -> Callable[P, R]:
    """Put a RETRIEVER span named "retrieval" around each call of a retriever.

    The result behaves as the retriever does: same signature, name, docstring, arguments, result
    and exceptions, sync or async. The span holds the question (input.value), top_k, each result
    as a document (retrieval.documents.N.document.id, .content, .score, .metadata with its
    source), their number (retrieval.document_count), and the ids with their scores in rank order
    (output.value). An exception is recorded once and sets the status ERROR; success leaves the
    status UNSET, as OpenTelemetry asks of instrumentation.

    Wrapping a traced retriever again replaces the earlier wrapper: one call makes one span.

    Args:
        retriever: `retriever(question, top_k=...) -> list[RetrievalResult]`, a function, method,
            functools.partial or object with `__call__`, plain or async. The question is its
            parameter `question`, else the first one. No other arguments are recorded.
        tracer: Makes the spans, see get_tracer.
        max_chars: Cut each recorded text to this many characters; the text then says how many
            are missing. None records everything.

    Raises:
        TypeError: If the retriever is not callable or is a generator function, whose span would
            end before its work begins; at a call, if a plain function returns an awaitable.
        ValueError: If max_chars is negative.
    """
    _check_max_chars(max_chars)
    retriever = _unwrapped(retriever, RETRIEVAL)
    read_question = _reader(retriever, "question", fallback=0)
    read_top_k = _reader(retriever, "top_k")

    def describe_input(arguments: Arguments) -> Attributes:
        attributes = question_attributes(read_question(arguments), max_chars)
        top_k = read_top_k(arguments)
        if top_k is not None:
            attributes[ATTR_RETRIEVAL_TOP_K] = top_k
        return attributes

    return _traced(
        retriever,
        tracer,
        RETRIEVAL,
        _kind(OpenInferenceSpanKindValues.RETRIEVER),
        describe_input,
        lambda results: retrieval_attributes(results, max_chars),
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
    the question as text, or a JSON object of `question` and `context` if the call has a context.
    The messages and token counts that the model really saw come from the instrumentation of the
    LLM client, as a child of this span.

    Args:
        answer_fn: `answer_fn(question, context, ...) -> str`, plain or async. The question is its
            parameter `question`, else the first one; the context is its parameter `context`, else
            the second one, recorded if it is a sequence of passages. No other arguments are
            recorded: they may hold clients and keys.
        tracer: Makes the spans, see get_tracer.
        model_name: The model that answers. Empty: the span names no model.
        max_chars: As in traced_retrieval, for the question, each passage and the answer.

    Raises:
        TypeError: As in traced_retrieval.
        ValueError: If max_chars is negative.
    """
    _check_max_chars(max_chars)
    answer_fn = _unwrapped(answer_fn, GENERATION)
    read_question = _reader(answer_fn, "question", fallback=0)
    read_context = _reader(answer_fn, "context", fallback=1)
    attributes = _kind(OpenInferenceSpanKindValues.LLM)
    if model_name:
        attributes[ATTR_LLM_MODEL_NAME] = model_name

    return _traced(
        answer_fn,
        tracer,
        GENERATION,
        attributes,
        lambda arguments: prompt_attributes(
            read_question(arguments), read_context(arguments), max_chars
        ),
        lambda answer: answer_attributes(answer, max_chars),
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
        retriever: `retriever(question, top_k=...) -> list[RetrievalResult]`.
        answer_fn: `answer_fn(question, context) -> str`; the context is the list of the
            retrieved texts, best first.
        tracer: Makes the spans, see get_tracer.
        model_name: As in traced_generation.
        top_k: How many results a call retrieves unless it says otherwise.
        max_chars: As in traced_retrieval, for all three spans.

    Returns:
        `pipeline(question, top_k=top_k) -> str`; a coroutine function if the retriever or the
        answer function is async.

    Raises:
        TypeError: As in traced_retrieval; also if the retriever takes no argument named top_k.
        ValueError: If max_chars is negative.
    """
    if not _accepts(retriever, "top_k"):
        raise TypeError(
            f"{_name(retriever)} takes no argument named top_k: pass a retriever with the "
            "signature (question, top_k=5), for instance a lambda around yours."
        )
    if not _is_traced(retriever, RETRIEVAL):
        retriever = traced_retrieval(retriever, tracer, max_chars=max_chars)
    if not _is_traced(answer_fn, GENERATION):
        answer_fn = traced_generation(answer_fn, tracer, model_name, max_chars=max_chars)
    default_top_k = top_k

    def rag_pipeline(question: str, top_k: int = default_top_k) -> Any:
        """Answer the question from the `top_k` best results."""
        results = retriever(question, top_k=top_k)
        return answer_fn(question, [result.text for result in results])

    async def async_rag_pipeline(question: str, top_k: int = default_top_k) -> Any:
        """Answer the question from the `top_k` best results."""
        results = retriever(question, top_k=top_k)
        if retriever_is_async:
            results = await results
        answer = answer_fn(question, [result.text for result in results])
        return await answer if answer_fn_is_async else answer

    retriever_is_async, answer_fn_is_async = _is_async(retriever), _is_async(answer_fn)
    pipeline: Callable[..., Any] = (
        async_rag_pipeline if retriever_is_async or answer_fn_is_async else rag_pipeline
    )
    return _traced(
        pipeline,
        tracer,
        PIPELINE,
        _kind(OpenInferenceSpanKindValues.CHAIN),
        lambda arguments: question_attributes(_pipeline_question(arguments), max_chars),
        lambda answer: answer_attributes(answer, max_chars),
    )


def _pipeline_question(arguments: Arguments) -> Any:
    args, kwargs = arguments
    return args[0] if args else kwargs.get("question")


def _traced(
    fn: Callable[P, R],
    tracer: Tracer,
    span_name: str,
    attributes: Mapping[str, AttributeValue],
    describe_input: Callable[[Arguments], Attributes],
    describe_output: Callable[[Any], Attributes],
) -> Callable[P, R]:
    """Wrap `fn` in a span with fixed attributes, and those of each call's input and output."""
    if _is_async(fn):
        async_fn = cast(Callable[..., Awaitable[Any]], fn)

        async def async_wrapper(*args: Any, **kwargs: Any) -> Any:
            with tracer.start_as_current_span(span_name, attributes=attributes) as span:
                recording = span.is_recording()
                if recording:
                    _record(span, describe_input, (args, kwargs))
                result = await async_fn(*args, **kwargs)
                if recording:
                    _record(span, describe_output, result)
                return result

        return _dressed(async_wrapper, fn, span_name)

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        with tracer.start_as_current_span(span_name, attributes=attributes) as span:
            recording = span.is_recording()
            if recording:
                _record(span, describe_input, (args, kwargs))
            result = fn(*args, **kwargs)
            if isinstance(result, Awaitable):
                _refuse_awaitable(fn, result)
            if recording:
                _record(span, describe_output, result)
            return result

    return _dressed(wrapper, fn, span_name)


def _record(span: Span, describe: Callable[[Any], Attributes], subject: object) -> None:
    # A value that cannot be recorded must not break the call that it belongs to.
    try:
        span.set_attributes(describe(subject))
    except Exception:
        logger.warning("A span lacks attributes that could not be recorded.", exc_info=True)


def _dressed(wrapper: Callable[..., Any], fn: Callable[P, R], span_name: str) -> Callable[P, R]:
    """Give the wrapper the name, docstring and signature of `fn`, and remember it."""
    own = _without_partial(fn)
    if inspect.isroutine(own):
        functools.update_wrapper(wrapper, own)
    else:  # the state of a callable object is no business of its wrapper
        functools.update_wrapper(wrapper, own, ("__module__", "__doc__"), ())
        wrapper.__name__ = wrapper.__qualname__ = _name(fn)
    vars(wrapper)["__wrapped__"] = fn  # where inspect.signature looks
    _wrapped[wrapper] = (span_name, fn)
    return wrapper


def _unwrapped(fn: Callable[P, R], span_name: str) -> Callable[P, R]:
    """The callable under an earlier wrapper of the same kind, or `fn` itself, checked."""
    if _is_traced(fn, span_name):
        return cast(Callable[P, R], _wrapped[fn][1])
    if not callable(fn):
        raise TypeError(f"Only a callable can be traced, got {type(fn).__name__}.")
    function = _function(fn)
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise TypeError(
            f"{_name(fn)} is a generator function: its span would end before its work begins. "
            "Wrap a function that returns the whole result, or open a span where it is consumed."
        )
    return fn


def _is_traced(fn: object, span_name: str) -> bool:
    return inspect.isfunction(fn) and _wrapped.get(fn, ("", None))[0] == span_name


def _is_async(fn: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(fn) or inspect.iscoroutinefunction(_function(fn))


def _function(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The function that a call of `fn` ends in, through functools.partial and `__call__`."""
    fn = _without_partial(fn)
    if inspect.isroutine(fn) or inspect.isclass(fn):
        return fn
    return type(fn).__call__


def _without_partial(fn: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(fn, functools.partial):
        fn = fn.func
    return fn


def _name(fn: Callable[..., Any]) -> str:
    fn = _without_partial(fn)
    return getattr(fn, "__name__", type(fn).__name__)


def _refuse_awaitable(fn: Callable[..., Any], result: object) -> None:
    if inspect.iscoroutine(result):
        result.close()
    raise TypeError(
        f"{_name(fn)} is a plain function that returned an awaitable: its span would end before "
        "the work does. Wrap an `async def` function instead."
    )


def _reader(
    fn: Callable[..., Any], name: str, fallback: int | None = None
) -> Callable[[Arguments], Any]:
    """Find an argument of `fn` in a call: the parameter `name`, else the positional at `fallback`.

    Looked up once, so that a call pays for an index or a key and not for binding a signature.
    """
    parameters = _parameters(fn)
    by_name = [index for index, parameter in enumerate(parameters) if parameter.name == name]
    position = by_name[0] if by_name else fallback
    default = None
    if position is not None and position < len(parameters):
        parameter = parameters[position]
        if parameter.name == name or parameter.kind in _POSITIONAL:
            name = parameter.name
            default = None if parameter.default is parameter.empty else parameter.default
        if parameter.kind is parameter.KEYWORD_ONLY:
            position = None

    def read(arguments: Arguments) -> Any:
        args, kwargs = arguments
        if position is not None and position < len(args):
            return args[position]
        return kwargs.get(name, default)

    return read


def _parameters(fn: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(fn).parameters.values())
    except (TypeError, ValueError):  # some callables written in C have none
        return []


def _accepts(fn: Callable[..., Any], name: str) -> bool:
    parameters = _parameters(fn)
    return not parameters or any(
        parameter.kind is parameter.VAR_KEYWORD
        or (parameter.name == name and parameter.kind is not parameter.POSITIONAL_ONLY)
        for parameter in parameters
    )


def _kind(kind: OpenInferenceSpanKindValues) -> Attributes:
    return {SpanAttributes.OPENINFERENCE_SPAN_KIND: kind.value}


def _check_max_chars(max_chars: int | None) -> None:
    if max_chars is not None and max_chars < 0:
        raise ValueError(f"max_chars must be 0 or more, or None to record everything: {max_chars}")
