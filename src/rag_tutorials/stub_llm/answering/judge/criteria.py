"""What is looked at, a criterion each: is it good, and why, in words of the texts."""

import re
from collections.abc import Callable, Mapping, Sequence

from rag_tutorials.stub_llm.answering import answers
from rag_tutorials.stub_llm.answering.agent.history import reports_failure
from rag_tutorials.stub_llm.answering.agent.results import passages_of
from rag_tutorials.stub_llm.answering.clauses import clauses
from rag_tutorials.stub_llm.answering.judge import phrases, tool_calls
from rag_tutorials.stub_llm.language.lexical import content_words

Fields = Mapping[str, str]
Verdict = tuple[bool, str]

_MODALS = re.compile(r"\b(not|never|no|cannot|must|may|can|should|shall)\b", re.IGNORECASE)
_MODAL_GROUP = {
    **dict.fromkeys(("never", "no", "cannot"), "not"),
    **dict.fromkeys(("shall", "should"), "must"),
    "can": "may",
}
_WORD = re.compile(r"[^\W\d_]+")
_SENTENCE = re.compile(r"(?<=[.!?])\s+|\n+")
_TURN = re.compile(r"^\W*(user|human|assistant|ai|agent|bot)\W*?:\s*", re.IGNORECASE | re.MULTILINE)
_ABOUT_RIGHT = re.compile(r"\b(?:right|correct|accurate|pass|good)\b", re.IGNORECASE)
_ABOUT_REFUSALS = re.compile(
    r"\b(?:i (?:do not|don['\u2019]t) know|refus\w*|declin\w*|abstain\w*|unanswerable|"
    r"not (?:in|hold|contain|say)\w*)\b",
    re.IGNORECASE,
)
_STRAY_SHARE = 0.4
"""The share of an answer's content words that may be from neither context nor question."""
_SAME_STATEMENT = 0.6
"""The share of a sentence's words that a context sentence must hold to be about the same thing."""
_RELEVANT_SHARE = 0.6
_ANSWERING_SHARE = 0.5
"""The share of a question's words that a text must hold more than, to be taken for its answer."""
_CONCISE_WORDS = 45
_TERSE_WORDS = 4


def look(fields: Fields, labels: str, prompt: str) -> Verdict:
    """Return whether what the fields hold is good, and why.

    Args:
        fields: The texts by role (see ``read_fields``).
        labels: The labels to choose from; they tell what is asked for.
        prompt: The whole prompt, for what the labels leave open.
    """
    asked_for = labels.lower()
    for words, needs, criterion in _CRITERIA:
        if any(word in asked_for for word in words) and needs <= fields.keys():
            return criterion(fields)
    if {"tools", "output"} <= fields.keys():
        # The question at the end names what is asked for, and the rubric before it names both.
        asks_for_arguments = prompt.lower().rfind("invocation") > prompt.lower().rfind("selection")
        check = tool_calls.invocation if asks_for_arguments else tool_calls.selection
        return check(fields.get("question", ""), fields["tools"], fields["output"])
    if {"result", "output"} <= fields.keys():
        return _handled(fields)
    if "output" in fields:
        if "expected" in fields:
            return _matches(fields["output"], fields["expected"])
        if "context" in fields:
            if "question" in fields and _ABOUT_RIGHT.search(labels):
                return _right(fields, _rubric(prompt, fields))
            return _faithful(fields.get("question", ""), fields["context"], fields["output"])
    elif "context" in fields:
        return _relevant(fields.get("question", ""), fields["context"])
    return _plausible(fields.get("question", ""), fields.get("output", ""))


def _refusal(fields: Fields) -> Verdict:
    refused = phrases.REFUSAL.search(fields["output"]) is not None
    return not refused, f"The response {'declines' if refused else 'tries'} to answer."


def _concise(fields: Fields) -> Verdict:
    output = fields["output"]
    words = len(output.split())
    if filler := phrases.FILLER.search(output):
        return False, f'The response has filler: "{filler[0]}".'
    sentences = [" ".join(content_words(part)) for part in _SENTENCE.split(output)]
    if len(set(sentences)) < len(sentences):
        return False, "The response says one thing twice."
    return words <= _CONCISE_WORDS, f"The response has {words} words."


