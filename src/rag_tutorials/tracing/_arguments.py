"""Which argument of a call is the question, its context or its top_k."""

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

Read = Callable[[tuple[Any, ...], dict[str, Any]], Any]

QUESTION_NAMES = ("question", "query", "q")
_PLACEHOLDER = getattr(functools, "Placeholder", object())  # Python 3.14
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_VARIABLE = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def reader(fn: Callable[..., Any], names: Sequence[str], fallback: int | None = None) -> Read:
    """Return what finds an argument in a call of ``fn``, given its args and kwargs.

    It is the parameter with the first of these names that ``fn`` has, else the positional one at
    ``fallback``, not counting the object that a method belongs to; for ``fallback`` 0, a function
    that takes keywords only gives its one required parameter. None: the call has no such argument.
    What functools.partial holds counts as given.

    Looked up once, so that a call pays for an index or a key and not for binding a signature.
    """
    fn = _unbound(fn)
    read = _read(without_partial(fn), names, fallback)
    if not isinstance(fn, functools.partial):
        return read
    return lambda args, kwargs: read(*_complete(fn, args, kwargs))


def without_partial(fn: Callable[..., Any]) -> Callable[..., Any]:
    """The callable under functools.partial."""
    while isinstance(fn, functools.partial):
        fn = fn.func
    return fn


def accepts(fn: Callable[..., Any], name: str) -> bool:
    """Say whether ``fn`` can be given this argument by keyword."""
    parameters = _parameters(fn)
    return not parameters or any(
        parameter.kind is parameter.VAR_KEYWORD
        or (parameter.name == name and parameter.kind is not parameter.POSITIONAL_ONLY)
        for parameter in parameters
    )


def _parameters(fn: Callable[..., Any]) -> list[inspect.Parameter]:
    # A decorator may give an argument of its own; one that passes all on says nothing of them.
    own = _signature(fn, follow_wrapped=False)
    passes_on = not own or any(parameter.kind in _VARIABLE for parameter in own)
    return _signature(fn, follow_wrapped=True) if passes_on else own


def _signature(fn: Callable[..., Any], *, follow_wrapped: bool) -> list[inspect.Parameter]:
    try:
        signature = inspect.signature(fn, follow_wrapped=follow_wrapped)
    except (TypeError, ValueError):  # some callables written in C have none
        return []
    return list(signature.parameters.values())


def _unbound(fn: Callable[..., Any]) -> Callable[..., Any]:
    """A bound functools.partialmethod as the functools.partial that it is; else ``fn`` itself."""
    function = getattr(fn, "__func__", None)
    for attribute in ("__partialmethod__", "_partialmethod"):  # the latter until Python 3.12
        held = getattr(function, attribute, None)
        if isinstance(held, functools.partialmethod):
            owner = fn.__self__  # type: ignore[attr-defined]
            return functools.partial(held.func, owner, *held.args, **held.keywords)
    return fn


def _complete(
    fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments that arrive under functools.partial."""
    while isinstance(fn, functools.partial):
        given = iter(args)
        held = [next(given, None) if arg is _PLACEHOLDER else arg for arg in fn.args]
        args, kwargs = (*held, *given), {**fn.keywords, **kwargs}
        fn = fn.func
    return args, kwargs


def _read(fn: Callable[..., Any], names: Sequence[str], fallback: int | None) -> Read:
    parameters = _parameters(fn)
    positional = [each for each in parameters if each.kind in _POSITIONAL]
    named = {each.name: each for each in parameters if each.kind not in _VARIABLE}
    for name in names:
        if name in named:
            return _of_parameter(named[name], positional)
    if fallback is None:
        return lambda args, kwargs: _first(names, kwargs)
    if fallback == 0 and parameters and parameters[0].kind is inspect.Parameter.KEYWORD_ONLY:
        required = [each for each in named.values() if each.default is each.empty]
        if len(required) == 1:
            return _of_parameter(required[0], positional)
    position = fallback + _is_method(fn, positional)
    is_owner = _owner_test(fn) if inspect.isfunction(fn) and position == fallback else None
    by_position = [_of_parameter(each, positional) for each in positional]

    def read(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        index = position
        if is_owner is not None and args and type(args[0]) is not str and is_owner(args[0]):
            index += 1
        if index < len(args):
            return args[index]
        if index < len(by_position):
            return by_position[index](args, kwargs)
        return _first(names, kwargs)

    return read


def _of_parameter(parameter: inspect.Parameter, positional: Sequence[inspect.Parameter]) -> Read:
    name = parameter.name
    default = None if parameter.default is parameter.empty else parameter.default
    if parameter.kind is parameter.KEYWORD_ONLY:
        return lambda args, kwargs: kwargs.get(name, default)
    index = positional.index(parameter)

    def read(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return args[index] if index < len(args) else kwargs.get(name, default)

    return read


def _first(names: Sequence[str], kwargs: dict[str, Any]) -> Any:
    return next((kwargs[name] for name in names if name in kwargs), None)


def _is_method(fn: Callable[..., Any], positional: Sequence[inspect.Parameter]) -> bool:
    """Say whether a function was written in a class, with the parameter that methods begin with."""
    inside, _, _ = getattr(fn, "__qualname__", "").rpartition(".")
    return (
        inspect.isfunction(fn)
        and bool(inside)
        and not inside.endswith("<locals>")
        and bool(positional)
        and positional[0].name in ("self", "cls")
    )


def _owner_test(fn: Callable[..., Any]) -> Callable[[object], bool]:
    """Return what says whether an object, or a class, has ``fn`` as a method, wrapped or not."""
    known: WeakKeyDictionary[type, bool] = WeakKeyDictionary()

    def has_it(kind: type) -> bool:
        if kind not in known:
            known[kind] = any(
                _leads_to(member, fn) for base in kind.__mro__ for member in vars(base).values()
            )
        return known[kind]

    def is_owner(first: object) -> bool:
        return has_it(type(first)) or (isinstance(first, type) and has_it(first))

    return is_owner


def _leads_to(member: object, fn: Callable[..., Any]) -> bool:
    if isinstance(member, classmethod):
        member = member.__func__
    while inspect.isfunction(member):
        if member is fn:
            return True
        member = getattr(member, "__wrapped__", None)
    return False
