"""Nothing arrives: a sampler in code keeps nothing, whatever the environment says."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Mistake, Seen

REQUESTS = 40


def _all_of_them(seen: Seen) -> Mistake | None:
    """Count them, each in a trace of its own."""
    kept = [one for one in seen.found.spans if one.name == "request" and not one.parent_id]
    if len(kept) == len(seen.found.spans) == REQUESTS:
        return None
    return Mistake(
        f"{len(kept)} of {REQUESTS} requests are root spans named `request`, among "
        f"{len(seen.found.spans)} spans; all {REQUESTS} should be, and no other span.",
        "For now, every request is kept, as a trace of its own.",
    )


PATIENT = Patient(
    title="A small share",
    group="Nothing arrives",
    complaint="Since the load test we keep 5 percent of our traces; that was the plan. None has "
    "come since. For now we want all of them, so yesterday we set `OTEL_TRACES_SAMPLER`. Still "
    "none.",
    threads="trackers of OpenTelemetry's SDKs and of those who ship them: a ratio of 0, "
    "`always_off`, and settings of the environment that code overrules",
    taught=("08_sampling_and_redaction", "Sampling"),
    program="""
def web(phoenix, project):
    import os

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider, export
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    os.environ |= {"OTEL_TRACES_SAMPLER": "always_on"}  # since yesterday
    share = 5 // 100  # since the load test
    resource = Resource({"openinference.project.name": project})
    provider = TracerProvider(sampler=TraceIdRatioBased(share), resource=resource)
    exporter = OTLPSpanExporter(f"{phoenix}/v1/traces")
    provider.add_span_processor(export.BatchSpanProcessor(exporter))
    for _ in range(40):
        provider.get_tracer("shop").start_span("request").end()
    print("40 requests")
""",
    symptom=lambda ran: not ran.requests and not ran.log and not ran.spans,
    diagnosis="the sampler in code keeps nothing",
    because="`5 // 100` is 0, and a ratio of 0 keeps no trace. A sampler that is given to the "
    "provider decides alone: `OTEL_TRACES_SAMPLER` is read only where none is given.",
    against={
        "the setting comes too late": "It is set before the provider is made, and that is when "
        "a provider without a sampler of its own reads it.",
        "the sampler does as the caller says": "Nobody calls: each `request` is a root, and this "
        "sampler asks for no parent.",
        "it ended before the queue was sent": "A program that ends by itself, as this one does, "
        "shuts its provider down, which sends what waits. Nothing waited.",
        "it was bad luck": "With 5 in 100, all 40 are dropped one time in eight; but it has been "
        "so since the load test.",
    },
    cure="""
def web(phoenix, project):
    import os

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider, export

    os.environ |= {"OTEL_TRACES_SAMPLER": "always_on"}  # since yesterday
    resource = Resource({"openinference.project.name": project})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(f"{phoenix}/v1/traces")
    provider.add_span_processor(export.BatchSpanProcessor(exporter))
    for _ in range(40):
        provider.get_tracer("shop").start_span("request").end()
    print("40 requests")
""",
    prints=("40 requests",),
    expect=(),
    also=(_all_of_them,),
    hints=(
        "Nothing is sent, and nothing is logged. Does a span record at all? Print "
        "`provider.sampler`, and a span's `is_recording()`.",
        "How much is `5 // 100`? And who reads `OTEL_TRACES_SAMPLER`?",
        "Leave the sampler out of the code, so that the environment decides; or give it "
        "`ALWAYS_ON`, or a ratio of 1.",
    ),
)
