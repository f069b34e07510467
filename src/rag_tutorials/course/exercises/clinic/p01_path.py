"""Nothing arrives: the exporter is given the base address."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

PATIENT = Patient(
    title="The silent counter",
    group="Nothing arrives",
    complaint="We copied the address from the browser. The program runs, Phoenix is up, and its "
    "project stays empty. There is one line in the log that we cannot place.",
    threads="the tracker of every OTLP backend, Phoenix's among them, under the exact words of "
    "the log line",
    taught=("07_backends_and_delivery", "One program, many backends"),
    program="""
def open_orders(phoenix, project):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(endpoint=phoenix)))
    tracer = provider.get_tracer("orders")

    with tracer.start_as_current_span("count orders") as span:
        span.set_attribute("output.value", "42 orders are open")
        print("42 orders are open")
""",
    symptom=lambda ran: not ran.spans and ran.requests == ["POST / -> 405"] and "405" in ran.log,
    diagnosis="the path is missing",
    because="The request went to `/`, where Phoenix shows its pages: 405, Method Not Allowed. "
    "An `endpoint` that is given in code is taken as it is; `/v1/traces` belongs to it.",
    against={
        "the port is wrong": "Phoenix answered, with 405. Where nobody listens, the log says "
        "that the connection was refused.",
        "the project is wrong": "No request was accepted, so no span is in any project.",
        "the program ended too early": "A simple processor sends each span when it ends, and the "
        "request did reach Phoenix.",
    },
    cure="""
def open_orders(phoenix, project):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    exporter = OTLPSpanExporter(endpoint=f"{phoenix}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("orders")

    with tracer.start_as_current_span("count orders") as span:
        span.set_attribute("output.value", "42 orders are open")
        print("42 orders are open")
""",
    prints=("42 orders are open",),
    expect=(span("count orders", attributes={"output.value": "42 orders are open"}),),
    minutes=3,
    hints=(
        "As it came, the program did get an answer. What does 405 say, and to which path did the "
        "request go?",
        "Compare the path in the row `sends` with the one that takes spans.",
        '`OTLPSpanExporter(endpoint=f"{phoenix}/v1/traces")`.',
    ),
)
