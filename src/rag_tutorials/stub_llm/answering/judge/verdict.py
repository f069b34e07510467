"""The verdict on an evaluation prompt, in the form that its schema asks for."""

from collections.abc import Mapping
from typing import Any

from rag_tutorials.stub_llm.answering.judge.criteria import look
from rag_tutorials.stub_llm.answering.judge.fields import read_fields
from rag_tutorials.stub_llm.answering.judge.labels import pick_label

_ALONE = {"conversation", "text"}
"""Fields that are judged by themselves; otherwise an evaluation compares two."""


def judge(prompt: str, schema: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return the verdict as the schema wants it, or ``None`` when this is no evaluation.

    An evaluation asks for a ``label`` out of an ``enum`` and holds at least two of question,
    context, output and the like, or a conversation or a text.
    """
    properties = (schema or {}).get("properties") or {}
    labels = _labels(properties.get("label") or {})
    if not labels:
        return None
    fields = read_fields(prompt)
    if len(fields) < 2 and not _ALONE & fields.keys():
        return None
    good, why = look(fields, " ".join(str(label) for label in labels), prompt)
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
    """Return whether an output is good, and why; ``fields`` are texts by role."""
    return look(fields, "", "")


def _labels(schema: Mapping[str, Any]) -> list[Any]:
    """The labels of an ``enum``, or of the ``const`` options that carry descriptions."""
    options = schema.get("oneOf") or schema.get("anyOf") or []
    return list(schema.get("enum") or [item["const"] for item in options if "const" in item])
