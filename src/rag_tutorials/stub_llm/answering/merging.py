"""JSON schemas put together: ``allOf``, ``$ref`` with siblings, a branch with what is around it.

The result says what both say as far as keywords can say it. It only guides what is made; what was
made is held against the schema as it was.
"""

from collections.abc import Callable, Mapping
from fractions import Fraction
from math import gcd
from typing import Any

Schema = dict[str, Any]

_MAPS = {"properties", "patternProperties", "$defs", "definitions", "dependentSchemas"}
_PARTS = {"items", "additionalProperties", "contains", "propertyNames"}
_BRANCHES = {"anyOf", "oneOf"}
_MOST_BRANCHES = 64


def merge(one: Any, other: Any) -> Schema:
    """Return a schema for what fits both; ``other`` wins where they cannot be put together."""
    if not isinstance(one, Mapping) or not isinstance(other, Mapping):
        if one is False or other is False:
            return {"not": {}}
        return dict(other if isinstance(other, Mapping) else one if one is not True else {})
    merged = dict(one)
    for key, value in other.items():
        if key not in merged or merged[key] == value:
            merged[key] = value
        elif key in _MAPS:
            merged[key] = {**merged[key], **value}
            for name in merged[key].keys() & one[key].keys() & value.keys():
                merged[key][name] = {"allOf": [one[key][name], value[name]]}
        elif key in _PARTS:
            merged[key] = {"allOf": [merged[key], value]}
        elif key in _BRANCHES:
            pairs = [merge(a, b) for a in merged[key] for b in value]
            merged[key] = pairs[:_MOST_BRANCHES]
        elif key == "not":
            merged[key] = {"anyOf": [merged[key], value]}
        else:
            merged[key] = _TOGETHER.get(key, _later)(merged[key], value)
    return merged


def common_step(one: Any, other: Any) -> Any:
    """Return the smallest number of which both are divisors."""
    a, b = Fraction(str(one)), Fraction(str(other))
    step = Fraction(
        a.numerator * b.numerator // gcd(a.numerator, b.numerator),
        gcd(a.denominator, b.denominator),
    )
    return int(step) if step.denominator == 1 else float(step)


def _later(_: Any, value: Any) -> Any:
    return value


def _both_types(one: Any, other: Any) -> list[str]:
    first = [one] if isinstance(one, str) else one
    second = [other] if isinstance(other, str) else other
    common = [kind for kind in first if kind in second]
    if {"integer", "number"} <= {*first, *second} and "integer" not in common:
        common.append("integer")
    return common


_TOGETHER: dict[str, Callable[[Any, Any], Any]] = {
    "required": lambda one, other: list(dict.fromkeys([*one, *other])),
    "enum": lambda one, other: [value for value in one if value in other],
    "type": _both_types,
    "multipleOf": common_step,
    **dict.fromkeys(
        ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties", "minContains"),
        max,
    ),
    **dict.fromkeys(
        ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties", "maxContains"),
        min,
    ),
}
