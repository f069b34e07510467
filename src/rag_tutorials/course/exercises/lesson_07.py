"""The exercises of lesson 07, backends and delivery."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openinference.instrumentation import OITracer, TraceConfig
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF, ALWAYS_ON, Sampler

from rag_tutorials.course.equipment import Receiver
from rag_tutorials.course.judging.content import (
    CHAT,
    Exercise,
    ExpectedSpan,
    Found,
    MistakeError,
    Rule,
    Seen,
    Surroundings,
    span,
)
from rag_tutorials.course.judging.looks import returns_what_the_model_said, works
from rag_tutorials.course.judging.prediction import Prediction
from rag_tutorials.course.traces.spans import SpanRecord, poll

Run = Callable[..., str]

PATIENCE_S = 1.5
BUSY_S = 60.0  # how long Phoenix may take with what it has accepted
LONGER_THAN_ANY_WAIT_MS = 600_000  # to wait for the queue's turn is no repair
PROJECT = "openinference.project.name"
BRIEF = {"OTEL_EXPORTER_OTLP_TIMEOUT": "5"}  # where nobody listens, the exit waits for it


def _read(course: Surroundings, trace_id: str, expect: int) -> Sequence[SpanRecord]:
    """Return what Phoenix has of a trace, once it has a span that was sent after it."""
    provider = TracerProvider(resource=Resource({PROJECT: course.project}), shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(OTLPSpanExporter(course.otlp_endpoint)))
    with provider.get_tracer("course").start_as_current_span("sent-after", Context()) as after:
        pass
    after_id = trace.format_trace_id(after.get_span_context().trace_id)
    poll(lambda: course.fetch_trace(after_id), 1, BUSY_S)
    return poll(lambda: course.fetch_trace(trace_id), expect, PATIENCE_S)


def _trace_id(printed: str, why: str = "print(run(program, **settings))") -> str:
    """Return the trace id that a program printed last."""
    last = printed.split()[-1:]
    if not last or not re.fullmatch("[0-9a-f]{32}", last[0]):
        raise MistakeError(
            "The program ended before it printed its trace id; what it said stands above this "
            f"verdict, and `{why}` shows it again.",
            "A name that no exporter has ends the program; so does a setting of the wrong type.",
        )
    return last[0]


def _switch(
    course: Surroundings, settings: Mapping[str, str], run: Any, kept: Path
) -> dict[str, int]:
    kept.unlink(missing_ok=True)
    trace_id = _trace_id(run({**BRIEF, **settings}))
    lines = kept.read_text(encoding="utf-8").splitlines() if kept.is_file() else []
    arrived = {"Phoenix": len(_read(course, trace_id, 2)), "the file": len(lines)}
    if not arrived["Phoenix"] and (other := _other_project(course, trace_id)):
        raise MistakeError(
            f"The trace is in this Phoenix, but in the project `{other}`; it should be in "
            f"`{course.project}`."
        )
    return arrived


def _other_project(course: Surroundings, trace_id: str) -> str | None:
    """Return the name of the project that has a trace, of those that are not this notebook's."""
    names = [project["name"] for project in course.client.projects.list()]
    get_spans = course.client.spans.get_spans
    return next(
        (name for name in names if get_spans(project_identifier=name, trace_ids=[trace_id])), None
    )


# Around the student's program: what is printed tells the order of what happened.
SIGNALLED, RAN_ON = "(SIGTERM)", "(after SIGTERM)"
BEFORE = f"""
import signal

def raise_signal(number, really=signal.raise_signal):
    if number == signal.SIGTERM:
        print({SIGNALLED!r}, flush=True)
    really(number)

signal.raise_signal = raise_signal
"""
AFTER = f"""
print({RAN_ON!r}, flush=True)
"""


