"""Numbers that lie: calls that are made again inside one span."""

from rag_tutorials.course.exercises.clinic.patient import Patient, ran_of
from rag_tutorials.course.judging.content import Mistake, Seen, span

BILL = 0.00168  # dollars: three calls of 1,000 tokens at 0.40 a million and 100 at 1.60
CALLS = 3


def _every_call(seen: Seen) -> Mistake | None:
    calls = seen.found.of_kind("LLM")
    if len(calls) != CALLS:
        return Mistake(
            f"LLM spans: {len(calls)}. Calls of the model: {CALLS}.",
            "A call has a span of its own, also one whose answer is of no use.",
        )
    if any(above.kind == "LLM" for one in calls for above in seen.found.above(one)):
        return Mistake("One LLM span is inside another: what only asks is a CHAIN.")
    return None


def _costs_what_it_costs(seen: Seen) -> Mistake | None:
    cost = sum(ran_of(seen).costs.values())
    if abs(cost - BILL) < 0.000_005:
        return None
    return Mistake(
        f"Phoenix computes ${cost:.5f}; the bill is ${BILL:.5f}.",
        "Each call has its own counts, and they belong to its span.",
    )


PATIENT = Patient(
    title="A third of the bill",
    group="Numbers that lie",
    complaint="Phoenix computes $0.00056 for this request, and the provider bills three times as "
    "much. Some requests take three times as long as well, and the trace does not say why.",
    threads="trackers of OpenAI's client, of LiteLLM, of Instructor and of frameworks: retries "
    "inside a span, and answers asked for again since they do not validate",
    taught=("02_events_and_errors", "Retries: what a client hides"),
    program="""
def extract(phoenix, project):
    import json

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("extract")
    kind, name = "openinference.span.kind", {"llm.model_name": "gpt-4.1-mini"}
    answers = iter(["Gladly!", "{days: 30}", '{"days": 30}'])

    def model():  # each call is billed: it stays as it is
        return next(answers), {"llm.token_count.prompt": 1000, "llm.token_count.completion": 100}

    with tracer.start_as_current_span("extract", attributes={kind: "LLM"} | name) as span:
        text, usage = model()
        while not text.startswith('{"'):
            text, usage = model()
        span.set_attributes(usage)
        print(json.loads(text))
""",
    symptom=lambda ran: (
        len(ran.costs) == 1 and round(sum(ran.costs.values()), 5) == round(BILL / CALLS, 5)
    ),
    diagnosis="the call is made again inside the span",
    because="The loop asks until the answer is JSON, three times here, and keeps the counts of "
    "the last one. One span cannot tell three calls.",
    against={
        "the price of the model is outdated": "1,000 and 100 tokens at the known prices are "
        "$0.00056; the bill is exactly three times that.",
        "two spans count the same call": "There is one span, and too little, not too much.",
        "the cached tokens are at the full price": "That makes Phoenix's sum too high, not too "
        "low.",
    },
    cure="""
def extract(phoenix, project):
    import json

    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("extract")
    kind, name = "openinference.span.kind", {"llm.model_name": "gpt-4.1-mini"}
    answers = iter(["Gladly!", "{days: 30}", '{"days": 30}'])

    def model():  # each call is billed: it stays as it is
        return next(answers), {"llm.token_count.prompt": 1000, "llm.token_count.completion": 100}

    def ask():
        with tracer.start_as_current_span("ask", attributes={kind: "LLM"} | name) as span:
            text, usage = model()
            span.set_attributes(usage | {"output.value": text})
            return text

    with tracer.start_as_current_span("extract", attributes={kind: "CHAIN"}):
        text = ask()
        while not text.startswith('{"'):
            text = ask()
        print(json.loads(text))
""",
    prints=("{'days': 30}",),
    expect=(span("extract", None),),
    also=(_every_call, _costs_what_it_costs),
    hints=(
        "How often is `model` called, and how many spans tell of it?",
        "Each call needs an LLM span with its own counts; what asks again and again is around "
        "them.",
        "A function `ask` with an LLM span around `model()`; `extract` becomes a CHAIN without "
        "model and counts.",
    ),
)
