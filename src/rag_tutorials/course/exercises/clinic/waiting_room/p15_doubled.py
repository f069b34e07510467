"""Nothing arrives: the path is there, and is added once more."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

PATIENT = Patient(
    title="One setting, copied",
    group="Nothing arrives",
    complaint="The address worked in the code, as `endpoint=`. We moved it into the settings, "
    "letter by letter, and nothing has arrived since.",
    threads="trackers of OpenTelemetry's SDKs and of backends: a full address in "
    "`OTEL_EXPORTER_OTLP_ENDPOINT`, which is a base",
    taught=("07_backends_and_delivery", "One program, many backends"),
    program="""
def opening_hours(phoenix, project):
    import os

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{phoenix}/v1/traces"}
    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("hours")

    with tracer.start_as_current_span("opening hours") as span:
        span.set_attribute("output.value", "nine to five")
        print("nine to five")
""",
    symptom=lambda ran: (
        not ran.spans and [one.split()[1] for one in ran.requests] == ["/v1/traces/v1/traces"]
    ),
    diagnosis="the path is there twice",
    because="The request went to `/v1/traces/v1/traces`. The variable is a base address, to which "
    "the exporter adds the path; `endpoint=` in code is taken as it is.",
    against={
        "the path is missing": "Look at the row `sends`: there is more than enough of it.",
        "the port is wrong": "Phoenix answered, so the request reached it.",
        "the settings come too late": "The request went where they say: they were read.",
    },
    cure="""
def opening_hours(phoenix, project):
    import os

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": phoenix}
    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter()))
    tracer = provider.get_tracer("hours")

    with tracer.start_as_current_span("opening hours") as span:
        span.set_attribute("output.value", "nine to five")
        print("nine to five")
""",
    prints=("nine to five",),
    expect=(span("opening hours", attributes={"output.value": "nine to five"}),),
    hints=(
        "Compare the path in the row `sends` with the one that takes spans.",
        "There are two variables: one is the base for all signals, one the whole address for "
        "traces. What does the exporter do to each?",
        'Set `"OTEL_EXPORTER_OTLP_ENDPOINT"` to `phoenix` alone; or keep the address, under '
        "`OTEL_EXPORTER_OTLP_TRACES_ENDPOINT`.",
    ),
)
