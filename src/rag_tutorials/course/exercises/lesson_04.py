"""The exercises and predictions of lesson 04, auto-instrumentation."""

from __future__ import annotations

from openinference.semconv.trace import MessageAttributes, SpanAttributes

from rag_tutorials.course.judging.content import (
    CHAT,
    Exercise,
    ExpectedSpan,
    Mistake,
    Rule,
    Seen,
    span,
)
from rag_tutorials.course.judging.looks import returns_what_the_model_said, sends, works
from rag_tutorials.course.judging.prediction import Prediction

CODE = "Q-2290-B"
CARRY_QUESTION = "How many days may be carried over?"
LEAVE_QUESTION = "How many days of leave has Ada left?"
TOKENS = "llm.token_count.total"
FOUR_SPANS = ("before", "too-early", "inside", "after")

A_TEXT = Rule("a text that is not empty", lambda value: isinstance(value, str) and value != "")


def _tokens_in_all(seen: Seen) -> int:
    return sum(one.attributes.get(TOKENS, 0) for one in seen.found.spans)


def _returns_the_stream(seen: Seen) -> Mistake | None:
    first = f"{SpanAttributes.LLM_OUTPUT_MESSAGES}.0.{MessageAttributes.MESSAGE_CONTENT}"
    said = seen.found.named("ChatCompletion")[0].attributes.get(first)
    if said is not None and str(said).strip() != str(seen.returned).strip():
        return Mistake(
            "What your function returns is not the answer that was streamed.",
            'Join `chunk.choices[0].delta.content or ""` of every chunk that has choices.',
        )
    return None


def _counted_twice(seen: Seen) -> Mistake | None:
    for one in seen.found.spans:
        counts = any(key.startswith("llm.token_count.") for key in one.attributes)
        if counts and one.name != "ChatCompletion":
            return Mistake(
                f"`{one.name}` has token counts of its own. The LLM spans have them already: "
                "whoever adds up the spans of a trace counts these tokens twice.",
                f"Leave the attributes `llm.token_count...` to the LLM spans; `{one.name}` needs "
                "none.",
            )
    return None


def _results_of_the_tool(seen: Seen) -> Mistake | None:
    results = [deed.result for deed in seen.deeds_of("look_up")]
    for one in seen.found.named("leave_left"):
        if one.attributes.get("output.value") not in results:
            return Mistake("`output.value` of `leave_left` is not what `look_up` returned.")
    return None


def _arguments_of_the_tool(seen: Seen) -> Mistake | None:
    calls = seen.deeds_of(CHAT)[0].answer["choices"][0]["message"]["tool_calls"]
    wanted = sorted(call["function"]["arguments"] for call in calls)
    have = sorted(one.attributes["input.value"] for one in seen.found.named("leave_left"))
    if have != wanted:
        return Mistake(
            "`input.value` of `leave_left` is not what the model wants to call the tool with.",
            "The arguments are `call.function.arguments`, a text of JSON.",
        )
    return None


def _leave_request(seen: Seen) -> ExpectedSpan:
    answer = seen.returned
    return span(
        "leave-request",
        "AGENT",
        span("ChatCompletion", "LLM", attributes={"llm.tools.0.tool.json_schema": str}),
        span(
            "leave_left",
            "TOOL",
            attributes={"input.value": A_TEXT, "output.value": A_TEXT},
            times=None,
        ),
        span("ChatCompletion", "LLM"),
        status="not ERROR",
        attributes={
            "input.value": LEAVE_QUESTION,
            "output.value": answer if isinstance(answer, str) else str,
        },
    )


