"""Attempts at lesson 07. The programs are small: a fresh Python that imports OpenTelemetry."""

from attempts import changed, tries

SETUP = '''
import os, subprocess, sys

def run(source, **variables):
    done = subprocess.run(
        [sys.executable, "-c", source], env={**os.environ, **variables},
        capture_output=True, text=True, timeout=120,
    )
    print(done.stderr, end="")
    return done.stdout

program = """
from opentelemetry import trace
from rag_tutorials.tracing import provider_from_environment
tracer = provider_from_environment().get_tracer("handbook.app")
with tracer.start_as_current_span("request") as request:
    tracer.start_span("generation").end()
print("The probation period lasts six months.")
print(trace.format_trace_id(request.get_span_context().trace_id))
"""
copy = course.traces_folder / "copy.jsonl"

import time
from opentelemetry.trace import format_trace_id, get_tracer
from rag_tutorials.course.traces.spans import poll

def spans_of(span, expect=1, seconds=0.5):
    trace_id = format_trace_id(span.get_span_context().trace_id)
    return poll(lambda: course.fetch_trace(trace_id), expect, seconds)

with get_tracer("smoke-test").start_as_current_span("earlier") as earlier:
    pass
'''
SETTINGS = """
settings = {
    "OTEL_TRACES_EXPORTER": f"otlp,file:{copy}",
    "OTEL_EXPORTER_OTLP_ENDPOINT": course.phoenix_url,
    "OTEL_RESOURCE_ATTRIBUTES": f"openinference.project.name={course.project}",
}
"""
WHOLE_ADDRESS = changed(
    SETTINGS,
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"),
    ("course.phoenix_url", "course.otlp_endpoint"),
)
OTHER_ORDER = changed(
    SETTINGS,
    ('f"otlp,file:{copy}"', 'f"file:{copy},otlp"'),
    ("course.phoenix_url,", 'course.phoenix_url + "/",\n    "OTEL_SERVICE_NAME": "handbook-app",'),
)
SWITCH = tries(
    "07.1",
    "settings, lambda variables: run(program, **variables), copy",
    {"a base address": SETTINGS, "the whole address": WHOLE_ADDRESS, "another order": OTHER_ORDER},
    {
        "the console": (
            changed(SETTINGS, ("otlp,file:{copy}", "console")),
            "'Phoenix': 0",
        ),
        "no file": (changed(SETTINGS, ("otlp,file:{copy}", "otlp")), "'the file': 0"),
        "the file alone": (changed(SETTINGS, ("otlp,file:{copy}", "file:{copy}")), "'Phoenix': 0"),
        "a name that nobody has": (
            changed(SETTINGS, ("otlp,file", "phoenix,file")),
            "ended before it printed its trace id",
        ),
        "a wrong path": (
            changed(SETTINGS, ("course.phoenix_url", "course.otlp_endpoint")),
            "'Phoenix': 0",
        ),
        "another project": (
            changed(SETTINGS, ("{course.project}", "elsewhere")),
            "in the project `elsewhere`",
        ),
        "a list": ("settings = ['otlp']", "needs a dictionary, not a list"),
    },
)

