"""A worker that answers questions from a queue, long after the requests that asked them.

    python -m rag_tutorials.services.worker --endpoint URL --project NAME

A message is an envelope: ``{"headers": {…}, "question": str, "context": [str, …]}``. The headers
are those that the sender injected, as in an HTTP request. The result that goes back is
``{"answer": str, "trace_id": str}``, or ``{"error": sentence, "trace_id": str}``.
"""

import argparse
from collections.abc import Callable, Sequence
from typing import Any

from openinference.semconv.trace import OpenInferenceSpanKindValues, SpanAttributes
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Link, SpanKind, Tracer

from rag_tutorials.qa import answer_with_context
from rag_tutorials.services.lifeline import Lifeline, Message, send
from rag_tutorials.services.remote import remote_context
from rag_tutorials.tracing import (
    configure_tracing,
    get_tracer,
    record_failure,
    traced_generation,
)

SERVICE_NAME = "answer-worker"
SPAN_NAME = "process question"
ATTR_REQUEST_TRACE_ID = "request.trace_id"


def build_handler(answer_fn: Callable[..., str], tracer: Tracer) -> Callable[[Message], Message]:
    """Return what handles a message: a trace of its own, with a link to the sender's span.

    The sender's span may have ended long ago, so it is no parent. Phoenix does not keep links:
    the sender's trace id is recorded as ``request.trace_id`` as well.
    """
    answer = traced_generation(answer_fn, tracer)

    def handle(message: Message) -> Message:
        with remote_context(_headers(message)):
            sender = trace.get_current_span().get_span_context()
            attributes: dict[str, Any] = {
                SpanAttributes.OPENINFERENCE_SPAN_KIND: OpenInferenceSpanKindValues.CHAIN.value
            }
            if sender.is_valid:
                attributes[ATTR_REQUEST_TRACE_ID] = trace.format_trace_id(sender.trace_id)
            with tracer.start_as_current_span(
                SPAN_NAME,
                context=_without_parent(),
                kind=SpanKind.CONSUMER,
                links=[Link(sender)] if sender.is_valid else None,
                attributes=attributes,
            ) as span:
                result: Message = {
                    "trace_id": trace.format_trace_id(span.get_span_context().trace_id)
                }
                try:
                    result["answer"] = answer(message["question"], message["context"])
                except Exception as error:  # one bad message must not end the worker
                    result["error"] = record_failure(span, error)
        return result

    return handle


def _headers(message: Message) -> dict[str, str]:
    headers = message.get("headers")
    if not isinstance(headers, dict):
        return {}
    return {name: value for name, value in headers.items() if isinstance(value, str)}


def _without_parent() -> Context:
    """The current context, baggage and session included, with no current span."""
    return trace.set_span_in_context(trace.INVALID_SPAN)


def main(arguments: Sequence[str] | None = None) -> int:
    """Answer until the process that started this one closes its end, or is gone."""
    parser = argparse.ArgumentParser(prog="python -m rag_tutorials.services.worker")
    parser.add_argument("--endpoint", required=True, help="the OTLP receiver for the spans")
    parser.add_argument("--project", required=True, help="the Phoenix project")
    options = parser.parse_args(arguments)

    lifeline = Lifeline()
    configure_tracing(options.endpoint, SERVICE_NAME, project_name=options.project)
    handle = build_handler(answer_with_context, get_tracer(__name__))
    send({"ready": True})
    for message in lifeline:
        send(handle(message))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
