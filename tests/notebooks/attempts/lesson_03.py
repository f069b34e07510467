"""Attempts at lesson 03."""

from attempts import changed, tries
from attempts.common import RAG

SETUP = (
    RAG
    + """
from openinference.instrumentation import get_reranker_attributes, get_retriever_attributes
from openinference.instrumentation import using_metadata
from rag_tutorials.tracing import (
    build_traced_rag_pipeline, get_tracer, traced_generation, traced_retrieval,
)
tracer = get_tracer("handbook.app")

def documents_of(results):
    documents = [{"id": r.chunk_id, "content": r.text, "score": r.score} for r in results]
    return get_retriever_attributes(documents=documents)

def traced(fn, name, kind):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        with tracer.start_as_current_span(name) as span:
            span.set_attribute(KIND, kind)
            span.set_attribute("input.value", json.dumps([args, kwargs], default=str))
            result = fn(*args, **kwargs)
            span.set_attribute("output.value", str(result))
            return result
    return wrapper

def rerank(question, results, top_n=3):
    words = set(question.lower().split())
    shared = [len(words & set(result.text.lower().split())) for result in results]
    order = sorted(range(len(results)), key=lambda i: -shared[i])
    return [results[i] for i in order[:top_n]]

def nested_request():
    search = traced(traced_retrieval(retriever, tracer), "search", "RETRIEVER")
    answer = traced_generation(answer_with_context, tracer)
    return build_traced_rag_pipeline(retriever=search, answer_fn=answer, tracer=tracer)(question)
"""
)
NOT = "is not what the trace says"

WRAPPER = """
def traced_reranking(fn):
    @functools.wraps(fn)
    def wrapper(*args, **kwargs):
        with tracer.start_as_current_span("reranking") as span:
            span.set_attribute(KIND, "RERANKER")
            span.set_attribute("input.value", args[0])
            results = fn(*args, **kwargs)
            documents = [{"id": r.chunk_id, "score": r.score} for r in results]
            span.set_attributes(get_reranker_attributes(output_documents=documents))
            return results
    return wrapper
"""
BY_HAND = """
def traced_reranking(fn):
    def wrapper(question, *more, **options):
        with tracer.start_as_current_span("reranking", attributes={KIND: "RERANKER"}) as span:
            span.set_attribute(SpanAttributes.INPUT_VALUE, question)
            kept = fn(question, *more, **options)
            for rank, one in enumerate(kept):
                key = f"reranker.output_documents.{rank}.document"
                span.set_attributes({f"{key}.id": one.chunk_id, f"{key}.score": one.score})
        return kept
    wrapper.__name__, wrapper.__doc__ = fn.__name__, fn.__doc__
    return wrapper
"""
DECORATED = """
def traced_reranking(fn):
    def wrapper(*args, **kwargs):
        span = trace.get_current_span()
        span.set_attributes({KIND: "RERANKER", "input.value": args[0]})
        results = fn(*args, **kwargs)
        documents = [{"id": r.chunk_id, "score": r.score} for r in results]
        span.set_attributes(get_reranker_attributes(output_documents=documents))
        return results
    return functools.wraps(fn)(tracer.start_as_current_span("reranking")(wrapper))
"""
WRAP = tries(
    "03.1",
    "traced_reranking",
    {"a wrapper": WRAPPER, "by hand": BY_HAND, "a decorator inside": DECORATED},
    {
        "called twice": (
            changed(
                WRAPPER,
                ("            return results\n", "            return fn(*args, **kwargs)\n"),
            ),
            "happens 2 times",
        ),
        "called before the span": (
            changed(
                WRAPPER,
                (
                    "        with tracer",
                    "        results = fn(*args, **kwargs)\n        with tracer",
                ),
                ("            results = fn(*args, **kwargs)\n", ""),
            ),
            "outside `reranking`",
        ),
        "not called": (
            changed(
                WRAPPER,
                (
                    "results = fn(*args, **kwargs)",
                    "results = sorted(args[1], key=lambda r: len(r.text))[:kwargs['top_n']]",
                ),
            ),
            "never happens",
        ),
        "no name": (
            changed(WRAPPER, ("    @functools.wraps(fn)\n", "")),
            "the function's own name",
        ),
        "an option lost": (
            changed(WRAPPER, ("fn(*args, **kwargs)", "fn(*args)")),
            "it should return",
        ),
        "all arguments as input": (
            changed(WRAPPER, ('"input.value", args[0]', '"input.value", str(args)')),
            "`input.value` =",
        ),
        "scores left out": (changed(WRAPPER, (', "score": r.score', "")), "document.score`"),
        "scores made up": (changed(WRAPPER, ("r.score", "0.5")), "document.score` = 0.5"),
        "the given documents": (
            changed(WRAPPER, ("for r in results]", "for r in args[1]]")),
            "document.id`",
        ),
        "counted from 1": (
            changed(BY_HAND, ("enumerate(kept)", "enumerate(kept, 1)")),
            "count from 0",
        ),
    },
)

