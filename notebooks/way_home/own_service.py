"""A service of your own that sends its traces to a hosted Phoenix. Nothing of the course is needed.

    pip install arize-phoenix-otel arize-phoenix-client openinference-instrumentation-openai openai

    export PHOENIX_COLLECTOR_ENDPOINT=https://...   # the address of your Phoenix, without a path
    export PHOENIX_API_KEY=...                      # from its settings; never in the code
    export OPENAI_API_KEY=...
    python own_service.py 8000
    curl "http://localhost:8000/?question=What+is+a+trace"

The server itself (arize-phoenix) need not be installed here: these packages are small.
"""

import os
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.trace import format_trace_id
from phoenix.client import Client
from phoenix.otel import register

PROJECT = "my-service"
MODEL = os.environ.get("OPENAI_CHAT_MODEL", "gpt-4.1-mini")

# A hosted Phoenix is reached over HTTPS, hence the protocol: the default is gRPC on port 4317.
# register() reads the address and the key from the environment. batch=True sends from a thread of
# its own, so that no request waits for its trace.
tracer_provider = register(
    project_name=PROJECT, protocol="http/protobuf", batch=True, verbose=False
)
OpenAIInstrumentor().instrument(tracer_provider=tracer_provider)
tracer = tracer_provider.get_tracer("my.service")
openai = OpenAI()


def answer(question: str) -> str:
    with tracer.start_as_current_span("answer") as span:
        span.set_attribute("openinference.span.kind", "CHAIN")
        span.set_attribute("input.value", question)
        completion = openai.chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": question}]
        )
        text = completion.choices[0].message.content or ""
        span.set_attribute("output.value", text)
        return text


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        question = parse_qs(urlsplit(self.path).query).get("question", [""])[0]
        try:
            status, text = (200, answer(question)) if question else (400, "Ask a ?question=")
        except Exception:  # the span has recorded it
            status, text = 502, "The model did not answer."
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.end_headers()
        self.wfile.write(text.encode())


def traces_arrive(seconds: float = 10) -> bool:
    """Send one span and ask the backend for it: a wrong key or address shows at the start."""
    with tracer.start_as_current_span("start") as span:
        trace_id = format_trace_id(span.get_span_context().trace_id)
    tracer_provider.force_flush()
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if Client().spans.get_spans(project_identifier=PROJECT, trace_ids=[trace_id]):
                return True
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:  # a project begins with its first span
                return False
        except httpx.TransportError:
            return False
        time.sleep(0.1)
    return False


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print("Traces arrive." if traces_arrive() else "TRACES DO NOT ARRIVE: check address and key.")
    print(f"Listening on http://localhost:{server.server_port}", flush=True)
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        tracer_provider.shutdown()  # sends what is still waiting; without it the last spans are lost


if __name__ == "__main__":
    main()
