"""A trace in pieces: a framework's callbacks, each called in a context of its own."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

RUNS = ("retriever", "model", "chain")

PATIENT = Patient(
    title="Called back, and forgotten",
    group="A trace in pieces",
    complaint="A framework calls us when a step begins and when it ends. All steps are in "
    "Phoenix, each in a trace of its own, with nothing around them.",
    threads="trackers of LangChain, LlamaIndex and other frameworks with callback handlers, and "
    "of the instrumentors written for them",
    taught=("05_context_in_one_process", "The current span"),
    program="""
def framework(phoenix, project):
    from contextvars import copy_context

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("framework")
    spans = {}

    def on_start(run, parent):
        spans[run] = tracer.start_span(run)

    def on_end(run):
        spans[run].end()
        print(run)

    for run, parent in {"chain": None, "retriever": "chain", "model": "chain"}.items():
        copy_context().run(on_start, run, parent)  # the framework: it stays as it is
    for run in ("retriever", "model", "chain"):
        copy_context().run(on_end, run)
""",
    symptom=lambda ran: (
        [one["parent_id"] for some in ran.spans.values() for one in some] == [None] * 3
    ),
    diagnosis="no callback finds its parent current",
    because="What is current in one callback is gone in the next: each runs in a copy of the "
    "context. The framework says the parent's name instead, and nobody uses it.",
    against={
        "the spans are ended in the wrong order": "The order of the ends does not make a parent; "
        "the start does.",
        "the threads do not have the context": "There is no thread here: all callbacks are called "
        "one after the other in one.",
        "the framework does not say what belongs together": "It does: look at the second "
        "argument of `on_start`.",
    },
    cure="""
def framework(phoenix, project):
    from contextvars import copy_context

    from opentelemetry.trace import set_span_in_context

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("framework")
    spans = {}

    def on_start(run, parent):
        around = set_span_in_context(spans[parent]) if parent else None
        spans[run] = tracer.start_span(run, context=around)

    def on_end(run):
        spans[run].end()
        print(run)

    for run, parent in {"chain": None, "retriever": "chain", "model": "chain"}.items():
        copy_context().run(on_start, run, parent)  # the framework: it stays as it is
    for run in ("retriever", "model", "chain"):
        copy_context().run(on_end, run)
""",
    prints=RUNS,
    expect=(span("chain", None, span("retriever"), span("model"), exact=True),),
    logs={
        "Failed to detach context": "The log says `Failed to detach context`: a span is made "
        "current in one callback and ended in another."
    },
    hints=(
        "Where does `start_span` look for a parent, and what is there in a callback?",
        "Nothing is current there. `on_start` is told the parent; make a context of it.",
        "`tracer.start_span(run, context=set_span_in_context(spans[parent]))`, where there is a "
        "parent.",
    ),
)
