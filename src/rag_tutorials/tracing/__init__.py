"""Tracing of the RAG application: set OpenTelemetry up, wrap a retriever and an answer function.

The wrapped functions know nothing of tracing, and this package knows nothing of them: it needs
OpenTelemetry, OpenInference and the records of ``rag_tutorials.schema``.
"""

from rag_tutorials.tracing._attributes import (
    ATTR_INPUT_VALUE,
    ATTR_LLM_MODEL_NAME,
    ATTR_OUTPUT_VALUE,
    ATTR_RETRIEVAL_DOCUMENT_COUNT,
    ATTR_RETRIEVAL_DOCUMENTS,
    ATTR_RETRIEVAL_TOP_K,
)
from rag_tutorials.tracing._delivery import protect_exports, record_failure, whole_span
from rag_tutorials.tracing._environment import provider_from_environment
from rag_tutorials.tracing._provider import configure_tracing, get_tracer
from rag_tutorials.tracing._wrappers import (
    build_traced_rag_pipeline,
    traced_generation,
    traced_retrieval,
)

__all__ = [
    "ATTR_INPUT_VALUE",
    "ATTR_LLM_MODEL_NAME",
    "ATTR_OUTPUT_VALUE",
    "ATTR_RETRIEVAL_DOCUMENTS",
    "ATTR_RETRIEVAL_DOCUMENT_COUNT",
    "ATTR_RETRIEVAL_TOP_K",
    "build_traced_rag_pipeline",
    "configure_tracing",
    "get_tracer",
    "protect_exports",
    "provider_from_environment",
    "record_failure",
    "traced_generation",
    "traced_retrieval",
    "whole_span",
]
