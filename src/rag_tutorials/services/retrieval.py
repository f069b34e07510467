"""The retriever as an HTTP service: ``POST /retrieve`` with a question gives the chunks.

    python -m rag_tutorials.services.retrieval --handbook FILE --endpoint URL --project NAME

It listens on a free port of the loopback interface and sends ``{"url": …}`` once it answers.
"""

import argparse
import asyncio
import json
import os
import socket
import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import uvicorn
from openinference.semconv.trace import OpenInferenceSpanKindValues, SpanAttributes
from opentelemetry.trace import SpanKind, Tracer
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from rag_tutorials.chunking import semantic_chunk_documents
from rag_tutorials.io_utils import load_handbook_documents
from rag_tutorials.loopback import HOST
from rag_tutorials.loopback.doors import OwnUserProtocol
from rag_tutorials.pipeline import Retriever, build_dense_retriever
from rag_tutorials.services.lifeline import Lifeline, send
from rag_tutorials.services.remote import remote_context
from rag_tutorials.texts import nonblank_text
from rag_tutorials.tracing import configure_tracing, get_tracer, traced_retrieval

SERVICE_NAME = "retrieval-service"
SPAN_NAME = "POST /retrieve"
_ATTRIBUTES = {
    SpanAttributes.OPENINFERENCE_SPAN_KIND: OpenInferenceSpanKindValues.CHAIN.value,
    "http.request.method": "POST",
    "url.path": "/retrieve",
}


def build_app(retriever: Retriever, tracer: Tracer) -> Starlette:
    """Return the service: ``POST /retrieve {"question": str, "top_k": int = 3}``.

    The answer is ``{"results": [{"chunk_id", "score", "source", "text"}, …], "trace_id": str}``,
    best first. A request that is not of this form gets status 400 with ``{"error": sentence}``.
    Each request makes a SERVER span, under the caller's if the request has a ``traceparent``, with
    the retrieval as its child.
    """
    retrieve = traced_retrieval(retriever, tracer)

    async def endpoint(request: Request) -> JSONResponse:
        with (
            remote_context(request.headers),
            tracer.start_as_current_span(
                SPAN_NAME, kind=SpanKind.SERVER, attributes=_ATTRIBUTES
            ) as span,
        ):
            answer: dict[str, Any]
            try:
                question, top_k = _parse(await request.body())
                span.set_attribute(SpanAttributes.INPUT_VALUE, question)
                # to_thread takes the context along, so the retrieval is a child of this span.
                results = await asyncio.to_thread(retrieve, question, top_k=top_k)
                status, answer = 200, {"results": [asdict(result) for result in results]}
            except _BadRequestError as error:
                status, answer = 400, {"error": str(error)}
            span.set_attribute("http.response.status_code", status)
            trace_id = format(span.get_span_context().trace_id, "032x")
            return JSONResponse({**answer, "trace_id": trace_id}, status)

    return Starlette(routes=[Route("/retrieve", endpoint, methods=["POST"])])


class _BadRequestError(ValueError):
    """The caller's mistake, in a sentence."""


def _parse(body: bytes) -> tuple[str, int]:
    try:
        fields: Any = json.loads(body)
        question, top_k = fields["question"], fields.get("top_k", 3)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _BadRequestError('Send a JSON object: {"question": "…", "top_k": 3}.') from error
    try:
        nonblank_text(question, "The question")
    except ValueError as error:
        raise _BadRequestError(str(error)) from error
    if not isinstance(top_k, int) or isinstance(top_k, bool) or top_k < 1:
        raise _BadRequestError("top_k must be a whole number, 1 or more.")
    return question, top_k


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until the process that started this one closes its end, or is gone."""
    parser = argparse.ArgumentParser(prog="python -m rag_tutorials.services.retrieval")
    parser.add_argument("--handbook", required=True, help="the handbook's file")
    parser.add_argument("--endpoint", required=True, help="the OTLP receiver for the spans")
    parser.add_argument("--project", required=True, help="the Phoenix project")
    options = parser.parse_args(arguments)

    lifeline = Lifeline()
    configure_tracing(options.endpoint, SERVICE_NAME, project_name=options.project)
    documents = load_handbook_documents(options.handbook)
    retriever, _ = build_dense_retriever(chunks=semantic_chunk_documents(documents))
    with _listen() as listener:
        server = uvicorn.Server(
            uvicorn.Config(
                build_app(retriever, get_tracer(__name__)),
                log_level="warning",
                access_log=False,
                lifespan="off",
                http=OwnUserProtocol,
                ws="none",
                timeout_graceful_shutdown=1,
            )
        )
        threading.Thread(target=_stop_with, args=(lifeline, server), daemon=True).start()
        # The socket accepts connections from here on; they wait for the server's loop.
        send({"url": f"http://{HOST}:{listener.getsockname()[1]}"})
        server.run(sockets=[listener])
    return 0


def _listen() -> socket.socket:
    # With the protocol given, asyncio sets TCP_NODELAY on each connection: without it, a call
    # takes 40 ms more.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    if os.name == "posix":
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((HOST, 0))
    listener.listen(128)
    return listener


def _stop_with(lifeline: Lifeline, server: uvicorn.Server) -> None:
    for _ in lifeline:
        pass
    server.should_exit = True


if __name__ == "__main__":
    raise SystemExit(main())
