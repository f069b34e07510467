"""The exercises and predictions of lesson 04, auto-instrumentation."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import httpx2  # what the OpenAI client is built on

from rag_tutorials.course.judging.checks import (
    Exercise,
    ExpectedSpan,
    Found,
    MistakeError,
    Rule,
    span,
)
from rag_tutorials.course.judging.prediction import Prediction

CODE = "Q-2290-B"
CARRY_QUESTION = "How many days may be carried over?"
LEAVE_QUESTION = "How many days of leave has Ada left?"
TOKENS = "llm.token_count.total"
FOUR_SPANS = ("before", "too-early", "inside", "after")

A_TEXT = Rule("a text that is not empty", lambda value: isinstance(value, str) and value != "")


@contextmanager
def _sent_to_the_model() -> Iterator[list[bytes]]:
    """Give the bodies of the chat requests that are sent meanwhile."""
    sent: list[bytes] = []
    send = httpx2.Client.send

    def noting(self: httpx2.Client, request: httpx2.Request, **options: Any) -> httpx2.Response:
        if request.url.path.endswith("/chat/completions"):
            sent.append(request.read())
        return send(self, request, **options)

    with mock.patch.object(httpx2.Client, "send", noting):
        yield sent


def _my_door(course: object, my_door: Callable[[str], Any]) -> Any:
    with _sent_to_the_model() as sent:
        answer = my_door(CODE)
    if sent and not any(CODE.encode() in body for body in sent):
        raise MistakeError(
            "The model is not told the code any more, so it cannot answer; hide the code in the "
            "trace alone."
        )
    return answer


def _tokens_in_all(found: Found) -> int:
    return sum(one.attributes.get(TOKENS, 0) for one in found.spans)


def _counted_twice(found: Found) -> str | None:
    for one in found.spans:
        counts = any(key.startswith("llm.token_count.") for key in one.attributes)
        if counts and one.name != "ChatCompletion":
            return f"`{one.name}` has token counts too, so Phoenix adds the same tokens up twice."
    return None


def _leave_request(answer: object) -> ExpectedSpan:
    return span(
        "leave-request",
        "AGENT",
        span("ChatCompletion", "LLM", attributes={"llm.tools.0.tool.json_schema": str}),
        span(
            "leave_left",
            "TOOL",
            attributes={"input.value": A_TEXT, "output.value": "12 days left"},
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
        run=lambda course, stream_answer: stream_answer(CARRY_QUESTION),
        returns=A_TEXT,
        expect=span(
            "ChatCompletion",
            "LLM",
            status="not ERROR",
            attributes={TOKENS: int},
            events={"First Token Stream Event": 1},
        ),
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
        facts=_tokens_in_all,
        given=int,
        hints=(
            "Phoenix's total leaves the embeddings out; their span has a count all the same.",
            f"Each automatic span has `{TOKENS}`; the root has none. Add up what is there.",
            f'sum(s.attributes.get("{TOKENS}", 0) for s in course.read_back(four_calls, expect=5))',
        ),
    ),
    Exercise(
        id="04.3",
        title="A door code in the trace",
        run=_my_door,
        returns=A_TEXT,
        expect=span("my-door", None, span("ChatCompletion", "LLM", attributes={TOKENS: int})),
        without=(CODE,),
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
        run=lambda course, prediction, puzzle: puzzle(),
        facts={
            "number of spans": len,
            "children of puzzle": lambda found: [
                one.name for one in found.children(found.roots[0])
            ],
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
        run=lambda course, leave_request: leave_request(LEAVE_QUESTION),
        returns=A_TEXT,
        expect=_leave_request,
        also=_counted_twice,
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
