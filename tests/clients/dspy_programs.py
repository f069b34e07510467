"""DSPy with its adapters: Predict, ChainOfThought over a context, ReAct with a tool, embeddings."""

import os

import dspy

DAYS = "How many days may employees work abroad?"
FACT = "Employees may work abroad for 14 days."


def search(query: str) -> str:
    """Search the handbook."""
    return FACT


model = dspy.LM(f"openai/{os.environ['OPENAI_CHAT_MODEL']}", cache=False)
for adapter in (dspy.ChatAdapter(), dspy.JSONAdapter()):
    dspy.configure(lm=model, adapter=adapter)
    thought = dspy.ChainOfThought("context: list[str], question -> answer: str, days: int")
    found = thought(context=[FACT, "Laptops are locked."], question=DAYS)
    assert (found.answer, found.days) == (FACT, 14), found
    acted = dspy.ReAct("question -> answer", tools=[search], max_iters=3)(question=DAYS)
    assert acted.answer == FACT, acted
    assert acted.trajectory["tool_name_0"] == "search"
dspy.configure(lm=model, adapter=dspy.ChatAdapter())
assert dspy.Predict("question -> answer")(question="Say hi").answer == "hi"
embedder = dspy.Embedder("openai/text-embedding-3-small", caching=False)
assert embedder(["One.", "Two."]).shape == (2, 1536)
