"""The exercises of lesson 08, sampling and redaction."""

from __future__ import annotations

import math
import random
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator

from rag_tutorials.course.equipment.receiver import Arrived, Receiver
from rag_tutorials.course.judging.content import (
    Exercise,
    MistakeError,
    Surroundings,
    span,
)
from rag_tutorials.course.judging.prediction import Prediction

LogEntry = tuple[int, str, str]

PROJECT = "openinference.project.name"
ADDRESSES = ("ada@example.com", "grace.hopper@navy.example.org")
UNREAD = "nobody reads"
REQUESTS = 24
MOST_PARTS = 500  # of a provider, that are searched for exporters
KEPT_REQUESTS = 10  # of those, with the ids below
CALLERS = {  # each has decided against what half by id would say
    "sampled": "00-0123456789abcdeffedcba9876543210-00f067aa0ba902b7-01",
    "not sampled": "00-fedcba98765432100123456789abcdef-00f067aa0ba902b7-00",
}


def _sampled_away(
    course: Surroundings, explanation: Any, log: Sequence[LogEntry]
) -> dict[str, Any]:
    """Return the truth about the log that the notebook's requests wrote."""
    failed = [(number, trace_id) for number, trace_id, error in log if error]
    highest = max(int(trace_id[16:], 16) / 2**64 for _, trace_id in failed)
    return {
        "lost": [number for number, trace_id in failed if not course.fetch_trace(trace_id)],
        "ratio": math.ceil(highest * 100) / 100,
    }


class _Redacting(SpanProcessor):
    """Sends the copy that the student's function makes of each span to Phoenix."""

    def __init__(
        self, redact: Callable[[ReadableSpan], ReadableSpan], exporter: SpanExporter
    ) -> None:
        self._redact = redact
        self._exporter = exporter
        self.pairs: list[tuple[ReadableSpan, ReadableSpan]] = []

    def on_end(self, span: ReadableSpan) -> None:
        copy = self._redact(span)
        if not isinstance(copy, ReadableSpan):
            raise MistakeError("`redact` returns no span; return the copy that `redacted` makes.")
        self._exporter.export([copy])
        self.pairs.append((span, copy))


def _redact(course: Surroundings, redact: Callable[[ReadableSpan], ReadableSpan]) -> None:
    """Make spans, one of them failing, whose copies arrive below one of the notebook's own."""
    provider = TracerProvider(shutdown_on_exit=False, resource=Resource({PROJECT: course.project}))
    redacting = _Redacting(redact, OTLPSpanExporter(course.otlp_endpoint, timeout=2))
    provider.add_span_processor(redacting)
    with trace.get_tracer("support").start_as_current_span("support-desk"):
        tracer = provider.get_tracer("support")
        with suppress(LookupError), tracer.start_as_current_span("support") as span:
            span.set_attributes({"input.value": f"{ADDRESSES[0]} asks", "to": list(ADDRESSES)})
            span.add_event("forwarded", {"to": list(ADDRESSES), "attempt": 1})
            raise LookupError(f"{UNREAD} {ADDRESSES[0]} these days")
        with tracer.start_as_current_span("solved") as span:
            span.set_attributes({"input.value": "thanks", "retrieval.top_k": 3})
            span.set_status(trace.StatusCode.OK)
    for pair in redacting.pairs:
        if sentence := next(_changed(*pair), None):
            raise MistakeError(sentence)


def _changed(span: ReadableSpan, copy: ReadableSpan) -> Iterator[str]:
    """Yield what a copy has lost besides addresses, or still holds of them."""
    name = f"`{span.name}`"
    if copy.status.status_code is not span.status.status_code:
        yield (
            f"The status of {name} has become {copy.status.status_code.name}; it should stay "
            f"{span.status.status_code.name}."
        )
    yield from _survives(span.status.description, copy.status.description, f"the status of {name}")
    yield from _all_survive(span.attributes, copy.attributes, name)
    events = {event.name: event for event in copy.events}
    for event in span.events:
        if event.name not in events:
            yield f"The event `{event.name}` of {name} is gone."
            continue
        copied = events[event.name]
        if copied.timestamp != event.timestamp:
            yield (
                f"The event `{event.name}` has lost its time: the copy says when it was copied, "
                "not when it happened."
            )
        yield from _all_survive(event.attributes, copied.attributes, f"the event `{event.name}`")


def _all_survive(before: Any, after: Any, where: str) -> Iterator[str]:
    for key, value in (before or {}).items():
        if key not in (after or {}):
            yield f"The attribute `{key}` of {where} is gone."
        else:
            yield from _survives(value, after[key], f"`{key}` of {where}")


