"""Find the question and the passages in a prompt for retrieval-augmented generation."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_CONTEXT_WORDS = (
    r"context|sources?|passages?|documents?|excerpts?|snippets?|search results?|knowledge|"
    r"reference(?: text| material)?s?|retrieved[ _](?:\w+)"
)
_QUESTION_WORDS = r"(?:(?:user|current|original|employee|my|the)?[ _]?(?:question|query|request))"
_OTHER_WORDS = r"answer|response|instructions?|rules|output|helpful answer|your answer"

# A label is a line of its own ("## Context", "Passages from the handbook:") or opens one
# ("Question: ..."). What follows it, up to the next label, belongs to it.
_LABEL = re.compile(
    rf"""^[ \t>*_]*(?P<heading>\#{{1,6}}[ ]*)?[*_]*
    (?:(?P<context>(?:[\w'-]+[ ]){{0,3}}?(?:{_CONTEXT_WORDS})(?:[ ][\w'-]+){{0,4}})
      |(?P<question>{_QUESTION_WORDS})
      |(?P<other>{_OTHER_WORDS}))
    [*_]*[ ]*(?P<colon>:?)[*_]*[ \t]*""",
    re.IGNORECASE | re.MULTILINE | re.VERBOSE,
)
_TAG = re.compile(
    rf"<(?P<tag>(?P<context>{_CONTEXT_WORDS}|document_text|retrieved_information)"
    rf"|(?P<question>{_QUESTION_WORDS}|input))(?:\s[^<>]*)?>(?P<body>.*?)</(?P=tag)\s*>",
    re.IGNORECASE | re.DOTALL,
)
_ANY_TAG = re.compile(r"</?[A-Za-z][\w-]*(?:\s[^<>]*)?>")
_NUMBERED = re.compile(
    r"^[ \t]*(?:\[(?:\w+[ ])?\d+\]|\(\d+\)|\d+[.)](?=\s)"
    r"|(?:passage|document|source|chunk|excerpt)[ ]\d+[:.)]?)[ \t]*:?",
    re.IGNORECASE | re.MULTILINE,
)
_RULE = re.compile(r"^\s*(?:-{3,}|\*{3,}|={3,})\s*$", re.MULTILINE)
_BULLET = re.compile(r"^[ \t]*[-*•][ \t]+", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The question and the passages given to answer it from.

    ``passages`` is ``None`` when the prompt has no place for context, and empty when it has one
    and nothing stands there.
    """

    question: str
    passages: tuple[str, ...] | None


def read_prompt(user: str, others: Iterable[str] = ()) -> Prompt:
    """Read the last user message, and passages also from ``others`` (system messages).

    Understood are labelled sections (``Context:``, ``## Sources``, ``Question:``), XML-like tags
    (``<context>``, ``<documents>``, ``<question>``) and bare numbered passages (``[1] ...``).
    """
    question, passages = _read(user)
    for text in others:
        _, more = _read(text, bare=False)
        if more is not None:
            passages = [*(passages or []), *more]
    return Prompt(question, None if passages is None else tuple(passages))


def _read(text: str, *, bare: bool = True) -> tuple[str, list[str] | None]:
    tagged = _read_tags(text)
    if tagged[1] is not None:
        return tagged
    labelled = _read_labels(text)
    if labelled[1] is not None:
        return labelled
    if bare:
        numbered = _read_numbered(text)
        if numbered[1] is not None:
            return numbered
    return labelled


def _read_tags(text: str) -> tuple[str, list[str] | None]:
    question, blocks, rest, end = "", [], [], 0
    for match in _TAG.finditer(text):
        rest.append(text[end : match.start()])
        end = match.end()
        if match["context"]:
            blocks.append(match["body"])
        else:
            question = match["body"].strip()
    rest.append(text[end:])
    if not blocks:
        return question or text.strip(), None
    if not question:
        question = _read_labels("\n".join(rest))[0]
        question = _last_paragraph(question)
    passages: list[str] = []
    for block in blocks:
        inner = [m["body"] for m in _TAG.finditer(block) if m["context"]]
        passages += [part for body in inner or [block] for part in split_passages(body)]
    return question, passages


def _read_labels(text: str) -> tuple[str, list[str] | None]:
    marks = [m for m in _LABEL.finditer(text) if _is_label(m, text)]
    if not marks:
        return text.strip(), None
    ends = [m.start() for m in marks[1:]] + [len(text)]
    sections = [(m, text[m.end() : end].strip()) for m, end in zip(marks, ends, strict=True)]
    questions = [body for mark, body in sections if mark["question"] and body]
    contexts = [body for mark, body in sections if mark["context"]]
    if not contexts:
        return (questions[-1] if questions else text.strip()), None
    if questions:
        question = questions[-1]
    else:
        # The question has no label: it follows the last passage, or stands before the first label.
        head = text[: marks[0].start()].strip()
        *kept, tail = re.split(r"\n\s*\n", contexts[-1])
        if kept and tail.rstrip().endswith("?") and not _NUMBERED.match(tail):
            question, contexts[-1] = tail.strip(), "\n\n".join(kept)
        else:
            question = _last_paragraph(head)
    return question, [part for block in contexts for part in split_passages(block)]


def _is_label(match: re.Match[str], text: str) -> bool:
    alone = match.end() == len(text) or text[match.end()] == "\n"
    return bool(match["colon"]) or (bool(match["heading"]) and alone)


def _read_numbered(text: str) -> tuple[str, list[str] | None]:
    marks = list(_NUMBERED.finditer(text))
    if not marks or not text.lstrip()[marks[0].start() :].startswith("["):
        marks = [m for m in marks if m[0].lstrip().startswith("[")]
    if not marks:
        return text.strip(), None
    head, block = text[: marks[0].start()].strip(), text[marks[0].start() :]
    *kept, tail = re.split(r"\n\s*\n", block)
    if kept and not _NUMBERED.match(tail):
        return _read_labels(tail)[0], split_passages("\n\n".join(kept))
    return _last_paragraph(_read_labels(head)[0]), split_passages(block)


def _last_paragraph(text: str) -> str:
    parts = [part.strip() for part in re.split(r"\n\s*\n", text) if part.strip()]
    asked = [part for part in parts if part.endswith("?")]
    return (asked or parts or [""])[-1]


def split_passages(block: str) -> list[str]:
    """Split a context block at numbers, rules, bullets or, failing these, empty lines."""
    block = block.strip()
    for mark in (_NUMBERED, _RULE, _BULLET):
        if mark.match(block) or (mark is _RULE and mark.search(block)):
            return _clean(mark.split(block))
    return _clean(re.split(r"\n\s*\n", block))


def _clean(parts: Sequence[str]) -> list[str]:
    cleaned = (_ANY_TAG.sub(" ", _RULE.sub("", part)).strip() for part in parts)
    return [part for part in cleaned if part]