def _shift(course: Surroundings, program: str, run: Run) -> list[str]:
    lines = run(
        BEFORE + program + AFTER,
        OTEL_TRACES_EXPORTER="otlp",
        OTEL_EXPORTER_OTLP_ENDPOINT=course.phoenix_url,
        OTEL_RESOURCE_ATTRIBUTES=f"{PROJECT}={course.project}",
        OTEL_BSP_SCHEDULE_DELAY=str(LONGER_THAN_ANY_WAIT_MS),
    ).splitlines()
    if SIGNALLED not in lines:
        raise MistakeError(
            "The program is not sent SIGTERM any more; its last line should stay."
            if RAN_ON in lines
            else "The program ends before its last line; `print(run(shift_program))` shows why."
        )
    if RAN_ON in lines:
        raise MistakeError(
            "The program runs on after SIGTERM, so the platform has to kill it some seconds later; "
            "the signal should end it."
        )
    ids = [line for line in lines[: lines.index(SIGNALLED)] if re.fullmatch("[0-9a-f]{32}", line)]
    if not ids:
        raise MistakeError(
            "The program does not print its trace id any more, so that its trace cannot be looked "
            "for; keep that line."
        )
    names = sorted(span.name for span in _read(course, ids[-1], 4))
    if not names and "sleep" in program:
        raise MistakeError(
            "Nothing arrived: here the queue is emptied every ten minutes, and no platform waits "
            "that long. Empty it, or make the end a normal one."
        )
    return names


def _smoke_test(course: Surroundings, is_delivered: Callable[[TracerProvider], Any]) -> int:
    """Return about how many providers, delivering and not, the student's function is right."""
    resource = Resource({PROJECT: course.project})
    with Receiver.start() as receiver, receiver.fault(401):
        providers: tuple[tuple[str, type[SpanProcessor], str, Sampler, bool], ...] = (
            (
                "that sends each span to this Phoenix",
                SimpleSpanProcessor,
                course.otlp_endpoint,
                ALWAYS_ON,
                True,
            ),
            ("whose backend refuses", SimpleSpanProcessor, receiver.endpoint, ALWAYS_ON, False),
            (
                "that sends batches to this Phoenix",
                BatchSpanProcessor,
                course.otlp_endpoint,
                ALWAYS_ON,
                True,
            ),
            (
                "whose sampler drops everything",
                SimpleSpanProcessor,
                course.otlp_endpoint,
                ALWAYS_OFF,
                False,
            ),
        )
        for which, processor, endpoint, sampler, delivers in providers:
            provider = TracerProvider(sampler, resource, shutdown_on_exit=False)
            provider.add_span_processor(processor(OTLPSpanExporter(endpoint, timeout=2)))  # type: ignore[call-arg]
            try:
                said = bool(is_delivered(provider))
            finally:
                provider.shutdown()
            if said != delivers:
                raise MistakeError(f"It says {said} of a provider {which}.")
    return len(providers)


LEAVE_QUESTION = "How many days of leave has Ada left?"
A_TEXT = Rule("a text that is not empty", lambda value: isinstance(value, str) and value != "")
BY_CONFIG = "`TraceConfig(enable_genai_semconv=True)` adds the GenAI names to what has others."
MESSAGE_KEYS = (
    "The GenAI messages are made of `llm.input_messages.N.message.role` and `.content`, and of "
    "`llm.output_messages`; `input.value` is nobody's message."
)
TOOL_KEYS = "Of a tool, `tool.name` and `tool.parameters` (a text of JSON) have GenAI counterparts."


def _for_both(
    course: Surroundings, leave_request: Callable[[Any, str], Any], config: TraceConfig
) -> Any:
    if not isinstance(config, TraceConfig):
        raise MistakeError("`config` should be a `TraceConfig`, which the check gives to a tracer.")
    return leave_request(OITracer(trace.get_tracer("handbook.app"), config), LEAVE_QUESTION)


def _genai_texts(messages: Any) -> list[tuple[str, str]]:
    """Return role and text of messages of the GenAI conventions, nothing of anything else."""
    try:
        return [
            (one["role"], "".join(part["content"] for part in one["parts"]))
            for one in json.loads(messages)
        ]
    except (KeyError, TypeError, ValueError):
        return []


def _as_json(value: Any) -> Any:
    try:
        return json.loads(value)
    except (TypeError, ValueError):
        return None


def _just(wanted: Any, hint: str) -> Rule:
    return Rule(f"{wanted!s:.40}", lambda value: value == wanted, hint)


