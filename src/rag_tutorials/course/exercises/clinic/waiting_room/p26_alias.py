"""Numbers that lie: a model under a name that nobody prices."""

from rag_tutorials.course.exercises.clinic.patient import Patient, ran_of
from rag_tutorials.course.judging.content import Mistake, Seen, span

BILL = 0.0008  # dollars: 1,200 tokens at 0.40 a million, 200 at 1.60


def _costs_what_it_costs(seen: Seen) -> Mistake | None:
    cost = sum(ran_of(seen).costs.values())
    if abs(cost - BILL) < 0.000_005:
        return None
    said = f"${cost:.5f}" if cost else "nothing"
    return Mistake(
        f"Phoenix computes {said}; the bill is ${BILL:.5f}.",
        "The counts are right. Which model was it, by the provider's own words?",
    )


def _found_by_its_deployment(seen: Seen) -> Mistake | None:
    if any("handbook-eu-2" in str(one.attributes) for one in seen.found.spans):
        return None
    return Mistake("No attribute says `handbook-eu-2` any more, so nobody finds the deployment.")


PATIENT = Patient(
    title="The model that costs nothing",
    group="Numbers that lie",
    complaint="The span has the model and the right tokens, and Phoenix shows no cost at all. The "
    "provider bills $0.00080 for it. Colleagues look for these spans by `handbook-eu-2`: it must "
    "stay to be found.",
    threads="trackers of Phoenix, of Langfuse and of LiteLLM: deployments of one's own, new or "
    "renamed models, and prices that are unknown or those of last year",
    taught=("04_auto_instrumentation", "Tokens and cost"),
    program="""
def deployment(phoenix, project):
    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("deployment")

    def complete(deployment, question):  # the provider, as it answers
        usage = {"prompt_tokens": 1200, "completion_tokens": 200}
        return {"model": "gpt-4.1-mini", "text": "Six months.", "usage": usage}

    with tracer.start_as_current_span("ChatCompletion") as span:
        answer = complete("handbook-eu-2", "How long is the probation period?")
        span.set_attribute("openinference.span.kind", "LLM")
        span.set_attribute("llm.model_name", "handbook-eu-2")
        span.set_attribute("llm.token_count.prompt", answer["usage"]["prompt_tokens"])
        span.set_attribute("llm.token_count.completion", answer["usage"]["completion_tokens"])
        print(answer["text"])
""",
    symptom=lambda ran: not ran.costs and "handbook-eu-2" in str(ran.spans),
    diagnosis="nobody knows a price for this name",
    because="`handbook-eu-2` is a name that somebody gave a deployment. Phoenix looks for a price "
    "by `llm.model_name`; what the provider says the model is, has one.",
    against={
        "two spans count the same call": "There is one span; and twice the tokens would cost "
        "twice as much, not nothing.",
        "the counts are under a wrong name": "They are where Phoenix looks for them: the page of "
        "the trace shows 1,400 tokens.",
        "the price of the model is outdated": "Then Phoenix would show another sum; it shows none.",
    },
    cure="""
def deployment(phoenix, project):
    from rag_tutorials.tracing import configure_tracing

    tracer = configure_tracing(phoenix, project_name=project).get_tracer("deployment")

    def complete(deployment, question):  # the provider, as it answers
        usage = {"prompt_tokens": 1200, "completion_tokens": 200}
        return {"model": "gpt-4.1-mini", "text": "Six months.", "usage": usage}

    with tracer.start_as_current_span("ChatCompletion") as span:
        answer = complete("handbook-eu-2", "How long is the probation period?")
        span.set_attribute("openinference.span.kind", "LLM")
        span.set_attribute("llm.model_name", answer["model"])
        span.set_attribute("deployment", "handbook-eu-2")
        span.set_attribute("llm.token_count.prompt", answer["usage"]["prompt_tokens"])
        span.set_attribute("llm.token_count.completion", answer["usage"]["completion_tokens"])
        print(answer["text"])
""",
    prints=("Six months.",),
    expect=(
        span(
            "ChatCompletion",
            "LLM",
            attributes={"llm.token_count.prompt": 1200, "llm.token_count.completion": 200},
        ),
    ),
    also=(_costs_what_it_costs, _found_by_its_deployment),
    hints=(
        "By which attribute does Phoenix find a price, and what stands there?",
        "A deployment's name has no price. Which name does the provider answer with?",
        '`llm.model_name` from `answer["model"]`, and the deployment in an attribute of your own.',
    ),
)
