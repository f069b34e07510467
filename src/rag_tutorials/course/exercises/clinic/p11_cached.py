"""Numbers that lie: cached tokens at the full price."""

from rag_tutorials.course.exercises.clinic.patient import Patient, ran_of
from rag_tutorials.course.judging.content import Mistake, Seen, span

BILL = 0.00226  # dollars: 2,000 tokens at 0.40 a million, 10,000 at 0.10, 288 at 1.60


def _costs_what_it_costs(seen: Seen) -> Mistake | None:
    cost = sum(ran_of(seen).costs.values())
    if abs(cost - BILL) > 0.000_005:
        return Mistake(
            f"Phoenix computes ${cost:.5f}; the bill is ${BILL:.5f}.",
            "The counts stay the true ones; Phoenix must know how many of them were cached.",
        )
    return None


PATIENT = Patient(
    title="Dearer than the bill",
    group="Numbers that lie",
    complaint="The provider bills $0.00226 for this call, and Phoenix computes more than twice "
    "as much. One span, the right model, the right tokens: we counted.",
    threads="trackers of cost tracking everywhere, of coding agents most: cached input at the "
    "full price, three to seven times too much",
    taught=("09_find_what_failed", "Tokens and cost"),
    program="""
def handbook(phoenix, project):
    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("handbook")

    def complete(prompt):  # what the provider answers: 10,000 of the 12,000 were in its cache
        usage = {"prompt_tokens": 12_000, "cached_tokens": 10_000, "completion_tokens": 288}
        return "Six months.", usage

    with tracer.start_as_current_span("ChatCompletion") as span:
        answer, usage = complete("the whole handbook, then the question")
        span.set_attribute("openinference.span.kind", "LLM")
        span.set_attribute("llm.model_name", "gpt-4.1-mini")
        span.set_attribute("llm.token_count.prompt", usage["prompt_tokens"])
        span.set_attribute("llm.token_count.completion", usage["completion_tokens"])
        span.set_attribute("cached_tokens", usage["cached_tokens"])
        print(answer)
""",
    symptom=lambda ran: round(sum(ran.costs.values()), 5) == 0.00526,
    diagnosis="the cached tokens are under a name that nobody prices",
    because="`cached_tokens` is an attribute like any other. Phoenix takes what is cached from "
    "`llm.token_count.prompt_details.cache_read`, and prices it by itself.",
    against={
        "the price of the model is outdated": "12,000 and 288 tokens at today's prices make "
        "exactly this sum: only, without a cache.",
        "two spans count the same call": "There is one span.",
        "the provider did not use its cache": "It says so itself: 10,000 of the 12,000, and the "
        "bill agrees.",
    },
    cure="""
def handbook(phoenix, project):
    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("handbook")

    def complete(prompt):  # what the provider answers: 10,000 of the 12,000 were in its cache
        usage = {"prompt_tokens": 12_000, "cached_tokens": 10_000, "completion_tokens": 288}
        return "Six months.", usage

    with tracer.start_as_current_span("ChatCompletion") as span:
        answer, usage = complete("the whole handbook, then the question")
        span.set_attribute("openinference.span.kind", "LLM")
        span.set_attribute("llm.model_name", "gpt-4.1-mini")
        span.set_attribute("llm.token_count.prompt", usage["prompt_tokens"])
        span.set_attribute("llm.token_count.completion", usage["completion_tokens"])
        cached = usage["cached_tokens"]
        span.set_attribute("llm.token_count.prompt_details.cache_read", cached)
        print(answer)
""",
    prints=("Six months.",),
    expect=(
        span(
            "ChatCompletion",
            "LLM",
            attributes={
                "llm.model_name": "gpt-4.1-mini",
                "llm.token_count.prompt": 12_000,
                "llm.token_count.completion": 288,
            },
        ),
    ),
    also=(_costs_what_it_costs,),
    hints=(
        "Which attributes of this span does Phoenix know, and which one is the program's own?",
        "OpenInference has a place for a part of the prompt's tokens: the details of "
        "`llm.token_count.prompt`.",
        '`"llm.token_count.prompt_details.cache_read": usage["cached_tokens"]`; the prompt\'s '
        "count stays the whole.",
    ),
)
