"""Numbers that lie: a stream that was not asked for its usage."""

from rag_tutorials.course.exercises.clinic.patient import Patient
from rag_tutorials.course.judging.content import Mistake, Seen, span

COUNTS = ("llm.token_count.prompt", "llm.token_count.completion")


def _still_a_stream(seen: Seen) -> Mistake | None:
    [call, *_] = seen.found.of_kind("LLM")
    if '"stream": true' in str(call.attributes.get("llm.invocation_parameters")):
        return None
    return Mistake(
        "The answer does not come as a stream any more.",
        "Users want to see the first words at once; ask the stream for its usage.",
    )


PATIENT = Patient(
    title="Streams are free",
    group="Numbers that lie",
    complaint="Since answers are streamed, Phoenix says that they cost nothing. The provider says "
    "otherwise.",
    threads="trackers of OpenInference, of Langfuse, of LiteLLM and of every instrumentor for "
    "OpenAI's client: no tokens when streaming",
    taught=("04_auto_instrumentation", "Streaming"),
    program="""
def streaming(phoenix, project):
    from openai import OpenAI
    from openinference.instrumentation.openai import OpenAIInstrumentor

    from rag_tutorials.stub_llm import StubLLM
    from rag_tutorials.tracing import configure_tracing

    provider = configure_tracing(phoenix, project_name=project)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with StubLLM.start() as llm:  # the provider: it stays as it is
        client = OpenAI(base_url=llm.base_url, api_key="none")
        stream = client.chat.completions.create(
            model="gpt-4.1-mini",
            messages=[{"role": "user", "content": "How long is the probation period?"}],
            stream=True,
        )
        words = [chunk.choices[0].delta.content or "" for chunk in stream]
        print("an answer" if "".join(words) else "nothing")
""",
    symptom=lambda ran: (
        [one["span_kind"] for some in ran.spans.values() for one in some] == ["LLM"]
        and not any(COUNTS[0] in one["attributes"] for some in ran.spans.values() for one in some)
        and not ran.costs
    ),
    diagnosis="the stream does not say its tokens",
    because="A stream has token counts only if it is asked for them, in a last chunk without "
    "choices. What the provider does not say, no instrumentor can note.",
    against={
        "the price of the model is unknown": "`gpt-4.1-mini` has a price; it is the tokens that "
        "are missing on the span.",
        "the span ends before the stream": "The span has the whole answer in `output.value`.",
        "the instrumentor does not see streams": "It made the span, with model and answer.",
    },
    cure="""
def streaming(phoenix, project):
    from openai import OpenAI
    from openinference.instrumentation.openai import OpenAIInstrumentor

    from rag_tutorials.stub_llm import StubLLM
    from rag_tutorials.tracing import configure_tracing

    provider = configure_tracing(phoenix, project_name=project)
    OpenAIInstrumentor().instrument(tracer_provider=provider)
    with StubLLM.start() as llm:  # the provider: it stays as it is
        client = OpenAI(base_url=llm.base_url, api_key="none")
        stream = client.chat.completions.create(
            model="gpt-4.1-mini",
            messages=[{"role": "user", "content": "How long is the probation period?"}],
            stream=True,
            stream_options={"include_usage": True},
        )
        words = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
        print("an answer" if "".join(words) else "nothing")
""",
    prints=("an answer",),
    expect=(span("ChatCompletion", "LLM", attributes=dict.fromkeys(COUNTS, int)),),
    also=(_still_a_stream,),
    hints=(
        "Compare this span's attributes with those of a call that is not streamed.",
        "The API has an option for it. And what does the chunk with the usage lack?",
        '`stream_options={"include_usage": True}`; its last chunk has no choices, so skip it with '
        "`if chunk.choices`.",
    ),
)
