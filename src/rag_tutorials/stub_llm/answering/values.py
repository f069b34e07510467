"""Plain values that a JSON schema may ask for: numbers in a range, texts of a length and format."""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from itertools import chain, count, islice
from math import ceil, floor
from typing import Any

from rag_tutorials.stub_llm.language import patterns

Schema = Mapping[str, Any]

_MOST_NUMBERS = 256
LONGEST = 100_000
"""Characters of the longest text, and items of the longest array, that is ever made."""

# For each format texts from the usual to the shortest, and one that can be stretched.
_FORMATS: dict[str, tuple[tuple[str, ...], str]] = {
    "date": (("2025-01-01", "2025-01-02", "2025-01-03"), ""),
    "date-time": (("2025-01-01T09:00:00Z",), "2025-01-01T09:00:00.{0}Z"),
    "time": (("09:00:00Z",), "09:00:00.{0}Z"),
    "duration": (("P1D", "PT1H", "P1DT12H"), "P{0}D"),
    "email": (("nobody@example.com", "a@b.co", "a@b", "@"), "{a}@example.com"),
    "idn-email": (("nobody@example.com", "a@b.co", "a@b", "@"), "{a}@example.com"),
    "hostname": (("example.com", "a.co", "a"), "{label}"),
    "idn-hostname": (("example.com", "a.co", "a"), "{label}"),
    "ipv4": (("192.0.2.1", "192.0.2.10", "192.0.2.100", "198.51.100.100", "1.1.1.1"), ""),
    "ipv6": (("2001:db8::1", "::1", "::", "2001:0db8:0000:0000:0000:0000:0000:0001"), ""),
    "uri": (("https://example.com", "http://a.co", "a:b", "a:"), "https://example.com/{a}"),
    "uri-reference": (("https://example.com", "/a", "a", ""), "/{a}"),
    "iri": (("https://example.com", "http://a.co", "a:b", "a:"), "https://example.com/{a}"),
    "iri-reference": (("https://example.com", "/a", "a", ""), "/{a}"),
    "uri-template": (("https://example.com/{{id}}", "/a", "a", ""), "/{a}"),
    "uuid": (
        ("00000000-0000-4000-8000-000000000000", "00000000-0000-4000-8000-000000000001"),
        "",
    ),
    "regex": ((".*", "a", ""), "{a}"),
    "json-pointer": (("/a", ""), "/{a}"),
    "relative-json-pointer": (("0", "1"), "0/{a}"),
}
FORMATS = frozenset(_FORMATS)


def numbers(schema: Schema, near: float, *, whole: bool) -> Iterator[int | float]:
    """Yield numbers that the schema's limits and steps allow, the nearest to ``near`` first."""
    low, low_open = _limit(schema, "minimum", "exclusiveMinimum", max)
    high, high_open = _limit(schema, "maximum", "exclusiveMaximum", min)
    step = Fraction(str(schema["multipleOf"])) if "multipleOf" in schema else None
    if whole:
        step = Fraction(step.numerator) if step is not None else Fraction(1)
    wanted = Fraction(near)
    if step is None:
        yield from _between(wanted, low, high, low_open, high_open)
        return
    first = last = None
    if low is not None:
        first = floor(low / step) + 1 if low_open else ceil(low / step)
    if high is not None:
        last = ceil(high / step) - 1 if high_open else floor(high / step)
    if first is not None and last is not None and first > last:
        return
    start = round(wanted / step)
    start = start if first is None else max(first, start)
    start = start if last is None else min(last, start)
    for away in islice(count(), _MOST_NUMBERS):
        for number in dict.fromkeys((start + away, start - away)):
            inside = (first is None or number >= first) and (last is None or number <= last)
            if inside and (value := _number(number * step)) is not None:
                yield value


def _between(
    wanted: Fraction,
    low: Fraction | None,
    high: Fraction | None,
    low_open: bool,
    high_open: bool,
) -> Iterator[int | float]:
    nearest = wanted if low is None else max(low, wanted)
    nearest = nearest if high is None else min(high, nearest)
    others: Iterator[Fraction]
    if low is not None and high is not None:
        others = (low + (high - low) * n / _MOST_NUMBERS for n in range(1, _MOST_NUMBERS))
    else:
        down = nearest == high and high is not None
        others = (nearest + (-n if down else n) for n in range(1, _MOST_NUMBERS))
    for candidate in chain([nearest], others):
        below = low is not None and (candidate < low or (low_open and candidate == low))
        above = high is not None and (candidate > high or (high_open and candidate == high))
        if not below and not above and (value := _number(candidate)) is not None:
            yield value


def _limit(schema: Schema, closed: str, opened: str, tighter: Any) -> tuple[Fraction | None, bool]:
    limits = {
        key: Fraction(str(schema[key])) for key in (opened, closed) if schema.get(key) is not None
    }
    if not limits:
        return None, False
    limit = tighter(limits.values())
    return limit, limits.get(opened) == limit


def _number(value: Fraction) -> int | float | None:
    if value.denominator == 1:
        return int(value)
    try:
        return float(value)
    except OverflowError:
        return None


def texts(schema: Schema, said: str) -> Iterator[str]:
    """Yield texts of the schema's length, format and pattern; ``said`` if neither is asked for."""
    least = int(schema.get("minLength", 0))
    if least > LONGEST:
        return
    shape, pattern = schema.get("format"), schema.get("pattern")
    if shape in _FORMATS:
        examples, stretched = _FORMATS[str(shape)]
        yield from (example.format() for example in examples)
        if stretched:
            yield from _stretched(stretched, least)
    if pattern is not None:
        yield from patterns.samples(str(pattern), least)
    elif shape not in _FORMATS:
        yield in_length(schema, said)
        yield from (in_length(schema, f"{number} {said}") for number in range(2, _MOST_NUMBERS))


def _stretched(form: str, least: int) -> Iterator[str]:
    """Texts of at least this length, made longer in the one place where the format allows it."""
    for size in dict.fromkeys((max(1, least - len(form.format("", a="", label=""))), least, 8)):
        label = ".".join("a" * min(63, size - at) for at in range(0, size, 64))
        yield form.format("1" * size, a="a" * size, label=label)


def in_length(schema: Schema, text: str) -> str:
    """Return the text, filled up with dots or cut to the length that the schema allows."""
    filled = text.ljust(min(int(schema.get("minLength", 0)), LONGEST), ".")
    return filled[: schema.get("maxLength")]
