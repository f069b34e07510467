"""Numbers that lie: a call is counted by hand and by an instrumentor."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Mistake, Seen, span

KEY = "llm.token_count.prompt"


def _counted_once(seen: Seen) -> Mistake | None:
    calls = [one for one in seen.found.of_kind("LLM") if KEY in one.attributes]
    if len(calls) == 1:
        return None
    return Mistake(
        f"{len(calls) or 'No'} LLM spans of the trace have `{KEY}`; the model was called once.",
        "Either the instrumentor counts, or you do.",
    )


def _one_model(seen: Seen) -> Mistake | None:
    calls = seen.found.of_kind("LLM")
    if len(calls) == 1:
        return None
    return Mistake(
        f"There are {len(calls)} LLM spans in the trace; the model was called once.",
        "What only stands around a call is a CHAIN.",
    )


PATIENT = Patient(
    title="Belt and braces",
    group="Numbers that lie",
    complaint="Since last week Phoenix has twice our tokens and twice the cost; the provider's "
    "bill is what it was. Whatever you change: our dashboards look for `answer`.",
    threads="trackers of OpenInference, of OpenLLMetry and of frameworks: an instrumentor beside "
    "spans by hand, or two instrumentors for one client",
    taught=("04_auto_instrumentation", "Counted how often"),
    program="""
def answer(phoenix, project):
    from openai import OpenAI
    from openinference.instrumentation.openai import OpenAIInstrumentor

    from rag_tutorials.stub_llm import StubLLM
    from rag_tutorials.tracing import configure_tracing

    provider = configure_tracing(phoenix, project_name=project)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with StubLLM.start() as llm, provider.get_tracer("a").start_as_current_span("answer") as span:
        client = OpenAI(base_url=llm.base_url, api_key="none")
        messages = [{"role": "user", "content": "How long is the probation period?"}]
        made = client.chat.completions.create(model="gpt-4.1-mini", messages=messages)
        span.set_attribute("openinference.span.kind", "LLM")
        span.set_attribute("llm.model_name", made.model)
        span.set_attribute("llm.token_count.prompt", made.usage.prompt_tokens)
        span.set_attribute("llm.token_count.completion", made.usage.completion_tokens)
        print("an answer" if made.choices[0].message.content else "nothing")
""",
    symptom=lambda ran: (
        len({one["attributes"].get(KEY) for some in ran.spans.values() for one in some}) == 1
        and [one["span_kind"] for some in ran.spans.values() for one in some] == ["LLM"] * 2
    ),
    diagnosis="the call is counted by hand too",
    because="`ChatCompletion` is the instrumentor's span of the call, with its counts. `answer` "
    "is around it, and says the same counts as an LLM span: Phoenix adds both.",
    against={
        "the model was called twice": "There is one `ChatCompletion`, and the code calls once.",
        "the instrumentor is switched on twice": "Then there would be two `ChatCompletion`; and "
        "a second `instrument()` only logs that it was one already.",
        "a retry is hidden": "A retry would be on the bill as well, and no span of it has the "
        "name `answer`.",
    },
    cure="""
def answer(phoenix, project):
    from openai import OpenAI
    from openinference.instrumentation.openai import OpenAIInstrumentor

    from rag_tutorials.stub_llm import StubLLM
    from rag_tutorials.tracing import configure_tracing

    provider = configure_tracing(phoenix, project_name=project)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with StubLLM.start() as llm, provider.get_tracer("a").start_as_current_span("answer") as span:
        client = OpenAI(base_url=llm.base_url, api_key="none")
        messages = [{"role": "user", "content": "How long is the probation period?"}]
        made = client.chat.completions.create(model="gpt-4.1-mini", messages=messages)
        span.set_attribute("openinference.span.kind", "CHAIN")
        print("an answer" if made.choices[0].message.content else "nothing")
""",
    prints=("an answer",),
    expect=(span("answer"),),
    also=(_counted_once, _one_model),
    hints=(
        "Which two spans have the same counts, and who made each of them?",
        "One of the two may count. `answer` stays, but need not be a call.",
        "`answer` is a CHAIN, without model and counts; or leave the instrumentor out, and keep "
        "what you do by hand.",
    ),
)
