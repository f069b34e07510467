"""Nothing arrives: the process ends without its exit handlers."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

PATIENT = Patient(
    title="Only on the laptop",
    group="Nothing arrives",
    complaint="On the laptop it traces. Deployed, it answers as well as ever, with nothing in "
    "the log, and leaves no trace.",
    threads="trackers of OpenTelemetry's SDKs, of Lambda and Cloud Run layers, and of job "
    "runners and forked workers: spans are missing at the end of a process",
    taught=("07_backends_and_delivery", "When the process ends"),
    program="""
def thumbnail(phoenix, project):
    import os

    from rag_tutorials.tracing import configure_tracing

    def platform(handler, event):  # it stays as it is
        print(handler(event), flush=True)
        os._exit(137)  # the container is killed

    provider = configure_tracing(phoenix, project_name=project, batch=True)
    tracer = provider.get_tracer("thumbnail")

    def handle(event):
        with tracer.start_as_current_span("thumbnail", attributes={"input.value": event}):
            return f"{event}: made"

    platform(handle, "cat.png")
""",
    symptom=lambda ran: not ran.requests and not ran.log and not ran.spans,
    diagnosis="it ended before the queue was sent",
    because="The span waits in the batch processor's queue, which Python's exit handlers would "
    "send. A process that the platform kills runs none, and a forked worker may run none either.",
    against={
        "the path is missing": "Then a request would have gone somewhere, and been answered; "
        "none was sent.",
        "another provider came first": "Then the log would hold a line that says so; it is empty.",
        "the span never ended": "The `with` block ended it before `handle` returned, and the "
        "answer was printed after that.",
    },
    cure="""
def thumbnail(phoenix, project):
    import os

    from rag_tutorials.tracing import configure_tracing

    def platform(handler, event):  # it stays as it is
        print(handler(event), flush=True)
        os._exit(137)  # the container is killed

    provider = configure_tracing(phoenix, project_name=project, batch=True)
    tracer = provider.get_tracer("thumbnail")

    def handle(event):
        try:
            with tracer.start_as_current_span("thumbnail", attributes={"input.value": event}):
                return f"{event}: made"
        finally:
            provider.force_flush()

    platform(handle, "cat.png")
""",
    code=137,
    prints=("cat.png: made",),
    expect=(span("thumbnail", attributes={"input.value": "cat.png"}),),
    hints=(
        "Where is the span when `handle` returns, and who would have sent it later?",
        "No exit handler runs (`atexit` neither), and the queue is emptied every ten minutes "
        "here. So it must be sent before the answer goes out.",
        "`provider.force_flush()` in a `finally` of `handle`, outside the `with` block; or no "
        "queue at all.",
    ),
)
