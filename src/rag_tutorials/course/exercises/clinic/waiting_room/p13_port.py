"""Nothing arrives: the exporter is told no address, and takes its own."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

PATIENT = Patient(
    title="It is up, and unreachable",
    group="Nothing arrives",
    complaint="We told it the project, the path is its own, and Phoenix is up. The log complains "
    "about a connection, but the browser opens Phoenix at once.",
    threads="trackers of Phoenix, of collectors and of every OTLP exporter, under `Connection "
    "refused` and the number of a port: exporters that keep their default",
    taught=("07_backends_and_delivery", "One program, many backends"),
    program="""
def parcels(phoenix, project):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    exporter = OTLPSpanExporter(timeout=4)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("parcels")

    with tracer.start_as_current_span("count parcels") as span:
        span.set_attribute("output.value", "7 parcels")
        print("7 parcels")
""",
    symptom=lambda ran: not ran.requests and not ran.spans and "4318" in ran.log,
    diagnosis="the port is wrong",
    because="The log names the address: port 4318, where an OTLP collector listens by default. "
    "Without an `endpoint` the exporter sends there; Phoenix listens on another port.",
    against={
        "the path is missing": "The log has the path, `/v1/traces`, and a missing one would be "
        "answered by Phoenix, in the row `sends`.",
        "the project is wrong": "Spans for another project are sent and accepted all the same; "
        "no request came.",
        "the program ended too early": "A simple processor sends each span when it ends: the log "
        "tells how that went.",
    },
    cure="""
def parcels(phoenix, project):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    exporter = OTLPSpanExporter(f"{phoenix}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("parcels")

    with tracer.start_as_current_span("count parcels") as span:
        span.set_attribute("output.value", "7 parcels")
        print("7 parcels")
""",
    prints=("7 parcels",),
    expect=(span("count parcels", attributes={"output.value": "7 parcels"}),),
    hints=(
        "To which host and port does the log say that it went? Compare them with Phoenix's.",
        "Nobody told the exporter where Phoenix is; `phoenix` is not used.",
        '`OTLPSpanExporter(f"{phoenix}/v1/traces")`.',
    ),
)
