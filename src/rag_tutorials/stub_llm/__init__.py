"""A loopback server that speaks the OpenAI API and computes its answers without a model.

>>> from rag_tutorials.stub_llm import StubLLM
>>> with StubLLM.start() as stub:
...     print(stub.base_url)  # doctest: +SKIP

It stands in for a model so that a course runs without a key or a network. The same request
always gets the same text, vectors and token counts, answers are taken from the context that the
request holds, and faults (latency, rate limits, cut streams, ungrounded answers) come on demand.

What the API refuses is refused in its words where they are known. Where they are not, or where a
refusal would help nobody, the stub decides for itself:

=============================== ===============================================================
of the request                  the stub
=============================== ===============================================================
any name of a model             answers, but for no-such-model and models of the other kind
a model of the other kind       400; the API was seen to answer 403 or 404
two tools of one name           400, in words of its own
tools [] in /responses          answers, since the Agents SDK sends it
tool_choice without tools       400 in chat; a mode in /responses is taken as if it were not there
tools that are not functions    400: it has no other
tools together with functions   400, in words of its own
null for an optional parameter  answers as if it were not there
keywords that strict mode lacks answers: only closed objects and required keys are checked
a schema that nothing fits      400 once a value for it is needed
``$ref`` to another document    400: nothing is fetched
items of other tools, images    reads past them
=============================== ===============================================================
"""

from rag_tutorials.stub_llm.control.faults import Fault, FaultName
from rag_tutorials.stub_llm.control.journal import RequestRecord
from rag_tutorials.stub_llm.server import StubLLM

__all__ = ["Fault", "FaultName", "RequestRecord", "StubLLM"]
