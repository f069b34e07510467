"""Attempts at lesson 01."""

from attempts import changed, tries
from attempts.common import RAG

SETUP = (
    RAG
    + """
from contextlib import contextmanager
from openinference.semconv.trace import DocumentAttributes

def sort_post():
    with tracer.start_as_current_span("sort-post"):
        with tracer.start_as_current_span("open"):
            pass
        stamp = tracer.start_span("stamp")
        with tracer.start_as_current_span("file"):
            pass
        stamp.end()
"""
)
TREE = """
prediction = {
    "spans": 4, "root": "sort-post", "children of the root": ["open", "stamp", "file"],
}
"""
NOT = "is not what the trace says"
PREDICT = tries(
    "01.1",
    "prediction, sort_post",
    {
        "a list": TREE,
        "a tuple": changed(TREE, ("[", "("), ("]", ")")),
        "in capitals": changed(TREE, ('"sort-post"', '"Sort-Post "')),
    },
    {
        "file below stamp": (changed(TREE, (', "file"', "")), NOT),
        "three spans": (changed(TREE, ("4", "3")), "3 for 'spans'"),
        "a number as text": (changed(TREE, ("4", '"4"')), "is text; a number is needed"),
        "another order": (
            changed(TREE, ('"open", "stamp"', '"stamp", "open"')),
            "not in the order",
        ),
        "a set": (changed(TREE, ("[", "{"), ("]", "}")), "not in the order"),
        "another root": (changed(TREE, ('"sort-post"', '"open"')), "'open' for 'root'"),
        "a part left out": (changed(TREE, ('"root": "sort-post", ', "")), "no 'root'"),
        "all": (changed(TREE, ("4", "5"), ('"sort-post"', "None")), "5 for 'spans'"),
    },
)

HANDLE = """
def handle(question):
    with tracer.start_as_current_span("rag-request"):
        with tracer.start_as_current_span("retrieval"):
            results = retriever(question, top_k=3)
        with tracer.start_as_current_span("generation"):
            return answer_with_context(question, [result.text for result in results])
"""
BY_HAND = """
def handle(question):
    request = tracer.start_span("rag-request")
    try:
        with trace.use_span(request):
            with tracer.start_as_current_span("retrieval"):
                texts = [result.text for result in retriever(question, top_k=3)]
            with tracer.start_as_current_span("generation"):
                answer = answer_with_context(question, texts)
    finally:
        request.end()
    return answer
"""
HELPERS = """
def retrieve(question):
    with tracer.start_as_current_span("retrieval") as span:
        span.set_attribute("input.value", question)
        return [result.text for result in retriever(question, top_k=3)]

@tracer.start_as_current_span("generation")
def generate(question, texts):
    return answer_with_context(question, texts)

@tracer.start_as_current_span("rag-request")
def handle(question):
    return generate(question, retrieve(question))
"""
ASYNC = """
async def handle(question):
    with tracer.start_as_current_span("rag-request"):
        with tracer.start_as_current_span("retrieval"):
            results = await asyncio.to_thread(retriever, question, top_k=3)
        with tracer.start_as_current_span("generation"):
            return await answer_with_context_async(question, [one.text for one in results])
"""
EMPTY_SPANS = """
def handle(question):
    with tracer.start_as_current_span("rag-request"):
        with tracer.start_as_current_span("retrieval"):
            pass
        with tracer.start_as_current_span("generation"):
            pass
    results = retriever(question, top_k=3)
    return answer_with_context(question, [result.text for result in results])
"""
ATTACHED = """
from opentelemetry.context import attach
def handle(question):
    request = tracer.start_span("rag-request")
    attach(trace.set_span_in_context(request))
    with tracer.start_as_current_span("retrieval"):
        results = retriever(question, top_k=3)
    with tracer.start_as_current_span("generation"):
        answer = answer_with_context(question, [result.text for result in results])
    request.end()
    return answer
"""
ANSWERED = "            return answer_with_context(question, [result.text for result in results])\n"
REPAIR = tries(
    "01.2",
    "handle",
    {"with": HANDLE, "use_span": BY_HAND, "helpers": HELPERS, "async": ASYNC},
    {
        "empty spans before the work": (EMPTY_SPANS, "outside `retrieval`"),
        "the search before its span": (
            changed(
                HANDLE,
                (
                    '    with tracer.start_as_current_span("rag-request"):',
                    '    results = retriever(question, top_k=3)\n    with tracer.start_as_current_span("rag-request"):',
                ),
                ("            results = retriever(question, top_k=3)\n", "            pass\n"),
            ),
            "outside `retrieval`",
        ),
        "a constant": (
            changed(
                HANDLE,
                (ANSWERED, ANSWERED.replace("return ", "") + "            return '20 days'\n"),
            ),
            "not return what the model answered",
        ),
        "the model asked twice": (
            changed(HANDLE, (ANSWERED, ANSWERED.replace("return ", "") + ANSWERED)),
            "happens 2 times",
        ),
        "siblings": (
            changed(HANDLE, ("        with", "    with"), ("            ", "        ")).replace(
                '"rag-request"):\n', '"rag-request"):\n        pass\n'
            ),
            "is a root span",
        ),
        "never ended": (changed(BY_HAND, ("        request.end()", "        pass")), "never ended"),
        "swapped": (
            changed(
                HANDLE,
                ('"retrieval"', '"x"'),
                ('"generation"', '"retrieval"'),
                ('"x"', '"generation"'),
            ),
            "starts before",
        ),
        "left attached": (ATTACHED, "is still attached after the call"),
        "returns nothing": (
            changed(HANDLE, ("return answer_with", "answer_with")),
            "nothing (None)",
        ),
    },
)

