"""A trace in pieces: a stream that is left early."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import span

DETACH = "Failed to detach context"

PATIENT = Patient(
    title="The answer that holds on",
    group="A trace in pieces",
    complaint="The log fills with tracebacks that harm nobody, and what we save after the "
    "model's answer stands inside the model's span.",
    threads="trackers of OpenInference, of several agent frameworks and of OpenTelemetry itself, "
    "under the first words of the log: streams that are left early",
    taught=("05_context_in_one_process", "Generators and streams"),
    program="""
def first_words(phoenix, project):
    import asyncio

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("stream")

    async def stream():
        with tracer.start_as_current_span("stream"):
            yield "Six months"
            print("the rest is made")
            yield "of probation"

    async def request():
        with tracer.start_as_current_span("request"):
            print(await anext(stream()))  # the first words are enough
            tracer.start_span("save").end()

    asyncio.run(request())
""",
    symptom=lambda ran: DETACH in ran.log,
    diagnosis="the generator is closed too late, elsewhere",
    because="Once it is left, the generator is only suspended, its span still current, so that "
    "`save` becomes its child. The event loop closes it later, in another context, where the "
    "token does not fit.",
    against={
        "an exception broke the stream": "The stream gave its first words, and the only error is "
        "that of the clean-up.",
        "asyncio.run loses the context": "`stream` and `save` are in the trace of `request`: "
        "the context went along into the loop.",
        "the span never ended": "It has ended, or Phoenix would not have it.",
    },
    cure="""
def first_words(phoenix, project):
    import asyncio
    from contextlib import aclosing

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("stream")

    async def stream():
        with tracer.start_as_current_span("stream"):
            yield "Six months"
            print("the rest is made")
            yield "of probation"

    async def request():
        with tracer.start_as_current_span("request"):
            async with aclosing(stream()) as answer:
                print(await anext(answer))  # the first words are enough
            tracer.start_span("save").end()

    asyncio.run(request())
""",
    prints=("Six months",),
    expect=(span("request", None, span("stream"), span("save")),),
    logs={
        DETACH: f"The log still says `{DETACH}`: somebody ends the span in a context that is not "
        "the one it began in."
    },
    minutes=5,
    hints=(
        "When does the `with` block inside the generator end, and who ends it?",
        "Nobody closes an async generator that is left. Close it where you leave it, in the same "
        "task; or let its span not be the current one.",
        "`async with aclosing(stream()) as answer:` around its use (from `contextlib`).",
    ),
)
