"""Nothing arrives: forked workers leave without emptying their queues."""

import re

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Mistake, Seen, span

PICTURES = ("cat.png", "dog.png")


def _in_workers(seen: Seen) -> Mistake | None:
    if len(set(re.findall(r"worker (\d+) begins", seen.returned.log))) == len(PICTURES):
        return None
    return Mistake(
        "The pictures are not made in two forked workers any more.",
        "Keep the workers; what is missing is the end of their queues.",
    )


PATIENT = Patient(
    title="The workers' silence",
    group="Nothing arrives",
    complaint="The parent's span arrives, and those of its workers never do. Their pictures are "
    "there. With one process it was all in one trace. (It needs `fork`: this patient lives on "
    "Linux.)",
    threads="trackers of OpenTelemetry, of gunicorn, uWSGI and Celery, and of data loaders: "
    "batch processors in forked workers",
    taught=("07_backends_and_delivery", "When the process ends"),
    program="""
def pictures(phoenix, project):
    import sys
    from multiprocessing import current_process, get_context

    from rag_tutorials.tracing import configure_tracing

    provider = configure_tracing(phoenix, project_name=project, batch=True)
    tracer = provider.get_tracer("pictures")

    def work(name):
        print(f"worker {current_process().pid} begins", file=sys.stderr)
        with tracer.start_as_current_span("resize", attributes={"input.value": name}):
            print(f"{name}: made", flush=True)

    with tracer.start_as_current_span("upload"):
        for name in ("cat.png", "dog.png"):
            worker = get_context("fork").Process(target=work, args=(name,))
            worker.start()
            worker.join()
""",
    symptom=lambda ran: (
        [one["name"] for some in ran.spans.values() for one in some] == ["upload"]
        and ran.log.count(" begins\n") == len(PICTURES)
    ),
    diagnosis="a worker ends before its queue is sent",
    because="Each worker has a queue of its own, and a forked worker ends without Python's exit "
    "handlers. The parent has them: its span is the one that arrives.",
    against={
        "a fork loses the context": "A fork copies it with all the rest; and spans without a "
        "parent would be in Phoenix too, as roots.",
        "another provider came first": "The workers have the parent's provider, as it was at "
        "the fork, and the log has no such line.",
        "the workers send to another project": "Their resource is the parent's; and the row of "
        "spans in Phoenix looks into all projects.",
    },
    cure="""
def pictures(phoenix, project):
    import sys
    from multiprocessing import current_process, get_context

    from rag_tutorials.tracing import configure_tracing

    provider = configure_tracing(phoenix, project_name=project, batch=True)
    tracer = provider.get_tracer("pictures")

    def work(name):
        print(f"worker {current_process().pid} begins", file=sys.stderr)
        with tracer.start_as_current_span("resize", attributes={"input.value": name}):
            print(f"{name}: made", flush=True)
        provider.force_flush()

    with tracer.start_as_current_span("upload"):
        for name in ("cat.png", "dog.png"):
            worker = get_context("fork").Process(target=work, args=(name,))
            worker.start()
            worker.join()
""",
    prints=tuple(f"{name}: made" for name in PICTURES),
    expect=(
        span(
            "upload",
            None,
            *(span("resize", attributes={"input.value": name}) for name in PICTURES),
            exact=True,
        ),
    ),
    also=(_in_workers,),
    hints=(
        "In which process does the queue wait that has the span `resize`?",
        "In the worker's, which ends as soon as `work` returns; nobody flushes there.",
        "`provider.force_flush()` at the end of `work`, outside the `with` block; or no queue.",
    ),
)
