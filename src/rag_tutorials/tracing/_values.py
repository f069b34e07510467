"""Any value as a text, a number or JSON that every backend can keep, or a reason why not."""

import dataclasses
import json
import math
import operator
from collections.abc import Mapping, Sequence, Set
from datetime import date, time
from enum import Enum
from typing import Any

_SMALLEST, _LARGEST = -(2**63), 2**63 - 1
_DEEPEST = 50
# Kept, because json.dumps builds an encoder at each call that asks for other than its defaults.
_encode = json.JSONEncoder(
    ensure_ascii=False, allow_nan=False, default=lambda value: _simpler(value)
).encode


class UnusableError(ValueError):
    """The reason why a value cannot be recorded; never the value, which may be secret."""


def whole(text: str) -> str:
    """The text with each half of a surrogate pair that stands alone replaced by U+FFFD.

    A Python string can hold such halves, JSON with a cut emoji for instance makes them; UTF-8
    cannot, and the encoders of OTLP give up on them.
    """
    if text.isascii():
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text


def shown(value: object) -> str:
    """``str(value)``, whole; where that fails, a text that says so."""
    if isinstance(value, bytes | bytearray):
        return bytes(value).decode("utf-8", "backslashreplace")
    try:
        return whole(str(value))
    except Exception as error:  # an int of over 4,300 digits, or somebody's __str__
        return f"<{type(value).__name__} without a text: {type(error).__name__}>"


def text_of(value: object) -> str:
    """The text that a single value is or has.

    Raises:
        UnusableError: It is None or a container, or its text would be no more than its address.
    """
    if not isinstance(value, str):
        value = _single(value)
    if isinstance(value, str):
        return whole(value)
    if isinstance(value, bytes | bytearray):
        try:
            return value.decode()
        except UnicodeDecodeError:
            raise UnusableError(f"{type(value).__name__} that are not UTF-8") from None
    if _is_structure(value):
        raise UnusableError(f"{type(value).__name__}, not a text")
    return _text_of_its_own(value)


def number_of(value: Any) -> float:
    """The value as a finite float.

    Raises:
        UnusableError: It is no number, or not finite. A text is none, even if it spells one.
    """
    if type(value) is not float:
        value = _single(value)
        if isinstance(value, bool | str | bytes | bytearray):
            raise UnusableError(f"{type(value).__name__}, not a number")
        try:
            value = float(value)
        except OverflowError:
            raise UnusableError("a number too large for a float") from None
        except (TypeError, ValueError):
            raise UnusableError(f"{type(value).__name__}, not a number") from None
    if not math.isfinite(value):
        raise UnusableError("a number that is not finite")
    return float(value)


def whole_number_of(value: Any) -> int:
    """The value as an int of 64 bits.

    Raises:
        UnusableError: It is no whole number, or too large. True and False are none.
    """
    if type(value) is not int:
        value = _single(value)
        if isinstance(value, bool):
            raise UnusableError("bool, not a whole number")
        try:
            value = operator.index(value)
        except TypeError:
            raise UnusableError(f"{type(value).__name__}, not a whole number") from None
    if not _SMALLEST <= value <= _LARGEST:
        raise UnusableError("a number of more than 64 bits")
    return int(value)


def text_or_json(value: object) -> tuple[str, bool]:
    """What goes into input.value or output.value, and whether it is JSON.

    A single value is its text; a mapping, sequence, set, dataclass or Pydantic model is JSON.

    Raises:
        UnusableError: It has neither form: an iterator, or an object without a text of its own.
    """
    if not isinstance(value, str):
        value = _single(value)
    if isinstance(value, str):
        return whole(value), False
    if isinstance(value, bytes | bytearray):
        return shown(value), False
    if _is_structure(value):
        return to_json(value), True
    return _text_of_its_own(value), False


def to_json(value: object) -> str:
    """The value as valid JSON, whatever is in it: NaN is null, a circle and a key are texts."""
    try:
        return whole(_encode(value))
    except (ValueError, TypeError, RecursionError):
        return whole(_encode(_plain(value, ())))


def attribute_value(value: Any) -> Any:
    """The value itself if OTLP and Phoenix can keep it as an attribute, else the nearest that can.

    Phoenix loses the whole span over bytes, which become text; an int of over 64 bits becomes its
    digits, as OpenTelemetry says. A NaN stays: OTLP has it, and Phoenix drops it alone.

    https://opentelemetry.io/docs/specs/otel/common/attribute-type-mapping/
    """
    if isinstance(value, str):
        return whole(value)
    if value is None or isinstance(value, bool | float):
        return value
    if isinstance(value, int):
        return value if _SMALLEST <= value <= _LARGEST else _digits(value)
    if isinstance(value, Mapping):
        return attributes_of(value)
    if isinstance(value, Sequence) and not isinstance(value, bytes | bytearray):
        if all(type(item) is float for item in value):  # a vector
            return value
        items = tuple(map(attribute_value, value))
        same = all(new is old for new, old in zip(items, value, strict=True))
        return value if same else items
    return shown(value)


def attributes_of(given: Mapping[Any, Any]) -> Mapping[str, Any]:
    """The attributes themselves if each can be kept, else a copy in which each can."""
    kept: dict[str, Any] = {}
    same = True
    for key, value in given.items():
        new_key = whole(key) if isinstance(key, str) else shown(key)
        new_value = attribute_value(value)
        same = same and new_key is key and new_value is value
        kept[new_key] = new_value
    return given if same else kept


def _single(value: Any) -> Any:
    """The Python value in a scalar, or an array of one element, of NumPy and its kin."""
    # Asked of the type: a stand-in made by unittest.mock has every method.
    if hasattr(type(value), "item") and getattr(value, "size", None) == 1:
        return value.item()
    return value


def _text_of_its_own(value: object) -> str:
    text = _digits(value) if isinstance(value, int) else str(value)
    address = id(value)
    if value is None or f"{address:x}" in text.lower() or str(address) in text:
        raise UnusableError(f"{type(value).__name__}, which has no text of its own")
    return whole(text)


def _is_structure(value: object) -> bool:
    return isinstance(value, Mapping | Sequence | Set) or _structure(value) is not value


def _structure(value: Any) -> Any:
    """What is in a record or an array, one level deep; any other value itself."""
    if isinstance(value, type):
        return value
    if dataclasses.is_dataclass(value):
        return {field.name: getattr(value, field.name, None) for field in dataclasses.fields(value)}
    for name in ("model_dump", "tolist"):  # Pydantic; NumPy and its kin
        if hasattr(type(value), name):
            return getattr(value, name)()
    return value


def _simpler(value: Any) -> Any:
    """A value that JSON has no form for in one that it has, or that is nearer to one."""
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return shown(bytes(value))
    if isinstance(value, Set | Sequence):
        return list(value)
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, date | time):
        return value.isoformat()
    structure = _structure(value)
    return shown(value) if structure is value else structure


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or value is None:
        return value
    if isinstance(value, int):
        return value if _SMALLEST <= value <= _LARGEST else _digits(value)
    if isinstance(value, str):
        return value
    if id(value) in above or len(above) == _DEEPEST:
        return "…"
    try:
        value, identity = value if isinstance(value, dict | list) else _simpler(value), id(value)
        inside = (*above, identity)
        if isinstance(value, Mapping):
            return {shown(key): _plain(item, inside) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [_plain(item, inside) for item in value]
    except Exception:  # somebody's property, or a mapping that changes meanwhile
        return shown(value)
    return _plain(value, inside)


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # Python writes no more than 4,300 decimal digits
        return hex(value)
