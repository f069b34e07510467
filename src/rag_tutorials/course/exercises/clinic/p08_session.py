"""A trace that lies: headers that are made once belong to the first request."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

QUESTIONS = ("Berlin", "Lima", "Oslo")
HOP = (
    "Between two processes only a header goes along: `inject` writes it while `request` is "
    "current, and `search` begins in what `extract` makes of it."
)

PATIENT = Patient(
    title="Everybody searches for Berlin",
    group="A trace that lies",
    complaint="The first request of each morning has a trace with hundreds of searches, those "
    "of other users among them. All later requests seem to search for nothing.",
    threads="trackers of HTTP clients and message consumers: a context or a header that is kept "
    "for longer than one request",
    taught=("06_context_between_processes", "Into another process: HTTP"),
    program="""
def weather(phoenix, project):
    from contextvars import Context

    from opentelemetry.propagate import extract, inject

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("weather")
    session = {"user-agent": "weather/1"}  # the headers of one HTTP session

    def service(got, city):
        with tracer.start_as_current_span("search", extract(got), attributes={"input.value": city}):
            print(city, got["user-agent"])

    for city in ("Berlin", "Lima", "Oslo"):
        with tracer.start_as_current_span("request", attributes={"input.value": city}):
            if "traceparent" not in session:
                inject(session)
            Context().run(service, session, city)  # as in a process of its own
""",
    symptom=lambda ran: (
        len(
            {
                one["parent_id"]
                for some in ran.spans.values()
                for one in some
                if one["name"] == "search"
            }
        )
        == 1
    ),
    diagnosis="a header outlives its request",
    because="The first request writes `traceparent` into headers that all requests share, and "
    "nobody writes it anew. So every search is a child of the first request.",
    against={
        "the header is not passed on": "Then each search would begin a trace of its own; here "
        "all three are in one.",
        "the requests were never ended": "All three requests are in Phoenix, and only what has "
        "ended is.",
        "the ids of the traces collide": "Three requests have three trace ids; it is the searches "
        "that name the first one's.",
    },
    cure="""
def weather(phoenix, project):
    from contextvars import Context

    from opentelemetry.propagate import extract, inject

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("weather")
    session = {"user-agent": "weather/1"}  # the headers of one HTTP session

    def service(got, city):
        with tracer.start_as_current_span("search", extract(got), attributes={"input.value": city}):
            print(city, got["user-agent"])

    for city in ("Berlin", "Lima", "Oslo"):
        with tracer.start_as_current_span("request", attributes={"input.value": city}):
            headers = dict(session)
            inject(headers)
            Context().run(service, headers, city)  # as in a process of its own
""",
    prints=tuple(f"{city} weather/1" for city in QUESTIONS),
    expect=tuple(
        span(
            "request",
            None,
            span("search", attributes={"input.value": city}, hint=HOP),
            attributes={"input.value": city},
            exact=True,
        )
        for city in QUESTIONS
    ),
    hints=(
        "Which request's ids do the second and the third search carry, and since when?",
        "What belongs to one request must not be kept for the next: headers are made anew each "
        "time.",
        "`headers = dict(session)`, `inject(headers)`, and hand those on.",
    ),
)
