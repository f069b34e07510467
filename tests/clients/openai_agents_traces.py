"""The trees that OpenAI's Agents SDK leaves: a tool, a hand-off, a guardrail, the bound, twice."""

import asyncio
import os

from agents import (
    Agent,
    GuardrailFunctionOutput,
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    Runner,
    function_tool,
    input_guardrail,
    set_default_openai_api,
)
from openinference.instrumentation.openai import OpenAIInstrumentor
from openinference.instrumentation.openai_agents import OpenAIAgentsInstrumentor
from traced import provider, trees

QUESTION = "How many days does Ada have left?"
MODEL = os.environ["OPENAI_CHAT_MODEL"]
OpenAIAgentsInstrumentor().instrument(tracer_provider=provider)
set_default_openai_api("chat_completions")
tracer = provider.get_tracer("own")


@function_tool
def leave_balance(employee: str) -> str:
    """Days of annual leave that an employee has left."""
    with tracer.start_as_current_span("own span"):
        return f"{employee} has 12 days left."


@input_guardrail
def no_salaries(context, agent, asked) -> GuardrailFunctionOutput:
    """Refuse questions about salaries."""
    return GuardrailFunctionOutput(None, tripwire_triggered="salary" in str(asked))


@function_tool(name_override="leave_balance")
def failing(employee: str) -> str:
    """Days of annual leave that an employee has left."""
    raise ConnectionError("the table cannot be reached")


leave = Agent(name="leave", model=MODEL, tools=[leave_balance])
desk = Agent(
    name="desk",
    model=MODEL,
    instructions="Hand questions about leave over.",
    handoffs=[leave],
    input_guardrails=[no_salaries],
)


async def ask(agent: Agent, question: str = QUESTION, **options: int) -> None:
    with tracer.start_as_current_span("request"):
        await Runner.run(agent, question, **options)


async def main() -> None:
    await ask(leave)
    found = trees("a tool")
    assert "own span" in found.split("leave_balance TOOL")[1]

    await ask(desk, "I have a question about my leave: how many days does Ada have left?")
    found = trees("a hand-off")
    assert "handoff to leave TOOL" in found
    assert found.index("desk AGENT") < found.index("leave AGENT")

    await ask(Agent(name="leave", model=MODEL, tools=[failing]))  # the model is told; no exception
    found = trees("a tool fails")
    failed = {line.strip() for line in found.splitlines() if line.endswith("ERROR")}
    assert failed == {"leave_balance TOOL ERROR"}

    try:
        await ask(desk, "What salary does Ada have?")
    except InputGuardrailTripwireTriggered:
        found = trees("a guardrail")
        assert "no_salaries GUARDRAIL" in found
    else:
        raise AssertionError("the guardrail stops it")

    try:
        await ask(leave, max_turns=1)
    except MaxTurnsExceeded:
        assert "leave AGENT ERROR" in trees("the bound is reached")
    else:
        raise AssertionError("one turn does not do")

    OpenAIInstrumentor().instrument(tracer_provider=provider)
    await ask(leave)
    assert trees("with the client's instrumentation too").count(" LLM") == 4


asyncio.run(main())
