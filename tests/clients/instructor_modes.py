"""instructor in its modes: tools, functions, JSON schema, and JSON that the prompt describes."""

import os

import instructor
from openai import OpenAI
from pydantic import BaseModel


class Trip(BaseModel):
    city: str
    days: int


messages = [{"role": "user", "content": "Ada worked 3 days in Lisbon."}]
for name in ("TOOLS", "FUNCTIONS", "JSON", "MD_JSON", "JSON_SCHEMA", "RESPONSES_TOOLS"):
    client = instructor.from_openai(OpenAI(), mode=instructor.Mode[name])
    found = client.chat.completions.create(
        model=os.environ["OPENAI_CHAT_MODEL"],
        response_model=Trip,
        messages=messages,
        max_retries=0,
    )
    assert (found.city, found.days) == ("Lisbon", 3), (name, found)
