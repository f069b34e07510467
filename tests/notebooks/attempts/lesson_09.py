"""Attempts at lesson 09."""

from attempts import changed, tries
from attempts.common import RAG

SETUP = (
    RAG
    + """
NOW = time.time_ns()
asked = {}
for query_id, kind, score, wait in (
    ("leave-wedding", "direct", 0.5, 1_000_000),
    ("taxi", "paraphrase", 0.3, 3_000_000),
    ("moon", "unanswerable", 0.1, 2_000_000),
):
    about = {"metadata": json.dumps({"query_id": query_id, "kind": kind})}
    root = tracer.start_span("rag-pipeline", attributes=about, start_time=NOW)
    with trace.use_span(root):
        with tracer.start_as_current_span("retrieval", attributes=about) as span:
            span.set_attribute("retrieval.documents.0.document.score", score)
    root.end(NOW + wait)
    asked[trace.format_trace_id(root.get_span_context().trace_id)] = query_id
traces = {one: course.read_back(one, expect=2) for one in asked}
"""
)
SECOND = "the second of your answers,"
PAIR = "answer = ('taxi', 'taxi')"
NOT = "is not what the trace says"
ATTEMPTS = tries(
    "09.1",
    "answer, list(traces)",
    {
        "a pair": PAIR,
        "a list": "answer = ['taxi', 'taxi']",
        "in capitals, with blanks": "answer = ('TAXI ', 'taxi')",
    },
    {
        "the weakest of all": (changed(PAIR, (", 'taxi'", ", 'moon'")), f"'moon', {SECOND} {NOT}"),
        "another slowest": (
            changed(PAIR, ("('taxi'", "('moon'")),
            f"'moon', the first of your answers, {NOT}",
        ),
        "both": ("answer = ('moon', 'leave-wedding')", f"'leave-wedding', {SECOND}"),
        "one alone": ("answer = ('taxi',)", NOT),
        "a set": ("answer = {'taxi'}", "not a set"),
        "a score": ("answer = ('taxi', 0.3)", "is a number; text is needed"),
        "a text": ("answer = 'taxi'", "not text"),
    },
)
