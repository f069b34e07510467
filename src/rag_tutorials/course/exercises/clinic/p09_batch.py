"""A trace that lies: one bad value takes its whole batch along."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Mistake, Seen, span


def _tells_what_was_cut(seen: Seen) -> Mistake | None:
    [cut] = [one for one in seen.found.spans if one.status == "ERROR"]
    if "Nice" in cut.status_message:
        return None
    said = repr(cut.status_message) if cut.status_message else "nothing"
    return Mistake(
        f"The status says {said}; it should still say what was cut.",
        "Only what cannot be encoded needs mending.",
    )


PATIENT = Patient(
    title="The missing hour",
    group="A trace that lies",
    complaint="Reports of the traffic have holes: now and then all traces of some seconds are "
    "gone, those of users whose answers were perfectly ordinary too.",
    threads="trackers of OpenTelemetry, of MLflow, of the OpenAI Agents SDK and of backends: "
    "`surrogates not allowed`, one value fails, the batch is dropped",
    taught=("01_manual_spans", "Attributes"),
    program="""
def chat(phoenix, project):
    import json

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import StatusCode

    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    exporter = OTLPSpanExporter(f"{phoenix}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))

    for line in ('"Über 30 days."', r'"Nice \\ud83d"', '"Six months."'):
        with provider.get_tracer("chat").start_as_current_span("answer") as span:
            text = json.loads(line)  # as the model's server sent it
            if not text.endswith("."):
                span.set_status(StatusCode.ERROR, f"cut off: {text}")
            print(len(text))
""",
    symptom=lambda ran: not ran.requests and "surrogates not allowed" in ran.log,
    diagnosis="one value cannot be encoded",
    because="The second answer was cut in the middle of an emoji: half a surrogate pair, which "
    "UTF-8 does not have, in a status. A batch is one message, so all three are lost. (A bad "
    "attribute would only be left out.)",
    against={
        "the queue was full": "Three spans do not fill a queue of 2,048, and the log would say "
        "`Queue full`.",
        "it ended before the queue was sent": "The queue was being sent: the log is the "
        "exporter's, as it made the message.",
        "the backend refused the batch": "The row `sends` is empty: no request came as far as the "
        "backend.",
    },
    cure="""
def chat(phoenix, project):
    import json

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.trace import StatusCode

    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    exporter = OTLPSpanExporter(f"{phoenix}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))

    for line in ('"Über 30 days."', r'"Nice \\ud83d"', '"Six months."'):
        with provider.get_tracer("chat").start_as_current_span("answer") as span:
            text = json.loads(line)  # as the model's server sent it
            if not text.endswith("."):
                whole = text.encode("utf-8", errors="replace").decode("utf-8")
                span.set_status(StatusCode.ERROR, f"cut off: {whole}")
            print(len(text))
""",
    prints=("13", "6", "11"),
    expect=(
        span("answer", status="not ERROR"),
        span("answer", status="ERROR"),
        span("answer", status="not ERROR"),
    ),
    also=(_tells_what_was_cut,),
    hints=(
        "The last line of the log names the codec and the character. Which of the three has it, "
        "and where in its span does it stand?",
        "In the status. Only that text needs mending, and only what cannot be encoded in it.",
        '`text.encode("utf-8", errors="replace").decode("utf-8")` before it goes into the status; '
        "or `configure_tracing`, which does so for every text of a span.",
    ),
)
