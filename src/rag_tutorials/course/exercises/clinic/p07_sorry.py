"""A trace that lies: a failure that is swallowed, and a status OK."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

SORRY = "Sorry, try again later."

PATIENT = Patient(
    title="All green",
    group="A trace that lies",
    complaint="Every second user gets an apology instead of an answer. Our alarm counts spans "
    "with the status ERROR, and has never rung.",
    threads="trackers of instrumentors and frameworks: a caught exception leaves no event and no "
    "ERROR, or is recorded twice where somebody tried to mend it",
    taught=("02_events_and_errors", "An error swallowed"),
    program="""
def shop(phoenix, project):
    from opentelemetry.trace import Status, StatusCode

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("shop")

    def answer(question):
        with tracer.start_as_current_span("answer", attributes={"input.value": question}) as span:
            try:
                if "refund" in question:
                    raise TimeoutError("no answer from the model")
                return "We open at nine."
            except TimeoutError:
                return "Sorry, try again later."
            finally:
                span.set_status(Status(StatusCode.OK))

    print(*map(answer, ["opening hours", "my refund"]), sep="\\n")
""",
    symptom=lambda ran: (
        [one["status_code"] for some in ran.spans.values() for one in some] == ["OK", "OK"]
    ),
    diagnosis="the span never hears of the failure",
    because="The exception is caught inside the span, so nothing records it, and `finally` says "
    "OK in any case. The apology is right; what is missing is an ERROR with its cause.",
    against={
        "the exception leaves the span": "Then the status would be ERROR with an event, and "
        "there would be no apology.",
        "the sampler drops the errors": "Both spans are in Phoenix, that of the failure too.",
        "the alarm asks the wrong project": "Both spans are in the right project; the one of the "
        "failure says OK there.",
    },
    cure="""
def shop(phoenix, project):
    from opentelemetry.trace import Status, StatusCode

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("shop")

    def answer(question):
        with tracer.start_as_current_span("answer", attributes={"input.value": question}) as span:
            try:
                if "refund" in question:
                    raise TimeoutError("no answer from the model")
                return "We open at nine."
            except TimeoutError as error:
                span.record_exception(error)
                span.set_status(Status(StatusCode.ERROR, str(error)))
                return "Sorry, try again later."

    print(*map(answer, ["opening hours", "my refund"]), sep="\\n")
""",
    prints=("We open at nine.", SORRY),
    expect=(
        span(
            "answer",
            status="not ERROR",
            attributes={"input.value": "opening hours"},
            events={"exception": 0},
        ),
        span(
            "answer",
            status="ERROR",
            attributes={"input.value": "my refund"},
            events={"exception": 1},
            hint="The user keeps the apology; the span gets the exception, once, and the status.",
        ),
    ),
    minutes=5,
    hints=(
        "Which line of the program could have told the span that something failed?",
        "None: the exception is caught inside. Record it there, once, and set the status; and "
        "let nothing say OK afterwards, for OK is final.",
        "In the `except`: `span.record_exception(error)`, then "
        "`span.set_status(Status(StatusCode.ERROR, str(error)))`; and no `finally`.",
    ),
)