EXERCISES = (
    Exercise(
        id="04.1",
        title="A stream that counts its tokens",
        minutes=2,
        run=lambda course, stream_answer: stream_answer(CARRY_QUESTION),
        returns=A_TEXT,
        expect=span(
            "ChatCompletion",
            "LLM",
            status="not ERROR",
            attributes={TOKENS: int},
            events={"First Token Stream Event": 1},
        ),
        also=(works("ChatCompletion", CHAT), _returns_the_stream),
        hints=(
            "The server sends token counts of a stream only when the request asks for them.",
            'Pass `stream_options={"include_usage": True}`; the counts come in a last chunk, '
            "which has no choices.",
            'Join `chunk.choices[0].delta.content or ""` for `chunk in chunks if chunk.choices`.',
        ),
    ),
    Exercise(
        id="04.2",
        title="All tokens of a request",
        minutes=2,
        facts=_tokens_in_all,
        given=(int, float),
        hints=(
            "Phoenix's total leaves the embeddings out; their span has a count all the same.",
            f"Each automatic span has `{TOKENS}`; the root has none. Add up what is there.",
            f'sum(s.attributes.get("{TOKENS}", 0) for s in course.read_back(four_calls, expect=5))',
        ),
    ),
    Exercise(
        id="04.3",
        title="A door code in the trace",
        minutes=3,
        run=lambda course, my_door: my_door(CODE),
        returns=A_TEXT,
        expect=span("my-door", None, span("ChatCompletion", "LLM", attributes={TOKENS: int})),
        without=(CODE,),
        also=(
            works("my-door", CHAT),
            sends(
                CHAT,
                CODE,
                "The model is not told the code any more, so it cannot answer; hide the code in "
                "the trace alone.",
            ),
            returns_what_the_model_said(),
        ),
        hints=(
            "Search all of the trace as `leaks` does: the automatic span and your own.",
            "The automatic span needs two masks: one for what goes in, one for what comes out.",
            "`instrumented(hide_inputs=True, hide_outputs=True)`; and no code in `set_attribute` "
            "and in the event's name.",
        ),
    ),
    Exercise(
        id="04.4",
        title="Predict which calls are traced",
        minutes=3,
        run=lambda course, prediction, puzzle: puzzle(),
        facts={
            "number of spans": lambda seen: len(seen.found),
            "children of puzzle": lambda seen: tuple(  # in order: that is the question
                one.name for one in seen.found.children(seen.found.roots[0])
            ),
        },
        hints=(
            "Ask of each call: is the client's class patched now, and is tracing suppressed?",
            "Between `uninstrument()` and `instrument()` nothing is traced; a client made then is "
            "traced afterwards. What is suppressed leaves nothing, your own spans included.",
            "The root, two children, and one span under the second of them.",
        ),
    ),
    Exercise(
        id="04.5",
        title="A traced request with a tool",
        minutes=7,
        run=lambda course, leave_request: leave_request(LEAVE_QUESTION),
        returns=A_TEXT,
        expect=_leave_request,
        watch=("look_up",),
        also=(
            works("leave_left", "look_up"),
            _results_of_the_tool,
            _arguments_of_the_tool,
            works("leave-request", CHAT, each=2),
            _counted_twice,
            returns_what_the_model_said(),
        ),
        hints=(
            "One span around everything, one around each run of the tool; the LLM spans come by "
            "themselves.",
            "`openinference.span.kind` is AGENT on the outer span and TOOL on the inner one; each "
            "has `input.value` and `output.value`.",
            "`with tracer.start_as_current_span(call.function.name) as tool_span:` around "
            '`look_up`, inside `with tracer.start_as_current_span("leave-request") as span:`.',
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="04.a",
        title="How many of the two streams have token counts?",
        truth=lambda found: sum(TOKENS in one.attributes for one in found.spans),
        answer=1,
        because="The server counts the tokens of a stream only when it is asked to, by "
        '`stream_options={"include_usage": True}`. The first stream has none, and no message says '
        "so.",
        choices=(0, 1, 2),
    ),
    Prediction(
        id="04.b",
        title="By how much does the trace multiply the tokens that were used?",
        truth=lambda found: sum("llm.token_count.prompt" in one.attributes for one in found.spans),
        answer=2,
        because="Two LLM spans describe one call, and each has the counts. Phoenix adds both up.",
    ),
    Prediction(
        id="04.c",
        title="Which of the four spans has Phoenix?",
        truth=lambda found: [one.name for one in found.spans if one.name in FOUR_SPANS],
        answer=["inside", "after"],
        because="What was opened while no provider was set is non-recording: an empty shell. "
        "And yet the second and the third question are traced, although `instrument()` came first: "
        "without a provider it takes a stand-in tracer, which binds to the real one as soon as "
        "there is one.",
    ),
    Prediction(
        id="04.d",
        title="With how many of the four masks is the code still found?",
        truth=int,
        answer=3,
        because="`hide_input_text` and `hide_input_messages` mask the messages that were taken "
        "apart, and leave the same text in `input.value`. `hide_inputs` covers both forms of the "
        "prompt, but not the answer.",
        choices=(0, 1, 2, 3, 4),
    ),
    Prediction(
        id="04.e",
        title="How many spans has the trace, the root included?",
        truth=len,
        answer=2,
        because="The root and the `CreateEmbeddings` of the call after the block. Inside it the "
        "automatic span and your own `warm-up` are both gone.",
    ),
)
