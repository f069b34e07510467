"""Attempts at the cures of the waiting room's patients: right ones, and wrong ones that look so."""

from attempts.cures import cured, cures, sick

PORT = cures(
    "parcels",
    "the program sent it no request",
    {
        "by the environment": sick(
            "parcels",
            (
                "OTLPSpanExporter(timeout=4)",
                "OTLPSpanExporter()",
            ),
            (
                "    provider = ",
                '    import os\n    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = phoenix\n    provider = ',
            ),
        ),
        "configure_tracing": """
def parcels(phoenix, project):
    from rag_tutorials.tracing import configure_tracing
    tracer = configure_tracing(phoenix, project_name=project).get_tracer("parcels")
    with tracer.start_as_current_span("count parcels", attributes={"output.value": "7 parcels"}):
        print("7 parcels")
""",
    },
    {
        "the base address": (
            cured("parcels", ("/v1/traces", "")),
            "what the program sent was POST / -> 405",
        ),
        "another closed port": (
            cured(
                "parcels",
                ('f"{phoenix}/v1/traces"', '"http://127.0.0.1:1/v1/traces", timeout=1'),
            ),
            "the program sent it no request",
        ),
        "a quiet log": (
            sick(
                "parcels",
                ("    provider = ", "    import logging\n    logging.disable()\n    provider = "),
                ("timeout=4", "timeout=1"),
            ),
            "the program sent it no request",
        ),
        "the project in the address": (
            cured("parcels", ("/v1/traces", "/projects/x/v1/traces")),
            "what the program sent was POST /projects/x/v1/traces",
        ),
        "no attribute": (
            cured("parcels", ('span.set_attribute("output.value", "7 parcels")', "pass")),
            "no attribute `output.value`",
        ),
    },
)
GRPC = cures(
    "invoices",
    "the program sent it no request",
    {
        "register": """
def invoices(phoenix, project):
    from phoenix.otel import register
    provider = register(endpoint=f"{phoenix}/v1/traces", project_name=project, verbose=False)
    with provider.get_tracer("x").start_as_current_span("send invoice", attributes={"input.value": "no. 12"}):
        print("no. 12 is sent")
""",
        "by the environment": cured(
            "invoices",
            ('endpoint=f"{phoenix}/v1/traces"', ""),
            (
                "    provider = ",
                '    import os\n    os.environ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"] = f"{phoenix}/v1/traces"\n    provider = ',
            ),
        ),
    },
    {
        "gRPC with the path": (
            sick("invoices", ("endpoint=phoenix", 'endpoint=f"{phoenix}/v1/traces"')),
            "the program sent it no request",
        ),
        "gRPC with a certificate": (
            sick("invoices", (", insecure=True", ", insecure=False")),
            "the program sent it no request",
        ),
        "HTTP without the path": (
            cured("invoices", ("/v1/traces", "")),
            "what the program sent was POST / -> 405",
        ),
        "the options of gRPC kept": (
            sick("invoices", (".grpc.", ".http.")),
            "ends with an error: TypeError",
        ),
    },
)
DOUBLED = cures(
    "opening_hours",
    "what the program sent was POST /v1/traces/v1/traces -> 405",
    {
        "the variable for traces": sick("opening_hours", ("OTLP_ENDPOINT", "OTLP_TRACES_ENDPOINT")),
        "in code again": sick(
            "opening_hours",
            (
                'os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{phoenix}/v1/traces"}',
                'endpoint = f"{phoenix}/v1/traces"',
            ),
            ("OTLPSpanExporter()", "OTLPSpanExporter(endpoint=endpoint)"),
        ),
    },
    {
        "the variable for traces, a base": (
            cured("opening_hours", ("OTLP_ENDPOINT", "OTLP_TRACES_ENDPOINT")),
            "what the program sent was POST / -> 405",
        ),
        "half of the path": (
            cured("opening_hours", ('": phoenix}', '": f"{phoenix}/v1"}')),
            "what the program sent was POST /v1/v1/traces",
        ),
        "set too late": (
            sick(
                "opening_hours",
                ('    os.environ |= {"OTEL_EXPORTER_OTLP_ENDPOINT": f"{phoenix}/v1/traces"}\n', ""),
                (
                    "OTLPSpanExporter()))\n",
                    "OTLPSpanExporter(timeout=1)))\n    os.environ['OTEL_EXPORTER_OTLP_ENDPOINT'] = phoenix\n",
                ),
            ),
            "the program sent it no request",
        ),
        "no project": (
            cured("opening_hours", ('{"openinference.project.name": project}', "{}")),
            "in the project `default`",
        ),
    },
)
CALLER = cures(
    "prices",
    "the program sent it no request",
    {
        "follows its own parents": cured(
            "prices",
            ("import ALWAYS_ON", "import ALWAYS_ON, ParentBased"),
            (
                "sampler=ALWAYS_ON",
                "sampler=ParentBased(ALWAYS_ON, remote_parent_not_sampled=ALWAYS_ON)",
            ),
        ),
        "by the environment": sick(
            "prices",
            (
                "    provider = ",
                '    import os\n    os.environ["OTEL_TRACES_SAMPLER"] = "always_on"\n    provider = ',
            ),
        ),
    },
    {
        "a load balancer that samples": (
            sick("prices", ("ba902b7-00", "ba902b7-01")),
            "ba902b7-00'), file=sys.stderr)` is not as it came",
        ),
        "not read": (
            sick("prices", (", extract(headers))", ")")),
            "`prices` is in a trace of its own",
        ),
        "parent-based": (
            cured(
                "prices",
                ("import ALWAYS_ON", "import ALWAYS_ON, ParentBased"),
                ("sampler=ALWAYS_ON", "sampler=ParentBased(ALWAYS_ON)"),
            ),
            "the program sent it no request",
        ),
        "flushed": (
            sick(
                "prices",
                (
                    'service({"traceparent": header})',
                    'service({"traceparent": header})\n    provider.force_flush()',
                ),
            ),
            "the program sent it no request",
        ),
        "a made-up header": (
            sick(
                "prices",
                (
                    '{"traceparent": header}',
                    '{"traceparent": "00-" + "ef" * 16 + "-00f067aa0ba902b7-01"}',
                ),
            ),
            "`prices` is in a trace of its own",
        ),
        "one more span": (
            cured(
                "prices",
                (
                    '            print("12',
                    '            provider.get_tracer("x").start_span("more").end()\n            print("12',
                ),
            ),
            "there should be one `prices`",
        ),
    },
)
DISABLED = cures(
    "newsletter",
    "the program sent it no request",
    {
        "switched on again": sick(
            "newsletter",
            (
                "os.environ |= settings",
                'os.environ |= settings\n    os.environ["OTEL_SDK_DISABLED"] = "false"',
            ),
        ),
        "read later": sick(
            "newsletter",
            ("    os.environ |= settings\n", ""),
            ("    with tracer", "    os.environ |= settings\n    with tracer"),
        ),
    },
    {
        "a sampler": (
            sick(
                "newsletter",
                ("TracerProvider(resource", "TracerProvider(sampler=ALWAYS_ON, resource"),
                (
                    "    settings",
                    "    from opentelemetry.sdk.trace.sampling import ALWAYS_ON\n    settings",
                ),
            ),
            "the program sent it no request",
        ),
        "switched on too late": (
            sick(
                "newsletter",
                ("    tracer =", '    os.environ["OTEL_SDK_DISABLED"] = "false"\n    tracer ='),
            ),
            "the program sent it no request",
        ),
        "TRUE": (
            sick("newsletter", ('"true"', '"TRUE"')),
            "the program sent it no request",
        ),
        "no settings": (
            sick("newsletter", ("    os.environ |= settings\n", "")),
            "ends with an error: KeyError",
        ),
    },
)
FORK = cures(
    "pictures",
    "There is no span named `resize`",
    {
        "no queue": sick("pictures", (", batch=True", "")),
        "in a finally": sick(
            "pictures",
            (
                '        with tracer.start_as_current_span("resize", attributes={"input.value": name}):\n            print(f"{name}: made", flush=True)\n',
                '        try:\n            with tracer.start_as_current_span("resize", attributes={"input.value": name}):\n                print(f"{name}: made", flush=True)\n        finally:\n            provider.shutdown()\n',
            ),
        ),
    },
    {
        "flushed in the parent": (
            sick(
                "pictures", ("worker.join()", "worker.join()\n            provider.force_flush()")
            ),
            "There is no span named `resize`",
        ),
        "flushed before the span ends": (
            cured(
                "pictures", ("        provider.force_flush()", "            provider.force_flush()")
            ),
            "There is no span named `resize`",
        ),
        "an exit handler": (
            sick(
                "pictures",
                (
                    '        print(f"worker',
                    '        import atexit\n        atexit.register(provider.force_flush)\n        print(f"worker',
                ),
            ),
            "There is no span named `resize`",
        ),
        "no workers": (
            sick(
                "pictures",
                (
                    'worker = get_context("fork").Process(target=work, args=(name,))\n            worker.start()\n            worker.join()',
                    "work(name)",
                ),
            ),
            "not made in two forked workers",
        ),
        "threads": (
            sick(
                "pictures",
                (
                    'get_context("fork").Process(target=work, args=(name,))',
                    "Thread(target=copy_context().run, args=(work, name))",
                ),
                (
                    "    from multiprocessing import current_process, get_context\n",
                    "    from contextvars import copy_context\n    from multiprocessing import current_process\n    from threading import Thread\n",
                ),
            ),
            "not made in two forked workers",
        ),
        "a context of its own": (
            cured(
                "pictures",
                ('span("resize", ', 'span("resize", Context(), '),
                (
                    "    import sys\n",
                    "    import sys\n    from opentelemetry.context import Context\n",
                ),
            ),
            "`resize` is a root span",
        ),
    },
)
LATER = cures(
    "answering",
    "No span has `audit.verdict` = fine",
    {
        "started by hand": sick(
            "answering",
            (
                '        span.set_attribute("audit.verdict", "fine")\n',
                '        with tracer.start_as_current_span("audit", attributes={"audit.verdict": "fine"}):\n            pass\n',
            ),
        ),
        "another name": cured("answering", ('span("audit")', 'span("verdict")')),
        "a context handed over": sick(
            "answering",
            (
                '        span.set_attribute("audit.verdict", "fine")\n',
                '        from opentelemetry.trace import set_span_in_context\n        audited = tracer.start_span("audit", set_span_in_context(span))\n        audited.set_attribute("audit.verdict", "fine")\n        audited.end()\n',
            ),
        ),
    },
    {
        "awaited inside": (
            sick(
                "answering",
                ("audit(span))", "audit(span))\n            await later"),
                ("        await later  # the server lives on", ""),
            ),
            "The program prints",
        ),
        "the current span": (
            sick(
                "answering",
                ("span.set_attribute", "get_current_span().set_attribute"),
                (
                    "    import asyncio\n",
                    "    import asyncio\n    from opentelemetry.trace import get_current_span\n",
                ),
            ),
            "No span has `audit.verdict` = fine",
        ),
        "a trace of its own": (
            cured(
                "answering",
                ('span("audit")', 'span("audit", Context())'),
                (
                    "    import asyncio\n",
                    "    import asyncio\n    from opentelemetry.context import Context\n",
                ),
            ),
            "`audit`, which has the verdict, is not below `request`",
        ),
        "a request that lasts": (
            sick(
                "answering",
                ('span("request") as', 'span("request", end_on_exit=False) as'),
                ("# the server lives on", "# the server lives on\n        span.end()"),
            ),
            "`audit.verdict` is on `request`; its span lasts as long as the user waits",
        ),
        "said beforehand": (
            sick(
                "answering",
                ('        span.set_attribute("audit.verdict", "fine")\n', ""),
                (
                    "            later =",
                    '            span.set_attribute("audit.verdict", "fine")\n            later =',
                ),
            ),
            "`audit.verdict` is on `request`; its span lasts as long as the user waits",
        ),
        "no request": (
            cured("answering", ('with tracer.start_as_current_span("request"):', "if True:")),
            "There is no span `request`",
        ),
        "no verdict": (
            cured("answering", ('span.set_attribute("audit.verdict", "fine")', "pass")),
            "No span has `audit.verdict` = fine",
        ),
        "both": (
            cured(
                "answering",
                ("async def audit():", "async def audit(old):"),
                (
                    'span.set_attribute("audit.verdict", "fine")',
                    'span.set_attribute("audit.verdict", "fine")\n            old.set_attribute("audit.verdict", "fine")',
                ),
                ('span("request"):', 'span("request") as span:'),
                ("audit())", "audit(span))"),
            ),
            "The log still says `on ended span`",
        ),
    },
)
QUEUE = cures(
    "uploads",
    "`index` is a root span",
    {
        "the header beside the name": cured(
            "uploads",
            ('{"document": name, "headers": headers}', '{"document": name} | headers'),
            ('extract(message["headers"])', "extract(message)"),
        ),
        "ids by hand": sick(
            "uploads",
            (
                "    queue = ",
                "    from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator\n    w3c = TraceContextTextMapPropagator()\n    queue = ",
            ),
            ('{"document": name}', '{"document": name, **headers}'),
            (
                "            queue.append",
                "            headers = {}\n            w3c.inject(headers)\n            queue.append",
            ),
            ('span("index")', 'span("index", w3c.extract(message))'),
        ),
    },
    {
        "written, not read": (
            cured("uploads", (', context=extract(message["headers"])', "")),
            "`index` is a root span",
        ),
        "read, not written": (
            cured("uploads", ("inject(headers := {})", "headers = {}")),
            "`index` is a root span",
        ),
        "written after the upload": (
            cured(
                "uploads",
                (
                    "            inject(headers := {})\n            queue",
                    "            pass\n        inject(headers := {})\n        queue",
                ),
            ),
            "`index` is a root span",
        ),
        "one header for all": (
            cured(
                "uploads",
                ("    queue = []", "    headers = {}\n    queue = []"),
                ("inject(headers := {})", "headers or inject(headers)"),
            ),
            "`index`",
        ),
        "the worker at once": (
            sick(
                "uploads",
                (
                    'queue.append(json.dumps({"document": name}))',
                    'worker(json.dumps({"document": name + "!"}))',
                ),
            ),
            "The program prints",
        ),
        "in the upload's place": (
            cured("uploads", ('"document": name, ', '"document": name.upper(), ')),
            "The program prints",
        ),
    },
)
CALLBACK = cures(
    "framework",
    "`retriever` is a root span",
    {
        "contexts are kept": sick(
            "framework",
            (
                "        spans[run] = tracer.start_span(run)",
                "        spans[run] = tracer.start_span(run, contexts.get(parent))\n        contexts[run] = set_span_in_context(spans[run])",
            ),
            (
                "    spans = {}",
                "    from opentelemetry.trace import set_span_in_context\n    spans, contexts = {}, {}",
            ),
        ),
        "current for the start": sick(
            "framework",
            (
                "        spans[run] = tracer.start_span(run)",
                "        with use_span(spans.get(parent, INVALID_SPAN), end_on_exit=False):\n            spans[run] = tracer.start_span(run)",
            ),
            (
                "    spans = {}",
                "    from opentelemetry.trace import INVALID_SPAN, use_span\n    spans = {}",
            ),
        ),
    },
    {
        "current from start to end": (
            sick(
                "framework",
                (
                    "        spans[run] = tracer.start_span(run)",
                    "        spans[run] = tracer.start_as_current_span(run)\n        spans[run].__enter__()",
                ),
                ("spans[run].end()", "spans[run].__exit__(None, None, None)"),
            ),
            "`retriever` is a root span",
        ),
        "the last one is the parent": (
            sick(
                "framework",
                (
                    "start_span(run)",
                    "start_span(run, set_span_in_context(list(spans.values())[-1]) if spans else None)",
                ),
                (
                    "    spans = {}",
                    "    from opentelemetry.trace import set_span_in_context\n    spans = {}",
                ),
            ),
            "`model`",
        ),
        "no copies": (
            sick(
                "framework",
                ("copy_context().run(on_start, run, parent)", "on_start(run, parent)"),
            ),
            "`copy_context().run(on_start, run, parent)` is not as it came",
        ),
        "itself": (
            cured(
                "framework",
                ("if parent else None", "if parent in RUNS else None"),
                ("    spans = {}", "    RUNS = ()\n    spans = {}"),
            ),
            "`retriever` is a root span",
        ),
        "one never ends": (
            cured("framework", ("spans[run].end()", 'run == "model" or spans[run].end()')),
            "`model`",
        ),
    },
)
TWICE = cures(
    "booking",
    "`book` has 2 `exception` events",
    {
        "by hand alone": sick(
            "booking", ('{"input.value": room}', '{"input.value": room}, record_exception=False')
        ),
        "the status by hand too": sick(
            "booking",
            (
                '{"input.value": room}',
                '{"input.value": room}, record_exception=False, set_status_on_exception=False',
            ),
            (
                "span.record_exception(error)",
                "span.record_exception(error)\n                span.set_status(StatusCode.ERROR, str(error))",
            ),
            (
                "    tracer = ",
                "    from opentelemetry.trace import StatusCode\n    tracer = ",
            ),
        ),
    },
    {
        "not at all": (
            cured(
                "booking",
                ('{"input.value": room}', '{"input.value": room}, record_exception=False'),
            ),
            "no `exception` event",
        ),
        "no status": (
            sick(
                "booking",
                (
                    '{"input.value": room}',
                    '{"input.value": room}, record_exception=False, set_status_on_exception=False',
                ),
            ),
            "has the status UNSET",
        ),
        "swallowed": (
            sick("booking", ("                raise\n", "                pass\n")),
            "The program prints nothing",
        ),
        "another event": (
            sick(
                "booking",
                (
                    "span.record_exception(error)",
                    'span.add_event("exception", {"why": str(error)})',
                ),
            ),
            "The report counts 2 events named `exception`",
        ),
        "no room": (
            cured("booking", (', attributes={"input.value": room}', "")),
            "no attribute `input.value`",
        ),
    },
)
PROJECT = cures(
    "letters",
    "in the project `default`",
    {
        "the name's constant": sick(
            "letters",
            ('{"service.name": project}', "{ResourceAttributes.PROJECT_NAME: project}"),
            (
                "    provider = ",
                "    from openinference.semconv.resource import ResourceAttributes\n    provider = ",
            ),
        ),
        "a header": sick(
            "letters",
            ('/v1/traces"', '/v1/traces", headers={"x-project-name": project}'),
        ),
        "by the environment": sick(
            "letters",
            ('Resource({"service.name": project})', "Resource.create()"),
            (
                "    provider = ",
                '    import os\n    os.environ["OTEL_RESOURCE_ATTRIBUTES"] = f"openinference.project.name={project}"\n    provider = ',
            ),
        ),
    },
    {
        "another name": (
            sick("letters", ('"service.name"', '"project.name"')),
            "in the project `default`",
        ),
        "a variable of its own": (
            sick(
                "letters",
                (
                    "    provider = ",
                    '    import os\n    os.environ["OTEL_PROJECT_NAME"] = project\n    provider = ',
                ),
            ),
            "in the project `default`",
        ),
        "a name of its own": (
            cured(
                "letters",
                (
                    '"openinference.project.name": project',
                    '"openinference.project.name": "letters"',
                ),
            ),
            "in the project `letters`",
        ),
        "in the path": (
            sick("letters", ("/v1/traces", "/v1/projects/{project}/traces")),
            "No span is in Phoenix",
        ),
        "the service's version": (
            sick(
                "letters",
                (
                    '"service.name": project',
                    '"service.name": "letters", "service.namespace": project',
                ),
            ),
            "in the project `default`",
        ),
    },
)
CLOCKS = cures(
    "old_logs",
    "`search` begins at 2026-03-02 12:00:01 (UTC)",
    {
        "the zone in the text": sick(
            "old_logs",
            (".replace(tzinfo=UTC)", ""),
            (
                '"2026-03-02 03:00:00", "2026-03-02 03:00:03"',
                '"2026-03-02 03:00:00+00:00", "2026-03-02 03:00:03+00:00"',
            ),
            (
                '"2026-03-02 12:00:01", "2026-03-02 12:00:02"',
                '"2026-03-02 12:00:01+09:00", "2026-03-02 12:00:02+09:00"',
            ),
        ),
        "nine hours less": sick(
            "old_logs",
            ("moment(tokyo[0])", "moment(tokyo[0]) - 9 * 3600 * 10**9"),
            ("moment(tokyo[1])", "moment(tokyo[1]) - 9 * 3600 * 10**9"),
        ),
    },
    {
        "the beginning alone": (
            sick("old_logs", ("moment(tokyo[0])", "moment(tokyo[0]) - 9 * 3600 * 10**9")),
            "`search` ends at 2026-03-02 12:00:02 (UTC)",
        ),
        "all of it in Tokyo": (
            sick(
                "old_logs",
                ("tzinfo=UTC", "tzinfo=timezone(timedelta(hours=9))"),
                ("import UTC, datetime", "import UTC, datetime, timedelta, timezone"),
            ),
            "`request` begins at 2026-03-01 18:00:00 (UTC)",
        ),
        "in microseconds": (
            cured("old_logs", ("10**9", "10**6")),
            "`request` begins at 1970-01-21",
        ),
        "the wrong way": (
            cured("old_logs", ("hours=9", "hours=-9")),
            "`search` begins at 2026-03-02 21:00:01 (UTC)",
        ),
        "as it comes": (
            sick("old_logs", (", start_time=moment(tokyo[0])).end(moment(tokyo[1]))", ").end()")),
            "`search` begins at",
        ),
    },
)
STREAM = cures(
    "streaming",
    "no attribute `llm.token_count.prompt`",
    {
        "asked for, the last chunk as it is": cured(
            "streaming",
            (
                '[chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]',
                '[one.delta.content or "" for chunk in stream for one in chunk.choices]',
            ),
        ),
        "in the body": cured(
            "streaming",
            (
                'stream_options={"include_usage": True}',
                'extra_body={"stream_options": {"include_usage": True}}',
            ),
        ),
    },
    {
        "the last chunk is a surprise": (
            cured("streaming", (" if chunk.choices", "")),
            "ends with an error: IndexError",
        ),
        "no stream": (
            sick(
                "streaming",
                ("            stream=True,\n", ""),
                (
                    '[chunk.choices[0].delta.content or "" for chunk in stream]',
                    "[stream.choices[0].message.content]",
                ),
            ),
            "does not come as a stream",
        ),
        "guessed": (
            sick(
                "streaming",
                (
                    '        print("an',
                    '        from opentelemetry import trace\n        trace.get_current_span().set_attribute("llm.token_count.prompt", 20)\n        print("an',
                ),
            ),
            "no attribute `llm.token_count.prompt`",
        ),
        "asked not to": (
            cured("streaming", ('{"include_usage": True}', '{"include_usage": False}')),
            "no attribute `llm.token_count.prompt`",
        ),
        "left early": (
            cured(
                "streaming",
                (
                    '[chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]',
                    '[next(stream).choices[0].delta.content or "", "x"]\n        stream.close()',
                ),
            ),
            "no attribute `llm.token_count.prompt`",
        ),
    },
)
ALIAS = cures(
    "deployment",
    "Phoenix computes nothing; the bill is $0.00080",
    {
        "as metadata": cured(
            "deployment", ('"deployment", "handbook-eu-2"', '"tag.tags", ["handbook-eu-2"]')
        ),
        "the name in code": sick(
            "deployment",
            ('"llm.model_name", "handbook-eu-2"', '"llm.model_name", "gpt-4.1-mini"'),
            (
                '"ChatCompletion")',
                '"ChatCompletion", attributes={"llm.deployment": "handbook-eu-2"})',
            ),
        ),
    },
    {
        "nobody finds it": (
            cured(
                "deployment", ('        span.set_attribute("deployment", "handbook-eu-2")\n', "")
            ),
            "No attribute says `handbook-eu-2`",
        ),
        "another model": (
            cured("deployment", ('answer["model"]', '"gpt-4.1"')),
            "the bill is $0.00080",
        ),
        "a price of one's own": (
            sick(
                "deployment",
                (
                    "        print(",
                    '        span.set_attribute("llm.cost.total", 0.0008)\n        print(',
                ),
            ),
            "the bill is $0.00080",
        ),
        "a provider": (
            sick(
                "deployment",
                (
                    "        print(",
                    '        span.set_attribute("llm.provider", "openai")\n        print(',
                ),
            ),
            "Phoenix computes nothing",
        ),
        "half the tokens": (
            cured("deployment", ('answer["usage"]["prompt_tokens"]', "600")),
            "`llm.token_count.prompt`",
        ),
    },
)
AGAIN = cures(
    "extract",
    "LLM spans: 1. Calls of the model: 3.",
    {
        "around the function": sick(
            "extract",
            (
                '    with tracer.start_as_current_span("extract", attributes={kind: "LLM"} | name) as span:\n',
                '    def traced():\n        with tracer.start_as_current_span("model", attributes={kind: "LLM"} | name) as span:\n            text, usage = model()\n            span.set_attributes(usage)\n        return text, usage\n    with tracer.start_as_current_span("extract"):\n',
            ),
            (
                "        text, usage = model()\n        while",
                "        text, usage = traced()\n        while",
            ),
            (
                "{\"'):\n            text, usage = model()",
                "{\"'):\n            text, usage = traced()",
            ),
            ("        span.set_attributes(usage)\n        print", "        print"),
        ),
        "failures are errors": cured(
            "extract",
            (
                "            return text",
                '            if not text.startswith(\'{"\'):\n                span.set_status(StatusCode.ERROR, "no JSON")\n            return text',
            ),
            ("    tracer = ", "    from opentelemetry.trace import StatusCode\n    tracer = "),
        ),
    },
    {
        "a model that says three times as much": (
            sick(
                "extract",
                ('"llm.token_count.prompt": 1000', '"llm.token_count.prompt": 3000'),
                ('completion": 100', 'completion": 300'),
            ),
            "`def model():` is not as it came",
        ),
        "the sum in one span": (
            sick(
                "extract",
                (
                    "span.set_attributes(usage)",
                    "span.set_attributes({name: 3 * count for name, count in usage.items()})",
                ),
            ),
            "LLM spans: 1. Calls of the model: 3.",
        ),
        "the last one only": (
            cured(
                "extract",
                (
                    "            span.set_attributes(usage | {",
                    "            span.set_attributes((usage if text.startswith('{\"') else {}) | {",
                ),
            ),
            "Phoenix computes $0.00056; the bill is $0.00168",
        ),
        "a model around models": (
            cured(
                "extract",
                ('"extract", attributes={kind: "CHAIN"}', '"extract", attributes={kind: "LLM"}'),
            ),
            "LLM spans: 4. Calls of the model: 3.",
        ),
        "an event each": (
            sick(
                "extract",
                (
                    "            text, usage = model()\n        span",
                    '            text, usage = model()\n            span.add_event("retry")\n        span',
                ),
            ),
            "LLM spans: 1. Calls of the model: 3.",
        ),
        "no model's name": (
            cured("extract", ('{kind: "LLM"} | name', '{kind: "LLM"}')),
            "Phoenix computes $0.00000; the bill is $0.00168",
        ),
        "no more retries": (
            sick(
                "extract",
                (
                    "            text, usage = model()\n        span",
                    "            text = '{\"days\": 60}'\n        span",
                ),
            ),
            "The program prints",
        ),
    },
)
BOTH = cures(
    "answer",
    "2 LLM spans of the trace have",
    {
        "by hand alone": sick(
            "answer", ("    OpenAIInstrumentor().instrument(tracer_provider=provider)\n", "")
        ),
        "suppressed": sick(
            "answer",
            (
                "        made = client",
                "        with suppress_tracing():\n            made = client",
            ),
            (
                "    provider = ",
                "    from openinference.instrumentation import suppress_tracing\n    provider = ",
            ),
        ),
    },
    {
        "another kind, no answer": (
            cured(
                "answer", ('start_as_current_span("answer")', 'start_as_current_span("request")')
            ),
            "There is no span named `answer`",
        ),
        "a second model": (
            cured("answer", ('"CHAIN"', '"LLM"')),
            "There are 2 LLM spans in the trace",
        ),
        "counts on nothing": (
            sick(
                "answer",
                ("    OpenAIInstrumentor().instrument(tracer_provider=provider)\n", ""),
                ('"openinference.span.kind", "LLM"', '"openinference.span.kind", "CHAIN"'),
            ),
            "No LLM spans of the trace have",
        ),
        "switched off too late": (
            sick(
                "answer",
                (
                    '        span.set_attribute("openinf',
                    '        OpenAIInstrumentor().uninstrument()\n        span.set_attribute("openinf',
                ),
            ),
            "2 LLM spans of the trace have",
        ),
        "half by hand": (
            sick(
                "answer",
                ("made.usage.prompt_tokens", "made.usage.prompt_tokens // 2"),
                ("made.usage.completion_tokens", "0"),
            ),
            "2 LLM spans of the trace have",
        ),
    },
)
SHARE = cures(
    "web",
    "the program sent it no request",
    {
        "always on": sick(
            "web",
            ("import TraceIdRatioBased", "import ALWAYS_ON"),
            ("TraceIdRatioBased(share)", "ALWAYS_ON"),
        ),
        "the whole share": sick("web", ("5 // 100", "100 / 100")),
        "a ratio from the environment": cured(
            "web",
            (
                '{"OTEL_TRACES_SAMPLER": "always_on"}',
                '{"OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_TRACES_SAMPLER_ARG": "1"}',
            ),
        ),
    },
    {
        "half of them": (
            sick("web", ("5 // 100", "50 / 100")),
            "of 40 requests are root spans",
        ),
        "follows a parent": (
            sick("web", ("TraceIdRatioBased", "ParentBasedTraceIdRatio")),
            "the program sent it no request",
        ),
        "flushed": (
            sick("web", ("    print(", "    provider.force_flush()\n    print(")),
            "the program sent it no request",
        ),
        "switched off by the environment too": (
            cured("web", ('"always_on"', '"always_off"')),
            "the program sent it no request",
        ),
        "in percent": (
            sick("web", ("5 // 100", "100")),
            "ends with an error: ValueError",
        ),
        "one trace of all": (
            cured(
                "web",
                (
                    '        provider.get_tracer("shop").start_span("request").end()\n',
                    '        with provider.get_tracer("shop").start_as_current_span("request"):\n            pass\n',
                ),
                (
                    "    for _ in",
                    '    first = provider.get_tracer("shop").start_as_current_span("request")\n    first.__enter__()\n    for _ in',
                ),
                ("    print(", "    first.__exit__(None, None, None)\n    print("),
            ),
            "1 of 40 requests are root spans named `request`, among 41 spans",
        ),
        "one too many": (
            cured("web", ("range(40)", "range(41)")),
            "41 of 40 requests are root spans",
        ),
    },
)
OLD_PRICE = cures(
    "report",
    "Phoenix computes $0.65; the bill is $0.35",
    {
        "the alias itself": sick("report", ('meant["gpt-4o"]', '"gpt-4o"')),
        "a renewed table": sick("report", ("gpt-4o-2024-05-13", "gpt-4o-2024-08-06")),
    },
    {
        "fewer tokens": (
            sick("report", ('answer["usage"]["prompt_tokens"]', "400")),
            "`llm.token_count.prompt`",
        ),
        "a price of one's own": (
            sick(
                "report",
                (
                    "        print(",
                    '        span.set_attribute("llm.cost.total", 0.35)\n        print(',
                ),
            ),
            "Phoenix computes $0.65; the bill is $0.35",
        ),
        "a smaller model": (
            sick("report", ('meant["gpt-4o"]', '"gpt-4o-mini"')),
            "the bill is $0.35",
        ),
        "no model": (
            sick("report", ('        span.set_attribute("llm.model_name", meant["gpt-4o"])\n', "")),
            "Phoenix computes nothing; the bill is $0.35",
        ),
        "another row of the table": (
            sick("report", ('meant["gpt-4o"]', 'meant["gpt-4"]')),
            "the bill is $0.35",
        ),
        "another model asked for": (
            cured("report", ('{"model": "gpt-4o"}', '{"model": "gpt-4o-2024-08-06"}')),
            "does not say any more that `gpt-4o` was asked for",
        ),
        "priced twice": (
            cured(
                "report",
                (
                    "        print(",
                    '        again = {**span.attributes, "openinference.span.kind": "LLM"}\n        tracer.start_span("again", attributes=again).end()\n        print(',
                ),
            ),
            "Phoenix computes $0.70; the bill is $0.35",
        ),
    },
)
ATTEMPTS = [
    *PORT,
    *GRPC,
    *DOUBLED,
    *CALLER,
    *DISABLED,
    *FORK,
    *LATER,
    *QUEUE,
    *CALLBACK,
    *TWICE,
    *PROJECT,
    *CLOCKS,
    *STREAM,
    *ALIAS,
    *AGAIN,
    *BOTH,
    *SHARE,
    *OLD_PRICE,
]
