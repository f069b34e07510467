"""pydantic-ai over chat completions and responses: text, stream, tools, all output modes."""

import asyncio
import os

from pydantic import BaseModel
from pydantic_ai import Agent, NativeOutput, PromptedOutput, ToolOutput
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel


class Trip(BaseModel):
    city: str
    days: int


async def streamed(agent: Agent) -> str:
    async with agent.run_stream("Say hi") as result:
        return await result.get_output()


for kind in (OpenAIChatModel, OpenAIResponsesModel):
    model = kind(os.environ["OPENAI_CHAT_MODEL"])
    plain = Agent(model)
    assert plain.run_sync("Say hi").output == "hi"
    assert asyncio.run(streamed(plain)) == "hi"
    for form in (Trip, ToolOutput(Trip), NativeOutput(Trip), PromptedOutput(Trip)):
        found = Agent(model, output_type=form).run_sync("Ada worked 3 days in Lisbon.").output
        assert found == Trip(city="Lisbon", days=3), (form, found)
    with_tool = Agent(model)

    @with_tool.tool_plain
    def get_weather(city: str) -> str:
        """Weather of a city."""
        return f"{city}: 20 degrees"

    said = with_tool.run_sync("What is the weather in Paris, Berlin and Rome?").output
    assert all(f"{city}: 20 degrees" in said for city in ("Paris", "Berlin", "Rome")), said