def _toxic(fields: Fields) -> Verdict:
    found = phrases.INSULT.search(fields.get("text") or fields.get("output", ""))
    return found is None, f'The text says "{found[0]}".' if found else "The text attacks nobody."


def _personal(fields: Fields) -> Verdict:
    text, found = "\n".join(fields.values()), []
    for name, pattern in phrases.PERSONAL.items():
        text, times = re.subn(pattern, " ", text)
        found += [name] if times else []
    if found:
        return False, f"The text holds {' and '.join(found)}."
    return True, "The text holds no address and no number that belongs to somebody."


def _friction(fields: Fields) -> Verdict:
    message = fields.get("message") or fields["conversation"]
    found = phrases.COMPLAINT.search(message)
    if found:
        return False, f'The user reacts to the reply before: "{found[0].strip()}".'
    return True, "The user goes on without a complaint."


def _complete(fields: Fields) -> Verdict:
    """Each request of the user is taken up in what the assistant says after it."""
    marks = list(_TURN.finditer(fields["conversation"]))
    ends = [*(mark.start() for mark in marks[1:]), len(fields["conversation"])]
    turns = [
        (mark[1].lower() in ("user", "human"), fields["conversation"][mark.end() : end].strip())
        for mark, end in zip(marks, ends, strict=False)
    ]
    for place, (by_user, text) in enumerate(turns):
        if not by_user:
            continue
        replies = " ".join(said for user, said in turns[place + 1 :] if not user)
        requests = list(clauses(text))
        for part in requests:
            wanted = set(content_words(part))
            if "?" not in text and len(wanted) < 2:
                continue  # thanks, a greeting
            if not replies or phrases.REFUSAL.search(replies):
                return False, f'Nothing answers "{part.strip()}".'
            if len(requests) == 1 and len(content_words(replies)) <= _TERSE_WORDS:
                continue  # "Six months." takes up no word, and answers
            if wanted and not wanted & set(content_words(replies)):
                return False, f'The assistant does not take up "{part.strip()}".'
    return True, "The assistant takes up each request."


def _grounded(fields: Fields) -> Verdict:
    if phrases.REFUSAL.search(fields["output"]):
        return True, "The response claims nothing."
    return _plausible(fields.get("question", ""), fields["output"])


def _handled(fields: Fields) -> Verdict:
    """An agent's reply to what a tool returned."""
    result, output = fields["result"], fields["output"]
    if reports_failure(result):
        admits = bool(phrases.REFUSAL.search(output) or phrases.ADMISSION.search(output))
        why = "says so" if admits else "passes over it"
        return admits, f"The tool reported an error, and the response {why}."
    if phrases.REFUSAL.search(output):
        return False, "The tool returned something, and the response makes nothing of it."
    context = "\n".join([*passages_of(result), result])
    return _faithful(fields.get("question", ""), context, output)


def _faithful(question: str, context: str, output: str) -> Verdict:
    if phrases.REFUSAL.search(output):
        return True, "The response claims nothing that the context would have to hold."
    statements = [s for s in _SENTENCE.split(context) if s.strip()]
    statements += [half for s in statements if ";" in s for half in s.split(";") if half.strip()]
    known = set(content_words(context)) | set(content_words(question))
    words = [word for word in content_words(output) if not word[0].isdigit()]
    stray = [word for word in words if word not in known]
    if len(stray) > _STRAY_SHARE * len(words):
        few = _some(stray[:4], output)
        return False, f"Much of the response is in neither context nor query: {few}."
    for sentence in (s for s in _SENTENCE.split(output) if s.strip()):
        problem = _strange_name(sentence, context + " " + question) or _conflict(
            sentence, statements, context + " " + question
        )
        if problem:
            return False, problem
    return True, "The response says what the context says, numbers and conditions included."


