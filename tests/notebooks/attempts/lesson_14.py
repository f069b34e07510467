"""Attempts at the cures of lesson 14: right ones in several styles, wrong ones that look like cures."""

from attempts import waiting_room
from attempts.cures import cured, cures, sick

SETUP = "import json"

ORDERS = cures(
    "open_orders",
    "what the program sent was POST / -> 405",
    {
        "by the environment": sick(
            "open_orders",
            ("OTLPSpanExporter(endpoint=phoenix)", "OTLPSpanExporter()"),
            (
                "    provider = ",
                '    import os\n    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = phoenix\n    provider = ',
            ),
        ),
        "configure_tracing": """
def open_orders(phoenix, project):
    from rag_tutorials.tracing import configure_tracing
    tracer = configure_tracing(phoenix, project_name=project).get_tracer("x")
    with tracer.start_as_current_span("count orders", attributes={"output.value": "42 orders are open"}):
        print("42 orders are open")
""",
        "a batch": cured("open_orders", ("SimpleSpanProcessor", "BatchSpanProcessor")),
    },
    {
        "the path twice": (
            cured("open_orders", ("/v1/traces", "/v1/traces/v1/traces")),
            "No span is in Phoenix; what the program sent was POST /v1/traces/v1/traces",
        ),
        "the path and no project": (
            cured("open_orders", ('{"openinference.project.name": project}', "{}")),
            "in the project `default`",
        ),
        "another name for the project": (
            cured("open_orders", ("openinference.project.name", "project.name")),
            "in the project `default`",
        ),
        "no span": (
            cured(
                "open_orders",
                (
                    '    with tracer.start_as_current_span("count orders") as span:\n',
                    "    if True:\n",
                ),
                ('        span.set_attribute("output.value", "42 orders are open")\n', ""),
            ),
            "the program sent it no request",
        ),
        "no attribute": (
            cured(
                "open_orders", ('span.set_attribute("output.value", "42 orders are open")', "pass")
            ),
            "no attribute `output.value`",
        ),
        "no work": (
            cured("open_orders", ('print("42 orders are open")', "pass")),
            "The program prints nothing",
        ),
        "a name that is not there": (
            cured("open_orders", ("get_tracer", "tracer_of")),
            "ends with an error: AttributeError",
        ),
    },
)
PROVIDER = cures(
    "search",
    "sent it no request",
    {
        "added to the framework's": sick(
            "search",
            ("    trace.set_tracer_provider(provider)\n\n", "\n"),
            ("provider.add_span", "trace.get_tracer_provider().add_span"),
            (
                'f"{phoenix}/v1/traces"',
                'f"{phoenix}/v1/traces", headers={"x-project-name": project}',
            ),
        ),
        "configure_tracing first": """
def search(phoenix, project):
    from opentelemetry import trace
    from opentelemetry.sdk.trace import TracerProvider
    from rag_tutorials.tracing import configure_tracing
    def start_framework():
        trace.set_tracer_provider(TracerProvider())
        return lambda work: trace.get_tracer("framework").start_as_current_span("step")(work)()
    configure_tracing(phoenix, project_name=project, batch=True)
    run_step = start_framework()
    run_step(trace.get_tracer("s").start_as_current_span("search")(lambda: print("3 results")))
""",
    },
    {
        "one's own tracer": (
            sick("search", ('trace.get_tracer("search")', 'provider.get_tracer("search")')),
            "The framework's spans belong to the trace too",
        ),
        "added, without the project": (
            sick("search", ("provider.add_span", "trace.get_tracer_provider().add_span")),
            "it is the exporter's header `x-project-name`",
        ),
        "a quiet log": (
            sick(
                "search",
                (
                    "    run_step = start",
                    "    import logging\n    logging.disable()\n    run_step = start",
                ),
            ),
            "sent it no request",
        ),
        "a framework that sets none": (
            sick("search", ("trace.set_tracer_provider(TracerProvider())", "pass")),
            "`def start_framework():` is not as it came",
        ),
        "no framework": (
            cured("search", ("run_step = start_framework()", "run_step = lambda work: work()")),
            "`step`",
        ),
        "no work": (cured("search", ('print("3 results")', "None")), "The program prints nothing"),
    },
)
EXIT = cures(
    "thumbnail",
    "sent it no request",
    {
        "no queue": sick("thumbnail", (", batch=True", "")),
        "shutdown": cured("thumbnail", ("force_flush", "shutdown")),
        "after the block": sick(
            "thumbnail",
            (
                '            return f"{event}: made"',
                '            made = f"{event}: made"\n        provider.force_flush()\n        return made',
            ),
        ),
    },
    {
        "atexit": (
            sick(
                "thumbnail",
                (
                    "    tracer =",
                    "    import atexit\n    atexit.register(provider.shutdown)\n    tracer =",
                ),
            ),
            "sent it no request",
        ),
        "a sleep": (
            sick(
                "thumbnail",
                (
                    '            return f"{event}: made"',
                    '            made = f"{event}: made"\n        import time\n        time.sleep(0.2)\n        return made',
                ),
            ),
            "sent it no request",
        ),
        "flushed inside the span": (
            sick(
                "thumbnail",
                ("            return", "            provider.force_flush()\n            return"),
            ),
            "sent it no request",
        ),
        "a platform that flushes": (
            sick(
                "thumbnail",
                ("        os._exit", "        provider.force_flush()\n        os._exit"),
            ),
            "`def platform(handler, event):` is not as it came",
        ),
        "a platform that does not end it": (
            sick("thumbnail", ("os._exit(137)", "pass")),
            "it should be ended from outside",
        ),
        "no attribute": (
            cured("thumbnail", (', attributes={"input.value": event}', "")),
            "no attribute `input.value`",
        ),
        "no span": (
            cured(
                "thumbnail",
                (
                    'with tracer.start_as_current_span("thumbnail", attributes={"input.value": event}):',
                    "if True:",
                ),
            ),
            "sent it no request",
        ),
    },
)
POOL = cures(
    "agent",
    "`calendar` is a root span; it should be a child of `agent`",
    {
        "the parent by name": sick(
            "agent",
            ("start_as_current_span(tool)", "start_as_current_span(tool, context=here)"),
            (
                "        print(*pool",
                "        from opentelemetry.context import get_current\n        here = get_current()\n        print(*pool",
            ),
            ("    together =", "    here = None\n    together ="),
        ),
        "attached": """
def agent(phoenix, project):
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier
    from opentelemetry import context
    from rag_tutorials.tracing import configure_tracing
    tracer = configure_tracing(phoenix, project_name=project).get_tracer("agent")
    together = Barrier(3)
    def call(tool, given):
        token = context.attach(given)
        try:
            with tracer.start_as_current_span(tool):
                together.wait(10)
                return f"{tool}: done"
        finally:
            context.detach(token)
    with tracer.start_as_current_span("agent"), ThreadPoolExecutor(3) as pool:
        print(*pool.map(call, ["calendar", "mail", "weather"], [context.get_current()] * 3), sep="\\n")
""",
        "to_thread": """
def agent(phoenix, project):
    import asyncio
    from threading import Barrier
    from rag_tutorials.tracing import configure_tracing
    tracer = configure_tracing(phoenix, project_name=project).get_tracer("agent")
    together = Barrier(3)
    def call(tool):
        with tracer.start_as_current_span(tool):
            together.wait(10)
            return f"{tool}: done"
    async def run():
        with tracer.start_as_current_span("agent"):
            return await asyncio.gather(*(asyncio.to_thread(call, t) for t in ["calendar", "mail", "weather"]))
    print(*asyncio.run(run()), sep="\\n")
""",
    },
    {
        "one copy for all": (
            cured(
                "agent",
                (
                    "calls = [pool.submit(copy_context().run, call, tool)",
                    "copy = copy_context()\n        calls = [pool.submit(copy.run, call, tool)",
                ),
            ),
            "two threads wanted to enter one and the same context",
        ),
        "one after the other": (
            sick("agent", ("together.wait(10)", "pass"), ("pool.map", "map")),
            "do not run side by side",
        ),
        "no spans for the tools": (
            sick("agent", ("with tracer.start_as_current_span(tool):", "if True:")),
            "`calendar`",
        ),
        "one tool alone": (
            cured(
                "agent",
                ('["calendar", "mail", "weather"]', '["calendar"]'),
                ("Barrier(3)", "Barrier(1)"),
            ),
            "The program prints",
        ),
        "under one another": (
            cured("agent", ('with tracer.start_as_current_span("agent"), Thr', "with Thr")),
            "`agent`",
        ),
        "made up": (
            cured(
                "agent",
                ("[pool.submit(copy_context().run, call, tool) for tool in tools]", "[]"),
                ("*(one.result() for one in calls)", '*(f"{tool}: done" for tool in tools)'),
            ),
            "`calendar`",
        ),
    },
)
STREAM = cures(
    "first_words",
    "`save` is a child of `stream`; it should be a child of `request`",
    {
        "not the current one": sick(
            "first_words",
            (
                '        with tracer.start_as_current_span("stream"):\n',
                '        span = tracer.start_span("stream")\n        try:\n',
            ),
            (
                'yield "of probation"\n',
                'yield "of probation"\n        finally:\n            span.end()\n',
            ),
        ),
        "closed by hand": sick(
            "first_words",
            (
                "print(await anext(stream()))",
                "words = stream()\n            print(await anext(words))\n            await words.aclose()",
            ),
        ),
    },
    {
        "a quiet log": (
            sick(
                "first_words",
                ("    tracer =", "    import logging\n    logging.disable()\n    tracer ="),
            ),
            "`save` is a child of `stream`",
        ),
        "the parent by name": (
            sick(
                "first_words",
                (
                    'with tracer.start_as_current_span("request"):',
                    'with tracer.start_as_current_span("request") as root:',
                ),
                (
                    'tracer.start_span("save")',
                    'tracer.start_span("save", trace.set_span_in_context(root))',
                ),
                (
                    "    import asyncio\n",
                    "    import asyncio\n    from opentelemetry import trace\n",
                ),
            ),
            "The log still says",
        ),
        "read to its end": (
            sick(
                "first_words",
                ("print(await anext(stream()))", "[print(each) async for each in stream()]"),
            ),
            "The program prints",
        ),
        "read to its end, and shown no more of": (
            sick(
                "first_words",
                ("print(await anext(stream()))", "print([each async for each in stream()][0])"),
            ),
            "The program prints `the rest is made`",
        ),
        "no span for the stream": (
            sick("first_words", ('with tracer.start_as_current_span("stream"):', "if True:")),
            "`stream`",
        ),
        "saved first": (
            sick(
                "first_words",
                ('            tracer.start_span("save").end()\n', ""),
                (
                    "            print(await",
                    '            tracer.start_span("save").end()\n            print(await',
                ),
            ),
            "save",
        ),
        "not saved": (cured("first_words", ('tracer.start_span("save").end()', "pass")), "`save`"),
    },
)
GATEWAY = cures(
    "ask",
    "`search` is not below `ask`",
    {
        "written anew": sick(
            "ask",
            (
                'Context().run(service, {"accept": headers["accept"]})',
                'passed = {"accept": headers["accept"]}\n        inject(passed, extract(headers))\n        Context().run(service, passed)',
            ),
        ),
        "all but the cookie": sick(
            "ask",
            (
                '{"accept": headers["accept"]}',
                '{k: v for k, v in headers.items() if k != "cookie"}',
            ),
        ),
        "a span of its own": sick(
            "ask",
            (
                'Context().run(service, {"accept": headers["accept"]})',
                'passed = {"accept": headers["accept"]}\n        with tracer.start_as_current_span("gateway", extract(headers)):\n            inject(passed)\n            Context().run(service, passed)',
            ),
        ),
    },
    {
        "the cookie too": (
            sick("ask", ('{"accept": headers["accept"]}', "headers")),
            "The program prints `True text/plain`",
        ),
        "no header": (
            cured("ask", ("inject(headers :=", "(headers :=")),
            "`search` is not below `ask`",
        ),
        "not read": (
            cured("ask", (", context=extract(headers)", "")),
            "`search` is not below `ask`",
        ),
        "a made-up header": (
            sick(
                "ask",
                (
                    '{"accept": headers["accept"]}',
                    '{"accept": headers["accept"], "traceparent": "00-" + "ab" * 16 + "-" + "cd" * 8 + "-01"}',
                ),
            ),
            "`search`",
        ),
        "no accept": (
            sick(
                "ask", ('{"accept": headers["accept"]}', '{"traceparent": headers["traceparent"]}')
            ),
            "ends with an error: KeyError",
        ),
        "no ask": (
            cured("ask", ('with tracer.start_as_current_span("ask"):', "if True:")),
            "There is no span `ask`",
        ),
        "no search": (
            cured(
                "ask",
                (
                    'with tracer.start_as_current_span("search", context=extract(headers)):',
                    "if True:",
                ),
            ),
            "There is no span `search`",
        ),
    },
)
SORRY = cures(
    "shop",
    "`answer` has the status OK; it should be ERROR",
    {
        "caught outside": """
def shop(phoenix, project):
    from rag_tutorials.tracing import configure_tracing
    tracer = configure_tracing(phoenix, project_name=project).get_tracer("shop")
    def answer(question):
        try:
            with tracer.start_as_current_span("answer", attributes={"input.value": question}):
                if "refund" in question:
                    raise TimeoutError("no answer from the model")
                return "We open at nine."
        except TimeoutError:
            return "Sorry, try again later."
    print(*map(answer, ["opening hours", "my refund"]), sep="\\n")
""",
        "OK where it is": cured(
            "shop",
            (
                '                return "We open',
                '                span.set_status(Status(StatusCode.OK))\n                return "We open',
            ),
        ),
    },
    {
        "OK afterwards": (
            cured(
                "shop",
                (
                    'later."\n',
                    'later."\n            finally:\n                span.set_status(StatusCode.OK)\n',
                ),
            ),
            "`answer` has the status OK",
        ),
        "no event": (
            cured("shop", ("                span.record_exception(error)\n", "")),
            "`exception`",
        ),
        "no status": (
            cured(
                "shop",
                ("                span.set_status(Status(StatusCode.ERROR, str(error)))\n", ""),
            ),
            "`answer` has the status UNSET",
        ),
        "recorded twice": (
            cured(
                "shop",
                (
                    "span.record_exception(error)",
                    "span.record_exception(error)\n                span.record_exception(error)",
                ),
            ),
            "`exception`",
        ),
        "no apology": (
            cured("shop", ('return "Sorry, try again later."', "raise")),
            "ends with an error: TimeoutError",
        ),
        "an ERROR each time": (
            cured(
                "shop",
                (
                    '                return "We open',
                    '                span.set_status(Status(StatusCode.ERROR))\n                return "We open',
                ),
            ),
            "`answer` has the status ERROR",
        ),
    },
)
SESSION = cures(
    "weather",
    "There are 3 spans `search` under `request`; there should be 1",
    {
        "written over": sick(
            "weather",
            (
                '            if "traceparent" not in session:\n                inject(session)',
                "            inject(session)",
            ),
        ),
        "a session each": cured(
            "weather", ("headers = dict(session)", 'headers = {"user-agent": "weather/1"}')
        ),
    },
    {
        "never written": (
            cured("weather", ("            inject(headers)\n", "")),
            "`search` is a root span",
        ),
        "not read": (cured("weather", (", extract(got)", "")), "`search` is a root span"),
        "new headers, old ones sent": (
            cured("weather", ("service, headers, city", "service, session, city")),
            "`search` is a root span",
        ),
        "the session forgotten": (
            cured("weather", ("dict(session)", "{}")),
            "ends with an error: KeyError",
        ),
        "one city": (
            cured("weather", ('("Berlin", "Lima", "Oslo")', '("Berlin",)')),
            "The program prints",
        ),
        "no searches": (
            cured(
                "weather",
                (
                    'with tracer.start_as_current_span("search", extract(got), attributes={"input.value": city}):',
                    "if True:",
                ),
            ),
            "`search`",
        ),
    },
)
BATCH = cures(
    "chat",
    "sent it no request",
    {
        "as it is written in code": sick("chat", ("{text}", "{text!r}")),
        "configure_tracing": """
def chat(phoenix, project):
    import json
    from opentelemetry.trace import StatusCode
    from rag_tutorials.tracing import configure_tracing
    provider = configure_tracing(phoenix, project_name=project, batch=True)
    for line in ('"Über 30 days."', r'"Nice \\ud83d"', '"Six months."'):
        with provider.get_tracer("chat").start_as_current_span("answer") as span:
            text = json.loads(line)
            if not text.endswith("."):
                span.set_status(StatusCode.ERROR, f"cut off: {text}")
            print(len(text))
""",
        "left out": sick("chat", ("{text}", "{text.encode('utf-8', 'ignore').decode('utf-8')}")),
    },
    {
        "one at a time": (
            sick("chat", ("BatchSpanProcessor", "SimpleSpanProcessor")),
            "there should be 3",
        ),
        "no status": (
            sick("chat", ('span.set_status(StatusCode.ERROR, f"cut off: {text}")', "pass")),
            "has the status UNSET",
        ),
        "no words": (
            sick("chat", ('f"cut off: {text}"', '"cut off"')),
            "it should still say what was cut",
        ),
        "skipped": (
            sick(
                "chat",
                (
                    "            if not text",
                    '            if "Nice" in text:\n                continue\n            if not text',
                ),
            ),
            "The program prints",
        ),
        "surrogatepass": (
            sick("chat", ("{text}", "{text.encode('utf-8', 'surrogatepass').decode('utf-8')}")),
            "ends with an error: UnicodeDecodeError",
        ),
        "a quiet log": (
            sick(
                "chat",
                ("    provider = ", "    import logging\n    logging.disable()\n    provider = "),
            ),
            "sent it no request",
        ),
    },
)
TWICE = cures(
    "through_gateway",
    "`llm.token_count.prompt` adds up to 1200 + 1200",
    {
        "no kind": sick(
            "through_gateway",
            ('"gateway", attributes={kind: "LLM"}', '"gateway"'),
            ('{"input.value": question} | model | usage', '{"input.value": question}'),
        ),
        "the gateway counts": sick(
            "through_gateway",
            (
                '"ChatCompletion", attributes={kind: "LLM"}',
                '"ChatCompletion", attributes={kind: "CHAIN"}',
            ),
            ("span.set_attributes(model | usage)", "pass"),
        ),
    },
    {
        "another kind, the same counts": (
            sick(
                "through_gateway",
                ('"gateway", attributes={kind: "LLM"}', '"gateway", attributes={kind: "CHAIN"}'),
            ),
            "adds up to 1200 + 1200",
        ),
        "half each": (
            sick("through_gateway", ("1200", "600"), ("300}", "150}")),
            "adds up to 600 + 600",
        ),
        "no counts": (
            sick("through_gateway", (" | model | usage", ""), ("model | usage", "model")),
            "adds up to none",
        ),
        "still two models": (
            sick("through_gateway", ("question} | model | usage", "question} | model")),
            "There are 2 LLM spans",
        ),
        "no span for the call": (
            cured(
                "through_gateway",
                (
                    '        with tracer.start_as_current_span("ChatCompletion", attributes={kind: "LLM"}) as span:\n            span.set_attributes(model | usage)\n            return',
                    "        return",
                ),
            ),
            "`ChatCompletion`",
        ),
        "no question": (
            cured("through_gateway", ('span.set_attribute("input.value", question)', "pass")),
            "`input.value`",
        ),
        "counted where nobody prices": (
            sick(
                "through_gateway",
                (
                    'attributes={kind: "LLM"}) as span:\n            span.set_attributes(model',
                    'attributes={kind: "CHAIN"}) as span:\n            span.set_attributes(model',
                ),
                ("question} | model | usage", "question} | model"),
            ),
            "Phoenix adds up and prices those of LLM spans",
        ),
    },
)
CACHED = cures(
    "handbook",
    "Phoenix computes $0.00526; the bill is $0.00226",
    {
        "the name's constant": sick(
            "handbook",
            (
                '"cached_tokens", usage',
                "SpanAttributes.LLM_TOKEN_COUNT_PROMPT_DETAILS_CACHE_READ, usage",
            ),
            (
                "    from rag",
                "    from openinference.semconv.trace import SpanAttributes\n    from rag",
            ),
        ),
        "from the start": cured(
            "handbook",
            (
                'start_as_current_span("ChatCompletion")',
                'start_as_current_span("ChatCompletion", attributes={"llm.provider": "openai"})',
            ),
        ),
    },
    {
        "only what was not cached": (
            sick(
                "handbook",
                ('usage["prompt_tokens"]', 'usage["prompt_tokens"] - usage["cached_tokens"]'),
            ),
            "`llm.token_count.prompt`",
        ),
        "a name of its own": (
            sick("handbook", ('"cached_tokens", usage', '"llm.token_count.cache_read", usage')),
            "Phoenix computes $0.00526",
        ),
        "a cheaper model": (
            sick("handbook", ("gpt-4.1-mini", "gpt-4.1-nano")),
            "`llm.model_name`",
        ),
        "all of it cached": (
            cured(
                "handbook", ('cached = usage["cached_tokens"]', 'cached = usage["prompt_tokens"]')
            ),
            "the bill is $0.00226",
        ),
        "a price of one's own": (
            sick(
                "handbook", ('"cached_tokens", usage["cached_tokens"]', '"llm.cost.total", 0.00226')
            ),
            "Phoenix computes $0.00526",
        ),
        "no kind": (
            cured("handbook", ('span.set_attribute("openinference.span.kind", "LLM")', "pass")),
            "has the kind UNKNOWN",
        ),
    },
)
CARD = cures(
    "pay",
    "The secret is still in",
    {
        "written by hand": sick(
            "pay",
            (
                "(order)}):\n            bank(order)",
                "(order)}, record_exception=False, set_status_on_exception=False) as span:\n            try:\n                bank(order)\n            except ValueError as error:\n                span.record_exception(ValueError(mask(str(error))))\n                span.set_status(StatusCode.ERROR, mask(str(error)))\n                raise",
            ),
            ("    import re\n", "    import re\n    from opentelemetry.trace import StatusCode\n"),
        ),
        "caught inside": sick(
            "pay",
            (
                "(order)}):\n            bank(order)\n    except ValueError as error:\n        print(mask(str(error)))",
                "(order)}) as span:\n            try:\n                bank(order)\n            except ValueError as error:\n                span.record_exception(ValueError(mask(str(error))))\n                span.set_status(StatusCode.ERROR, mask(str(error)))\n                print(mask(str(error)))\n    finally:\n        pass",
            ),
            ("    import re\n", "    import re\n    from opentelemetry.trace import StatusCode\n"),
        ),
    },
    {
        "from the first": (cured("pay", (" from None", " from error")), "The secret is still in"),
        "in its context": (cured("pay", (" from None", "")), "The secret is still in"),
        "nothing recorded": (
            sick(
                "pay",
                (
                    "mask(order)}",
                    "mask(order)}, record_exception=False, set_status_on_exception=False",
                ),
            ),
            "has the status UNSET",
        ),
        "the status alone": (
            sick("pay", ("mask(order)}", "mask(order)}, record_exception=False")),
            "no `exception` event",
        ),
        "a bank that masks": (
            sick("pay", ("refuses {order} (", "refuses {mask(order)} (")),
            "`def bank(order):` is not as it came",
        ),
        "the bank is not told": (
            sick("pay", ("bank(order)\n    except", "bank(mask(order))\n    except")),
            "The program prints",
        ),
        "no reason": (
            cured(
                "pay",
                (
                    "raise ValueError(mask(str(error)))",
                    "print(mask(str(error)))\n                raise SystemExit(0)",
                ),
            ),
            "`charge`",
        ),
        "no input": (
            cured("pay", (', attributes={"input.value": mask(order)}', "")),
            "no attribute `input.value`",
        ),
    },
)
ATTEMPTS = [
    *ORDERS,
    *PROVIDER,
    *EXIT,
    *POOL,
    *STREAM,
    *GATEWAY,
    *SORRY,
    *SESSION,
    *BATCH,
    *TWICE,
    *CACHED,
    *CARD,
    *waiting_room.ATTEMPTS,
]