def _survives(before: Any, after: Any, where: str) -> Iterator[str]:
    """Yield a sentence unless all but the addresses is there; a mask may be any text without @."""
    if isinstance(before, (list, tuple)):
        if not isinstance(after, (list, tuple)) or len(after) != len(before):
            yield f"The list {where} has become something else."
        else:
            for one, other in zip(before, after, strict=True):
                yield from _survives(one, other, where)
    elif not isinstance(before, str):
        if after != before:
            yield f"The value of {where} has changed; it is no text, and holds no address."
    elif any(address in str(after) for address in ADDRESSES):
        yield f"An address is still in {where}."
    else:
        rest = map(re.escape, re.split("|".join(map(re.escape, ADDRESSES)), before))
        if not isinstance(after, str) or not re.fullmatch("[^@]*?".join(rest), after, re.DOTALL):
            yield f"More than the address is masked in {where}; the rest of the text should stay."


class _Ids(IdGenerator):
    """Trace ids in a repeatable order, half of them in the lower half."""

    def __init__(self) -> None:
        self._random = random.Random(6)
        self._span_ids = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128)

    def generate_span_id(self) -> int:
        return self._span_ids.generate_span_id()


def _production(course: Surroundings, make: Callable[[str], TracerProvider]) -> None:
    """Send requests through the student's provider, and look at what arrives."""
    with Receiver.start() as receiver:
        provider = make(receiver.endpoint)
        if not isinstance(provider, TracerProvider):
            raise MistakeError("Your function returns no provider; return the `TracerProvider`.")
        provider.id_generator = _Ids()  # type: ignore[assignment]
        tracer = provider.get_tracer("handbook.app")
        for number in range(REQUESTS):
            with tracer.start_as_current_span(f"request-{number}") as span:
                span.set_attributes({"input.value": f"{ADDRESSES[0]} asks", "number": number})
                with tracer.start_as_current_span("retrieval") as retrieval:
                    retrieval.set_attributes({"to": list(ADDRESSES), "retrieval.top_k": 3})
        for decision, caller in CALLERS.items():
            tracer.start_span(decision, extract({"traceparent": caller})).end()
        provider.force_flush()
        arrived, exports = receiver.spans, len(receiver.statuses)
        provider.shutdown()
    if sentence := next(_unfit(provider, arrived, exports), None):
        raise MistakeError(*sentence)


def _unfit(
    provider: TracerProvider, arrived: Sequence[Arrived], exports: int
) -> Iterator[tuple[str, str]]:
    """Yield what keeps a provider from production, each with its hint."""
    spans = [span for span in arrived if span.name not in CALLERS]
    called = [span.name for span in arrived if span.name in CALLERS]
    sender = arrived[0].resource if arrived else {}
    if not arrived:
        yield "No span arrives.", "`provider.add_span_processor(...)` is what sends."
    if exports * 2 > len(arrived):
        yield (
            f"{len(arrived)} spans left in {exports} exports; they should leave in batches.",
            "`BatchSpanProcessor` collects; `SimpleSpanProcessor` sends each span by itself.",
        )
    timeouts = timeouts_of(provider)
    if timeouts and max(timeouts) > 2:
        yield (
            f"An export may take {max(timeouts):g} seconds; it should take 2 at most.",
            "`OTLPSpanExporter(endpoint, timeout=...)` takes seconds.",
        )
    lower = [span for span in spans if int(span.trace_id[16:], 16) < 2**63]
    if len(lower) != len(spans) or len(spans) != 2 * KEPT_REQUESTS:
        yield (
            f"Of {2 * REQUESTS} spans {len(spans)} were kept; half of the traces by their id are "
            f"{2 * KEPT_REQUESTS} of these.",
            "The provider's `sampler` decides; its ratio is 0.5.",
        )
    if "not sampled" in called or "sampled" not in called:
        yield (
            "A parent's decision is not followed: a request whose caller decided is "
            + ("kept though it was not sampled." if "not sampled" in called else "dropped."),
            "`ParentBasedTraceIdRatio` follows the parent; `TraceIdRatioBased` alone does not.",
        )
    for key, value in NAMES.items():
        if sender.get(key) != value:
            yield (
                f"The resource has `{key}` = {sender.get(key)}; it should be `{value}`.",
                "`TracerProvider(resource=Resource({...}))` says who sends.",
            )
    for one in spans:
        number = one.name.removeprefix("request-")
        made: dict[str, Any] = (
            {"to": list(ADDRESSES), "retrieval.top_k": 3}
            if one.name == "retrieval"
            else {"input.value": f"{ADDRESSES[0]} asks", "number": int(number)}
        )
        for sentence in _all_survive(made, one.attributes, f"`{one.name}`"):
            yield (
                sentence,
                "Put `Redacting(..., redacted)` in front of the batching processor; it masks the "
                "addresses and nothing else.",
            )


