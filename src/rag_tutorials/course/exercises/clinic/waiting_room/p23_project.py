"""A trace that lies: in the project that nobody named."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

PATIENT = Patient(
    title="The neighbour's letters",
    group="A trace that lies",
    complaint="Our project stays empty; the requests are answered with 200. Another team asks "
    "whose spans those are that they find among theirs.",
    threads="trackers of Phoenix and of services that send to it: all spans in `default`, since "
    "the project is not the service's name",
    taught=("01_manual_spans", "Resource and scope: who sent this?"),
    program="""
def letters(phoenix, project):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(resource=Resource({"service.name": project}))
    exporter = OTLPSpanExporter(f"{phoenix}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("letters")

    with tracer.start_as_current_span("sort letters") as span:
        span.set_attribute("openinference.project.name", project)
        print("sorted")
""",
    symptom=lambda ran: list(ran.spans) == ["default"],
    diagnosis="the resource does not say the project",
    because="Phoenix takes the project from one attribute of the resource, "
    "`openinference.project.name`. Here it stands on a span, where nobody looks for it, and "
    "without it a span belongs to `default`.",
    against={
        "the path is missing": "The request was answered with 200, and the span is in Phoenix.",
        "another program sends to this project": "The row says where this program's span is: "
        "not in its own project.",
        "the port is wrong": "The span is in Phoenix, so it came to the right one.",
    },
    cure="""
def letters(phoenix, project):
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    names = {"service.name": project, "openinference.project.name": project}
    provider = TracerProvider(resource=Resource(names))
    exporter = OTLPSpanExporter(f"{phoenix}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("letters")

    with tracer.start_as_current_span("sort letters"):
        print("sorted")
""",
    prints=("sorted",),
    expect=(span("sort letters"),),
    hints=(
        "In which project are the spans, and who puts a span there?",
        "Phoenix, when the resource does not name another one. Which name does it look for?",
        '`Resource({"service.name": project, "openinference.project.name": project})`.',
    ),
)
