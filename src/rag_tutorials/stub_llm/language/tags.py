"""XML-like tags in a prompt, which need not be well formed as a whole."""

import re
from dataclasses import dataclass

_TAG = re.compile(r"<(?P<close>/?)(?P<name>[A-Za-z][\w -]{0,40}?)(?:\s+[\w-]+=[^<>]{0,200})?\s*>")


@dataclass(frozen=True, slots=True)
class Tag:
    """An element: its name in lower case, what it holds, and where it stands in the text."""

    name: str
    body: str
    start: int
    end: int


def find_tags(text: str) -> list[Tag]:
    """The elements that are opened and closed, nested ones too, in the order of their starts.

    An element reaches from its first opening to the first closing of the same name. One pass, so
    that a prompt full of openings does not cost more than any other.
    """
    opened: dict[str, re.Match[str]] = {}
    found: list[Tag] = []
    for mark in _TAG.finditer(text):
        name = mark["name"].lower()
        if not mark["close"]:
            opened.setdefault(name, mark)
        elif name in opened:
            start = opened.pop(name)
            body = text[start.end() : mark.start()]
            found.append(Tag(name, body, start.start(), mark.end()))
    return sorted(found, key=lambda tag: tag.start)
