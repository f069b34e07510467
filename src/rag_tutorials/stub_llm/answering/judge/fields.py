"""The parts of an evaluation prompt, by the role that they play."""

import re

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
        "tool selection",
    ),
    "expected": ("expected", "reference", "reference answer", "ground truth", "expected answer"),
    "feedback": ("feedback", "critique", "review", "comments", "criticism"),
    "conversation": ("conversation", "conversation before user message", "dialogue", "chat"),
    "message": ("latest user message", "user message"),
    "text": ("text", "record"),
    "tools": ("available tools", "tools"),
    "call": ("tool call", "tool calls"),
    "result": ("tool result", "tool response", "tool output"),
}
_ROLE = {name: role for role, names in _FIELDS.items() for name in names}
_LABELLED = re.compile(r"^[ \t*#\[]*([A-Za-z][A-Za-z _]{2,24}?)[*\]]*:[*]*[ \t]*", re.MULTILINE)
_RULE = re.compile(r"^\W*$|^\W*\[?(?:begin|end)[ ]data\]?\W*$", re.IGNORECASE)


def read_fields(prompt: str) -> dict[str, str]:
    """Return the texts of an evaluation prompt by role: ``question``, ``output`` and so on."""
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


def _role(name: str) -> str | None:
    return _ROLE.get(" ".join(name.lower().replace("_", " ").split()))
