"""A trace that lies: one exception, recorded twice."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Mistake, Seen, span


def _one_by_name(seen: Seen) -> Mistake | None:
    """Count as the report does, which looks at the name alone."""
    events = [event.name for one in seen.found.spans for event in one.events]
    if (many := events.count("exception")) == 1:
        return None
    return Mistake(f"The report counts {many} events named `exception`; it should count 1.")


PATIENT = Patient(
    title="Two for one",
    group="A trace that lies",
    complaint="The report counts twice as many exceptions as users complain of. It counts the "
    "events named `exception`.",
    threads="trackers of OpenTelemetry's SDKs and of instrumentors: `record_exception` by hand "
    "inside a block that records what leaves it",
    taught=("02_events_and_errors", "Recorded by hand"),
    program="""
def booking(phoenix, project):
    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("booking")

    def book(room):
        with tracer.start_as_current_span("book", attributes={"input.value": room}) as span:
            try:
                raise LookupError(f"{room} is taken")
            except LookupError as error:
                span.record_exception(error)
                raise

    try:
        book("room 7")
    except LookupError as error:
        print(*error.args)
""",
    symptom=lambda ran: [len(one["events"]) for some in ran.spans.values() for one in some] == [2],
    diagnosis="it is recorded by hand and by the block",
    because="The `with` block records the exception that leaves it, and sets the status, by "
    "itself. By hand it was recorded once already.",
    against={
        "it was tried twice": "There is one span, and its two events are the same exception, a "
        "moment apart.",
        "the exporter sends the span twice": "Phoenix has one span of this id; its events are two.",
        "two spans record the same exception": "There is one span: both events are in it.",
    },
    cure="""
def booking(phoenix, project):
    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("booking")

    def book(room):
        with tracer.start_as_current_span("book", attributes={"input.value": room}):
            raise LookupError(f"{room} is taken")

    try:
        book("room 7")
    except LookupError as error:
        print(*error.args)
""",
    prints=("room 7 is taken",),
    expect=(
        span(
            "book",
            status="ERROR",
            attributes={"input.value": "room 7"},
            events={"exception": 1},
        ),
    ),
    also=(_one_by_name,),
    hints=(
        "Who records an exception, if you do nothing at all?",
        "The block, when the exception leaves it. Only one of the two may do it.",
        "Take the recording by hand out; or say `record_exception=False` to "
        "`start_as_current_span`.",
    ),
)
