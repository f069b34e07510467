"""Which label says what, told from how the labels are worded."""

import re
from collections.abc import Sequence
from typing import Any

_NEGATIVE_WORDS = re.compile(
    r"^(?:no|false|bad|fail\w*|wrong|hallucinat\w*|refus\w*|verbose|toxic|poor|invalid|f|"
    r"friction|pii detected|unrelated|irrelevant|incorrect|unfaithful|incomplete)$",
    re.IGNORECASE,
)
_NEGATIVE_PREFIXES = ("un", "in", "ir", "im", "il", "non", "not", "dis")
_ABSENT = re.compile(r"^(?:no|non|not|without)\b", re.IGNORECASE)


def pick_label(labels: Sequence[Any], good: bool) -> Any:
    """Return the label for a good or a bad verdict."""
    bad = [label for label in labels if _is_negative(str(label), labels)]
    fine = [label for label in labels if label not in bad]
    if not bad or not fine:
        return labels[0] if good else labels[-1]
    return fine[0] if good else bad[-1]


def _is_negative(label: str, labels: Sequence[Any]) -> bool:
    low = label.lower().replace("_", " ").strip()
    if _NEGATIVE_WORDS.match(low):
        return True
    others = [str(other).lower().replace("_", " ") for other in labels]
    for prefix in _NEGATIVE_PREFIXES:
        rest = low.removeprefix(prefix).lstrip(" -")
        if rest == low or _NEGATIVE_WORDS.match(rest):  # "non-toxic": the absence of something bad
            continue
        if rest in others or low.startswith((prefix + " ", prefix + "-")):
            return True
    return False
