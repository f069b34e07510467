"""Nothing arrives: gRPC to a port that speaks HTTP."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

PATIENT = Patient(
    title="Unavailable",
    group="Nothing arrives",
    complaint="Host and port are those of Phoenix: we compared them digit by digit. Even so the "
    "log says that it is unavailable.",
    threads="trackers of Phoenix, of OpenTelemetry's exporters and of collectors, under "
    "`StatusCode.UNAVAILABLE`: port 4317 and port 4318, or 6006, mixed up",
    taught=("07_backends_and_delivery", "One program, many backends"),
    program="""
def invoices(phoenix, project):
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    exporter = OTLPSpanExporter(endpoint=phoenix, insecure=True, timeout=4)
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("invoices")

    with tracer.start_as_current_span("send invoice", attributes={"input.value": "no. 12"}):
        print("no. 12 is sent")
""",
    symptom=lambda ran: not ran.requests and not ran.spans and "UNAVAILABLE" in ran.log,
    diagnosis="it speaks gRPC to a port for HTTP",
    because="`UNAVAILABLE` is a word of gRPC. The address is the one of OTLP over HTTP, where "
    "nobody understands the first bytes of gRPC, so that no request ever comes about.",
    against={
        "nobody listens at this port": "Phoenix does, at exactly this address; where nobody "
        "listens, the details say `Connection refused`.",
        "the path is missing": "gRPC has no path of its own to add: the method's name is one.",
        "the certificate is refused": "`insecure=True` asks for none, and Phoenix has none here.",
    },
    cure="""
def invoices(phoenix, project):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    exporter = OTLPSpanExporter(endpoint=f"{phoenix}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("invoices")

    with tracer.start_as_current_span("send invoice", attributes={"input.value": "no. 12"}):
        print("no. 12 is sent")
""",
    prints=("no. 12 is sent",),
    expect=(span("send invoice", attributes={"input.value": "no. 12"}),),
    hints=(
        "Which protocol does the exporter speak, and which one is spoken at the address?",
        "The import says `grpc`, and the address is the one for HTTP. Phoenix's gRPC has a port of "
        "its own, which you are not given.",
        "Import from `opentelemetry.exporter.otlp.proto.http.trace_exporter`, and give it "
        '`endpoint=f"{phoenix}/v1/traces"`.',
    ),
)
