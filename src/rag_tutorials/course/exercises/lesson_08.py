"""The exercises of lesson 08, sampling and redaction."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.propagate import extract
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter
from opentelemetry.sdk.trace.id_generator import IdGenerator, RandomIdGenerator

from rag_tutorials.course.equipment.receiver import Receiver
from rag_tutorials.course.judging.checks import Exercise, Found, MistakeError, Rule, span
from rag_tutorials.course.judging.prediction import Prediction

if TYPE_CHECKING:
    from rag_tutorials.course.prepare import Course

LogEntry = tuple[int, str, str]

PROJECT = "openinference.project.name"
ADDRESSES = ("ada@example.com", "grace.hopper@navy.example.org")
UNREAD = "nobody reads"
REQUESTS = 24
KEPT_REQUESTS = 10  # of those, with the ids below
CALLERS = {  # each has decided against what half by id would say
    "sampled": "00-0123456789abcdeffedcba9876543210-00f067aa0ba902b7-01",
    "not sampled": "00-fedcba98765432100123456789abcdef-00f067aa0ba902b7-00",
}


class _SampledAway:
    """The truth about the log that the notebook's requests wrote, read when the check runs."""

    def __init__(self) -> None:
        self.truth: dict[str, Any] = {}

    def run(self, course: Course, explanation: Any, log: Sequence[LogEntry]) -> None:
        failed = [(number, trace_id) for number, trace_id, error in log if error]
        highest = max(int(trace_id[16:], 16) / 2**64 for _, trace_id in failed)
        self.truth = {
            "lost": [number for number, trace_id in failed if not course.fetch_trace(trace_id)],
            "ratio": math.ceil(highest * 100) / 100,
        }


_sampled_away = _SampledAway()


class _Redacting(SpanProcessor):
    """Sends the copy that the student's function makes of each span to Phoenix."""

    def __init__(
        self, redact: Callable[[ReadableSpan], ReadableSpan], exporter: SpanExporter
    ) -> None:
        self._redact = redact
        self._exporter = exporter
        self.pair: tuple[ReadableSpan, ReadableSpan] | None = None

    def on_end(self, span: ReadableSpan) -> None:
        copy = self._redact(span)
        self._exporter.export([copy])
        self.pair = span, copy


def _redact(course: Course, redact: Callable[[ReadableSpan], ReadableSpan]) -> None:
    """Make a failing span whose copy arrives below a span of the notebook's own provider."""
    provider = TracerProvider(shutdown_on_exit=False, resource=Resource({PROJECT: course.project}))
    redacting = _Redacting(redact, OTLPSpanExporter(course.otlp_endpoint, timeout=2))
    provider.add_span_processor(redacting)
    with trace.get_tracer("support").start_as_current_span("support-desk"):
        tracer = provider.get_tracer("support")
        with suppress(LookupError), tracer.start_as_current_span("support") as span:
            span.set_attributes({"input.value": f"{ADDRESSES[0]} asks", "to": list(ADDRESSES)})
            span.add_event("forwarded", {"to": ADDRESSES[1], "attempt": 1})
            raise LookupError(f"{UNREAD} {ADDRESSES[0]}")
    if redacting.pair:
        _times_survive(*redacting.pair)


def _times_survive(span: ReadableSpan, copy: ReadableSpan) -> None:
    times = {event.name: event.timestamp for event in copy.events}
    for event in span.events:
        if times.get(event.name, event.timestamp) != event.timestamp:
            raise MistakeError(
                f"The event `{event.name}` has lost its time: the copy says when it was copied, "
                "not when it happened."
            )


def _description_survives(found: Found) -> str | None:
    if all(UNREAD in one.status_message for one in found.named("support")):
        return None
    return (
        "The status of `support` has lost its description; mask the address in it, and keep the "
        "rest."
    )


