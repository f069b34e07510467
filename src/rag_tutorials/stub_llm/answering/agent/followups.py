"""Follow-up questions: what was left out is taken from the turns before.

"And Bob?" after "How many days does Ada have left?" asks for Bob's; "Until when?" asks for the time
of what was spoken of; "she" is the person named last.
"""

import re
from collections.abc import Sequence

from rag_tutorials.stub_llm.answering.agent.arguments import dates_in, names_in
from rag_tutorials.stub_llm.answering.agent.sums import numbers_in
from rag_tutorials.stub_llm.answering.conversation import Message
from rag_tutorials.stub_llm.language.lexical import content_words

_AND = re.compile(
    r"\s*(?:and|or|but|ok(?:ay)?,?(?: and)?)?,?\s*(?:(?:what|how) about|what of|and|for)\s+"
    r"(?P<rest>.+?)\s*\?*\s*$",
    re.IGNORECASE | re.DOTALL,
)
_BARE = re.compile(
    r"\s*(?:and |but |ok(?:ay)?,? )?(?P<wh>(?:(?:since|until|till|from|by|to|for|with|at) )?"
    r"(?:when|where|whom|who|why|how(?: (?:long|much|many|often|soon|far))?|which(?: \w+)?|what))"
    r"(?: exactly| else| then)?\s*\?*\s*$",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"^\s*(?:(?:since|until|from|by|for|with|at) )?(?:when|where|whom|who|why|which|what|"
    r"how(?: (?:long|much|many|often|soon|far))?)\b\s*",
    re.IGNORECASE,
)
_SAID = re.compile(
    r"\bdid you (?:just )?(?:say|mention|tell)\b|\byou (?:just |have )?(?:said|mentioned|told)\b"
    r"|\b(?:say|repeat) (?:that|it) again\b",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(r"\b(?:she|he|they|him|them|(?P<whose>her|his|their))\b", re.IGNORECASE)
_THING = re.compile(r"\b(?:it|that|this|there)\b", re.IGNORECASE)
_LAST_PLACE = re.compile(
    r"\b(?:in|of|for|to|at|on|about|with|from)\s+(?:the |a |an )?([^?.!,]+)(?=[?.!]?\s*$)"
)
_FEW = 2
"""Content words up to which a question with "it" does not say what it is about."""


def asks_for_what_was_said(question: str) -> bool:
    """Say whether a question is about the conversation itself: "how many did you say?"."""
    return _SAID.search(question) is not None


def complete(question: str, messages: Sequence[Message]) -> str:
    """Return a question with what it leaves out; as it is where it stands by itself.

    Args:
        question: What the user asks now.
        messages: The conversation, this question included.
    """
    asked = [message.content for message in messages if message.role == "user"]
    if len(asked) < 2:
        return question
    question = _SAID.sub("", question)
    topic = asked[0]
    for text in asked[1:-1]:
        if not _BARE.match(text):
            topic = _completed(text, topic, ())
    said = [message.content for message in messages if message.role == "assistant"]
    return _completed(question, topic, [*reversed(said[-2:])])


def _completed(question: str, topic: str, said: Sequence[str]) -> str:
    if bare := _BARE.match(question):
        rest = _ASKED.sub("", topic).strip().rstrip("?.! ")
        return f"{bare['wh'][0].upper()}{bare['wh'][1:]} {rest}?"
    if follows := _AND.match(question):
        return _exchanged(topic, follows["rest"].strip())
    return _resolved(question, topic, said)


def _exchanged(topic: str, other: str) -> str:
    """Return the earlier question about somebody or something else."""
    if (dates := dates_in(other)) and (earlier := dates_in(topic)):
        return topic.replace(earlier[0], dates[0])
    for find in (names_in, numbers_in):
        new, old = find(f"for {other}"), find(topic)
        if new and old:
            return re.sub(rf"\b{re.escape(old[-1])}\b", new[0], topic)
    words = content_words(other)
    if not words:
        return topic
    match = _LAST_PLACE.search(topic)
    if match and len(words) <= _FEW + 1:
        return f"{topic[: match.start(1)]}{other}{topic[match.end(1) :]}"
    return f"{topic.rstrip('?.! ')}, {other}?"


def _resolved(question: str, topic: str, said: Sequence[str]) -> str:
    """Return a question with its pronouns replaced by the person or the matter spoken of last."""
    pronoun = _SOMEBODY.search(question)
    if pronoun and not names_in(question):
        names = names_in(topic) or [name for text in said for name in names_in(text)]
        if names:
            whose = f"{names[-1]}'s"
            return _SOMEBODY.sub(lambda m: whose if m["whose"] else names[-1], question)
    few = len(content_words(question)) <= _FEW
    if _THING.search(question) and few and not names_in(question):
        about = " ".join(content_words_as_said(topic))
        return f"{question.rstrip('?.! ')} ({about})?" if about else question
    return question


def content_words_as_said(text: str) -> list[str]:
    """Return the words of a text that carry meaning, as they stand in it."""
    return [word for word in re.findall(r"[\w'\u2019-]+", text) if content_words(word)]
