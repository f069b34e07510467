"""A script of your own, traced. Nothing of the course is needed.

pip install arize-phoenix openinference-instrumentation-openai openai

phoenix serve            # in a terminal of its own; the UI is at http://localhost:6006
python own_script.py     # in another; OPENAI_API_KEY in the environment
"""

import os
import sys
import time

import httpx
from openai import OpenAI
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.trace import format_trace_id
from phoenix.client import Client
from phoenix.otel import register

PROJECT = "my-script"
MODEL = os.environ.get("OPENAI_CHAT_MODEL", "gpt-4.1-mini")

# Without an endpoint, register() sends over gRPC to port 4317 of this machine: `phoenix serve`
# listens there. Each span is sent as it ends; batch=True sends many at a time.
tracer_provider = register(project_name=PROJECT, verbose=False)
OpenAIInstrumentor().instrument(tracer_provider=tracer_provider)
tracer = tracer_provider.get_tracer("my.script")


def answer(question: str) -> tuple[str, str]:
    """Ask the model inside a span of our own; return the answer and the trace's id."""
    with tracer.start_as_current_span("answer") as span:
        span.set_attribute("openinference.span.kind", "CHAIN")
        span.set_attribute("input.value", question)
        completion = OpenAI().chat.completions.create(
            model=MODEL, messages=[{"role": "user", "content": question}]
        )
        text = completion.choices[0].message.content or ""
        span.set_attribute("output.value", text)
        return text, format_trace_id(span.get_span_context().trace_id)


def read_back(trace_id: str, expect: int, seconds: float = 10) -> list:
    """Ask Phoenix for a trace until it has `expect` spans or the time is over."""
    client = Client()  # http://localhost:6006
    deadline = time.monotonic() + seconds
    spans = []
    while len(spans) < expect and time.monotonic() < deadline:
        time.sleep(0.1)
        try:
            spans = client.spans.get_spans(project_identifier=PROJECT, trace_ids=[trace_id])
        except httpx.HTTPStatusError as error:
            if error.response.status_code != 404:  # a project begins with its first span
                raise
    return spans


if __name__ == "__main__":
    text, trace_id = answer("What does a span record?")
    print(text)
    tracer_provider.shutdown()  # sends what is still waiting
    spans = read_back(trace_id, expect=2)
    if len(spans) < 2:
        sys.exit(f"Phoenix has {len(spans)} of 2 spans: is it the one that listens on port 4317?")
    print(*(span["name"] for span in spans), sep="\n")
