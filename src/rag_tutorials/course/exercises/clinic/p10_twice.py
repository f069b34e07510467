"""Numbers that lie: client and gateway both count."""

from collections.abc import Callable

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Mistake, Seen, span

COUNTS = {"llm.token_count.prompt": 1200, "llm.token_count.completion": 300}


def _counted_once(seen: Seen) -> Mistake | None:
    for key, truth in COUNTS.items():
        said = [one.attributes[key] for one in seen.found.spans if key in one.attributes]
        if said != [truth]:
            counts = " + ".join(map(str, said)) or "none"
            return Mistake(
                f"`{key}` adds up to {counts} in the trace; the model was called once, and "
                f"counted {truth}.",
                "The counts belong to one span, of the kind LLM: that of the call itself.",
            )
    [one] = [one for one in seen.found.spans if COUNTS.keys() & one.attributes.keys()][:1]
    if one.kind != "LLM":
        return Mistake(
            f"The counts are on `{one.name}`, whose kind is {one.kind}: Phoenix adds up and "
            "prices those of LLM spans."
        )
    return None


def _models(seen: Seen) -> Mistake | None:
    some = [one.name for one in seen.found.of_kind("LLM")]
    if len(some) != 1:
        return Mistake(
            f"There are {len(some)} LLM spans in the trace; the model was called once.",
            "Whoever only passes a request on is a CHAIN.",
        )
    return None


_SUM: Callable[..., int] = lambda ran: sum(  # noqa: E731
    one["attributes"].get("llm.token_count.prompt", 0)
    for some in ran.spans.values()
    for one in some
)

PATIENT = Patient(
    title="Twice the bill",
    group="Numbers that lie",
    complaint="Since the last release Phoenix says that a call costs twice as much. The "
    "provider still bills $0.00096 for this one.",
    threads="trackers of Phoenix, of Langfuse, of gateways and of agent frameworks: a wrapper "
    "repeats the token counts of the call inside it",
    taught=("04_auto_instrumentation", "Counted how often"),
    program="""
def through_gateway(phoenix, project):
    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("gateway")
    kind, model = "openinference.span.kind", {"llm.model_name": "gpt-4.1-mini"}
    usage = {"llm.token_count.prompt": 1200, "llm.token_count.completion": 300}

    def client(question):
        with tracer.start_as_current_span("ChatCompletion", attributes={kind: "LLM"}) as span:
            span.set_attributes(model | usage)
            return "Six months."

    def gateway(question):
        with tracer.start_as_current_span("gateway", attributes={kind: "LLM"}) as span:
            span.set_attributes({"input.value": question} | model | usage)
            return client(question)

    print(gateway("How long is the probation period?"))
""",
    symptom=lambda ran: _SUM(ran) == 2400,
    diagnosis="two spans count the same call",
    because="`gateway` is an LLM span with the model and the counts of the call inside it, and "
    "Phoenix adds up LLM spans. It only passes a call on; `ChatCompletion` is the call.",
    against={
        "the model was called twice": "There is one `ChatCompletion`, and the bill has not "
        "changed.",
        "the price of the model is outdated": "A price does not change tokens, and those are "
        "twice 1,200 too.",
        "a retry is hidden": "A retry would be a second call, on the bill as well.",
    },
    cure="""
def through_gateway(phoenix, project):
    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("gateway")
    kind, model = "openinference.span.kind", {"llm.model_name": "gpt-4.1-mini"}
    usage = {"llm.token_count.prompt": 1200, "llm.token_count.completion": 300}

    def client(question):
        with tracer.start_as_current_span("ChatCompletion", attributes={kind: "LLM"}) as span:
            span.set_attributes(model | usage)
            return "Six months."

    def gateway(question):
        with tracer.start_as_current_span("gateway", attributes={kind: "CHAIN"}) as span:
            span.set_attribute("input.value", question)
            return client(question)

    print(gateway("How long is the probation period?"))
""",
    prints=("Six months.",),
    expect=(
        span(
            "gateway",
            None,
            span("ChatCompletion"),
            attributes={"input.value": "How long is the probation period?"},
        ),
    ),
    also=(_counted_once, _models),
    hints=(
        "Add up the prompt tokens of the trace, then ask how often the model was called.",
        "Which of the two spans is the call, and which one only passes it on?",
        "`gateway` is a CHAIN, without model and counts; `ChatCompletion` keeps them.",
    ),
)
