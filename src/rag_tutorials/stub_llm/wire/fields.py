"""What the three APIs share on the wire: checked request fields, server-sent events."""

import json
from collections.abc import Collection, Sequence
from typing import Any

from rag_tutorials.stub_llm.wire.errors import APIError, bad_request

JSON = dict[str, Any]

CREATED = 1_735_689_600
"""The ``created`` of every answer, constant so that answers are: 2025-01-01T00:00:00Z."""

MISSING_MODEL = "no-such-model"
"""The one model name that does not exist, to show a 404."""

_DEEPEST = 100

CONTEXT_WINDOW = 128_000
"""Tokens that fit into a prompt."""

_NAMES = {
    str: "a string",
    bool: "a boolean",
    int: "an integer",
    float: "a decimal",
    list: "an array",
    dict: "an object",
    type(None): "null",
}


def dumps(value: Any) -> bytes:
    """Compact JSON."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def parse(raw: bytes) -> JSON:
    """The JSON object in a request body; a 400 if there is none."""
    try:
        body = json.loads(raw.decode(), parse_constant=_refuse, parse_float=_finite)
        if b"\\ud" in raw.lower():  # half of a surrogate pair is no text
            dumps(body)
        if raw.count(b"[") + raw.count(b"{") > _DEEPEST and _depth(body) > _DEEPEST:
            raise ValueError
    except (ValueError, RecursionError):
        raise bad_request("We could not parse the JSON body of your request.") from None
    if not isinstance(body, dict):
        raise bad_request(f"The body must be a JSON object, but it is {kind(body)}.")
    return body


def _refuse(constant: str) -> None:
    raise ValueError(constant)  # NaN and Infinity are not JSON


def _finite(text: str) -> float:
    value = float(text)
    if value in (float("inf"), float("-inf")):
        raise ValueError(text)
    return value


def _depth(value: Any) -> int:
    """How deep arrays and objects are nested."""
    depth, level = 0, [value]
    while level and depth <= _DEEPEST:
        level = [
            inside
            for outer in level
            if isinstance(outer, list | dict)
            for inside in (outer.values() if isinstance(outer, dict) else outer)
        ]
        depth += 1
    return depth


def kind(value: Any) -> str:
    """The JSON type of a value in words."""
    return _NAMES.get(type(value), type(value).__name__)


def event(data: Any, name: str | None = None) -> bytes:
    """One server-sent event (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""
    head = f"event: {name}\n".encode() if name else b""
    return head + b"data: " + dumps(data) + b"\n\n"


DONE = b"data: [DONE]\n\n"


def model(body: JSON) -> str:
    """The model that the request names; 400 if none, 404 for ``no-such-model``."""
    name = body.get("model")
    if name is None or name == "":
        raise bad_request("You must provide a model parameter.")
    if not isinstance(name, str):
        raise wrong_type("model", "a string", name)
    require_model(name)
    return name


def require_model(name: str) -> None:
    """Raise the 404 of an unknown model for ``no-such-model``."""
    if name == MISSING_MODEL:
        raise APIError(
            404,
            f"The model `{name}` does not exist or you do not have access to it.",
            code="model_not_found",
        )


def missing(param: str) -> APIError:
    """The 400 for a parameter that is not there."""
    return bad_request(
        f"Missing required parameter: '{param}'.", param, "missing_required_parameter"
    )


def empty_array(param: str) -> APIError:
    """The 400 for an array that must hold something."""
    return bad_request(
        f"Invalid '{param}': empty array. Expected an array with minimum length 1, but got an "
        "empty array instead.",
        param,
        "empty_array",
    )


def check_length(param: str, value: Sequence[Any], most: int) -> None:
    """Raise the 400 for an array that is too long."""
    if len(value) > most:
        raise bad_request(
            f"Invalid '{param}': array too long. Expected an array with maximum length {most}, "
            f"but got an array with length {len(value)} instead.",
            param,
            "array_above_max_length",
        )


def check_known(body: JSON, known: Collection[str]) -> None:
    """Raise the 400 for the first parameter that the API does not know."""
    for name in body:
        if name not in known:
            raise bad_request(f"Unknown parameter: '{name}'.", name, "unknown_parameter")


def wrong_type(param: str, expected: str, value: Any) -> APIError:
    """The 400 for a parameter of the wrong JSON type."""
    return bad_request(
        f"Invalid type for '{param}': expected {expected}, but got {kind(value)} instead.",
        param,
        "invalid_type",
    )


def wrong_value(param: str, value: Any, supported: Sequence[str]) -> APIError:
    """The 400 for a value that is not among the supported ones."""
    quoted = [f"'{name}'" for name in supported]
    names = ", ".join(quoted[:-1]) + ("," if len(quoted) > 2 else "")
    names = f"{names} and {quoted[-1]}" if len(quoted) > 1 else quoted[0]
    return bad_request(
        f"Invalid value: '{value}'. Supported values are: {names}.", param, "invalid_value"
    )


def text(body: JSON, name: str, where: str = "") -> str:
    """A required string; ``where`` is the path of ``body`` in the request."""
    param = f"{where}.{name}" if where else name
    value = body.get(name)
    if value is None:
        raise missing(param)
    if not isinstance(value, str):
        raise wrong_type(param, _NAMES[str], value)
    return value


def mapping(body: JSON, name: str, where: str = "") -> JSON:
    """A required object; ``where`` is the path of ``body`` in the request."""
    param = f"{where}.{name}" if where else name
    value = body.get(name)
    if value is None:
        raise missing(param)
    if not isinstance(value, dict):
        raise wrong_type(param, _NAMES[dict], value)
    return value


def flag(body: JSON, name: str, default: bool = False, where: str = "") -> bool:
    """An optional boolean; ``where`` is the path of ``body`` in the request."""
    value = body.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise wrong_type(f"{where}.{name}" if where else name, _NAMES[bool], value)
    return value


def number(body: JSON, name: str, low: float, high: float) -> float | None:
    """An optional number between ``low`` and ``high``, both included."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise wrong_type(name, _NAMES[float], value)
    check_range(name, value, low, high, "decimal")
    return float(value)


def integer(body: JSON, name: str, low: int, high: int | None = None) -> int | None:
    """An optional whole number between ``low`` and ``high``, both included."""
    value = body.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise wrong_type(name, _NAMES[int], value)
    check_range(name, value, low, high, "integer")
    return value


def check_range(name: str, value: float, low: float, high: float | None, prefix: str) -> None:
    """Raise the 400 for a number, of the kind ``prefix`` says, outside of its limits."""
    if value < low:
        raise bad_request(
            f"Invalid '{name}': {prefix} below minimum value. "
            f"Expected a value >= {_shown(low)}, but got {_shown(value)} instead.",
            name,
            f"{prefix}_below_min_value",
        )
    if high is not None and value > high:
        raise bad_request(
            f"Invalid '{name}': {prefix} above maximum value. "
            f"Expected a value <= {_shown(high)}, but got {_shown(value)} instead.",
            name,
            f"{prefix}_above_max_value",
        )


def _shown(value: float) -> str:
    """A number that may have hundreds of digits."""
    text = str(value)
    return text if len(text) <= 40 else f"{text[:40]}..."


def check_sampling(body: JSON) -> None:
    """Check the parameters that steer sampling; the stub has no use for them beyond that."""
    number(body, "temperature", 0, 2)
    number(body, "top_p", 0, 1)
    number(body, "presence_penalty", -2, 2)
    number(body, "frequency_penalty", -2, 2)


def check_window(tokens: int, param: str) -> None:
    """Raise the 400 of a prompt that does not fit the context window."""
    if tokens > CONTEXT_WINDOW:
        raise bad_request(
            f"This model's maximum context length is {CONTEXT_WINDOW} tokens. "
            f"However, your messages resulted in {tokens} tokens. Shorten them.",
            param,
            "context_length_exceeded",
        )
