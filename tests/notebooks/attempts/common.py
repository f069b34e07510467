"""What several lessons have: the retriever over the handbook, and the names that they import."""

RAG = """
import asyncio, functools, json, time
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from openinference.semconv.trace import SpanAttributes
from opentelemetry import trace
from opentelemetry.trace import StatusCode
from rag_tutorials.chunking import semantic_chunk_documents
from rag_tutorials.io_utils import load_handbook_documents, load_queries
from rag_tutorials.pipeline import build_dense_retriever
from rag_tutorials.qa import answer_with_context, answer_with_context_async

KIND = "openinference.span.kind"
tracer = trace.get_tracer("handbook.app")
if "retriever" not in globals():
    chunks = semantic_chunk_documents(load_handbook_documents(course.data / "handbook_manual.txt"))
    retriever, _ = build_dense_retriever(chunks=chunks, collection_name="attempts")
question = "How many days of annual leave may be carried over into the next year?"
"""
