"""A trace in pieces: tools that run in a pool."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Mistake, Seen, span

TOOLS = ("calendar", "mail", "weather")
ALONE = ("BrokenBarrierError", "is already entered")


def _side_by_side(seen: Seen) -> Mistake | None:
    """Each tool waits for the others inside its span, so the spans overlap on any machine."""
    tools = [one for one in seen.found.spans if one.name in TOOLS]
    if max(one.start for one in tools) > min(one.end for one in tools):
        return Mistake(
            "The three tools do not run side by side any more.",
            "Keep the pool; what is missing in its threads is the context.",
        )
    return None


PATIENT = Patient(
    title="Four traces for one question",
    group="A trace in pieces",
    complaint="Since the agent became faster, one question leaves four traces, of one span "
    "each. It used to be one.",
    threads="trackers of agent frameworks and of every tracing library for Python: parallel tool "
    "calls, `ThreadPoolExecutor`, `run_in_executor`",
    taught=("05_context_in_one_process", "Where it is lost: threads"),
    program="""
def agent(phoenix, project):
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("agent")
    together = Barrier(3)

    def call(tool):
        with tracer.start_as_current_span(tool):
            together.wait(10)  # each tool needs the other two
            return f"{tool}: done"

    with tracer.start_as_current_span("agent"), ThreadPoolExecutor(3) as pool:
        print(*pool.map(call, ["calendar", "mail", "weather"]), sep="\\n")
""",
    symptom=lambda ran: (
        sorted(one["parent_id"] or "" for some in ran.spans.values() for one in some) == [""] * 4
    ),
    diagnosis="the threads do not have the context",
    because="A pool's threads start without the caller's context, so that there is no current "
    "span in them: each tool's span becomes a root.",
    against={
        "the ids of the traces collide": "Four traces came with four different ids, none mixed.",
        "the header is not passed on": "All four spans come from one process: no request, and no "
        "header, is between them.",
        "agent ends before its tools": "It is the longest of the four: the `with` block of the "
        "pool waits for every tool.",
    },
    cure="""
def agent(phoenix, project):
    from concurrent.futures import ThreadPoolExecutor
    from contextvars import copy_context
    from threading import Barrier

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("agent")
    together = Barrier(3)

    def call(tool):
        with tracer.start_as_current_span(tool):
            together.wait(10)  # each tool needs the other two
            return f"{tool}: done"

    with tracer.start_as_current_span("agent"), ThreadPoolExecutor(3) as pool:
        tools = ["calendar", "mail", "weather"]
        calls = [pool.submit(copy_context().run, call, tool) for tool in tools]
        print(*(one.result() for one in calls), sep="\\n")
""",
    prints=tuple(f"{tool}: done" for tool in TOOLS),
    expect=(span("agent", None, *map(span, TOOLS), ordered=False),),
    logs=dict.fromkeys(
        ALONE,
        "A tool waited for the other two in vain: they ran one after the "
        "other, or two threads wanted to enter one and the same context.",
    ),
    also=(_side_by_side,),
    minutes=5,
    hints=(
        "What is the current span in a thread of the pool?",
        "None. Take the context where the call is handed over, and run the tool in it: a copy "
        "for each call, for two threads cannot enter the same one.",
        "`pool.submit(copy_context().run, call, tool)` for each tool.",
    ),
)
