"""LangChain's OpenAI models and a LangGraph agent: text, stream, tools, three ways to structure."""

import asyncio
import os

import tiktoken
from langchain_core.output_parsers import PydanticOutputParser
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from pydantic import BaseModel


class Trip(BaseModel):
    city: str
    days: int


@tool
def get_weather(city: str) -> str:
    """Weather of a city."""
    return f"{city}: 20 degrees"


model = ChatOpenAI(model=os.environ["OPENAI_CHAT_MODEL"])
expected = Trip(city="Lisbon", days=3)
prompt = "Reply in JSON with the keys city and days: Ada worked 3 days in Lisbon."

assert model.invoke("Say hi").content == "hi"
assert "".join(chunk.content for chunk in model.stream("Say hi")) == "hi"
assert asyncio.run(model.ainvoke("Say hi")).content == "hi"
for method in ("json_schema", "function_calling", "json_mode"):
    found = model.with_structured_output(Trip, method=method).invoke(prompt)
    assert found == expected, (method, found)
parser = PydanticOutputParser(pydantic_object=Trip)
told = f"Answer the user query.\n{parser.get_format_instructions()}\nAda worked 3 days in Lisbon.\n"
assert parser.invoke(model.invoke(told)) == expected

graph = StateGraph(MessagesState)
bound = model.bind_tools([get_weather])
graph.add_node("agent", lambda state: {"messages": [bound.invoke(state["messages"])]})
graph.add_node("tools", ToolNode([get_weather]))
graph.add_edge(START, "agent")
graph.add_conditional_edges("agent", tools_condition, {"tools": "tools", END: END})
graph.add_edge("tools", "agent")
question = "What is the weather in Paris, Berlin and Rome?"
end = graph.compile().invoke({"messages": [("user", question)]})["messages"]
assert [type(message).__name__ for message in end].count("ToolMessage") == 3
assert "Rome: 20 degrees" in end[-1].content

# The default sends tokens. A vocabulary of bytes does without the download of the real one.
bytes_alone = tiktoken.Encoding(
    "bytes",
    pat_str=r"(?s).",
    mergeable_ranks={bytes([n]): n for n in range(256)},
    special_tokens={},
)
tiktoken.encoding_for_model = tiktoken.get_encoding = lambda _: bytes_alone
vectors = OpenAIEmbeddings(model="text-embedding-3-small").embed_documents(["One.", "Two."])
assert [len(vector) for vector in vectors] == [1536, 1536]
