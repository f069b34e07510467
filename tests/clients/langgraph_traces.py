"""The trees that LangGraph leaves: nodes, a span of one's own, the line that mends it, twice."""

import os

from langchain_core.tools import tool
from langchain_openai import ChatOpenAI
from langgraph.errors import GraphRecursionError
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode, tools_condition
from openinference.instrumentation.langchain import LangChainInstrumentor, get_current_span
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry import trace
from traced import provider, trees

QUESTION = "How many days does Ada have left?"
LangChainInstrumentor().instrument(tracer_provider=provider)
tracer = provider.get_tracer("own")


def graph_with(leave_balance):
    bound = ChatOpenAI(model=os.environ["OPENAI_CHAT_MODEL"]).bind_tools([leave_balance])
    graph = StateGraph(MessagesState)
    graph.add_node("model", lambda state: {"messages": [bound.invoke(state["messages"])]})
    graph.add_node("tools", ToolNode([leave_balance]))
    graph.add_edge(START, "model")
    graph.add_conditional_edges("model", tools_condition, {"tools": "tools", END: END})
    graph.add_edge("tools", "model")
    return graph.compile()


@tool("leave_balance")
def plain(employee: str) -> str:
    """Days of annual leave that an employee has left."""
    with tracer.start_as_current_span("own span"):
        return f"{employee} has 12 days left."


@tool("leave_balance")
def mended(employee: str) -> str:
    """Days of annual leave that an employee has left."""
    here = trace.set_span_in_context(get_current_span())  # the line that mends it
    with tracer.start_as_current_span("own span", context=here):
        return f"{employee} has 12 days left."


@tool("leave_balance")
def failing(employee: str) -> str:
    """Days of annual leave that an employee has left."""
    raise ConnectionError("the table cannot be reached")


def ask(leave_balance, **config):
    with tracer.start_as_current_span("request"):
        return graph_with(leave_balance).invoke({"messages": [("user", QUESTION)]}, config)


NODES = """
request
  LangGraph CHAIN
    model CHAIN
      ChatOpenAI LLM
      tools_condition CHAIN
    tools CHAIN
      leave_balance TOOL{own_inside}
    model CHAIN
      ChatOpenAI LLM
      tools_condition CHAIN{own_outside}
"""
ask(plain)
trees("a span of one's own in a tool", NODES.format(own_inside="", own_outside="\n  own span"))
graph_with(plain).invoke({"messages": [("user", QUESTION)]})
assert trees("nothing around the graph").endswith("\nown span")  # a trace of its own
ask(mended)
trees("mended", NODES.format(own_inside="\n        own span", own_outside=""))

OpenAIInstrumentor().instrument(tracer_provider=provider)
ask(mended)
assert trees("with the client's instrumentation too").count(" LLM") == 4
OpenAIInstrumentor().uninstrument()

try:
    ask(failing)
except ConnectionError:
    found = trees("a tool fails")
    assert "leave_balance TOOL ERROR" in found
    assert "LangGraph CHAIN ERROR" in found
else:
    raise AssertionError("the tool's error ends the graph")
try:
    ask(mended, recursion_limit=2)
except GraphRecursionError:
    found = trees("the bound is reached")
    assert "LangGraph CHAIN ERROR" in found
    assert found.count("ERROR") == 2  # the graph and what is around it; no node
else:
    raise AssertionError("two steps do not do")
