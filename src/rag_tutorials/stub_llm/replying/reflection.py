"""Looking back at an answer: a critique with its reason, and a revision that uses it."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rag_tutorials.stub_llm.answering import structured
from rag_tutorials.stub_llm.answering.agent.results import passages_of
from rag_tutorials.stub_llm.answering.conversation import Message
from rag_tutorials.stub_llm.answering.judge import pick_label, read_fields, verdict_on
from rag_tutorials.stub_llm.answering.prompt import read_prompt, split_passages
from rag_tutorials.stub_llm.answering.reader import Reader
from rag_tutorials.stub_llm.answering.structured import UNKNOWN, words_of
from rag_tutorials.stub_llm.language.lexical import content_words

_CRITIC = re.compile(
    r"\b(?:critiques?|critici[sz]e|critic|reviewer|reflect(?: on)?|fact-?check\w*|are you sure|"
    r"(?:review|check|verify|assess|examine|double-?check)\w* (?:the|this|your|that|my|an) "
    r"(?:\w+ )?(?:answer|draft|response|reply)|what is wrong with|find (?:any |the |all )?"
    r"(?:problems?|errors?|mistakes?|flaws?))\b",
    re.IGNORECASE,
)
_REVISER = re.compile(
    r"\b(?:revis\w*|improv\w*|correct(?: it| the| your)|fix|rewrite|redo|refine)\b"
    r"[^.\n]*\b(?:answer|draft|response|reply|feedback|critique|it)\b"
    r"|\bwrite (?:it|(?:the|this|that|your) \w+) (?:again|anew)\b"
    r"|\busing (?:the|this) (?:feedback|critique)\b",
    re.IGNORECASE,
)
_NO_PROBLEM = re.compile(
    r"\bno (?:problems?|errors?|mistakes?|issues?|changes?)\b|\bcan stand\b|\blooks good\b|"
    r"\bnothing to (?:change|correct|fix)\b|\"(?:ok|correct|approved|passed)\":\s*true|"
    r"^\W*(?:ok|correct|approved|pass(?:ed)?)\W*$",
    re.IGNORECASE,
)
_SUGGESTION = re.compile(
    r"(?:context says|should (?:say|be)|suggestion)\W+[\"\u201c](.+?)[\"\u201d]",
    re.IGNORECASE | re.DOTALL,
)
_BAD_WHEN_TRUE = {"wrong", "error", "errors", "problem", "problems", "needs", "revise", "revision"}
_BAD_WHEN_TRUE |= {"incorrect", "hallucinated", "unsupported", "issues", "issue", "mistake"}
_ON_TOPIC = 0.5
"""The share of the question's words, beside the best sentence, that an answer to it holds."""
_REMEDIES = {"suggestion", "suggestions", "correction", "improvement", "improvements", "fix"}


@dataclass(frozen=True, slots=True)
class Draft:
    """An answer under review, with what it should rest on."""

    question: str
    answer: str
    passages: tuple[str, ...]
    feedback: str = ""

    def verdict(self) -> tuple[bool, str]:
        """Whether the answer holds, and why; judged by words and numbers (see ``judge``)."""
        fields = {"question": self.question, "output": self.answer}
        if self.passages:
            fields["context"] = "\n".join(self.passages)
            better = self.better()
            if better is not None and re.search(r"\bI don['\u2019]t know\b", self.answer):
                return False, "The answer says that it does not know, and the context does."
            if better is not None and _covered(self.question, self.answer) < _ON_TOPIC * _covered(
                self.question, better
            ):
                return False, "The answer speaks of something else than the question."
        return verdict_on(fields)

    def better(self) -> str | None:
        """What the context says to the question, if it says anything."""
        return Reader("grounded").answer(self.question, self.passages)


def _covered(question: str, text: str) -> int:
    """How many of a question's words a text holds."""
    return len(set(content_words(question)) & set(content_words(text)))


