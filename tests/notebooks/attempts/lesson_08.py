"""Attempts at lesson 08."""

from attempts import changed, tries
from attempts.common import RAG

SETUP = (
    RAG
    + """
import math, re
from contextlib import suppress
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event, ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SimpleSpanProcessor, SpanExporter
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio, TraceIdRatioBased
from opentelemetry.trace import Status

EMAIL = re.compile(r"[\\w.+-]+@[\\w-]+(\\.[\\w-]+)+")
COPIED = ("context", "parent", "resource", "instrumentation_scope", "kind")
COPIED += ("start_time", "end_time", "status", "events", "links")

def masked(value):
    if isinstance(value, (list, tuple)):
        return [masked(each) for each in value]
    return EMAIL.sub("[e-mail]", value) if isinstance(value, str) else value

def redacted(span, **changes):
    copied = {field: getattr(span, field) for field in COPIED}
    copied["name"] = masked(span.name)
    copied["attributes"] = {key: masked(value) for key, value in (span.attributes or {}).items()}
    return ReadableSpan(**{**copied, **changes})

class Redacting(SpanProcessor):
    def __init__(self, inner, redact):
        self.inner, self.redact = inner, redact
    def on_end(self, span):
        self.inner.on_end(self.redact(span))
    def shutdown(self):
        self.inner.shutdown()
    def force_flush(self, timeout_millis=30_000):
        return self.inner.force_flush(timeout_millis)

class Wrapping(SpanExporter):
    def __init__(self, exporter):
        self.inside = [exporter]
    def export(self, spans):
        return self.inside[0].export(spans)
    def shutdown(self):
        self.inside[0].shutdown()

def position(trace_id):
    return int(trace_id[16:], 16) / 2**64

with tracer.start_as_current_span("request-8") as kept:
    pass
course.read_back(kept)
kept_id = trace.format_trace_id(kept.get_span_context().trace_id)
low = "1" * 16 + "3" + kept_id[17:]
log = [
    (1, "1" * 32, ""), (3, "2" * 16 + "7" * 16, "no such section"),
    (7, "3" * 16 + "5" * 16, "no such section"), (8, kept_id, "no such section"),
]
ratio = math.ceil(max(position(one) for _, one, error in log if error) * 100) / 100
names = {"service.name": "handbook-app", "deployment.environment.name": "production"}
"""
)
NOT = "is not what the trace says"

AWAY = 'explanation = {"lost": [3, 7], "ratio": ratio}'
EXPLAIN = tries(
    "08.1",
    "explanation, log",
    {
        "a list": AWAY,
        "a tuple": changed(AWAY, ("[3, 7]", "(3, 7)")),
        "a set": changed(AWAY, ("[3, 7]", "{7, 3}")),
        "another order": changed(AWAY, ("[3, 7]", "[7, 3]")),
    },
    {
        "all that failed": (changed(AWAY, ("[3, 7]", "[3, 7, 8]")), "[3, 7, 8] for 'lost' is not"),
        "one": (changed(AWAY, ("[3, 7]", "[3]")), "[3] for 'lost' is not"),
        "the number of them": (changed(AWAY, ("[3, 7]", "2")), "2 for 'lost' is not"),
        "another ratio": (changed(AWAY, ("ratio}", "ratio - 0.02}")), "for 'ratio' is not"),
        "percent": (changed(AWAY, ("ratio}", "ratio * 100}")), "for 'ratio' is not"),
        "no ratio": ('explanation = {"lost": [3, 7]}', "Your answer has no 'ratio'"),
        "a pair": ("explanation = ([3, 7], ratio)", "The check needs a dictionary"),
    },
)

