"""A loopback server that speaks the OpenAI API and computes its answers without a model.

>>> from rag_tutorials.stub_llm import StubLLM
>>> with StubLLM.start() as stub:
...     print(stub.base_url)  # doctest: +SKIP

It stands in for a model so that a course runs without a key or a network. The same request
always gets the same text, vectors and token counts, answers are taken from the context that the
request holds, and faults (latency, rate limits, cut streams, ungrounded answers) come on demand.
"""

from rag_tutorials.stub_llm.control.faults import Fault, FaultName
from rag_tutorials.stub_llm.control.journal import RequestRecord
from rag_tutorials.stub_llm.server import StubLLM

__all__ = ["Fault", "FaultName", "RequestRecord", "StubLLM"]