def _of_the_tool(seen: Seen) -> dict[str, Any]:
    results = [deed.result for deed in seen.deeds_of("leave_left")]
    result = results[-1] if results else A_TEXT
    return {
        "gen_ai.operation.name": _just("execute_tool", BY_CONFIG),
        "input.value": A_TEXT,
        "output.value": result,
        "tool.name": _just("leave_left", TOOL_KEYS),
        "gen_ai.tool.name": "leave_left",
        "gen_ai.tool.call.arguments": Rule(
            'a text of JSON: {"employee": "Ada"}',
            lambda value: _as_json(value) == {"employee": "Ada"},
            TOOL_KEYS,
        ),
        "gen_ai.tool.call.result": result,
    }


def _of_the_call(seen: Seen) -> dict[str, Any]:
    """Expect what was sent, answered and counted, in both vocabularies."""
    calls = [deed for deed in seen.deeds_of(CHAT) if deed.answer and "choices" in deed.answer]
    if not calls:
        return {"output.value": A_TEXT}
    sent, received = json.loads(calls[-1].body), calls[-1].answer
    asked = [(one["role"], one.get("content")) for one in sent["messages"]]
    answer, usage = received["choices"][0]["message"]["content"], received["usage"]
    texts = {
        f"llm.input_messages.{number}.message.content": text
        for number, (_, text) in enumerate(asked)
    }
    return {
        "input.value": A_TEXT,
        "output.value": answer,
        "llm.model_name": sent["model"],
        **{key: _just(text, MESSAGE_KEYS) for key, text in texts.items()},
        "llm.output_messages.0.message.content": answer,
        "llm.token_count.prompt": usage["prompt_tokens"],
        "llm.token_count.completion": usage["completion_tokens"],
        "gen_ai.operation.name": "chat",
        "gen_ai.request.model": sent["model"],
        "gen_ai.input.messages": Rule(
            "all that was sent, as JSON", lambda it: _genai_texts(it) == asked, MESSAGE_KEYS
        ),
        "gen_ai.output.messages": Rule(
            "the answer, as JSON",
            lambda it: _genai_texts(it) == [("assistant", answer)],
            MESSAGE_KEYS,
        ),
        "gen_ai.usage.input_tokens": usage["prompt_tokens"],
        "gen_ai.usage.output_tokens": usage["completion_tokens"],
    }


def _readable_for_both(seen: Seen) -> ExpectedSpan:
    return span(
        "leave-request",
        None,
        span("leave_left", "TOOL", attributes=_of_the_tool(seen)),
        span("generation", "LLM", attributes=_of_the_call(seen)),
        status="not ERROR",
    )


EXERCISES = (
    Exercise(
        id="07.1",
        title="Switch the backend",
        minutes=3,
        run=_switch,
        given=dict,
        returns=Rule(
            "{'Phoenix': 2, 'the file': 2}, the number of spans that arrived in each",
            lambda arrived: arrived == {"Phoenix": 2, "the file": 2},
        ),
        hints=(
            "Run the program with the settings yourself and read what it prints; look for the "
            "trace in Phoenix's list of projects too.",
            "`OTEL_TRACES_EXPORTER` has to name two places, and the endpoint is a base address.",
            "`otlp,file:` and the path; `course.phoenix_url`; and the project stands in "
            "`OTEL_RESOURCE_ATTRIBUTES`, as `openinference.project.name=...`.",
        ),
    ),
    Exercise(
        id="07.2",
        title="Lose nothing at exit",
        minutes=3,
        run=_shift,
        given=str,
        returns=Rule(
            "['job', 'job', 'job', 'shift'], the spans that arrived",
            lambda arrived: arrived == ["job", "job", "job", "shift"],
        ),
        hints=(
            "Where are the four spans when the signal comes?",
            "In the queue. A normal end of Python empties it, and so does `provider.shutdown()`.",
            "Before the first span: `signal.signal(signal.SIGTERM, lambda number, frame: "
            "sys.exit(0))`.",
        ),
    ),
    Exercise(
        id="07.3",
        title="Write a smoke test",
        minutes=2,
        run=_smoke_test,
        returns=Rule("right about all four providers", lambda right: right == 4),
        hints=(
            "Who knows whether the span arrived? Not the provider.",
            "Flush, so that a batch leaves; then ask this notebook's Phoenix for the span's trace.",
            "Name the span, flush, and `return bool(spans_of(span))`.",
        ),
    ),
    Exercise(
        id="07.4",
        title="Readable for both",
        minutes=7,
        run=_for_both,
        watch=("leave_left",),
        returns=A_TEXT,
        expect=_readable_for_both,
        also=(
            works("leave_left", "leave_left"),
            works("generation", CHAT),
            returns_what_the_model_said(),
        ),
        hints=(
            "Which facts stand in the trace under names that have a GenAI counterpart?",
            "Turn on the second vocabulary in `config`. Then say the tool's name and arguments, "
            "and the messages, by OpenInference's own names: the table has them.",
            "`TraceConfig(enable_genai_semconv=True)`; `tool.name` and `tool.parameters`; "
            "`llm.input_messages.0.message.role` and `.content`, and the same of "
            "`llm.output_messages`.",
        ),
    ),
)


