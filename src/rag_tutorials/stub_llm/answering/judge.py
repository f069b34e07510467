"""A lexical judge for evaluation prompts, such as those of phoenix.evals.

It reads the fields of the prompt (``<query>``, ``<context>``, ``<response>`` ...), compares words
and numbers, and picks one of the labels that the schema allows. It sees changed numbers, changed
modal verbs and negations, and words from nowhere; it does not understand anything.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from rag_tutorials.stub_llm.answering import answers
from rag_tutorials.stub_llm.language.lexical import content_words
from rag_tutorials.stub_llm.language.tags import find_tags

_FIELDS = {
    "question": ("query", "question", "request", "input", "user query", "user input"),
    "context": (
        "context",
        "retrieved information",
        "document text",
        "document",
        "documents",
        "passages",
        "reference text",
        "retrieved context",
        "sources",
    ),
    "output": (
        "response",
        "output",
        "answer",
        "assistant response",
        "completion",
        "model output",
        "draft",
        "draft answer",
        "previous answer",
    ),
    "feedback": ("feedback", "critique", "review", "comments", "criticism"),
    "expected": ("expected", "reference", "reference answer", "ground truth", "expected answer"),
}
_ROLE = {name: role for role, names in _FIELDS.items() for name in names}
_LABELLED = re.compile(r"^[ \t*#\[]*([A-Za-z][A-Za-z _]{2,24}?)[*\]]*:[*]*[ \t]*", re.MULTILINE)
_RULE = re.compile(r"^\W*$|^\W*\[?(?:begin|end)[ ]data\]?\W*$", re.IGNORECASE)

_NEGATIVE_WORDS = re.compile(
    r"^(?:no|false|bad|fail\w*|wrong|hallucinat\w*|refus\w*|verbose|toxic|poor|invalid|f)$", re.I
)
_NEGATIVE_PREFIXES = ("un", "in", "ir", "im", "il", "non", "not", "dis")
_UNKNOWN = re.compile(
    r"\b(?:i (?:do not|don['\u2019]t) know|(?:cannot|can['\u2019]t) answer|does not say|"
    r"i['\u2019]m sorry|unable to|not able to)\b",
    re.IGNORECASE,
)
_MODALS = re.compile(r"\b(not|never|no|cannot|must|may|can|should|shall)\b", re.IGNORECASE)
_MODAL_GROUP = {
    **dict.fromkeys(("never", "no", "cannot"), "not"),
    **dict.fromkeys(("shall", "should"), "must"),
    "can": "may",
}
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")

_STRAY_SHARE = 0.4
"""The share of an answer's content words that may be from neither context nor question."""
_SAME_STATEMENT = 0.6
"""The share of a sentence's words that a context sentence must hold to be about the same thing."""
_RELEVANT_SHARE = 0.6
_CONCISE_WORDS = 60


