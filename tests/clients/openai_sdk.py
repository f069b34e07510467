"""OpenAI's own client: chat and responses, tools, parsing, streams, embeddings."""

import os

from openai import OpenAI
from pydantic import BaseModel


class Trip(BaseModel):
    city: str
    days: int


client = OpenAI()
model = os.environ["OPENAI_CHAT_MODEL"]
said = [{"role": "user", "content": "Say hi"}]
trip = [{"role": "user", "content": "Ada worked 3 days in Lisbon."}]
tool = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}
asked = [{"role": "user", "content": "What is the weather in Paris, Berlin and Rome?"}]

assert client.chat.completions.create(model=model, messages=said).choices[0].message.content == "hi"
stream = client.chat.completions.create(model=model, messages=said, stream=True)
assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "hi"
calls = client.chat.completions.create(model=model, messages=asked, tools=[tool])
arguments = [call.function.arguments for call in calls.choices[0].message.tool_calls]
assert arguments == ['{"city": "Paris"}', '{"city": "Berlin"}', '{"city": "Rome"}'], arguments
parsed = client.chat.completions.parse(model=model, messages=trip, response_format=Trip)
assert parsed.choices[0].message.parsed == Trip(city="Lisbon", days=3)
assert client.responses.create(model=model, input="Say hi").output_text == "hi"
structured = client.responses.parse(model=model, input=trip, text_format=Trip)
assert structured.output_parsed == Trip(city="Lisbon", days=3)
with client.responses.stream(model=model, input="Say hi") as events:
    assert events.get_final_response().output_text == "hi"
embedded = client.embeddings.create(model="text-embedding-3-small", input=[[9906, 1917], [40]])
assert [len(one.embedding) for one in embedded.data] == [1536, 1536]
likely = client.chat.completions.create(
    model=model, messages=said, logprobs=True, top_logprobs=2
).choices[0]
assert [len(one.top_logprobs) for one in likely.logprobs.content] == [2]