WORKER = '''
shift_program = """
import signal, sys
from opentelemetry import trace
from rag_tutorials.tracing import provider_from_environment
provider = provider_from_environment()
tracer = provider.get_tracer("worker")
with tracer.start_as_current_span("shift") as shift:
    for number in range(3):
        with tracer.start_as_current_span("job"):
            pass
print(trace.format_trace_id(shift.get_span_context().trace_id), flush=True)
signal.raise_signal(signal.SIGTERM)  # the platform stops this program
"""
'''
NORMAL_END = changed(
    WORKER,
    (
        "provider = provider_from",
        "signal.signal(signal.SIGTERM, lambda n, f: sys.exit(0))\nprovider = provider_from",
    ),
)
SHUTDOWN = changed(
    WORKER,
    (
        "tracer = provider.get",
        "def stop(number, frame):\n    provider.shutdown()\n    sys.exit(0)\n"
        "signal.signal(signal.SIGTERM, stop)\ntracer = provider.get",
    ),
)
FLUSHED = changed(WORKER, ("signal.raise", "provider.force_flush()\nsignal.raise"))
EXIT = tries(
    "07.2",
    "shift_program, run",
    {"a normal end": NORMAL_END, "shutdown": SHUTDOWN, "flushed before": FLUSHED},
    {
        "as it was": (WORKER, "it should return"),
        "waits": (
            changed(WORKER, ("signal.raise", "import time; time.sleep(1)\nsignal.raise")),
            "no platform waits that long",
        ),
        "ignored": (
            changed(
                WORKER,
                (
                    "provider = provider",
                    "signal.signal(signal.SIGTERM, signal.SIG_IGN)\nprovider = provider",
                ),
            ),
            "runs on after SIGTERM",
        ),
        "no signal": (
            changed(WORKER, ("signal.raise_signal(signal.SIGTERM)", "sys.stdout.flush()")),
            "not sent SIGTERM any more",
        ),
        "ends before": (
            changed(WORKER, ("signal.raise", "sys.exit(0)\nsignal.raise")),
            "ends before its last line",
        ),
        "no trace id": (
            changed(
                FLUSHED,
                (
                    "print(trace.format_trace_id(shift.get_span_context().trace_id), flush=True)\n",
                    "print('done', flush=True)\n",
                ),
            ),
            "does not print its trace id",
        ),
        "two jobs": (changed(FLUSHED, ("range(3)", "range(2)")), "['job', 'job', 'shift']"),
        "flushed too soon": (
            changed(
                WORKER,
                (
                    'with tracer.start_as_current_span("shift")',
                    'provider.force_flush()\nwith tracer.start_as_current_span("shift")',
                ),
            ),
            "it should return",
        ),
    },
)
IS_DELIVERED = """
def is_delivered(provider):
    with provider.get_tracer("smoke-test").start_as_current_span("canary") as span:
        pass
    provider.force_flush()
    return bool(spans_of(span))
"""
BY_HAND = """
def is_delivered(provider):
    span = provider.get_tracer("smoke-test").start_span("canary")
    span.end()
    provider.force_flush(5_000)
    for _ in range(20):
        if course.fetch_trace(format_trace_id(span.get_span_context().trace_id)):
            return True
        time.sleep(0.05)
    return False
"""
COUNTED = """
def canary_of(provider):
    with provider.get_tracer("smoke-test").start_as_current_span("canary") as span:
        span.set_attribute("smoke", True)
    provider.force_flush()
    return span

is_delivered = lambda provider: len(spans_of(canary_of(provider))) == 1
"""
SMOKE = tries(
    "07.3",
    "is_delivered",
    {"spans_of": IS_DELIVERED, "a loop of its own": BY_HAND, "a helper": COUNTED},
    {
        "believes the flush": (
            changed(
                IS_DELIVERED,
                (
                    "    provider.force_flush()\n    return bool(spans_of(span))",
                    "    return provider.force_flush()",
                ),
            ),
            "says True of a provider whose backend refuses",
        ),
        "always": (
            changed(IS_DELIVERED, ("bool(spans_of(span))", "True")),
            "says True of a provider",
        ),
        "never": (
            changed(IS_DELIVERED, ("bool(spans_of(span))", "False")),
            "says False of a provider",
        ),
        "not flushed": (
            changed(IS_DELIVERED, ("    provider.force_flush()\n", "")),
            "says False of a provider that sends batches",
        ),
        "any span": (
            changed(IS_DELIVERED, ("bool(spans_of(span))", "bool(course.fetch())")),
            "says True of a provider",
        ),
        "another span": (
            changed(IS_DELIVERED, ("bool(spans_of(span))", "bool(spans_of(earlier))")),
            "says True of a provider",
        ),
        "the span's own word": (
            changed(IS_DELIVERED, ("bool(spans_of(span))", "span.is_recording() is False")),
            "says True of a provider",
        ),
        "nothing returned": (
            changed(IS_DELIVERED, ("return bool", "bool")),
            "says False of a provider",
        ),
    },
)
ATTEMPTS = [*SWITCH, *EXIT, *SMOKE]