LOOK_UP = """
def look_up(question):
    with tracer.start_as_current_span("look-up") as span:
        results = retriever(question, top_k=3)
        span.set_attributes({
            KIND: "RETRIEVER",
            "input.value": question,
            "retrieval.document_count": len(results),
        })
        for rank, one in enumerate(results):
            document = f"retrieval.documents.{rank}.document"
            span.set_attribute(f"{document}.id", one.chunk_id)
            span.set_attribute(f"{document}.score", one.score)
            span.set_attribute(f"{document}.content", one.text)
        return results
"""
OF_THE_LIBRARY = """
from openinference.instrumentation import get_retriever_attributes
def look_up(question):
    with tracer.start_as_current_span("look-up", attributes={KIND: "RETRIEVER"}) as span:
        span.set_attribute(SpanAttributes.INPUT_VALUE, question)
        results = retriever(question, top_k=3)
        documents = [{"id": r.chunk_id, "score": r.score, "content": r.text} for r in results]
        span.set_attributes(get_retriever_attributes(documents=documents))
        span.set_attribute("retrieval.document_count", 3)
    return list(results)
"""
WITH_HELPER = """
def record(span, results):
    fields = {"id": "chunk_id", "score": "score", "content": "text"}
    for key, field in fields.items():
        for rank in reversed(range(len(results))):
            name = f"retrieval.documents.{rank}.document.{key}"
            span.set_attribute(name, getattr(results[rank], field))

@tracer.start_as_current_span("look-up")
def look_up(question):
    span = trace.get_current_span()
    span.set_attribute(KIND, "RETRIEVER")
    span.set_attribute("input.value", question)
    results = retriever(question, top_k=3)
    record(span, results)
    span.set_attribute("retrieval.document_count", len(results))
    return results
"""
RECORD = tries(
    "01.3",
    "look_up",
    {"a loop": LOOK_UP, "the library's helper": OF_THE_LIBRARY, "a helper, decorated": WITH_HELPER},
    {
        "id and content swapped": (
            changed(
                LOOK_UP,
                ("one.chunk_id", "one.x"),
                ("one.text", "one.chunk_id"),
                ("one.x", "one.text"),
            ),
            "is not that of the first result",
        ),
        "the first document three times": (
            changed(LOOK_UP, ("one.", "results[0].")),
            "is not that of the second result",
        ),
        "cut to 100 characters": (
            changed(LOOK_UP, ("one.text", "one.text[:100]")),
            "content` of `look-up` is not that of",
        ),
        "counted from 1": (
            changed(LOOK_UP, ("enumerate(results)", "enumerate(results, 1)")),
            "`retrieval.documents` 1, 2, 3; the keys count from 0",
        ),
        "the search outside": (
            changed(
                LOOK_UP,
                ("    with tracer", "    results = retriever(question, top_k=3)\n    with tracer"),
                ("        results = retriever(question, top_k=3)\n", ""),
            ),
            "outside `look-up`",
        ),
        "made-up results": (
            changed(
                LOOK_UP,
                (
                    "        results = retriever(question, top_k=3)\n",
                    "        from types import SimpleNamespace as S\n        retriever(question, top_k=3)\n        results = [S(chunk_id=f'x-{n}', score=0.5, text='x') for n in range(3)]\n",
                ),
            ),
            "is not a chunk of the handbook",
        ),
        "one chunk three times, returned too": (
            changed(
                LOOK_UP,
                (
                    "results = retriever(question, top_k=3)",
                    "results = 3 * retriever(question, top_k=3)[:1]",
                ),
            ),
            "the same document more than once",
        ),
        "asked twice": (
            changed(LOOK_UP, ("return results", "return retriever(question, top_k=3)")),
            "happens 2 times",
        ),
        "a count as text": (
            changed(LOOK_UP, ("len(results)", "str(len(results))")),
            "= 3 (text); it should be the number 3",
        ),
        "a count where the documents are": (
            changed(LOOK_UP, ("retrieval.document_count", "retrieval.documents")),
            "`retrieval.document",
        ),
        "another question": (
            changed(LOOK_UP, ("retriever(question, top_k=3)", "retriever('leave', top_k=3)")),
            "asked something else than the question",
        ),
    },
)

