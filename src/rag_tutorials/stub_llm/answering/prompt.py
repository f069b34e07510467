"""Find the question and the passages in a prompt for retrieval-augmented generation."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rag_tutorials.stub_llm.language.tags import find_tags

_CONTEXT_WORDS = (
    r"(?:context|sources?|passages?|documents?|excerpts?|snippets?|search[ ]results?|knowledge|"
    r"references?(?:[ ](?:text|material)s?)?|retrieved[ _]\w+)"
)
_QUESTION_WORDS = (
    r"(?:(?:(?:user|current|original|employee|my|the|input|follow[- ]?up)[ _])?"
    r"(?:question|query|request))"
)
_OTHER_WORDS = r"(?:(?:your[ ]|helpful[ ]|final[ ])?(?:answer|response)|instructions?|rules|output)"

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
CONTEXT_NAME = re.compile(
    rf"(?:{_CONTEXT_WORDS}|document_text|retrieved_information)", re.IGNORECASE | re.VERBOSE
)
QUESTION_NAME = re.compile(rf"(?:{_QUESTION_WORDS}|input)", re.IGNORECASE | re.VERBOSE)
_ANY_TAG = re.compile(r"</?[A-Za-z][\w-]*(?:\s[^<>]*)?>")
# Ways to number passages; the first line of a block decides which one it uses.
_NUMBERINGS = tuple(
    re.compile(rf"^[ \t]*(?:{style})[ \t]*:?", re.IGNORECASE | re.MULTILINE)
    for style in (
        r"\[(?:\w+[ ])?\d+\]",
        r"(?:passage|document|doc|source|chunk|excerpt|context)[ ]\#?\d+[:.)]?",
        r"\(\d+\)",
        r"\d+[.)](?=\s)",
    )
)
_RULE = re.compile(r"^\s*(?:-{3,}|\*{3,}|={3,})\s*$", re.MULTILINE)
_GAP = re.compile(r"\n\s*\n")
_CONTEXT = re.compile(rf"\b(?:{_CONTEXT_WORDS})\b", re.IGNORECASE)
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
    """Read the last user message and, if it holds no passages, ``others`` until one does.

    Understood are labelled sections (``Context:``, ``## Sources``, ``Question:``), XML-like tags
    (``<context>``, ``<documents>``, ``<question>``) and passages that are just numbered
    (``[1] ...``).
    """
    question, passages = _read(user)
    for text in others:
        if passages is not None:
            break
        passages = _read(text)[1]
    return Prompt(question, None if passages is None else tuple(passages))


_Reading = tuple[str, list[str] | None]


def _read(text: str) -> _Reading:
    for way in (_read_tags, _read_labels, _read_numbered):
        question, passages = way(text)
        if passages is not None:
            return question, passages
    return _read_labels(_read_tags(text)[0])


def _read_tags(text: str) -> _Reading:
    tags = find_tags(text)
    contexts = [tag for tag in tags if CONTEXT_NAME.fullmatch(tag.name)]
    questions = [tag for tag in tags if QUESTION_NAME.fullmatch(tag.name)]
    if not contexts:
        return (questions[-1].body if questions else text).strip(), None
    # Of <documents><document>...</document></documents> the inner ones are the passages.
    next_starts = [*(tag.start for tag in contexts[1:]), len(text)]
    inner = [tag for tag, start in zip(contexts, next_starts, strict=True) if start >= tag.end]
    passages = [part for tag in inner for part in split_passages(tag.body)]
    if questions:
        return questions[-1].body.strip(), passages
    rest, end = [], 0
    for tag in contexts:
        rest.append(text[end : tag.start])
        end = max(end, tag.end)
    return _asked(_read_labels("\n\n".join([*rest, text[end:]]))[0]), passages


def _read_labels(text: str) -> _Reading:
    marks = [mark for mark in _LABEL.finditer(text) if _is_label(mark)]
    contexts = [mark for mark in marks if mark["context"]]
    questions = [mark for mark in marks if mark["question"]]
    starts = [mark.start() for mark in marks]
    ends = dict(zip(starts, [*starts[1:], len(text)], strict=False))

    def section(mark: re.Match[str]) -> str:
        return text[mark.end() : ends[mark.start()]].strip()

    if not contexts:
        if not questions:
            return text.strip(), None
        said = [mark for mark in questions if section(mark)] or questions
        return section(said[-1]), _unlabelled(text[: said[-1].start()])
    # A passage may have lines that look like a label, so the context reaches from the first such
    # label (rather one that has its line to itself) to the last question.
    context = next((mark for mark in contexts if _alone(mark)), contexts[0])
    after = [mark for mark in questions if mark.start() >= context.end()]
    if after:
        block = text[context.end() : after[-1].start()]
        return section(after[-1]), split_passages(block)
    others = [m.start() for m in marks if m["other"] and m.start() >= context.end()]
    block = text[context.end() : others[-1] if others else len(text)]
    if questions:
        return section(questions[-1]), split_passages(block)
    *kept, tail = _paragraphs(block) or [""]
    if kept and tail.endswith("?") and not _numbering(tail):
        return tail, split_passages("\n\n".join(kept))
    return _asked(text[: context.start()]), split_passages(block)


def _read_numbered(text: str) -> _Reading:
    first = _NUMBERINGS[0].search(text)
    if first is None:
        return text.strip(), None
    head, block = text[: first.start()], text[first.start() :]
    *kept, tail = _paragraphs(block) or [""]
    if kept and not _numbering(tail):
        return _read_labels(tail)[0], split_passages("\n\n".join(kept))
    return _asked(_read_labels(head)[0]), split_passages(block)


def _unlabelled(head: str) -> list[str] | None:
    """Passages between an instruction that speaks of context and the question."""
    paragraphs = _paragraphs(head)
    if len(paragraphs) < 2 or not _CONTEXT.search(paragraphs[0]):
        return None
    return split_passages("\n\n".join(paragraphs[1:]))


def _is_label(mark: re.Match[str]) -> bool:
    return bool(mark["colon"]) or (bool(mark["heading"]) and _alone(mark))


def _alone(mark: re.Match[str]) -> bool:
    return mark.end() == len(mark.string) or mark.string[mark.end()] == "\n"


def _paragraphs(text: str) -> list[str]:
    return [part.strip() for part in _GAP.split(text) if part.strip()]


def _asked(text: str) -> str:
    """The last paragraph that asks something, else the last one."""
    paragraphs = _paragraphs(text)
    return ([part for part in paragraphs if part.endswith("?")] or paragraphs or [""])[-1]


def _numbering(text: str) -> re.Pattern[str] | None:
    return next((style for style in _NUMBERINGS if style.match(text)), None)


def split_passages(block: str) -> list[str]:
    """Split a context block at numbers, rules, bullets or, failing these, empty lines."""
    block = block.strip()
    style = _numbering(block)
    if style is None and _RULE.search(block):
        style = _RULE
    if style is None and _BULLET.match(block):
        style = _BULLET
    return _clean((style or _GAP).split(block))


def _clean(parts: Sequence[str]) -> list[str]:
    cleaned = (_ANY_TAG.sub(" ", _RULE.sub("", part)).strip() for part in parts)
    return [part for part in cleaned if part]
