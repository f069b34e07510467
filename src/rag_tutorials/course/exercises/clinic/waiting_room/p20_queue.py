"""A trace in pieces: a message queue that carries no context."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

DOCUMENTS = ("handbook", "tariff")

PATIENT = Patient(
    title="Who ordered this?",
    group="A trace in pieces",
    complaint="Each upload is indexed by a worker behind a queue. Both leave a trace; nobody can "
    "say which index belongs to which upload. We want one trace an upload.",
    threads="trackers of OpenTelemetry's instrumentations for message brokers, of Celery, and of "
    "job queues: a consumer's span begins a trace of its own",
    taught=("06_context_between_processes", "A worker behind a queue: parent or link"),
    program="""
def uploads(phoenix, project):
    import json
    from contextvars import Context

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("uploads")
    queue = []  # at the broker: only text goes through

    def worker(text):
        message = json.loads(text)
        with tracer.start_as_current_span("index"):
            print("indexed:", message["document"])

    for name in ("handbook", "tariff"):
        with tracer.start_as_current_span("upload", attributes={"input.value": name}):
            queue.append(json.dumps({"document": name}))
    for text in queue:
        Context().run(worker, text)  # as in a process of its own
""",
    symptom=lambda ran: (
        [one["parent_id"] for some in ran.spans.values() for one in some] == [None] * 4
    ),
    diagnosis="the message does not carry the context",
    because="The worker is another process: it knows what is in the message, and that is the "
    "document's name alone. So its span has no parent.",
    against={
        "the worker does not read the header": "There is none to read: print `text` and see.",
        "the upload ends too early": "A parent may have ended long before: a child needs its "
        "ids, not the span.",
        "the ids of the traces collide": "Four traces came with four different ids, none mixed.",
    },
    cure="""
def uploads(phoenix, project):
    import json
    from contextvars import Context

    from opentelemetry.propagate import extract, inject

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("uploads")
    queue = []  # at the broker: only text goes through

    def worker(text):
        message = json.loads(text)
        with tracer.start_as_current_span("index", context=extract(message["headers"])):
            print("indexed:", message["document"])

    for name in ("handbook", "tariff"):
        with tracer.start_as_current_span("upload", attributes={"input.value": name}):
            inject(headers := {})
            queue.append(json.dumps({"document": name, "headers": headers}))
    for text in queue:
        Context().run(worker, text)  # as in a process of its own
""",
    prints=tuple(f"indexed: {name}" for name in DOCUMENTS),
    expect=tuple(
        span("upload", None, span("index"), attributes={"input.value": name}, exact=True)
        for name in DOCUMENTS
    ),
    hints=(
        "What does the worker know of the upload?",
        "What the message says. Write the context into it, inside the upload's span, and read it "
        "in the worker.",
        '`inject(headers := {})` into the message, and `extract(message["headers"])` as the '
        "`context` of `index`.",
    ),
)
