"""Nothing arrives: somebody else has set the provider."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

PATIENT = Patient(
    title="The unchanged set-up",
    group="Nothing arrives",
    complaint="It worked until the last release. Our set-up is unchanged, the address is right, "
    "and not even a request is sent.",
    threads="trackers of OpenTelemetry, of agent frameworks and of every tracing product that "
    "sets itself up on import, under the words of the log line",
    taught=("04_auto_instrumentation", "Call order, exactly as it is"),
    program="""
def search(phoenix, project):
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    def start_framework():  # a library: it stays as it is
        trace.set_tracer_provider(TracerProvider())
        return lambda work: trace.get_tracer("framework").start_as_current_span("step")(work)()

    run_step = start_framework()
    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    exporter = OTLPSpanExporter(f"{phoenix}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)

    tracer = trace.get_tracer("search")
    run_step(tracer.start_as_current_span("search")(lambda: print("3 results")))
""",
    symptom=lambda ran: not ran.requests and "Overriding of current TracerProvider" in ran.log,
    diagnosis="another provider came first",
    because="The first provider that is set stays, and this one is the framework's, which sends "
    "nothing. The second call only logs that it was refused.",
    against={
        "the path is missing": "The path is there, and the row `sends` is empty: no request "
        "went to any path.",
        "the sampler drops all": "Nobody set a sampler, and the default of a provider keeps all.",
        "the program ended too early": "A simple processor sends each span when it ends: there "
        "is no queue to lose.",
    },
    cure="""
def search(phoenix, project):
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    def start_framework():  # a library: it stays as it is
        trace.set_tracer_provider(TracerProvider())
        return lambda work: trace.get_tracer("framework").start_as_current_span("step")(work)()

    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    exporter = OTLPSpanExporter(f"{phoenix}/v1/traces")
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    run_step = start_framework()

    tracer = trace.get_tracer("search")
    run_step(tracer.start_as_current_span("search")(lambda: print("3 results")))
""",
    prints=("3 results",),
    expect=(
        span(
            "step",
            None,
            span("search"),
            hint="The framework's spans belong to the trace too: it asks for the global provider.",
        ),
    ),
    hints=(
        "Read the log line: who set a provider before, and where do its spans go?",
        "The first one stays. Either be the first, or add your exporter to the one that is there "
        "(and say the project in another way: its resource is not yours).",
        "Move `run_step = start_framework()` below `trace.set_tracer_provider(provider)`. The "
        "framework's own attempt is then the one that is refused.",
    ),
)
