r"""The regular expressions of JSON Schema, which are ECMA 262, and texts that match them.

Matching is regress's, which reads that language. The texts are made from the parts of the
expression, each of which regress is asked about as well, so that classes such as ``\p{L}`` or
``[^a-z]`` need no table here. They are candidates: what looks around itself may reject them.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from regress import Regex

_POOL = (
    *"aA0b1c2B-_. x9Z@/:,+#!?",
    *map(chr, range(32, 127)),
    *map(chr, range(32)),
    *"éñßЖяΩαאاक中あアㄱ한\u00a0\u2028²½€∑😀",
)
_ESCAPE = re.compile(
    r"\\(?:[pP]\{[^}]*\}|u\{[0-9A-Fa-f]+\}|u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2}|c[A-Za-z]|k<\w+>|\d+|.)",
    re.DOTALL,
)
_CLASS = re.compile(r"\[(?:\\.|[^\]\\])*\]", re.DOTALL)
_COUNT = re.compile(r"([*+?]|\{(\d+)(,(\d*))?\})\??")
_GROUP = re.compile(r"\((\?(?:<(?![=!])\w+>|[:=!]|<[=!]|[a-z-]*:))?")
_CODE = re.compile(r"\\u\{?([0-9A-Fa-f]+)\}?|\\x([0-9A-Fa-f]{2})")
_REPEATS = (1, 0, 2, 3, 4, 5, 6, 8, 10, 12, 16, 20, 24, 32, 40, 64, 100)
_LONGEST = 10_000
_MOST_WORK = 100_000  # parts written before the search is given up


class PatternError(ValueError):
    """A text is no regular expression."""


@lru_cache(maxsize=512)
def compiled(pattern: str) -> "Regex":
    """Compile an expression.

    Raises:
        PatternError: it is none, in Unicode mode or without, or one that takes for ever.

    """
    from regress import Regex, RegressError  # whoever brings no pattern never pays for it

    try:
        expression = Regex(pattern, "u")
    except RegressError:
        try:
            expression = Regex(pattern)
        except RegressError as error:
            raise PatternError(f"the pattern is not a regular expression: {error}") from None
    if _least_work(_Parser(pattern).alternatives()) > _MOST_WORK:
        raise PatternError("the pattern repeats too much.")
    return expression


def matches(pattern: str, text: str) -> bool:
    """Say whether the expression is found anywhere in the text."""
    return compiled(pattern).find(text) is not None


def found(pattern: str, text: str) -> list[str]:
    """Return the parts of the text that match the expression without its anchors."""
    bare = pattern.removeprefix("^").removesuffix("$")
    try:
        # Offsets count bytes of UTF-8.
        encoded = text.encode()
        spans = [match.range() for match in compiled(bare).find_iter(text) or ()]
        return [encoded[span].decode() for span in spans if span.stop > span.start]
    except (PatternError, UnicodeError):
        return []


def samples(pattern: str, least: int = 0) -> Iterator[str]:
    """Yield texts that match the expression, as a rule, the plainest first.

    Args:
        pattern: The expression.
        least: The number of characters that a text should have, where repetition allows it.

    """
    try:
        tree = _Parser(pattern).alternatives()
    except (RecursionError, IndexError):
        return
    work, seen = 0, set[str]()
    repeats = [*_REPEATS, least, least + 1]
    if least:
        repeats.sort(key=lambda count: (count < least, count))
    for ahead in (False, True):
        for choice in range(4):
            for variant in range(3):
                for repeat in repeats:
                    writer = _Writer(repeat, choice, variant, ahead)
                    text = "".join(writer.write(tree))
                    work += writer.steps
                    if work > _MOST_WORK:
                        return
                    for full in (text, text.ljust(least, "a"), text.rjust(least, "a")):
                        if full not in seen and len(full) <= _LONGEST and matches(pattern, full):
                            seen.add(full)
                            yield full


@dataclass(frozen=True, slots=True)
class _Char:
    """One character, as the expression writes it."""

    source: str


@dataclass(frozen=True, slots=True)
class _Group:
    """Alternatives; ``number`` counts what captures, ``ahead`` says that it only looks ahead."""

    options: "list[list[_Repeated]]"
    number: int | None = None
    ahead: bool = False


@dataclass(frozen=True, slots=True)
class _Back:
    """What a group before matched."""

    number: int


@dataclass(frozen=True, slots=True)
class _Repeated:
    node: "_Char | _Group | _Back"
    low: int = 1
    high: int = 1


@dataclass(slots=True)
class _Parser:
    """Takes an expression apart; what it cannot know of (names, looking back) matches nothing."""

    pattern: str
    at: int = 0
    groups: int = 0

    def alternatives(self, number: int | None = None, ahead: bool = False) -> _Group:
        options: list[list[_Repeated]] = [[]]
        while self.at < len(self.pattern) and self.pattern[self.at] != ")":
            if self.pattern[self.at] == "|":
                self.at += 1
                options.append([])
                continue
            node = self.node()
            low, high = self.count()
            if node is not None:
                options[-1].append(_Repeated(node, low, high))
        return _Group(options, number, ahead)

    def node(self) -> "_Char | _Group | _Back | None":
        start = self.pattern[self.at]
        if start == "(":
            return self.group()
        if start in "^$":
            self.at += 1
            return None
        match = (_CLASS if start == "[" else _ESCAPE).match(self.pattern, self.at)
        source = match[0] if match else start
        self.at += len(source)
        if source in ("\\b", "\\B"):
            return None
        if source[:1] == "\\" and source[1:].isdigit() and source != "\\0":
            return _Back(int(source[1:]))
        return _Char(source)

    def group(self) -> _Group | None:
        match = _GROUP.match(self.pattern, self.at)
        opening = match[0] if match else "("
        kind = opening[1:]
        self.at += len(opening)
        number = None
        if not kind or (kind.startswith("?<") and kind.endswith(">")):
            self.groups += 1
            number = self.groups
        inside = self.alternatives(number, ahead=kind == "?=")
        self.at += 1
        return None if kind in ("?!", "?<=", "?<!") else inside

    def count(self) -> tuple[int, int]:
        match = _COUNT.match(self.pattern, self.at)
        if match is None:
            return 1, 1
        self.at += len(match[0])
        if match[2] is None:
            return {"*": (0, _LONGEST), "+": (1, _LONGEST), "?": (0, 1)}[match[1]]
        low = int(match[2])
        high = low if match[3] is None else int(match[4]) if match[4] else _LONGEST
        return min(low, _LONGEST), min(high, _LONGEST)


def _least_work(group: _Group) -> int:
    """Count the parts that a match has at least: counted repeats multiply when they are nested."""
    return max(
        sum(
            part.low * (1 + _least_work(part.node) if isinstance(part.node, _Group) else 1)
            for part in option
        )
        for option in group.options
    )


@dataclass(slots=True)
class _Writer:
    """Writes a text: how often things repeat, which alternative and which character is taken."""

    repeat: int
    choice: int
    variant: int
    ahead: bool
    groups: dict[int, str] = field(default_factory=dict)
    steps: int = 0

    def write(self, group: _Group) -> Iterator[str]:
        option = group.options[min(self.choice, len(group.options) - 1)]
        for part in option:
            for _ in range(max(part.low, min(self.repeat, part.high))):
                self.steps += 1
                if self.steps > _LONGEST:
                    return
                yield self.part(part.node)

    def part(self, node: "_Char | _Group | _Back") -> str:
        if isinstance(node, _Char):
            return _character(node.source, self.variant)
        if isinstance(node, _Back):
            return self.groups.get(node.number, "")
        if node.ahead and not self.ahead:
            return ""
        text = "".join(self.write(node))
        if node.number is not None:
            self.groups[node.number] = text
        return text


@lru_cache(maxsize=4096)
def _character(source: str, variant: int) -> str:
    """Return a character that a one-character expression matches; another for each variant."""
    if len(source) == 1 and source != ".":
        return source
    named = [chr(min(int(code[0] or code[1], 16), 0x10FFFF)) for code in _CODE.findall(source)]
    try:
        expression = compiled(f"^(?:{source})$")
        fitting = [
            character
            for character in dict.fromkeys((*_POOL, *named, *source))
            if not "\ud800" <= character <= "\udfff" and expression.find(character) is not None
        ]
    except PatternError:
        return ""
    return fitting[min(variant, len(fitting) - 1)] if fitting else ""
