"""The reply once there is nothing left to call."""

import re
from collections.abc import Sequence

from rag_tutorials.stub_llm.answering import answers
from rag_tutorials.stub_llm.answering.agent.arguments import is_calculator
from rag_tutorials.stub_llm.answering.agent.history import Step, error_in, parsed
from rag_tutorials.stub_llm.answering.agent.results import passages_of
from rag_tutorials.stub_llm.answering.agent.turn import Outcome
from rag_tutorials.stub_llm.answering.reader import Reader
from rag_tutorials.stub_llm.answering.structured import UNKNOWN

_SHORT = 300
"""Characters up to which the result of a tool is told whole when no part of it stands out."""
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")


def tell(
    question: str, outcomes: Sequence[Outcome], made: Sequence[Step], reader: Reader
) -> str | None:
    """Return the reply from what the tools returned; ``None`` where none has returned anything.

    Each part of the plan is told; results that another part has calculated with are left out. What
    the plan does not know of (calls of a history, of another model) is told if nothing else is.
    """
    used = {place for outcome in outcomes for place in outcome.need.takes if outcome.result}
    told = []
    for place, outcome in enumerate(outcomes):
        if outcome.steps and place not in used and not outcome.steps[-1].is_hand_off:
            told.append(_part(outcome, question))
    rest = [step for step in made if step.result is not None and not step.is_hand_off]
    if not told and rest:
        good = [_answer(question, question, step) for step in rest if not step.failed]
        told = [text for text in good if text] or [f"I could not find out: {_quoted(rest[-1])}"]
    if not told:
        return None
    if reader.mode == "ignore_context":
        return answers.invent(question)
    return reader.tell(" ".join(dict.fromkeys(text for text in told if text)) or UNKNOWN)


def _part(outcome: Outcome, question: str) -> str:
    """The answer to one part of the plan, or what kept it from being found out."""
    last = outcome.steps[-1]
    failed = [step for step in outcome.steps if step.failed]
    if not last.failed and last.result is not None:
        if is_calculator(outcome.need.tool) and (number := _value(last)) is not None:
            return _sum(last, number)
        if found := _answer(outcome.need.clause, question, last):
            return found
    if not failed:
        return ""
    tried = " and ".join(dict.fromkeys(step.name for step in outcome.steps))
    return f"I could not find out with {tried}: {_quoted(failed[0])}"


def _value(step: Step) -> float | None:
    """The one number that a calculation returned, alone or in a record."""
    value = parsed((step.result or "").strip())
    if isinstance(value, dict):
        numbers = [part for part in value.values() if isinstance(part, int | float)]
        value = numbers[0] if len(numbers) == 1 else None
    return value if isinstance(value, int | float) else None


def _sum(step: Step, value: float) -> str:
    number = f"{value:.12g}"
    expression = next(iter(step.arguments.values()), "") if step.arguments else ""
    return f"{expression} = {number}." if expression else f"The result is {number}."


def _answer(clause: str, question: str, step: Step) -> str:
    """What a result says to a clause; a short one is told whole, of several texts none is."""
    result = (step.result or "").strip()
    if _NUMBER.fullmatch(result):
        return f"The result is {result}."
    passages = passages_of(result, step.arguments)
    plain = Reader("grounded")
    found = plain.answer(clause, passages) or plain.answer(question, passages)
    if found is not None:
        return found
    whole = " ".join(text if text[-1] in ".!?" else f"{text}." for text in passages)
    return whole if len(passages) == 1 and len(whole) <= _SHORT else ""


def _quoted(step: Step) -> str:
    said = " ".join(error_in(step.result or "").split())
    return f'{step.name} said "{said[:_SHORT]}".'
