"""Nothing arrives: the sampler follows a caller that keeps nothing."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Mistake, Seen

CALLER = "00f067aa0ba902b7"


def _of_the_caller(seen: Seen) -> Mistake | None:
    """A tree has no place for it: the caller's span is not in this Phoenix."""
    some = [one for one in seen.found.spans if one.name == "prices"]
    if len(some) != 1 or len(seen.found.spans) != 1:
        names = ", ".join(f"`{one.name}`" for one in seen.found.spans)
        return Mistake(f"The spans are {names}; there should be one `prices`, and no other.")
    if some[0].trace_id not in seen.returned.log or some[0].parent_id != CALLER:
        return Mistake(
            "`prices` is in a trace of its own; the load balancer's log has another id.",
            "Go on reading the header: the ids in it are right.",
        )
    return None


PATIENT = Patient(
    title="Not from this door",
    group="Nothing arrives",
    complaint="Calls from the command line leave traces. Those that come through the new load "
    "balancer leave none, and nobody changed our service. We want them all, under the ids that "
    "the load balancer's log has.",
    threads="trackers of OpenTelemetry's SDKs, of service meshes, load balancers and browsers: "
    "`traceparent` ends with `00`, and a parent-based sampler follows",
    taught=("08_sampling_and_redaction", "Sampling"),
    program="""
def prices(phoenix, project):
    import sys
    from uuid import uuid4

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.propagate import extract
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor

    provider = TracerProvider(resource=Resource({"openinference.project.name": project}))
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{phoenix}/v1/traces")))
    def service(headers):
        with provider.get_tracer("prices").start_as_current_span("prices", extract(headers)):
            print("12 prices")

    # The load balancer, and its log: it stays as it is
    print(header := f"00-{uuid4().hex}-00f067aa0ba902b7-00", file=sys.stderr)
    service({"traceparent": header})
""",
    symptom=lambda ran: not ran.requests and ran.log.endswith(f"-{CALLER}-00\n") and not ran.spans,
    diagnosis="the sampler does as the caller says",
    because="The header ends with `00`: not sampled. The default sampler is parent-based, so it "
    "follows, and a span that is not sampled is not sent. Without a header it keeps all.",
    against={
        "the header is not read": "Then `prices` would begin a trace of its own, which the "
        "default sampler keeps.",
        "another provider came first": "Nobody asks for the global provider here, and the log "
        "would say so.",
        "it ended before the queue was sent": "A simple processor has no queue: it sends each "
        "span that is sampled when it ends.",
    },
    cure="""
def prices(phoenix, project):
    import sys
    from uuid import uuid4

    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.propagate import extract
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import SimpleSpanProcessor
    from opentelemetry.sdk.trace.sampling import ALWAYS_ON

    resource = Resource({"openinference.project.name": project})
    provider = TracerProvider(sampler=ALWAYS_ON, resource=resource)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(f"{phoenix}/v1/traces")))
    def service(headers):
        with provider.get_tracer("prices").start_as_current_span("prices", extract(headers)):
            print("12 prices")

    # The load balancer, and its log: it stays as it is
    print(header := f"00-{uuid4().hex}-00f067aa0ba902b7-00", file=sys.stderr)
    service({"traceparent": header})
""",
    prints=("12 prices",),
    expect=(),
    also=(_of_the_caller,),
    hints=(
        "What is different about a call that comes through the load balancer?",
        "Its header. What do the last two digits say, and who listens to them?",
        "`TracerProvider(sampler=ALWAYS_ON, ...)`; or "
        "`ParentBased(ALWAYS_ON, remote_parent_not_sampled=ALWAYS_ON)`, which follows a parent "
        "in one's own process only.",
    ),
)