def _translated(found: Found) -> list[str]:
    [one] = found.spans
    facts = {
        "kind": one.kind == "LLM",
        "messages": "llm.output_messages.0.message.content" in one.attributes,
        "tokens": "llm.token_count.prompt" in one.attributes,
        "input.value": "input.value" in one.attributes,
    }
    return [fact for fact, there in facts.items() if there]


def _refused_or_busy(arrived: Mapping[str, int]) -> str:
    lossy = [name for name, count in arrived.items() if count < 4]
    return {0: "neither", 1: lossy[0] if lossy else "", 2: "both"}[len(lossy)]


PREDICTIONS = (
    Prediction(
        id="07.a",
        title="In which order will the two names be printed?",
        truth=tuple,
        answer=("generation", "request"),
        because="A span is exported when it ends, and a child ends before its parent.",
        choices=(("request", "generation"), ("generation", "request")),
    ),
    Prediction(
        id="07.b",
        title="With the wrong key, what will the program itself do?",
        truth=lambda answer: "give its answer" if "six months" in answer else "fail",
        answer="give its answer",
        because="It runs to its end both times. One line in a log, `code: 401`, is all that a "
        "wrong key leaves, and every span is gone.",
        choices=("fail", "wait for the key", "give its answer"),
    ),
    Prediction(
        id="07.c",
        title="Which ten of the 40 spans are certain to arrive?",
        truth=lambda kept: (
            "the last" if kept[-10:] == [f"step-{number}" for number in range(30, 40)] else "others"
        ),
        answer="the last",
        because="A full queue drops what has waited longest. Ten more arrive if the thread had "
        "taken them when the rest came. And `force_flush` says True: done, not arrived.",
        choices=("the first", "the last", "none is certain"),
    ),
    Prediction(
        id="07.d",
        title="Of the 20 spans in the queue, how many arrive when SIGTERM comes?",
        truth=lambda survived: survived,
        answer=0,
        because="SIGTERM ends Python on the spot, without its exit handlers. Every deployment "
        "would lose the last seconds of traces.",
    ),
    Prediction(
        id="07.e",
        title="Nobody listens: what will `force_flush` say, simple and batch?",
        truth=tuple,
        answer=(True, True),
        because="All is lost, and it says True both times. The log lines are the only sign.",
        choices=((True, True), (True, False), (False, True), (False, False)),
    ),
    Prediction(
        id="07.f",
        title="Which of the two backends loses spans?",
        truth=_refused_or_busy,
        answer="the refusing one",
        because="A refusal is final: it is not tried again. Busy is: two refusals, 0.2 s each, and "
        "then the spans arrive.",
        choices=("the refusing one", "the busy one", "both", "neither"),
    ),
    Prediction(
        id="07.g",
        title="Which of the four has Phoenix of the span with GenAI names?",
        truth=_translated,
        answer=["kind", "messages", "tokens"],
        because="Phoenix translates what has a counterpart, when the span arrives. GenAI has none "
        "for `input.value`.",
    ),
)
