"""A release of the handbook application in which five answers go wrong, each in a way of its own.

What a trace shows of them is for the student to find, so the notebook does not say how it is done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from types import MappingProxyType

from rag_tutorials.pipeline import Retriever
from rag_tutorials.schema import QueryExample, RetrievalResult
from rag_tutorials.stub_llm import StubLLM
from rag_tutorials.stub_llm.control.faults import FaultName

PLANTED: Mapping[str, str] = MappingProxyType(
    {
        "leave-notice": "stale chunk",
        "international-doctor-note": "context cut",
        "international-over-14-days": "wrong number",
        "training-degree": "slow step",
        "none-parking": "made up",
    }
)
_SLOW_STRETCH = ("expenses-no-approval", "data-unmarked")  # the model's server is slow meanwhile
_SLOW_CALL_S = 0.2
_SLOW_STEP_S = 1.5
_STALE = ("at least 14 days", "at least 7 days")  # what the handbook says, what it once said
_CUT = 60  # characters of each passage

Answer = Callable[..., str]


def release(
    retriever: Retriever, answer_fn: Answer, queries: Sequence[QueryExample], stub: StubLLM
) -> tuple[Retriever, Answer]:
    """Return retriever and answer function as they were released; neither is traced.

    Args:
        retriever: The right one.
        answer_fn: The right one: ``answer_fn(question, context, client=None)``.
        queries: In the order in which they will be asked.
        stub: Gives the answers that are wrong on purpose, whoever gives the others.
    """
    planted = {query.question: PLANTED.get(query.query_id, "") for query in queries}
    ids = [query.query_id for query in queries]
    first, last = (ids.index(one) if one in ids else 0 for one in _SLOW_STRETCH)
    slow = {query.question for query in queries[first:last]}
    misled: dict[str, FaultName] = {
        "wrong number": "contradict_context",
        "made up": "ignore_context",
    }
    from openai import OpenAI  # takes a second, and every lesson's list of exercises is here

    client = OpenAI(base_url=stub.base_url, api_key="stub")

    def released_retriever(question: str, top_k: int = 5) -> list[RetrievalResult]:
        """Return the ``top_k`` chunks nearest to the question, best first."""
        if planted.get(question) == "slow step":
            time.sleep(_SLOW_STEP_S)
        found = retriever(question, top_k=top_k)
        if planted.get(question) == "stale chunk":
            return [replace(one, text=one.text.replace(*_STALE)) for one in found]
        return found

    def released_answer(question: str, context: Sequence[str]) -> str:
        """Answer the question from the passages."""
        what = planted.get(question)
        if what == "context cut":
            return answer_fn(question, [text[:_CUT] for text in context])
        if what in misled:
            with stub.fault(misled[what], path="chat"):
                return answer_fn(question, context, client=client)
        if question in slow:
            with stub.fault("latency", seconds=_SLOW_CALL_S, path="chat"):
                return answer_fn(question, context)
        return answer_fn(question, context)

    return released_retriever, released_answer