def timeouts_of(provider: TracerProvider) -> list[float]:
    """Return the seconds that each OTLP exporter of a provider may take, however it is wrapped."""
    found: list[float] = []
    waiting: list[Any] = [provider._active_span_processor]
    seen: set[int] = set()
    while waiting and len(seen) < MOST_PARTS:
        part = waiting.pop(0)
        if id(part) in seen or isinstance(part, (str, bytes, int, float, type, Resource)):
            continue
        seen.add(id(part))
        if isinstance(part, OTLPSpanExporter):
            seconds = getattr(getattr(part, "_client", None), "_timeout", None)
            found += [] if seconds is None else [float(seconds)]
        elif isinstance(part, (list, tuple)):
            waiting += part
        else:
            waiting += getattr(part, "__dict__", {}).values()
    return found


NAMES = {"service.name": "handbook-app", "deployment.environment.name": "production"}

EXERCISES = (
    Exercise(
        id="08.1",
        title="Explain an error that was sampled away",
        minutes=2,
        run=_sampled_away,
        facts=lambda seen: seen.returned,
        given=dict,
        hints=(
            "First pick the entries of the log that have an error.",
            "`lost`: those for which `course.fetch_trace(trace_id)` is empty. `ratio`: look at the "
            "positions of all failed requests.",
            "The highest position decides; a trace is kept if its position is below the ratio.",
        ),
    ),
    Exercise(
        id="08.2",
        title="Redact the leak",
        minutes=5,
        run=_redact,
        expect=span(
            "support-desk",
            None,
            span(
                "support",
                None,
                status="ERROR",
                attributes={"input.value": str, "to": ...},
                events={"forwarded": 1, "exception": 1},
            ),
            span("solved", None, status="OK"),
        ),
        without=ADDRESSES,
        patience=1.0,
        hints=(
            "The sentence names the place where an address still is.",
            "`redacted(span, ...)` takes any field of a span: give it new `events` and a new "
            "`status`.",
            "`Event(masked(e.name), {k: masked(v) for k, v in e.attributes.items()}, e.timestamp)` "
            "for each event, and `Status(span.status.status_code, "
            "masked(span.status.description))`.",
        ),
    ),
    Exercise(
        id="08.3",
        title="A provider for production",
        minutes=4,
        run=_production,
        hints=(
            "Compare what was seen with the four points of the text, one by one.",
            "Sampler and resource are arguments of `TracerProvider`; the rest is processors.",
            "`Redacting(BatchSpanProcessor(OTLPSpanExporter(endpoint, timeout=2)), redacted)` is "
            "the one processor that it needs.",
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="08.a",
        title="Requests 3 and 8 fail. How many of the two will Phoenix have?",
        truth=lambda stored: sum(stored[number] == 2 for number in (3, 8)),
        answer=1,
        because="The decision fell before they failed. Head sampling cannot keep errors: it keeps "
        "30 % of them, as of everything else. Request 8 was lucky.",
    ),
    Prediction(
        id="08.b",
        title="The caller was sampled away. Which of the two samplers records?",
        truth=lambda recording: (
            ", ".join(name for name, on in recording.items() if on) or "neither"
        ),
        answer="ALWAYS_ON",
        because="It does what it says, and so records an orphan.",
        choices=("both", "neither", "ALWAYS_ON", "ParentBased"),
    ),
    Prediction(
        id="08.c",
        title="`late` ends after its root, when all has been decided. Will it arrive?",
        truth=lambda names: "yes" if "late" in names else "no",
        answer="yes",
        because="The processor remembers that this trace was kept. One that forgets would hold "
        "`late` for ever, waiting for a root that has been.",
        choices=("yes", "no"),
    ),
    Prediction(
        id="08.d",
        title="Five attributes, a limit of three: which arrive?",
        truth=lambda keys: (
            "the last three" if keys == ["document.2", "document.3", "document.4"] else "others"
        ),
        answer="the last three",
        because="The first to go is what was set first: in an LLM span, the question.",
        choices=("the first three", "the last three", "none: the span is refused"),
    ),
    Prediction(
        id="08.e",
        title="With redaction, how often does the address arrive when the request fails?",
        truth=lambda count: {0: "never", 1: "once"}.get(count, "more than once"),
        answer="more than once",
        because="It is in the status, and in two attributes of the event: the exception's message, "
        "and its stack trace, which quotes the message and the line of code.",
        choices=("never", "once", "more than once"),
    ),
)