def judge(prompt: str, schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """The verdict as the schema wants it, or ``None`` when this is no evaluation.

    An evaluation asks for a ``label`` out of an ``enum`` and holds at least two of question,
    context, output and expected output.
    """
    properties = (schema or {}).get("properties") or {}
    labels = _labels(properties.get("label") or {})
    if not labels:
        return None
    fields = read_fields(prompt)
    if len(fields) < 2:
        return None
    good, why = _verdict(fields, [str(label) for label in labels])
    verdict: dict[str, Any] = {}
    for name in properties:
        if name == "label":
            verdict[name] = pick_label(labels, good)
        elif name in ("explanation", "reason", "reasoning"):
            verdict[name] = why
        elif name == "score":
            verdict[name] = 1 if good else 0
    return verdict


def verdict_on(fields: Mapping[str, str]) -> tuple[bool, str]:
    """Whether an output is good, and why; ``fields`` are texts by role (see ``read_fields``)."""
    return _verdict(fields, ())


def _labels(schema: Mapping[str, Any]) -> list[Any]:
    """The labels of an ``enum``, or of the ``const`` options that carry descriptions."""
    options = schema.get("oneOf") or schema.get("anyOf") or []
    return list(schema.get("enum") or [item["const"] for item in options if "const" in item])


def read_fields(prompt: str) -> dict[str, str]:
    """The parts of an evaluation prompt by role: question, context, output, expected."""
    fields: dict[str, str] = {}
    for tag in find_tags(prompt):
        role = _role(tag.name)
        if role:
            fields.setdefault(role, tag.body.strip())
    if fields:
        return fields
    marks = [mark for mark in _LABELLED.finditer(prompt) if _role(mark[1])]
    ends = [*(mark.start() for mark in marks[1:]), len(prompt)]
    for mark, end in zip(marks, ends, strict=False):
        lines = prompt[mark.end() : end].splitlines()
        body = "\n".join(line for line in lines if not _RULE.match(line)).strip()
        fields[_role(mark[1]) or ""] = body
    return fields


def pick_label(labels: Sequence[Any], good: bool) -> Any:
    """The label for a good or a bad verdict, told apart by how the labels are worded."""
    bad = [label for label in labels if _is_negative(str(label), labels)]
    fine = [label for label in labels if label not in bad]
    if not bad or not fine:
        return labels[0] if good else labels[-1]
    return fine[0] if good else bad[-1]


def _role(name: str) -> str | None:
    return _ROLE.get(" ".join(name.lower().replace("_", " ").split()))


def _is_negative(label: str, labels: Sequence[Any]) -> bool:
    low = label.lower().replace("_", " ").strip()
    if _NEGATIVE_WORDS.match(low):
        return True
    others = [str(other).lower() for other in labels]
    for prefix in _NEGATIVE_PREFIXES:
        rest = low.removeprefix(prefix).lstrip(" -")
        if rest != low and (rest in others or low.startswith((prefix + " ", prefix + "-"))):
            return True
    return low in ("unrelated", "irrelevant", "incorrect", "unfaithful", "incomplete")


def _verdict(fields: Mapping[str, str], labels: Sequence[str]) -> tuple[bool, str]:
    question, output = fields.get("question", ""), fields.get("output")
    context, expected = fields.get("context"), fields.get("expected")
    asked_for = " ".join(labels).lower()
    if output is not None and "refus" in asked_for:
        refused = _UNKNOWN.search(output) is not None
        return not refused, f"The response {'declines' if refused else 'tries'} to answer."
    if output is not None and ("concise" in asked_for or "verbose" in asked_for):
        words = len(output.split())
        return words <= _CONCISE_WORDS, f"The response has {words} words."
    if output is not None and expected is not None:
        return _matches(output, expected)
    if output is not None and context is not None:
        return _faithful(question, context, output)
    if context is not None:
        return _relevant(question, context)
    return _plausible(question, output or "")


def _faithful(question: str, context: str, output: str) -> tuple[bool, str]:
    if _UNKNOWN.search(output):
        return True, "The response claims nothing that the context would have to hold."
    statements = [s for s in _SENTENCE.split(context) if s.strip()]
    known = set(content_words(context)) | set(content_words(question))
    words = [word for word in content_words(output) if not word[0].isdigit()]
    stray = [word for word in words if word not in known]
    if len(stray) > _STRAY_SHARE * len(words):
        few = ", ".join(dict.fromkeys(stray[:4]))
        return False, f"Much of the response is in neither context nor query: {few}."
    for sentence in (s for s in _SENTENCE.split(output) if s.strip()):
        problem = _conflict(sentence, statements, context + " " + question)
        if problem:
            return False, problem
    return True, "The response says what the context says, numbers and conditions included."


def _conflict(sentence: str, statements: Sequence[str], everything: str) -> str | None:
    """How a sentence contradicts the statements about the same thing, if it does."""
    words = set(content_words(sentence))
    numbers = {word for word in words if word[0].isdigit()}
    missing = sorted(numbers - set(content_words(everything)))
    if missing:
        return f"The context does not hold {', '.join(missing)}."
    plain = words - numbers
    same = [s for s in statements if _covers(plain, s) >= _SAME_STATEMENT]
    if not same:
        return None
    if numbers and not any(numbers <= set(content_words(s)) for s in same):
        wrong = ", ".join(sorted(numbers))
        return f"The context gives another number than {wrong} for this."
    closest = max(same, key=lambda s: (_covers(plain, s), len(numbers & set(content_words(s)))))
    alike = min(_covers(plain, closest), _covers(set(content_words(closest)), sentence))
    if alike >= _SAME_STATEMENT and _modals(sentence) != _modals(closest):
        return f'The context puts it otherwise: "{closest.strip()}"'
    return None


def _covers(words: set[str], statement: str) -> float:
    return len(words & set(content_words(statement))) / len(words) if words else 0.0


def _modals(text: str) -> set[str]:
    found = (match.lower() for match in _MODALS.findall(text))
    return {_MODAL_GROUP.get(word, word) for word in found}


def _relevant(question: str, context: str) -> tuple[bool, str]:
    asked = set(content_words(question))
    shared = asked & set(content_words(context))
    parts = re.split(r"\n\s*\n", context)
    if answers.answer(question, parts) is not None:
        return True, f"The information holds what the request asks about: {_some(shared)}."
    if asked and len(shared) >= _RELEVANT_SHARE * len(asked):
        return True, f"The information is about the request: {_some(shared)}."
    return False, f"The information says nothing about {_some(asked - shared)}."


def _matches(output: str, expected: str) -> tuple[bool, str]:
    wanted, said = set(content_words(expected)), set(content_words(output))
    numbers = {word for word in wanted if word[0].isdigit()}
    if numbers - said:
        return False, f"The response lacks {_some(numbers - said)} of the reference."
    if len(wanted & said) < 0.5 * len(wanted):
        return False, f"The response lacks most of the reference: {_some(wanted - said)}."
    return True, "The response agrees with the reference."


def _plausible(question: str, output: str) -> tuple[bool, str]:
    if not output.strip() or _UNKNOWN.search(output):
        return False, "The response does not answer."
    if not set(content_words(question)) & set(content_words(output)):
        return False, "The response speaks of something else than the question."
    return True, "The response answers the question; nothing here contradicts it."


def _some(words: set[str]) -> str:
    return ", ".join(sorted(words)[:4]) or "it"