REQUEST = """
def answer_request(question):
    with tracer.start_as_current_span("rag-request") as request:
        request.set_attributes({KIND: "CHAIN", "input.value": question})
        with tracer.start_as_current_span("retrieval") as span:
            results = retriever(question, top_k=3)
            span.set_attributes({KIND: "RETRIEVER", "input.value": question})
            for rank, one in enumerate(results):
                span.set_attribute(f"retrieval.documents.{rank}.document.id", one.chunk_id)
                span.set_attribute(f"retrieval.documents.{rank}.document.score", one.score)
                span.set_attribute(f"retrieval.documents.{rank}.document.content", one.text)
        with tracer.start_as_current_span("generation") as span:
            answer = answer_with_context(question, [one.text for one in results])
            span.set_attributes({KIND: "LLM", "output.value": answer})
            span.set_attribute("llm.model_name", course.chat_model)
        request.set_attribute("output.value", answer)
        return answer
"""
IN_PARTS = """
from openinference.instrumentation import get_retriever_attributes
def find(question):
    with tracer.start_as_current_span("retrieval", attributes={KIND: "RETRIEVER"}) as span:
        span.set_attribute("input.value", question)
        results = retriever(question, top_k=3)
        documents = [{"id": r.chunk_id, "score": r.score, "content": r.text} for r in results]
        span.set_attributes(get_retriever_attributes(documents=documents))
    return [one.text for one in results]

def write(question, texts):
    with tracer.start_as_current_span("generation") as span:
        span.set_attribute(KIND, "LLM")
        span.set_attribute(SpanAttributes.LLM_MODEL_NAME, course.chat_model)
        answer = answer_with_context(question, texts)
        span.set_attribute(SpanAttributes.OUTPUT_VALUE, answer)
    return answer

def answer_request(question):
    first = {KIND: "CHAIN", SpanAttributes.INPUT_VALUE: question}
    with tracer.start_as_current_span("rag-request", attributes=first) as root:
        answer = write(question, find(question))
        root.set_attribute(SpanAttributes.OUTPUT_VALUE, answer)
    return answer
"""
AWAITED = changed(
    REQUEST,
    ("def answer_request", "async def answer_request"),
    ("answer_with_context(", "await answer_with_context_async("),
)
WHOLE = tries(
    "01.4",
    "answer_request",
    {"nested": REQUEST, "in parts": IN_PARTS, "async": AWAITED},
    {
        "another model's name": (
            changed(REQUEST, ("course.chat_model", "'gpt-9'")),
            "`llm.model_name` = gpt-9; it should be",
        ),
        "an answer outside its span": (
            changed(
                REQUEST,
                (
                    "            answer = answer_with_context(question, [one.text for one in results])\n",
                    "",
                ),
                (
                    '        with tracer.start_as_current_span("generation")',
                    '        answer = answer_with_context(question, [one.text for one in results])\n        with tracer.start_as_current_span("generation")',
                ),
            ),
            "outside `generation`",
        ),
        "no output on the root": (
            changed(REQUEST, ('        request.set_attribute("output.value", answer)\n', "")),
            "`rag-request` has no attribute `output.value`",
        ),
        "a made-up answer": (
            changed(
                REQUEST,
                (
                    '            span.set_attributes({KIND: "LLM"',
                    "            answer = '20 days'\n            span.set_attributes({KIND: \"LLM\"",
                ),
            ),
            "not return what the model answered",
        ),
        "documents not given to the model": (
            changed(REQUEST, ("[one.text for one in results])", "[])")),
            "not given the documents",
        ),
        "the documents of another question": (
            changed(
                REQUEST,
                (
                    "results = retriever(question, top_k=3)",
                    "results = retriever('sick leave', top_k=3)",
                ),
            ),
            "asked something else",
        ),
        "documents in reverse": (
            changed(
                REQUEST,
                (
                    "results = retriever(question, top_k=3)",
                    "results = retriever(question, top_k=3)[::-1]",
                ),
            ),
            "not in the order of the results",
        ),
        "kinds swapped": (
            changed(REQUEST, ('"CHAIN"', '"X"'), ('"LLM"', '"CHAIN"'), ('"X"', '"LLM"')),
            "has the kind",
        ),
        "asked twice": (
            changed(
                REQUEST,
                ("        return answer\n", "        return answer_with_context(question, [])\n"),
            ),
            "has `output.value` =",
        ),
    },
)
ATTEMPTS = [*PREDICT, *REPAIR, *RECORD, *WHOLE]
