"""Arithmetic in words and in signs: what is to be calculated, as an expression."""

import re

_NUMBER = r"-?\d+(?:,\d{3})*(?:\.\d+)?"
_NUMBERS = re.compile(rf"(?<![\w.,-]){_NUMBER}(?![\w-]|[.,]\d)")
_TIMES = r"*/\u00d7\u00f7\u00b7^"
_SIGNS = re.compile(rf"[(\d][\d\s.,+\-{_TIMES}()%x]*[\d)%]")
_HAS_OPERATOR = re.compile(rf"[\d)]\s*(?:[+%{_TIMES}]|\bx\b|\*\*)\s*[\d(]|[\d)]\s+-\s+[\d(]")
_CALCULATE = re.compile(r"\b(?:calculate|compute|evaluate|what is|what's|how much is)\b", re.I)
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b")
_PERCENT_OF = re.compile(rf"({_NUMBER})\s*(?:%|percent|per cent)\s+(?:of|from|on)\b", re.IGNORECASE)
# The words of an operation. Of those that turn around ("subtract 3 from 10") the second operand
# comes first.
_OPERATIONS: tuple[tuple[str, re.Pattern[str], bool], ...] = tuple(
    (sign, re.compile(rf"\b(?:{words})\b", re.IGNORECASE), turned)
    for sign, words, turned in (
        ("-", r"subtract\w*|deduct\w*|take away", True),
        (
            "-",
            r"minus|less|difference|remain\w*|left (?:after|if|over|when)|after (?:taking|using|"
            r"spending|paying)|(?:more|fewer|less)\b[^.?!]*\bthan|(?:will|would) be left|short of",
            False,
        ),
        (
            "*",
            r"times|multipl\w*|product|double|triple|each (?:costs?|takes?)|a ?piece|"
            rf"at {_NUMBER}(?: \w+)? (?:each|per \w+)",
            False,
        ),
        ("/", r"divid\w*|split|shared? (?:by|among|between|equally)|average|quotient|half", False),
        (
            "+",
            r"plus|add\w*|sum|total|together|altogether|combined?|in all|increase\w*|on top",
            False,
        ),
    )
)
_COUNT = (
    r"(?<!\bunder )(?<!\bover )(?<!\bthan )(?<!\bafter )(?<!\bwithin )"
    rf"\b{_NUMBER} (?!of\b)(?:\w+ )??(?!(?:euros|dollars|pounds|francs|cents)\b)"
    r"(?:\w{2,}s|people|children|men|women)\b"
)
"""So many of something: "7 people", "6 red wines"; not "under 12 years", not "9 euros"."""
_PRICED = r"\b(?:costs?|pays?|come to)\b"
# "What do 6 bottles cost?" What one of them costs is known, or looked up.
_PRICE_OF_MANY = re.compile(rf"{_PRICED}[^.?!]*{_COUNT}|{_COUNT}[^.?!]*{_PRICED}", re.IGNORECASE)
_DOUBLED = {"double": "2", "triple": "3", "half": "2"}
_WORDS = "zero one two three four five six seven eight nine ten eleven twelve"
_NUMBER_WORDS = {word: str(number) for number, word in enumerate(re.split(" ", _WORDS))}


def numbers_in(text: str) -> list[str]:
    """Return the numbers of a text in order, number words up to twelve included, as digits."""
    digits = re.sub(
        rf"\b(?:{'|'.join(_NUMBER_WORDS)})\b",
        lambda match: _NUMBER_WORDS[match[0].lower()],
        text,
        flags=re.IGNORECASE,
    )
    return [match[0].replace(",", "") for match in _NUMBERS.finditer(digits)]


def in_signs(text: str) -> str | None:
    """Return the expression that a text spells out ("12 * 3.5"), if it has one."""
    if _PERCENT_OF.search(text):
        return None
    said = _DATE.sub("", text)
    if _CALCULATE.search(said):
        said = re.sub(r"(?<=\d)-(?=[\d(])", " - ", said)
    for match in sorted(_SIGNS.finditer(said), key=lambda found: -len(found[0])):
        if _HAS_OPERATOR.search(match[0]):
            return _readable(match[0])
    return None


def operation_of(text: str) -> str | None:
    """Return the sign of the operation that a text names in words, if it does."""
    if _PERCENT_OF.search(text):
        return "%"
    found = [
        (match.start(), sign) for sign, words, _ in _OPERATIONS if (match := words.search(text))
    ]
    if found:
        return min(found)[1]
    return "*" if _PRICE_OF_MANY.search(text) else None


def uncounted(text: str) -> str:
    """Return a question for the price of many without how many: that is what can be looked up."""
    return re.sub(rf"(?:\bfor )?{_COUNT}", "", text) if _PRICE_OF_MANY.search(text) else text


def expression(text: str, results: list[str]) -> str | None:
    """Return what a text asks to be calculated, with the numbers of earlier results in it.

    Args:
        text: The clause, such as "add 3 to it" or "20 % of the price".
        results: Numbers that earlier steps brought, which the clause refers to.
    """
    if not results and (spelled := in_signs(text)):
        return spelled
    sign = operation_of(text)
    own = numbers_in(text)
    if sign is None:
        return None
    if sign == "%":
        match = _PERCENT_OF.search(text)
        assert match is not None
        rest = [number for number in own if number != match[1].replace(",", "")]
        base = [*results, *rest]
        return f"{base[0]} * {match[1]} / 100" if base else None
    doubled = next((_DOUBLED[w] for w in _DOUBLED if re.search(rf"\b{w}\b", text.lower())), None)
    own = list(dict.fromkeys(own)) if results else own  # "pays 2 ... after paying 2" is one 2
    operands = [*results, *own, *([doubled] if doubled else [])]
    if len(operands) < 2:
        return None
    turned = any(s == sign and words.search(text) and turn for s, words, turn in _OPERATIONS)
    if turned and not results:
        operands.reverse()
    if sign == "/" and re.search(r"\baverage\b", text, re.IGNORECASE):
        return f"({' + '.join(operands)}) / {len(operands)}"
    return f" {sign} ".join(operands)


def _readable(found: str) -> str:
    signs = found.translate({0xD7: "*", 0xB7: "*", 0xF7: "/"}).replace("^", "**")
    signs = re.sub(r"(?<=\d)\s*x\s*(?=\d)", " * ", signs)
    return re.sub(r"(?<=\d),(?=\d{3})", "", signs).strip()