TREE = """prediction = {
    "spans": 5, "root": "rag-pipeline", "children of the root": ["retrieval", "generation"],
    "parent of search": "retrieval",
}"""
PREDICT = tries(
    "03.2",
    "prediction, nested_request",
    {
        "a list": TREE,
        "a tuple": changed(TREE, ("[", "("), ("]", ")")),
        "in capitals": changed(TREE, ('"retrieval",\n', '"Retrieval",\n')),
    },
    {
        "four spans": (changed(TREE, ("5", "4")), "4 for 'spans'"),
        "search below the root": (
            changed(
                TREE, ('"parent of search": "retrieval"', '"parent of search": "rag-pipeline"')
            ),
            "for 'parent of search'",
        ),
        "search a child": (changed(TREE, ('["retrieval"', '["search"')), NOT),
        "another order": (
            changed(TREE, ('"retrieval", "generation"', '"generation", "retrieval"')),
            "not in the order",
        ),
        "search the root": (changed(TREE, ('"rag-pipeline"', '"search"')), "for 'root'"),
        "None": (
            changed(TREE, ('"parent of search": "retrieval"', '"parent of search": None')),
            "None for 'parent of search'",
        ),
    },
)

ASYNC = """
def traced_async(fn, name, kind):
    @functools.wraps(fn)
    async def wrapper(*args, **kwargs):
        with tracer.start_as_current_span(name) as span:
            span.set_attribute(KIND, kind)
            span.set_attribute("input.value", args[0])
            result = await fn(*args, **kwargs)
            span.set_attribute("output.value", result)
            return result
    return wrapper
"""
BARE = """
def traced_async(fn, name, kind):
    async def wrapper(question, **options):
        with tracer.start_as_current_span(name, attributes={KIND: kind}) as span:
            span.set_attribute("input.value", question)
            answer = await fn(question, **options)
            span.set_attribute("output.value", str(answer))
        return answer
    return wrapper
"""
NESTED = """
def traced_async(fn, name, kind):
    async def call(args, kwargs):
        span = trace.get_current_span()
        span.set_attributes({KIND: kind, "input.value": args[0]})
        value = await fn(*args, **kwargs)
        span.set_attribute("output.value", value)
        return value
    async def wrapper(*args, **kwargs):
        with tracer.start_as_current_span(name):
            return await call(args, kwargs)
    return wrapper
"""
REPAIR = tries(
    "03.3",
    "traced_async",
    {"await inside": ASYNC, "an option": BARE, "nested": NESTED},
    {
        "awaited after the span": (
            changed(
                ASYNC,
                (
                    '            result = await fn(*args, **kwargs)\n            span.set_attribute("output.value", result)\n            return result\n',
                    "            span.set_attribute('output.value', '2 results')\n        return await fn(*args, **kwargs)\n",
                ),
            ),
            "`index` is a root span",
        ),
        "not awaited": (
            changed(
                ASYNC,
                ("async def", "def"),
                ("await fn", "fn"),
                ('"output.value", result', '"output.value", str(result)'),
            ),
            "`index`",
        ),
        "no output": (
            changed(ASYNC, ('            span.set_attribute("output.value", result)\n', "")),
            "no attribute `output.value`",
        ),
        "an argument lost": (changed(ASYNC, ("fn(*args, **kwargs)", "fn(*args)")), "'1 results'"),
        "awaited twice": (
            changed(
                ASYNC, ("            return result", "            return await fn(*args, **kwargs)")
            ),
            "2 spans `index`",
        ),
        "a constant": (
            changed(ASYNC, ("result = await fn(*args, **kwargs)", "result = '2 results'")),
            "no span named `index`",
        ),
        "another kind": (
            changed(ASYNC, ("kind)\n            span", "'CHAIN')\n            span")),
            "has the kind CHAIN",
        ),
    },
)

