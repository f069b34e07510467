"""Nothing arrives: a setting has switched the SDK off."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

PATIENT = Patient(
    title="Since the tests are quiet",
    group="Nothing arrives",
    complaint="We tidied the tests last week, which used to send hundreds of traces. They are "
    "quiet now. So is the application.",
    threads="trackers of OpenTelemetry's SDKs, of frameworks' command lines and of container "
    "images: `OTEL_SDK_DISABLED` in an environment that more than one program shares",
    taught=("07_backends_and_delivery", "One program, many backends"),
    program="""
def newsletter(phoenix, project):
    import os

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    settings = {"OTEL_SDK_DISABLED": "true", "LETTERS": "3"}  # one file for all programs
    os.environ |= settings
    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    exporter = OTLPSpanExporter(f"{phoenix}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("newsletter")

    with tracer.start_as_current_span("newsletter"):
        print(os.environ["LETTERS"], "letters")
""",
    symptom=lambda ran: not ran.requests and not ran.log and not ran.spans,
    diagnosis="the SDK is switched off",
    because="With `OTEL_SDK_DISABLED=true` a provider hands out tracers that record nothing, and "
    "says nothing of it. It is read when the provider is made.",
    against={
        "the sampler drops all": "No sampler is set, neither in code nor in the settings, and "
        "the default keeps all that begins here.",
        "another provider came first": "The tracer is this provider's own, not the global one's.",
        "the port is wrong": "Then the log would say that the connection was refused; the "
        "exporter had nothing to send.",
    },
    cure="""
def newsletter(phoenix, project):
    import os

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    settings = {"LETTERS": "3"}  # one file for all programs
    os.environ |= settings
    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    exporter = OTLPSpanExporter(f"{phoenix}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("newsletter")

    with tracer.start_as_current_span("newsletter"):
        print(os.environ["LETTERS"], "letters")
""",
    prints=("3 letters",),
    expect=(span("newsletter"),),
    hints=(
        "Nothing is logged and nothing is sent. Does the tracer record at all? Print "
        "`tracer` and see.",
        "Which of the settings does OpenTelemetry read?",
        "Take `OTEL_SDK_DISABLED` out of what the application reads; a test can set it for itself.",
    ),
)
