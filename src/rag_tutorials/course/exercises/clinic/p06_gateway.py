"""A trace in pieces: a gateway that does not pass the header on."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Mistake, Seen


def _in_the_trace_of_ask(seen: Seen) -> Mistake | None:
    """Take a gateway with a span of its own for as good as one without; no tree says both."""
    found = seen.found
    for name in ("ask", "search"):
        if not found.named(name):
            return Mistake(f"There is no span `{name}`.")
    [search, *_] = found.named("search")
    if "ask" in [one.name for one in found.above(search)]:
        return None
    return Mistake(
        "`search` is not below `ask`: the service was not told whose request it answers.",
        marks=((search.span_id, ""),),
    )


PATIENT = Patient(
    title="Two halves",
    group="A trace in pieces",
    complaint="Since last week a request is two traces, one of the client and one of the search "
    "service. Nobody touched the tracing of either. Whatever you change: a cookie "
    "must not reach the service.",
    threads="trackers of proxies and API gateways, of service meshes and of HTTP clients: "
    "`traceparent` is not among the headers that are passed on",
    taught=("06_context_between_processes", "Into another process: HTTP"),
    program="""
def ask(phoenix, project):
    from contextvars import Context

    from opentelemetry.propagate import extract, inject

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("ask")

    def service(headers):
        with tracer.start_as_current_span("search", context=extract(headers)):
            print("cookie" in headers, headers["accept"])

    def gateway(headers):
        Context().run(service, {"accept": headers["accept"]})

    with tracer.start_as_current_span("ask"):
        inject(headers := {"accept": "text/plain", "cookie": "id=7"})
        Context().run(gateway, headers)  # Context().run: as in a process of its own
""",
    symptom=lambda ran: (
        [one["parent_id"] for some in ran.spans.values() for one in some] == [None, None]
    ),
    diagnosis="the header is not passed on",
    because="The client writes `traceparent` and the service reads it, but the gateway hands on "
    "one other name. Without the header `search` begins a trace of its own.",
    against={
        "the header is not written": "`inject` is called while `ask` is current, so the header "
        "is written; print `headers` and see.",
        "the header is not read": "The service hands its headers to `extract`, and begins its "
        "span in what that returns.",
        "the threads do not have the context": "There is no thread here, and between processes "
        "no context goes along by itself anyway: only what is sent does.",
    },
    cure="""
def ask(phoenix, project):
    from contextvars import Context

    from opentelemetry.propagate import extract, inject

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("ask")

    def service(headers):
        with tracer.start_as_current_span("search", context=extract(headers)):
            print("cookie" in headers, headers["accept"])

    def gateway(headers):
        passed = ("accept", "traceparent", "tracestate", "baggage")
        Context().run(service, {name: headers[name] for name in headers if name in passed})

    with tracer.start_as_current_span("ask"):
        inject(headers := {"accept": "text/plain", "cookie": "id=7"})
        Context().run(gateway, headers)  # Context().run: as in a process of its own
""",
    prints=("False text/plain",),
    expect=(),
    also=(_in_the_trace_of_ask,),
    hints=(
        "Follow the headers from hand to hand: who writes them, who hands them on, who reads?",
        "The gateway hands on `accept` alone. Which names carry a trace?",
        'Let `"traceparent"` (and `"tracestate"`, `"baggage"`) through; or `extract` in the '
        "gateway and `inject` into what it sends.",
    ),
)
