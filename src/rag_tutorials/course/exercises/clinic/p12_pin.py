"""Secrets: masked in one place, present in three others."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Rule, span

SECRET = "4711-0815"

PATIENT = Patient(
    title="The masked number",
    group="Secrets",
    complaint="We mask the customer's card number in the input, and reviewed it. The auditor "
    "searched Phoenix for one and found it all the same. Whatever you change: the trace must still "
    "say why the bank refused, in an exception's event.",
    threads="trackers of collectors and of tracing products: what is redacted in attributes is "
    "still in exception events, stack traces and status messages",
    taught=("08_sampling_and_redaction", "Redaction"),
    program="""
def pay(phoenix, project):
    import re

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("pay")

    def bank(order):  # a library: it stays as it is
        raise ValueError(f"the bank refuses {order} ({len(order)} letters)")

    def mask(text):
        return re.sub(r"\\d{4}-\\d{4}", "[card]", text)

    try:
        order = "30 euros from 4711-0815"
        with tracer.start_as_current_span("charge", attributes={"input.value": mask(order)}):
            bank(order)
    except ValueError as error:
        print(mask(str(error)))
""",
    symptom=lambda ran: (
        SECRET in str(ran.spans)
        and all(SECRET not in str(one["attributes"]) for some in ran.spans.values() for one in some)
    ),
    diagnosis="the exception carries it",
    because="The exception leaves the `with` block, which records it: its message stands in the "
    "event, in the stack trace and in the status. Masking one attribute reaches none of them.",
    against={
        "the mask misses it": "In `input.value` there is `[card]`: the mask found it.",
        "another span has it": "There is one span.",
        "the baggage carries it": "Nobody set any baggage, and baggage is on no span until "
        "somebody copies it.",
    },
    cure="""
def pay(phoenix, project):
    import re

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("pay")

    def bank(order):  # a library: it stays as it is
        raise ValueError(f"the bank refuses {order} ({len(order)} letters)")

    def mask(text):
        return re.sub(r"\\d{4}-\\d{4}", "[card]", text)

    try:
        order = "30 euros from 4711-0815"
        with tracer.start_as_current_span("charge", attributes={"input.value": mask(order)}):
            try:
                bank(order)
            except ValueError as error:
                raise ValueError(mask(str(error))) from None
    except ValueError as error:
        print(mask(str(error)))
""",
    prints=("the bank refuses 30 euros from [card] (23 letters)",),
    expect=(
        span(
            "charge",
            status="ERROR",
            attributes={
                "input.value": Rule(
                    "the order, without the card", lambda value: "30 euros from" in value
                )
            },
            events={
                "exception": {
                    "exception.message": Rule(
                        "why the bank refuses, without the card",
                        lambda value: "the bank refuses 30 euros" in value,
                    )
                }
            },
        ),
    ),
    without=(SECRET,),
    minutes=8,
    hints=(
        "Open the span in Phoenix: where, beside the attributes, could a text stand?",
        "In the exception's event (twice: message and stack trace) and in the status. Both are "
        "written when the exception leaves the `with` block: which one should leave it?",
        "Inside the block, catch it and `raise ValueError(mask(str(error))) from None`: without "
        "`from None`, the stack trace holds the first one too.",
    ),
)