def _right(fields: Fields, rubric: str) -> Verdict:
    """Whether an output is the right one, as far as a context tells, by what the rubric says."""
    question, context, output = fields["question"], fields["context"], fields["output"]
    asked = set(content_words(question))
    if phrases.REFUSAL.search(output):
        if not _ABOUT_REFUSALS.search(rubric):
            return False, "The response does not answer."
        parts = re.split(r"\n\s*\n", context)
        if asked and max(_covers(asked, part) for part in parts) >= _ANSWERING_SHARE:
            return False, "The context speaks of what the question asks, and the response declines."
        return True, "The context does not hold the answer, and the response says so."
    good, why = _faithful(question, context, output)
    if good and _covers(asked, output) <= _ANSWERING_SHARE:
        return False, "The response speaks of something else than the question."
    return good, why


def _rubric(prompt: str, fields: Fields) -> str:
    """Return the prompt without what is judged."""
    for text in filter(None, fields.values()):
        prompt = prompt.replace(text, " ")
    return prompt


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
    closest = max(
        same,
        key=lambda s: (
            _covers(plain, s),
            len(numbers & set(content_words(s))),
            _covers(set(content_words(s)), sentence),  # of a sentence and its half, the half
        ),
    )
    alike = min(_covers(plain, closest), _covers(set(content_words(closest)), sentence))
    if alike >= _SAME_STATEMENT and _modals(sentence) != _modals(closest):
        return f'The context puts it otherwise: "{closest.strip()}"'
    return None


def _strange_name(sentence: str, everything: str) -> str | None:
    """A name (a capital inside a sentence) that comes from nowhere."""
    known = set(_WORD.findall(everything)) | set(_WORD.findall(everything.lower()))
    for word in _WORD.findall(sentence)[1:]:
        if word[0].isupper() and not {word, word.lower()} & known and content_words(word):
            return f"The context does not hold {word}."
    return None


def _covers(words: set[str], statement: str) -> float:
    return len(words & set(content_words(statement))) / len(words) if words else 0.0


def _modals(text: str) -> set[str]:
    found = (match.lower() for match in _MODALS.findall(text))
    return {_MODAL_GROUP.get(word, word) for word in found}


def _relevant(question: str, context: str) -> Verdict:
    asked = set(content_words(question))
    shared = asked & set(content_words(context))
    parts = re.split(r"\n\s*\n", context)
    if answers.answer(question, parts) is not None:
        return (
            True,
            f"The information holds what the request asks about: {_some(shared, question)}.",
        )
    if asked and len(shared) >= _RELEVANT_SHARE * len(asked):
        return True, f"The information is about the request: {_some(shared, question)}."
    return False, f"The information says nothing about {_some(asked - shared, question)}."


def _matches(output: str, expected: str) -> Verdict:
    wanted, said = set(content_words(expected)), set(content_words(output))
    numbers = {word for word in wanted if word[0].isdigit()}
    if numbers - said:
        return False, f"The response lacks {_some(numbers - said, expected)} of the reference."
    if len(wanted & said) < 0.5 * len(wanted):
        missing = _some(wanted - said, expected)
        return False, f"The response lacks most of the reference: {missing}."
    return True, "The response agrees with the reference."


def _plausible(question: str, output: str) -> Verdict:
    if not output.strip() or phrases.REFUSAL.search(output):
        return False, "The response does not answer."
    if not set(content_words(question)) & set(content_words(output)):
        return False, "The response speaks of something else than the question."
    return True, "The response answers the question; nothing here contradicts it."


def _some(stems: Sequence[str] | set[str], text: str) -> str:
    """Return a few stems as the words that they are in a text, in its order."""
    wanted = set(stems)
    words: dict[str, str] = {}
    for word in re.findall(r"[\w'\u2019]+(?:[.,:]\d+)*", text):
        for stem in content_words(word):
            if stem in wanted:
                words.setdefault(stem, word.lower())
    return ", ".join(list(words.values())[:5]) or "anything of it"


_CRITERIA: tuple[tuple[tuple[str, ...], set[str], Callable[[Fields], Verdict]], ...] = (
    (("refus",), {"output"}, _refusal),
    (("concise", "verbose"), {"output"}, _concise),
    (("toxic",), set(), _toxic),
    (("pii",), set(), _personal),
    (("friction",), {"conversation"}, _friction),
    (("complete",), {"conversation"}, _complete),
    (("hallucinat",), {"question", "output"}, _grounded),
)
