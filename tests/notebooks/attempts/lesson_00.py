"""Attempts at lesson 00."""

from attempts import changed, tries
from attempts.common import RAG

SETUP = (
    RAG
    + """
from rag_tutorials.tracing import build_traced_rag_pipeline
with tracer.start_as_current_span("complaint") as complaint_root:
    ask = build_traced_rag_pipeline(
        retriever=retriever, answer_fn=answer_with_context, tracer=tracer
    )
    ask(question)
first = next(s for s in course.read_back(complaint_root, expect=4) if s.name == "retrieval")
chunk = first.attributes["retrieval.documents.0.document.id"]
second = first.attributes["retrieval.documents.1.document.id"]
score = first.attributes["retrieval.documents.0.document.score"]
"""
)
READ = 'first_ranked = {"chunk": chunk, "score": round(score, 2)}'
NOT = "is not what the trace says"
ATTEMPTS = tries(
    "00.1",
    "first_ranked, complaint_root",
    {
        "rounded": READ,
        "in full": changed(READ, ("round(score, 2)", "score")),
        "cut, with blanks and in capitals": changed(
            READ,
            ("chunk, ", "f' {chunk.upper()} ', "),
            ("round(score, 2)", "int(score * 100) / 100"),
        ),
        "made with dict, keys in another order": "first_ranked = dict(score=score, chunk=chunk)",
    },
    {
        "the second document": (changed(READ, ("chunk, ", "second, ")), NOT),
        "swapped": (
            changed(READ, ("chunk, ", "score, "), ("round(score, 2)", "chunk")),
            "is a number; text",
        ),
        "a score as text": (
            changed(READ, ("round(score, 2)", "str(round(score, 2))")),
            "is text; a number is needed",
        ),
        "a score of one": (changed(READ, ("round(score, 2)", "1.0")), NOT),
        "no score": ('first_ranked = {"chunk": chunk}', "Your answer has no 'score'."),
        "a list": ("first_ranked = [chunk, score]", "The check needs a dictionary, not a list."),
        "the document's first words": (changed(READ, ("chunk, ", "'Annual leave', ")), NOT),
    },
)
