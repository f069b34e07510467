"""LiteLLM: text, stream, tools, structured output, embeddings."""

import json
import os

import litellm
from pydantic import BaseModel


class Trip(BaseModel):
    city: str
    days: int


model = f"openai/{os.environ['OPENAI_CHAT_MODEL']}"
said = [{"role": "user", "content": "Say hi"}]
tool = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
asked = [{"role": "user", "content": "What is the weather in Paris, Berlin and Rome?"}]
trip = [{"role": "user", "content": "Ada worked 3 days in Lisbon."}]

assert litellm.completion(model=model, messages=said).choices[0].message.content == "hi"
stream = litellm.completion(model=model, messages=said, stream=True)
assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "hi"
calls = litellm.completion(model=model, messages=asked, tools=[tool]).choices[0].message.tool_calls
assert [json.loads(call.function.arguments)["city"] for call in calls] == [
    "Paris",
    "Berlin",
    "Rome",
]
found = litellm.completion(model=model, messages=trip, response_format=Trip)
assert Trip.model_validate_json(found.choices[0].message.content) == Trip(city="Lisbon", days=3)
vectors = litellm.embedding(model="openai/text-embedding-3-small", input=["One.", "Two."]).data
assert [len(one["embedding"]) for one in vectors] == [1536, 1536]
