"""The OpenAI Agents SDK over responses and chat completions: text, stream, tools, output types."""

import asyncio
import os

from agents import Agent, Runner, function_tool, set_default_openai_api, set_tracing_disabled
from pydantic import BaseModel


class Trip(BaseModel):
    city: str
    days: int


@function_tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"{city}: 20 degrees"


async def main() -> None:
    model = os.environ["OPENAI_CHAT_MODEL"]
    plain = Agent(name="plain", model=model)
    assert (await Runner.run(plain, "Say hi")).final_output == "hi"
    stream = Runner.run_streamed(plain, "Say hi")
    kinds = [event.type async for event in stream.stream_events()]
    assert "raw_response_event" in kinds
    assert stream.final_output == "hi"
    typed = Agent(name="typed", model=model, output_type=Trip)
    found = (await Runner.run(typed, "Ada worked 3 days in Lisbon.")).final_output
    assert found == Trip(city="Lisbon", days=3), found
    tools = Agent(name="tools", model=model, tools=[get_weather])
    said = (await Runner.run(tools, "What is the weather in Paris, Berlin and Rome?")).final_output
    assert "Rome: 20 degrees" in said, said


async def both() -> None:
    for api in ("responses", "chat_completions"):
        set_default_openai_api(api)
        await main()


set_tracing_disabled(True)
asyncio.run(both())