PIPELINE = """
find_many = traced_retrieval(retriever, tracer)
keep_best = traced(rerank, "reranking", "RERANKER")
write = traced_generation(answer_with_context_async, tracer, model_name=course.chat_model)

@tracer.chain(name="rag-pipeline")
async def reranking_pipeline(question):
    best = keep_best(question, find_many(question, top_k=10), top_n=3)
    return await write(question, [result.text for result in best])

async def ask_with_reranker(query):
    with using_metadata({"query_id": query.query_id}):
        return await reranking_pipeline(query.question)
"""
SPANS = """
async def ask_with_reranker(query):
    with using_metadata({"query_id": query.query_id}):
        with tracer.start_as_current_span("rag-pipeline", openinference_span_kind="chain"):
            with tracer.start_as_current_span(
                "retrieval", openinference_span_kind="retriever"
            ) as span:
                results = retriever(query.question, top_k=10)
                span.set_attributes(documents_of(results))
            with tracer.start_as_current_span("reranking", openinference_span_kind="reranker"):
                best = rerank(query.question, results)
            with tracer.start_as_current_span("generation", openinference_span_kind="llm"):
                return await answer_with_context_async(query.question, [r.text for r in best])
"""
IN_THREADS = """
find_many = traced_retrieval(retriever, tracer)
keep_best = tracer.reranker(name="reranking")(rerank)

async def ask_with_reranker(query):
    with using_metadata({"query_id": query.query_id}):
        with tracer.start_as_current_span("rag-pipeline", openinference_span_kind="chain"):
            ten = await asyncio.to_thread(find_many, query.question, top_k=10)
            best = await asyncio.to_thread(keep_best, query.question, ten, 3)
            write = traced_generation(answer_with_context, tracer)
            return await asyncio.to_thread(write, query.question, [r.text for r in best])
"""
JOIN = tries(
    "03.4",
    "ask_with_reranker",
    {"wrappers": PIPELINE, "spans": SPANS, "threads": IN_THREADS},
    {
        "answers from all ten": (
            changed(SPANS, ("for r in best]", "for r in results]")),
            "given 10 of the ten documents",
        ),
        "the first three": (
            changed(SPANS, ("for r in best]", "for r in results[:3]]")),
            "not those of `rerank`",
        ),
        "three documents": (changed(SPANS, ("top_k=10", "top_k=3")), "document.id`"),
        "no metadata": (
            changed(SPANS, ('using_metadata({"query_id": query.query_id})', "using_metadata({})")),
            "metadata.query_id`",
        ),
        "one id for all": (
            changed(SPANS, ("query.query_id}", "'leave-wedding'}")),
            "the same query id",
        ),
        "the search outside": (
            changed(
                SPANS,
                (
                    "    with using",
                    "    results = retriever(query.question, top_k=10)\n    with using",
                ),
                ("                results = retriever(query.question, top_k=10)\n", ""),
            ),
            "outside `retrieval`",
        ),
        "a constant": (
            changed(SPANS, ("return await answer_with", "await answer_with"))
            + "        return '20 days'\n",
            "not return what the model answered",
        ),
        "no reranking": (
            changed(
                SPANS,
                (
                    '            with tracer.start_as_current_span("reranking", openinference_span_kind="reranker"):\n',
                    "            if True:\n",
                ),
            ),
            "no span named `reranking`",
        ),
        "another question": (
            changed(
                SPANS,
                ("answer_with_context_async(query.question", "answer_with_context_async('How?'"),
            ),
            "another question",
        ),
    },
)
ATTEMPTS = [*WRAP, *PREDICT, *REPAIR, *JOIN]
