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
BOTH = """
import json
from openai import OpenAI
from openinference.instrumentation import TraceConfig

KIND = "openinference.span.kind"
client, config = OpenAI(), TraceConfig(enable_genai_semconv=True)

def leave_left(employee):
    return f"{employee} has 12 days of leave left."

def leave_request(tracer, question):
    with tracer.start_as_current_span("leave-request"):
        with tracer.start_as_current_span("leave_left") as tool:
            result = leave_left("Ada")
            tool.set_attributes({KIND: "TOOL", "input.value": "Ada", "output.value": result})
            tool.set_attributes({"tool.name": "leave_left", "tool.parameters": '{"employee": "Ada"}'})
        with tracer.start_as_current_span("generation") as llm:
            messages = [{"role": "user", "content": f"Context: {result}\\n\\nQuestion: {question}"}]
            done = client.chat.completions.create(model=course.chat_model, messages=messages)
            answer = done.choices[0].message.content
            llm.set_attributes({KIND: "LLM", "input.value": question, "output.value": answer})
            llm.set_attribute("llm.model_name", course.chat_model)
            llm.set_attribute("llm.token_count.prompt", done.usage.prompt_tokens)
            llm.set_attribute("llm.token_count.completion", done.usage.completion_tokens)
            llm.set_attribute("llm.input_messages.0.message.role", "user")
            llm.set_attribute("llm.input_messages.0.message.content", messages[0]["content"])
            llm.set_attribute("llm.output_messages.0.message.role", "assistant")
            llm.set_attribute("llm.output_messages.0.message.content", answer)
        return answer
"""
SWITCH_ON = ("TraceConfig(enable_genai_semconv=True)", "TraceConfig()")
MESSAGES = BOTH[
    BOTH.index('            llm.set_attribute("llm.input_mess') : BOTH.index(
        "        return answer"
    )
]
TOOL = '            tool.set_attributes({"tool.name": "leave_left", "tool.parameters": ' + (
    '\'{"employee": "Ada"}\'})\n'
)
BY_HELPERS = changed(
    BOTH,
    SWITCH_ON,
    ("import json\n", 'import os\nos.environ["OPENINFERENCE_ENABLE_GENAI_SEMCONV"] = "true"\n'),
    ("import TraceConfig", "import TraceConfig, get_llm_attributes, get_tool_attributes"),
    (
        TOOL,
        "            tool.set_attributes(\n"
        '                get_tool_attributes(name="leave_left", parameters={"employee": "Ada"}))\n',
    ),
    (
        MESSAGES,
        '            said = [{"role": "assistant", "content": answer}]\n'
        "            llm.set_attributes(\n"
        "                get_llm_attributes(input_messages=messages, output_messages=said))\n",
    ),
    (
        "\n\ndef leave_left",
        '\ndel os.environ["OPENINFERENCE_ENABLE_GENAI_SEMCONV"]\n\ndef leave_left',
    ),
)
GENAI_BY_HAND = changed(
    BOTH,
    SWITCH_ON,
    (
        TOOL,
        "            tool.set_attributes({\n"
        '                "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "leave_left",\n'
        '                "gen_ai.tool.call.arguments": json.dumps({"employee": "Ada"}),\n'
        '                "gen_ai.tool.call.result": result})\n',
    ),
    (
        MESSAGES,
        "            def genai(role, text, **more):\n"
        '                part = {"type": "text", "content": text}\n'
        '                return json.dumps([{"role": role, "parts": [part], **more}])\n'
        "            llm.set_attributes({\n"
        '                "gen_ai.operation.name": "chat", "gen_ai.request.model": done.model,\n'
        '                "gen_ai.input.messages": genai("user", messages[0]["content"]),\n'
        '                "gen_ai.output.messages": genai("assistant", answer, finish_reason="stop"),\n'
        '                "gen_ai.usage.input_tokens": done.usage.prompt_tokens,\n'
        '                "gen_ai.usage.output_tokens": done.usage.completion_tokens})\n',
    ),
)
READABLE = tries(
    "07.4",
    "leave_request, config",
    {"by name": BOTH, "helpers, by the environment": BY_HELPERS, "by hand": GENAI_BY_HAND},
    {
        "one vocabulary": (changed(BOTH, SWITCH_ON), "gen_ai.operation.name"),
        "the switch alone": (changed(BOTH, (TOOL, ""), (MESSAGES, "")), "`tool.name`"),
        "no messages": (changed(BOTH, (MESSAGES, "")), "llm.input_messages.0.message"),
        "the other vocabulary alone": (
            changed(
                GENAI_BY_HAND,
                ('KIND: "LLM", "input.value": question, "output.value": answer', 'KIND: "LLM"'),
            ),
            "`generation` has no attribute `input.value`",
        ),
        "tokens swapped": (
            changed(
                BOTH,
                ("count.prompt", "count.spare"),
                ("count.completion", "count.prompt"),
                ("count.spare", "count.completion"),
            ),
            "llm.token_count.prompt",
        ),
        "the question instead of the prompt": (
            changed(
                BOTH, ('message.content", messages[0]["content"]', 'message.content", question')
            ),
            "llm.input_messages.0.message.content",
        ),
        "arguments that are no JSON": (
            changed(BOTH, (TOOL[-24:-3], "'Ada'")),
            "gen_ai.tool.call.arguments",
        ),
        "a constant answer": (
            changed(BOTH, ("        return answer", "        return 'Ada has 12 days.'")),
            "does not return what the model answered",
        ),
        "the model outside": (
            changed(
                BOTH,
                ('        with tracer.start_as_current_span("generation") as llm:\n', ""),
                ("            messages = [", "        messages = ["),
                ("            done = ", "        done = "),
                (
                    "            answer = done",
                    '        with tracer.start_as_current_span("generation") as llm:\n'
                    "            answer = done",
                ),
            ),
            "happens outside `generation`",
        ),
        "the tool twice": (
            changed(
                BOTH,
                ('result = leave_left("Ada")', 'result = [leave_left("Ada") for _ in "ab"][0]'),
            ),
            "happens 2 times",
        ),
        "no config": (changed(BOTH, SWITCH_ON) + "config = True", "should be a `TraceConfig`"),
    },
)
ATTEMPTS = [*SWITCH, *EXIT, *SMOKE, *READABLE]
