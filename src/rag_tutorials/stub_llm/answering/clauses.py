"""The parts of a question that can be answered one by one."""

import re
from collections.abc import Iterator

_CLAUSE = re.compile(
    r"(?<=[.?!;])\s+|,?\s+\b(?:and then|and also|and|then|also)\b\s+", re.IGNORECASE
)
_A_NAME = r"[A-Z][\w'-]*(?: (?:(?:de|del|da|do|la|of|upon) )?[A-Z][\w'-]*)*"
_AND = (
    r"(?:\s*[,;/&]\s*(?:(?:and|or|as well as|plus)\s+)?|\s+(?:and|or|as well as|plus)\s+)"
    r"(?:(?:in|for|of|at)\s+)?(?:the\s+)?"
)
_NAMES = re.compile(rf"(?<=\s){_A_NAME}(?:{_AND}{_A_NAME})+")
_BETWEEN_NAMES = re.compile(rf"(?<=[\w'-]){_AND}(?=[A-Z])")
_BETWEEN_NUMBERS = re.compile(r"(?<=\d)\s+and\s+(?=\d)|\bbetween\b[^.?!;]*?\sand\s", re.IGNORECASE)


def clauses(question: str) -> Iterator[str]:
    """Yield the parts; "the weather in Paris, Berlin and Rome?" has one for each name.

    An "and" between two numbers, or after "between", holds one part together.
    """
    lists: list[list[str]] = []

    def hide(match: re.Match[str]) -> str:
        lists.append(_BETWEEN_NAMES.split(match[0]))
        return f"\0{len(lists) - 1}\0"

    kept = _BETWEEN_NUMBERS.sub(lambda m: re.sub(r"\band\b", "\1", m[0]), question)
    for clause in _CLAUSE.split(_NAMES.sub(hide, kept)):
        first, *others = re.split(r"\0(\d+)\0", clause)
        told = [first]
        for number, after in zip(others[::2], others[1::2], strict=True):
            told = [before + name + after for before in told for name in lists[int(number)]]
        yield from (text.replace("\1", "and") for text in told)