REDACT = """
def redact(span):
    events = []
    for event in span.events:
        attributes = {key: masked(value) for key, value in (event.attributes or {}).items()}
        events.append(Event(masked(event.name), attributes, event.timestamp))
    status = Status(span.status.status_code, masked(span.status.description))
    return redacted(span, events=events, status=status)
"""
SHORT = """
def redact(span):
    return redacted(
        span,
        events=[
            Event(masked(e.name), {k: masked(v) for k, v in e.attributes.items()}, e.timestamp)
            for e in span.events
        ],
        status=Status(span.status.status_code, masked(span.status.description)),
    )
"""
OWN_MASK = """
def mask(value):
    if isinstance(value, (list, tuple)):
        return tuple(map(mask, value))
    return re.sub(r"[^\\s@]+@[^\\s@]+", "***", value) if isinstance(value, str) else value

def mask_all(attributes):
    return {key: mask(value) for key, value in (attributes or {}).items()}

def redact(span):
    events = [Event(e.name, mask_all(e.attributes), timestamp=e.timestamp) for e in span.events]
    status = span.status
    if status.description:
        status = Status(status.status_code, mask(status.description))
    return redacted(span, events=events, status=status, attributes=mask_all(span.attributes))
"""
LEAK = tries(
    "08.2",
    "redact",
    {"a loop": REDACT, "a comprehension": SHORT, "a mask of one's own": OWN_MASK},
    {
        "always ERROR": (
            changed(
                REDACT,
                (
                    "Status(span.status.status_code, masked(span.status.description))",
                    "Status(StatusCode.ERROR, masked(span.status.description or ''))",
                ),
            ),
            "has become ERROR",
        ),
        "the stack trace dropped": (
            changed(REDACT, (".items()}\n", ".items() if key != 'exception.stacktrace'}\n")),
            "`exception.stacktrace` of the event `exception` is gone",
        ),
        "all of the text replaced": (
            changed(
                REDACT, ("masked(value) for", "('[text]' if '@' in str(value) else value) for")
            ),
            "become something else",
        ),
        "all after the @ cut": (
            changed(
                OWN_MASK, ('re.sub(r"[^\\s@]+@[^\\s@]+", "***", value)', "value.split('@')[0]")
            ),
            "should stay",
        ),
        "lists in events leak": (
            changed(
                REDACT,
                ("masked(value) for", "(masked(value) if isinstance(value, str) else value) for"),
            ),
            "An address is still in `to`",
        ),
        "the status leaks": (
            changed(REDACT, ("events=events, status=status", "events=events")),
            "An address is still in the status",
        ),
        "the events leak": (changed(REDACT, ("events=events, ", "")), "An address is still in"),
        "no description": (
            changed(REDACT, (", masked(span.status.description))", ")")),
            "the status of `support`",
        ),
        "no events": (changed(REDACT, ("events=events", "events=[]")), "is gone"),
        "times lost": (changed(REDACT, (", event.timestamp)", ")")), "has lost its time"),
        "numbers as text": (
            changed(
                REDACT,
                (
                    "masked(value) for",
                    "masked(value if isinstance(value, (tuple, list)) else str(value)) for",
                ),
            ),
            "has changed; it is no text",
        ),
        "nothing returned": (
            changed(REDACT, ("    return redacted", "    redacted")),
            "returns no span",
        ),
    },
)

PROVIDER = """
def production_provider(endpoint):
    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(0.5), resource=Resource(names), shutdown_on_exit=False
    )
    batch = BatchSpanProcessor(OTLPSpanExporter(endpoint, timeout=2))
    provider.add_span_processor(Redacting(batch, redacted))
    return provider
"""
SMALL_BATCHES = changed(PROVIDER, ("timeout=2))", "timeout=1), max_export_batch_size=10)"))
EXPORTER_MASKS = """
class Masking(Wrapping):
    def export(self, spans):
        return super().export([redacted(span) for span in spans])

def production_provider(endpoint):
    provider = TracerProvider(
        sampler=ParentBasedTraceIdRatio(0.5),
        resource=Resource.create(names),
        shutdown_on_exit=False,
    )
    exporter = Masking(OTLPSpanExporter(endpoint=endpoint, timeout=1.5))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
"""
FIT = tries(
    "08.3",
    "production_provider",
    {"as taught": PROVIDER, "batches of ten": SMALL_BATCHES, "the exporter masks": EXPORTER_MASKS},
    {
        "one by one": (
            changed(PROVIDER, ("BatchSpanProcessor(", "SimpleSpanProcessor(")),
            "should leave in batches",
        ),
        "ten seconds": (changed(PROVIDER, (", timeout=2", "")), "An export may take 10 seconds"),
        "a timeout that is hidden": (
            changed(EXPORTER_MASKS, ("timeout=1.5", "timeout=30")),
            "An export may take 30 seconds",
        ),
        "all kept": (
            changed(PROVIDER, ("sampler=ParentBasedTraceIdRatio(0.5), ", "")),
            "half of the traces",
        ),
        "the parent ignored": (
            changed(PROVIDER, ("ParentBasedTraceIdRatio", "TraceIdRatioBased")),
            "A parent's decision is not followed",
        ),
        "no name": (changed(PROVIDER, ("Resource(names)", "Resource({})")), "`service.name`"),
        "no redaction": (
            changed(PROVIDER, ("Redacting(batch, redacted)", "batch")),
            "An address is still in",
        ),
        "all attributes removed": (
            changed(
                PROVIDER, ("batch, redacted", "batch, lambda span: redacted(span, attributes={})")
            ),
            "is gone",
        ),
        "all attributes replaced": (
            changed(
                PROVIDER,
                (
                    "batch, redacted",
                    "batch, lambda span: redacted(span, attributes={k: 'x' for k in span.attributes})",
                ),
            ),
            "has become something else",
        ),
        "one address replaced": (
            changed(
                PROVIDER,
                (
                    "batch, redacted",
                    "batch, lambda span: redacted(span, attributes={k: v.replace('ada@example.com', '') if isinstance(v, str) else v for k, v in span.attributes.items()})",
                ),
            ),
            "An address is still in `to`",
        ),
        "a length limit": (
            changed(
                PROVIDER,
                ("Redacting(batch, redacted)", "batch"),
                (
                    "shutdown_on_exit=False",
                    "shutdown_on_exit=False, span_limits=SpanLimits(max_attribute_length=3)",
                ),
            ),
            "should stay",
        ),
        "nothing returned": (
            changed(PROVIDER, ("    return provider\n", "")),
            "returns no provider",
        ),
    },
)
ATTEMPTS = [*EXPLAIN, *LEAK, *FIT]