class _Ids(IdGenerator):
    """Trace ids in a repeatable order, half of them in the lower half."""

    def __init__(self) -> None:
        self._random = random.Random(6)
        self._span_ids = RandomIdGenerator()

    def generate_trace_id(self) -> int:
        return self._random.getrandbits(128)

    def generate_span_id(self) -> int:
        return self._span_ids.generate_span_id()


def _production(course: Course, make: Callable[[str], TracerProvider]) -> Any:
    """Return what was seen of the student's provider, and how long an export of it may take."""
    with Receiver.start() as receiver:
        provider = make(receiver.endpoint)
        if not isinstance(provider, TracerProvider):
            return provider
        provider.id_generator = _Ids()  # type: ignore[assignment]
        tracer = provider.get_tracer("handbook.app")
        for number in range(REQUESTS):
            with tracer.start_as_current_span(f"request-{number}") as span:
                span.set_attribute("input.value", f"{ADDRESSES[0]} asks")
                with tracer.start_as_current_span("retrieval"):
                    pass
        for decision, caller in CALLERS.items():
            tracer.start_span(decision, extract({"traceparent": caller})).end()
        provider.force_flush()
        arrived, exports = receiver.spans, len(receiver.statuses)
        addresses = receiver.everything.count(ADDRESSES[0].encode())
        provider.shutdown()
    spans = [span for span in arrived if span.name not in CALLERS]
    called = [span.name for span in arrived if span.name in CALLERS]
    sender = arrived[0].resource if arrived else {}
    return {
        "exports": exports,
        "spans": len(spans),
        "spans of the lower half": sum(int(span.trace_id[16:], 16) < 2**63 for span in spans),
        **{f"below a parent that was {decision}": called.count(decision) for decision in CALLERS},
        "service.name": sender.get("service.name"),
        "deployment.environment.name": sender.get("deployment.environment.name"),
        "addresses": addresses,
        "timeout": max(timeouts_of(provider), default=None),
    }


def timeouts_of(provider: TracerProvider) -> list[float]:
    """Return the seconds that each OTLP exporter of a provider may take, as far as it tells."""
    processors: list[Any] = list(provider._active_span_processor._span_processors)
    for each in processors:  # one that stands in front of another holds it
        processors += [inner for inner in vars(each).values() if isinstance(inner, SpanProcessor)]
    exporters = (getattr(each, "span_exporter", None) for each in processors)
    timeouts = (getattr(getattr(each, "_client", None), "_timeout", None) for each in exporters)
    return [float(seconds) for seconds in timeouts if seconds is not None]


def _is_fit(seen: Any) -> bool:
    wanted = {
        "exports": 1,
        "spans": 2 * KEPT_REQUESTS,
        "spans of the lower half": 2 * KEPT_REQUESTS,
        "below a parent that was sampled": 1,
        "below a parent that was not sampled": 0,
        "service.name": "handbook-app",
        "deployment.environment.name": "production",
        "addresses": 0,
    }
    return (
        isinstance(seen, dict)
        and {key: seen.get(key) for key in wanted} == wanted
        and (seen["timeout"] is None or seen["timeout"] <= 2)
    )


HIDDEN = Rule("text without the address", lambda text: "@" not in str(text))

EXERCISES = (
    Exercise(
        id="08.1",
        title="Explain an error that was sampled away",
        run=_sampled_away.run,
        facts=lambda found: _sampled_away.truth,
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
        run=_redact,
        expect=span(
            "support-desk",
            None,
            span(
                "support",
                None,
                status="ERROR",
                attributes={"input.value": HIDDEN, "to": HIDDEN},
                events={
                    "forwarded": {"to": HIDDEN, "attempt": 1},
                    "exception": {"exception.type": "LookupError", "exception.message": HIDDEN},
                },
            ),
        ),
        without=ADDRESSES,
        also=_description_survives,
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
        run=_production,
        returns=Rule(
            f"one export of {2 * KEPT_REQUESTS} spans, all of the lower half of the ids, and the "
            "one whose parent was sampled, with both names, no address, and a timeout of 2 seconds "
            "at most",
            _is_fit,
        ),
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
