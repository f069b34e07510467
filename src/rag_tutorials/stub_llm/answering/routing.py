"""Which of several named ways a text should go: by the descriptions that a request gives them."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rag_tutorials.stub_llm.language.lexical import content_words, similarity

_ELSE = re.compile(
    r"^(?:other|else|general|unknown|none|fallback|default|misc\w*|no_?\w+)$", re.IGNORECASE
)
_QUOTE = r"[\"'`*]*"
_MEANS = r"(?:\(|[:=\u2013\u2014-]+\s|->|\u2192|\b(?:for|if|when|means|handles|answers)\b)"
_ALIKE = 0.12
"""The cosine from which a description that shares no word is near enough."""


def choose(values: Sequence[str], text: str, guide: str) -> str | None:
    """Return the value whose name and description share most with a text.

    Args:
        values: The ways, as an ``enum`` lists them.
        text: What is to be routed.
        guide: Where the values may be described, a line or a clause each ("leave: days off").

    Returns:
        The value; without any likeness the one that is meant for the rest; ``None`` where no value
        is described.
    """
    described = {value: _description(value, values, guide) for value in values}
    if not any(described.values()):
        return None
    asked = set(content_words(text))
    ways = [value for value in values if not _ELSE.match(value)]
    likeness = {value: _likeness(value, described[value], asked, text) for value in ways}
    best = max(ways, key=lambda value: likeness[value], default=None)
    if best is not None and likeness[best] >= _ALIKE:
        return best
    return next((value for value in values if _ELSE.match(value)), best)


def guide_of(schema: Any) -> Iterator[str]:
    """Yield the descriptions in a JSON schema, those of constants after their value."""
    if isinstance(schema, Mapping):
        description = schema.get("description")
        if isinstance(description, str):
            const = schema.get("const")
            yield f"{const}: {description}" if const is not None else description
        for part in schema.values():
            yield from guide_of(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from guide_of(part)


def _likeness(value: str, description: str, asked: set[str], text: str) -> float:
    about = f"{value.replace('_', ' ').replace('-', ' ')} {description}"
    return len(asked & set(content_words(about))) + similarity(text, about)


def _description(value: str, values: Sequence[str], guide: str) -> str:
    """What a guide says of a value, up to the next value or the end of the line."""
    others = "|".join(re.escape(other) for other in values if other != value) or r"(?!)"
    said = re.search(
        rf"(?<![\w-]){_QUOTE}{re.escape(value)}{_QUOTE}\s*{_MEANS}\s*(.+?)"
        rf"(?=[;\n)]|[,.]?\s+(?:or |and )?{_QUOTE}(?:{others}){_QUOTE}\s*{_MEANS}|$)",
        guide,
        re.IGNORECASE | re.MULTILINE,
    )
    return said[1] if said else ""
