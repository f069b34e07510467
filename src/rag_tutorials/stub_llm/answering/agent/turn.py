"""How an agent's turn is decided: calls to make now, or nothing more to call.

The stub keeps no state. Each turn it makes the same plan of the question again, walks through it
with the calls that the conversation already holds, and stops at what is missing:

1. A tool that the request forces is called.
2. Each need of the plan has a first call. It is found among the calls made (compared as JSON), or
   it is due now, unless it waits for the result of another need.
3. A call that failed is followed by the next attempt: with arguments that the error suggests, with
   the next tool that fits, or, where the error says that it passes, once more. When no attempt is
   left, the need is given up, and the reply says so.
4. Where the request demands a call and nothing is due, the tool that takes the answer is called.

Faults turn single decisions: ``wrong_tool`` takes another tool than the best, ``bad_arguments``
breaks the arguments' JSON, ``loop`` repeats the last call whatever came of it.
"""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from rag_tutorials.stub_llm.answering import structured
from rag_tutorials.stub_llm.answering.agent import sums
from rag_tutorials.stub_llm.answering.agent.arguments import (
    Material,
    arguments_for,
    is_calculator,
)
from rag_tutorials.stub_llm.answering.agent.history import (
    Step,
    error_in,
    is_hand_off,
    steps_since_user,
)
from rag_tutorials.stub_llm.answering.agent.planning import Need, best_tool, plan
from rag_tutorials.stub_llm.answering.agent.repair import blames, passes_by_itself, suggested
from rag_tutorials.stub_llm.answering.agent.results import number_in, passages_of
from rag_tutorials.stub_llm.answering.conversation import (
    AnswerMode,
    Conversation,
    Tool,
    ToolCall,
)
from rag_tutorials.stub_llm.answering.reader import Reader
from rag_tutorials.stub_llm.answering.structured import words_of
from rag_tutorials.stub_llm.language.digest import digest