def reflect(
    messages: Sequence[Message], schema: Mapping[str, Any] | None, reader: Reader
) -> str | dict[str, Any] | None:
    """Return a critique or a revision where the conversation asks for one, else ``None``."""
    last = next((m.content for m in reversed(messages) if m.role == "user"), "")
    system = "\n".join(m.content for m in messages if m.role == "system")
    ask = _instruction(last)
    revises = _REVISER.search(ask) or (_REVISER.search(system) and not _CRITIC.search(ask))
    if not revises and not _CRITIC.search(ask) and not _CRITIC.search(system):
        return None
    draft = _draft(messages, last)
    if draft is None:
        return None
    if revises and (draft.feedback or not _CRITIC.search(ask)):
        return _revise(draft, reader)
    good, why = draft.verdict()
    better = None if good else draft.better()
    if schema is not None:
        return _fill(schema, draft, good, why, better)
    if good:
        return f"No problems: {why} The answer can stand."
    remedy = f' The context says: "{better}"' if better else " Nothing supports another answer."
    return f"Problem: {why}{remedy}"


def _instruction(text: str) -> str:
    """The part of a message that says what to do: without the texts in tags."""
    return re.sub(r"<(\w+)[^>]*>.*?</\1>", " ", text, flags=re.DOTALL)


def _draft(messages: Sequence[Message], last: str) -> Draft | None:
    fields = {role: _without_instruction(text) for role, text in read_fields(last).items()}
    passages = split_passages(fields["context"]) if "context" in fields else _passages(messages)
    if "output" in fields:
        question = fields.get("question") or _earlier_question(messages)
        return Draft(question, fields["output"], tuple(passages), fields.get("feedback", ""))
    said = [m.content for m in messages if m.role == "assistant" and m.content]
    if not said:
        return None
    critique = next((text for text in reversed(said) if _is_critique(text)), "")
    answers = [text for text in said if not _is_critique(text)]
    feedback = fields.get("feedback") or critique or ""
    if not answers:
        return None
    return Draft(_earlier_question(messages), answers[-1], tuple(passages), feedback)


def _without_instruction(text: str) -> str:
    """A field's text without the lines after it that say what to do with it."""
    first, *others = text.split("\n")
    kept = [line for line in others if not (_CRITIC.search(line) or _REVISER.search(line))]
    return "\n".join([first, *kept])


def _is_critique(text: str) -> bool:
    return text.startswith(("Problem: ", "No problems: "))


def _earlier_question(messages: Sequence[Message]) -> str:
    """The last thing that the user asked and that is no request to look back."""
    asked = [m.content for m in messages if m.role == "user"][:-1]
    plain = [t for t in asked if not _CRITIC.search(t) and not _REVISER.search(t)]
    return read_prompt((plain or asked or [""])[-1]).question


def _passages(messages: Sequence[Message]) -> list[str]:
    """All that the conversation holds to rest an answer on: contexts, and results of tools."""
    found: list[str] = []
    for message in messages:
        if message.role == "tool":
            found += passages_of(message.content)
        elif message.role in ("user", "system"):
            found += read_prompt(message.content).passages or ()
    return found


def _revise(draft: Draft, reader: Reader) -> str:
    good, _ = draft.verdict()
    agreed = _NO_PROBLEM.search(draft.feedback) is not None if draft.feedback else good
    if agreed and reader.mode == "grounded":
        return draft.answer
    suggested = _SUGGESTION.search(draft.feedback)
    better = draft.better() or (suggested[1].strip() if suggested else None)
    return reader.tell(better) or (UNKNOWN if better is None else better)


def _fill(
    schema: Mapping[str, Any], draft: Draft, good: bool, why: str, better: str | None
) -> dict[str, Any]:
    """The critique in the form that the request asks for."""
    facts = structured.Facts(draft.question, better or draft.answer, draft.passages)
    filled = structured.fill(schema, facts)
    values: dict[str, Any] = dict(filled) if isinstance(filled, dict) else {}
    for name, part in (schema.get("properties") or {}).items():
        words, kind = set(words_of(name)), part.get("type") if isinstance(part, Mapping) else None
        if kind == "boolean":
            values[name] = good != bool(words & _BAD_WHEN_TRUE)
        elif kind == "array":
            remedies = [better] if better else []
            problem = f'{why} The context says: "{better}"' if better else why
            values[name] = [] if good else remedies if words & _REMEDIES else [problem]
        elif isinstance(part, Mapping) and part.get("enum"):
            values[name] = pick_label(part["enum"], good)
        elif kind in ("integer", "number"):
            low, high = part.get("minimum", 0), part.get("maximum", 1)
            values[name] = high if good else low
        elif kind == "string":
            if words & _REMEDIES:
                values[name] = better or ""
            elif words & {"answer", "revised", "revision", "final"}:
                values[name] = better or draft.answer
            else:
                values[name] = why
    return values
