"""A trace in pieces: a task that goes on after its request."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Mistake, Seen

ENDED = "on ended span"
VERDICT = "audit.verdict"


def _below_the_request(seen: Seen) -> Mistake | None:
    """Take any span of the audit's own, whatever it is called."""
    found = seen.found
    if not found.named("request"):
        return Mistake("There is no span `request`.")
    said = [one for one in found.spans if one.attributes.get(VERDICT) == "fine"]
    if not said:
        return Mistake(f"No span has `{VERDICT}` = fine.")
    for one in said:
        if one.name == "request":
            return Mistake(
                f"`{VERDICT}` is on `request`; its span lasts as long as the user waits, and the "
                "audit comes after that.",
                "What goes on after a request needs a span of its own, that lives as long.",
                marks=((one.span_id, ""),),
            )
        if "request" not in [above.name for above in found.above(one)]:
            return Mistake(
                f"`{one.name}`, which has the verdict, is not below `request`.",
                "It begins while `request` is current, or in a context with that span.",
                marks=((one.span_id, ""),),
            )
    return None


PATIENT = Patient(
    title="The verdict that is nowhere",
    group="A trace in pieces",
    complaint="After each answer an audit runs, for which the user does not wait. Its verdict "
    "should be in the request's trace. It worked as long as the user waited.",
    threads="trackers of OpenTelemetry, of web frameworks' background tasks and of agent "
    "frameworks, under `Setting attribute on ended span`",
    taught=("05_context_in_one_process", "Where it follows by itself: asyncio"),
    program="""
def answering(phoenix, project):
    import asyncio

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("answering")

    async def audit(span):
        span.set_attribute("audit.verdict", "fine")
        print("audited: fine")

    async def request():
        with tracer.start_as_current_span("request") as span:
            later = asyncio.create_task(audit(span))  # the answer does not wait for it
        print("Six months.")
        await later  # the server lives on

    asyncio.run(request())
""",
    symptom=lambda ran: ENDED in ran.log and "request" in str(ran.spans),
    diagnosis="the span has ended before the task uses it",
    because="The task is handed the span `request`, which has ended by the time it runs: what is "
    "set on it then is dropped, with one line in the log.",
    against={
        "the task does not have the context": "A task has that of its creation; and the span is "
        "handed to it besides.",
        "the task never ran": "It printed its verdict.",
        "the program ended too early": "The task is awaited at the end, and `request` did arrive.",
    },
    cure="""
def answering(phoenix, project):
    import asyncio

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("answering")

    async def audit():
        with tracer.start_as_current_span("audit") as span:
            span.set_attribute("audit.verdict", "fine")
            print("audited: fine")

    async def request():
        with tracer.start_as_current_span("request"):
            later = asyncio.create_task(audit())  # the answer does not wait for it
        print("Six months.")
        await later  # the server lives on

    asyncio.run(request())
""",
    prints=("Six months.", "audited: fine"),
    expect=(),
    also=(_below_the_request,),
    logs={ENDED: f"The log still says `{ENDED}`: something is set that nobody will see."},
    hints=(
        "Which span does the log speak of, and when did it end?",
        "The task needs a span that lives as long as the task does. Who is its parent, without "
        "your doing anything?",
        '`with tracer.start_as_current_span("audit") as span:` in `audit`, and set the attribute '
        "on that.",
    ),
)