_ATTEMPTS = 4
"""Calls at most for one need: the first, and what is tried after errors."""
_TAKES_THE_ANSWER = {"final", "result", "output", "answer", "respond", "submit", "finish", "done"}


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a need: the steps made for it, and the call that is due, if one is.

    ``given_up`` says that every attempt failed, or that what it waits for failed.
    """

    need: Need
    steps: tuple[Step, ...] = ()
    due: tuple[Tool, Any] | None = None
    given_up: bool = False

    @property
    def result(self) -> str | None:
        """What the last call returned, if that is a result."""
        return self.steps[-1].result if self.steps and not self.steps[-1].failed else None


@dataclass(frozen=True, slots=True)
class Turn:
    """What the agent does next: ``calls``, or, when there is none, a reply from the outcomes."""

    calls: tuple[ToolCall, ...] = ()
    outcomes: tuple[Outcome, ...] = ()


def decide(conversation: Conversation, question: str, mode: AnswerMode = "grounded") -> Turn:
    """Decide the turn that follows a conversation.

    Args:
        conversation: The messages, the tools and what the request says about calls.
        question: What the user asks, with all that a follow-up question leaves out.
        mode: The fault to show, if one is active.
    """
    tools, made = conversation.tools, steps_since_user(conversation.messages)
    if not tools or conversation.tool_choice == "none":
        return Turn()
    earlier = tuple(
        message.content for message in reversed(conversation.messages) if message.role == "user"
    )
    material = Material(question, question, earlier)
    if conversation.forced_tool is not None:
        tool = next(t for t in tools if t.name == conversation.forced_tool)
        return _turn([(tool, _filled(tool, material, made))], made, mode)
    if mode == "loop" and made:
        again = next((tool for tool in tools if tool.name == made[-1].name), tools[0])
        return _turn([(again, made[-1].arguments)], made, mode)

    offered = [tool for tool in tools if not _takes_the_answer(tool)] or list(tools)
    outcomes = _follow(plan(offered, question), list(made), material, offered, mode)
    due: list[tuple[Tool, Any]] = []
    for outcome in outcomes:
        if outcome.due is not None and outcome.due not in due:
            due.append(outcome.due)
    if not due and conversation.tool_choice == "required":
        due = [_demanded(tools, material, made)]
    return replace(
        _turn(due if conversation.parallel_tool_calls else due[:1], made, mode),
        outcomes=tuple(outcomes),
    )


def _follow(
    needs: Sequence[Need],
    made: list[Step],
    material: Material,
    tools: Sequence[Tool],
    mode: AnswerMode,
) -> list[Outcome]:
    """Walk through a plan with the steps that were made for it."""
    outcomes: list[Outcome] = []
    known_steps: list[Step] = []
    for need in needs:
        waits_for = [outcomes[place] for place in need.takes]
        if any(other.given_up for other in waits_for):
            outcomes.append(Outcome(need, given_up=True))
            continue
        if any(other.result is None for other in waits_for):
            outcomes.append(Outcome(need))
            continue
        numbers = [_number(other, need.tool) for other in waits_for]
        if waits_for and not any(numbers):
            outcomes.append(Outcome(need, given_up=True))
            continue
        known = replace(
            material, clause=need.clause, numbers=[number for number in numbers if number]
        )
        outcomes.append(_settle(need, made, known_steps, known, tools, mode))
        known_steps += outcomes[-1].steps
    return outcomes


def _settle(
    need: Need,
    made: list[Step],
    known: Sequence[Step],
    material: Material,
    tools: Sequence[Tool],
    mode: AnswerMode,
) -> Outcome:
    """Find the attempts at a need among the steps made; take them out, and say what is due.

    A call that was made for another need (``known``) is not made again.
    """
    steps: list[Step] = []
    for tool, arguments, again in _attempts(need, steps, material, tools, mode):
        if len(steps) == _ATTEMPTS:
            break
        call = (tool.name, arguments)
        if not again and call in [(step.name, step.arguments) for step in steps]:
            continue
        step = next((one for one in made if (one.name, one.arguments) == call), None)
        if step is not None:
            made.remove(step)
        elif not again:
            step = next((one for one in known if (one.name, one.arguments) == call), None)
        if step is None:
            return Outcome(need, tuple(steps), due=(tool, arguments))
        steps.append(step)
        if not step.failed:
            return Outcome(need, tuple(steps))
    return Outcome(need, tuple(steps), given_up=True)


def _attempts(
    need: Need,
    steps: Sequence[Step],
    material: Material,
    tools: Sequence[Tool],
    mode: AnswerMode,
) -> Iterator[tuple[Tool, Any, bool]]:
    """Yield one attempt after another, and whether it repeats a call on purpose.

    ``steps`` grows meanwhile with what came of the attempts before.
    """
    first = need.tool
    if mode == "wrong_tool" and len(tools) > 1:
        first = next((tool for tool in need.others if tool is not first), None) or next(
            tool for tool in tools if tool is not need.tool
        )
    for tool in (first, *(other for other in need.others if other is not first)):
        arguments: Any = arguments_for(tool, material)
        if is_calculator(tool) and not all(arguments.values()):
            continue
        yield tool, arguments, False
        if not steps:
            continue
        error = error_in(steps[-1].result or "")
        if passes_by_itself(error) and not blames(error, arguments):
            yield tool, arguments, True
            continue
        for changed in suggested(tool, arguments, error, material):
            yield tool, changed, False
        if passes_by_itself(error):
            yield tool, arguments, True


def _number(outcome: Outcome, tool: Tool) -> str | None:
    """The number that a result brings to a calculation, or to a tool that says what it takes."""
    result = outcome.result or ""
    passages = passages_of(result, outcome.steps[-1].arguments)
    told = None
    if len(result) > 60:
        reader, clause = Reader("grounded"), outcome.need.clause
        told = reader.answer(clause, passages) or reader.answer(sums.uncounted(clause), passages)
    if told is None and len(passages) > 1:
        return None  # of several texts none speaks of it
    asked = [outcome.need.clause]
    if not is_calculator(tool):  # "grams" of grams_to_ounces
        asked += [word for name in tool.parameters.get("required") or [] for word in words_of(name)]
    return number_in(told or " ".join(passages), " ".join(asked))


def _demanded(tools: Sequence[Tool], material: Material, made: Sequence[Step]) -> tuple[Tool, Any]:
    """The call to make when one is demanded and the plan has none left."""
    tool = next((tool for tool in tools if _takes_the_answer(tool)), None)
    if tool is None:
        tool = best_tool(tools, material.question)
        return tool, arguments_for(tool, material)
    return tool, _filled(tool, material, made)


def _filled(tool: Tool, material: Material, made: Sequence[Step]) -> Any:
    """Arguments from what the tools returned, if they did, else from the question."""
    passages = [
        passage
        for step in made
        if step.result and not step.failed and not step.is_hand_off
        for passage in passages_of(step.result)
    ]
    if not passages:
        return arguments_for(tool, material)
    answer = Reader("grounded").answer(material.question, passages) or " ".join(passages)
    facts = structured.Facts(material.question, answer, passages)
    return structured.fill(tool.parameters, facts)


def _takes_the_answer(tool: Tool) -> bool:
    words = set(words_of(tool.name))
    return bool(words & _TAKES_THE_ANSWER) and not is_hand_off(tool.name)


def _turn(calls: Sequence[tuple[Tool, Any]], made: Sequence[Step], mode: AnswerMode) -> Turn:
    told = []
    for number, (tool, arguments) in enumerate(calls, start=len(made)):
        text = arguments
        if not isinstance(text, str):
            text = json.dumps(arguments, ensure_ascii=False)
        if mode == "bad_arguments":
            text = _broken(text)
        told.append(ToolCall(call_id(tool.name, text, number), tool.name, text))
    return Turn(tuple(told))


def _broken(text: str) -> str:
    """Return JSON that was cut off, as a model's output at its limit is."""
    cut = re.sub(r"\"?\s*\}?$", "", text)
    return cut if cut != text else text[:-1]


def call_id(name: str, arguments: str, number: int) -> str:
    """The id of a call; the same call at the same place has the same one."""
    return f"call_{digest(name, arguments, number)}"
