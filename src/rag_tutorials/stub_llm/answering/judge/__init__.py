"""A lexical judge for evaluation prompts, such as those of phoenix.evals.

It reads the fields of a prompt (``<query>``, ``<context>``, ``<response>`` ...), compares words,
numbers and calls, and picks one of the labels that the schema allows. It understands nothing, so
it can be told from a good judge; where it is blind, and on purpose:

- correctness without a context: it sees that the output speaks of the question; a confident wrong
  answer passes, and every "I don't know" is taken for a mistake
- correctness with a context: it sees what faithfulness sees, and an answer that takes up little of
  the question; an "I don't know" is a mistake unless the prompt says when it is right, and then it
  is one where the context shares half of the question's words
- faithfulness: it sees words, names and numbers from nowhere, "may" for "must"; a statement of the
  context that answers another question passes, and so do two numbers that are exchanged
- relevance: it sees words that question and text share; a text that says the same in other words is
  called irrelevant, and one about the same things that holds no answer passes
- refusal: it sees the first person and what a source does not say; "Ask somebody else" is an answer
- conciseness: it sees length, filler, repetition; padding in well chosen words passes
- completeness: it sees a request of which the reply takes up no word; half an answer passes, and so
  does whatever is terse
- tool selection: it sees another tool than the one whose description fits; of two that would do it
  knows one
- tool invocation: it sees values that nobody named, what is missing, unknown or of another type;
  the right value in the wrong place passes
- handling of a tool's result: it sees what faithfulness sees, and an error passed over; half of a
  result passes
- toxicity: it sees insults and threats in plain words; irony passes, and an insult that nobody is
  meant by does not
- personal data: it sees addresses, and numbers of phones, cards and accounts; a name, or a number
  in words, passes
- friction: it sees complaints in plain words; a question asked again without one passes
"""

from rag_tutorials.stub_llm.answering.judge.fields import read_fields
from rag_tutorials.stub_llm.answering.judge.labels import pick_label
from rag_tutorials.stub_llm.answering.judge.verdict import judge, verdict_on

__all__ = ["judge", "pick_label", "read_fields", "verdict_on"]
