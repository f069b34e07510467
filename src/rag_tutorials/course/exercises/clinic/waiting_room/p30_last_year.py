"""Numbers that lie: a call at the price of the model that the alias meant last year."""

from rag_tutorials.course.exercises.clinic.patient import Patient, ran_of
from rag_tutorials.course.judging.content import Mistake, Seen, span

BILL = 0.35  # dollars: 100,000 tokens at 2.50 a million, 10,000 at 10.00
BEFORE = 0.65  # at 5.00 and 15.00


def _costs_what_it_costs(seen: Seen) -> Mistake | None:
    cost = sum(ran_of(seen).costs.values())
    if abs(cost - BILL) < 0.005:
        return None
    said = f"${cost:.2f}" if cost else "nothing"
    return Mistake(
        f"Phoenix computes {said}; the bill is ${BILL:.2f}.",
        "The counts are right. Which model was it, by the provider's own words?",
    )


def _asked_by_the_alias(seen: Seen) -> Mistake | None:
    [call, *_] = seen.found.of_kind("LLM")
    if '"model": "gpt-4o"' in str(call.attributes.get("llm.invocation_parameters")):
        return None
    return Mistake(
        "`llm.invocation_parameters` does not say any more that `gpt-4o` was asked for.",
        "What the program asks for stays; what it was priced as is wrong.",
    )


PATIENT = Patient(
    title="The old price",
    group="Numbers that lie",
    complaint="The provider lowered its prices and moved `gpt-4o` to the newer model; the bill "
    "for this call is $0.35. Phoenix goes on computing $0.65, as it always did.",
    threads="trackers of Phoenix, of Langfuse, of LiteLLM and of gateways: a price that was right "
    "until an alias moved on, and tables of prices that nobody renewed",
    taught=("09_find_what_failed", "Tokens and cost"),
    program="""
def report(phoenix, project):
    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("report")
    meant = {"gpt-4o": "gpt-4o-2024-05-13", "gpt-4": "gpt-4-0613"}  # so that each has a price

    def complete(model, question):  # the provider, as it answers
        usage = {"prompt_tokens": 100_000, "completion_tokens": 10_000}
        return {"model": "gpt-4o-2024-08-06", "text": "A summary.", "usage": usage}

    with tracer.start_as_current_span("ChatCompletion") as span:
        answer = complete("gpt-4o", "The whole handbook, in short?")
        span.set_attribute("openinference.span.kind", "LLM")
        span.set_attribute("llm.invocation_parameters", '{"model": "gpt-4o"}')
        span.set_attribute("llm.model_name", meant["gpt-4o"])
        span.set_attribute("llm.token_count.prompt", answer["usage"]["prompt_tokens"])
        span.set_attribute("llm.token_count.completion", answer["usage"]["completion_tokens"])
        print(answer["text"])
""",
    symptom=lambda ran: (
        round(sum(ran.costs.values()), 5) == BEFORE
        and [one["span_kind"] for some in ran.spans.values() for one in some] == ["LLM"]
    ),
    diagnosis="it is priced as the model that the alias meant before",
    because="The program writes the alias down as the model of May 2024, at 5 and 15 dollars a "
    "million; Phoenix prices what stands there. The provider says that the answer is from the "
    "one of August, at 2.50 and 10.",
    against={
        "the price list of Phoenix is outdated": "Its list (Settings, Models) has the newer model "
        "at the newer price, which makes the bill. It was not asked for that one.",
        "the tokens are counted twice": "Phoenix shows 110,000 tokens, as the provider does; and "
        "twice the tokens would cost $0.70.",
        "the cached tokens are priced in full": "Nothing was cached: the provider's usage has no "
        "such count.",
        "the cost was computed before the price fell": "Phoenix computes when a span arrives, "
        "and this one arrived just now.",
    },
    cure="""
def report(phoenix, project):
    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("report")

    def complete(model, question):  # the provider, as it answers
        usage = {"prompt_tokens": 100_000, "completion_tokens": 10_000}
        return {"model": "gpt-4o-2024-08-06", "text": "A summary.", "usage": usage}

    with tracer.start_as_current_span("ChatCompletion") as span:
        answer = complete("gpt-4o", "The whole handbook, in short?")
        span.set_attribute("openinference.span.kind", "LLM")
        span.set_attribute("llm.invocation_parameters", '{"model": "gpt-4o"}')
        span.set_attribute("llm.model_name", answer["model"])
        span.set_attribute("llm.token_count.prompt", answer["usage"]["prompt_tokens"])
        span.set_attribute("llm.token_count.completion", answer["usage"]["completion_tokens"])
        print(answer["text"])
""",
    prints=("A summary.",),
    expect=(
        span(
            "ChatCompletion",
            "LLM",
            attributes={"llm.token_count.prompt": 100_000, "llm.token_count.completion": 10_000},
        ),
    ),
    also=(_costs_what_it_costs, _asked_by_the_alias),
    hints=(
        "Recompute $0.65 from the counts: which prices a million does that take, and which "
        "model has them?",
        "By which attribute does Phoenix find a price? Compare what stands there with what the "
        "provider answers.",
        '`llm.model_name` from `answer["model"]`: no table can grow old.',
    ),
)
