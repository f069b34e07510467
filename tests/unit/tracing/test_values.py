"""Any value as a text, a number, JSON or an attribute, or the reason why not."""

import dataclasses
import decimal
import enum
import json
import math
import pathlib
import uuid
from collections.abc import Callable
from datetime import date
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from opentelemetry.exporter.otlp.proto.common._internal import _encode_value

from rag_tutorials.tracing._values import (
    UnusableError,
    attribute_value,
    attributes_of,
    number_of,
    shown,
    text_of,
    text_or_json,
    to_json,
    whole,
    whole_number_of,
)


def kind(value: object) -> str:
    """The name of a parameter; some of these have no text of their own."""
    return getattr(value, "__name__", type(value).__name__)


class Mute:
    """Its text cannot be read."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


class Colour(enum.Enum):
    RED = 1


@dataclasses.dataclass
class Point:
    x: float
    y: Any


def circle() -> list[Any]:
    inner: list[Any] = []
    inner.append({"again": inner})
    return inner


def deep() -> list[Any]:
    inner: list[Any] = []
    for _ in range(100_000):
        inner = [inner]
    return inner


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("grüße 🎉", "grüße 🎉"),
        ("half \ud83d end", "half \ufffd end"),
        ("\udc4d", "\ufffd"),
        ("\ud83d\udc4d", "👍"),  # two halves that belong together
    ],
    ids=kind,
)
def test_a_text_is_made_whole(text: str, expected: str) -> None:
    assert whole(text) == expected
    whole(text).encode()


@pytest.mark.parametrize(
    ("form", "value", "expected"),
    [
        (text_of, 7, "7"),
        (text_of, uuid.UUID(int=3), "00000000-0000-0000-0000-000000000003"),
        (text_of, pathlib.PurePosixPath("a/b"), "a/b"),
        (text_of, "grüße".encode(), "grüße"),
        (text_of, np.array(["one"]), "one"),
        (text_of, "half \ud83d", "half \ufffd"),
        (number_of, 1, 1.0),
        (number_of, np.float32(0.5), 0.5),
        (number_of, np.array([[0.5]]), 0.5),
        (number_of, decimal.Decimal("0.5"), 0.5),
        (whole_number_of, np.int64(3), 3),
        (whole_number_of, np.array([3]), 3),
        (text_or_json, 5, ("5", False)),
        (text_or_json, True, ("True", False)),
        (text_or_json, 10**5000, (hex(10**5000), False)),
        (text_or_json, b"caf\xe9", ("caf\\xe9", False)),
        (text_or_json, Colour.RED, ("Colour.RED", False)),
        (text_or_json, Point(0.5, "é"), ('{"x": 0.5, "y": "é"}', True)),
        (text_or_json, np.array([1, 2]), ("[1, 2]", True)),
        (shown, Mute(), "<Mute without a text: RuntimeError>"),
    ],
    ids=kind,
)
def test_a_value_has_the_form(form: Callable[[Any], Any], value: Any, expected: Any) -> None:
    got = form(value)
    assert got == expected
    assert type(got) is type(expected)


@pytest.mark.parametrize(
    ("form", "value"),
    [
        *((text_of, value) for value in (None, ["a"], {"a": 1}, {1}, b"\xff", object())),
        *((text_of, value) for value in (Point(1, 2), np.array([1, 2]), iter([1]))),
        *((number_of, value) for value in (None, "0.9", True, np.bool_(1), b"1", 1j, [1])),
        *((number_of, value) for value in (math.nan, math.inf, np.float32("nan"), 10**400)),
        (number_of, np.array([1, 2])),
        *((whole_number_of, value) for value in (None, "3", True, np.bool_(1), 2.0, 2**63)),
        *((text_or_json, value) for value in (iter([1]), map(str, [1]), object(), Mock())),
    ],
    ids=kind,
)
def test_what_has_not_the_form_says_why_and_not_what_it_is(
    form: Callable[[Any], Any], value: Any
) -> None:
    with pytest.raises(UnusableError) as caught:
        form(value)
    assert "0.9" not in str(caught.value)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"a": math.nan, "b": [math.inf, 1.5]}, {"a": None, "b": [None, 1.5]}),
        ({(1, 2): "a", None: "b", 3: "c"}, {"(1, 2)": "a", "None": "b", "3": "c"}),
        ({"half \ud83d": "half \udc4d"}, {"half \ufffd": "half \ufffd"}),
        ({"n": 10**5000}, {"n": hex(10**5000)}),
        (circle(), [{"again": "…"}]),
        ({"m": Mute()}, {"m": "<Mute without a text: RuntimeError>"}),
        ({"c": Colour.RED, "d": date(2026, 1, 2)}, {"c": 1, "d": "2026-01-02"}),
        ({"p": Point(math.nan, b"\xff")}, {"p": {"x": None, "y": "\\xff"}}),
        ({"s": {1}, "r": range(2), "v": np.array([1.0])}, {"s": [1], "r": [0, 1], "v": [1.0]}),
    ],
    ids=kind,
)
def test_json_is_valid_whatever_is_in_it(value: Any, expected: Any) -> None:
    text = to_json(value)
    assert json.loads(text, parse_constant=pytest.fail) == expected
    text.encode()


def test_json_of_a_deep_structure_ends() -> None:
    assert "…" in to_json(deep())
    assert json.loads(to_json(deep()))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (b"ab\xff", "ab\\xff"),
        (2**63, str(2**63)),
        (10**5000, hex(10**5000)),
        ("half \ud83d", "half \ufffd"),
        (("a", "half \ud83d", None), ("a", "half \ufffd", None)),
        ({"half \ud83d": [b"a", {"n": 2**70}]}, {"half \ufffd": ("a", {"n": str(2**70)})}),
    ],
    ids=kind,
)
def test_an_attribute_is_one_that_otlp_and_phoenix_keep(value: Any, expected: Any) -> None:
    assert attribute_value(value) == expected
    _encode_value(attribute_value(value))


@pytest.mark.parametrize(
    "value",
    [None, True, 2**63 - 1, -(2**63), math.nan, "grüße", [0.1, 0.2], ("a", 1), {"a": {"b": [1]}}],
    ids=kind,
)
def test_an_attribute_that_can_be_kept_is_the_same_object(value: Any) -> None:
    assert attribute_value(value) is value
    given = {"key": value}
    assert attributes_of(given) is given
