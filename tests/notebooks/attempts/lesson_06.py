"""Attempts at lesson 06."""

from attempts import changed, tries
from attempts.common import RAG

SETUP = (
    RAG
    + """
import httpx
from openinference.instrumentation import using_session
from opentelemetry import baggage, context
from opentelemetry.propagate import inject
from opentelemetry.trace import Link
from rag_tutorials.course.equipment.processes import start
export = ("--endpoint", course.otlp_endpoint, "--project", course.project)
service = start(
    "rag_tutorials.services.retrieval", "--handbook", course.data / "handbook_manual.txt", *export
)
client = httpx.Client(base_url=service.url)

def retrieve(question, top_k=3):
    headers = {}
    inject(headers)
    body = {"question": question, "top_k": top_k}
    response = client.post("/retrieve", json=body, headers=headers)
    return [result["text"] for result in response.raise_for_status().json()["results"]]
"""
)
LEAVE = "client.close(); service.stop()"

ASK = """
def ask(question):
    with tracer.start_as_current_span("ask") as span:
        ids = span.get_span_context()
        trace_id, span_id = trace.format_trace_id(ids.trace_id), trace.format_span_id(ids.span_id)
        headers = {"traceparent": f"00-{trace_id}-{span_id}-01"}
        response = client.post("/retrieve", json={"question": question}, headers=headers)
        return response.json()["results"][0]["text"]
"""
FORMATTED = """
def traceparent():
    ids = trace.get_current_span().get_span_context()
    return "-".join(("00", f"{ids.trace_id:032x}", f"{ids.span_id:016x}", "01"))

@tracer.start_as_current_span("ask")
def ask(question):
    headers = dict(Traceparent=traceparent())
    found = client.post("/retrieve", json={"question": question}, headers=headers)
    return found.json()["results"][0]["text"]
"""
AWAITED = """
async def ask(question):
    with tracer.start_as_current_span("ask") as span:
        ids = span.get_span_context()
        header = "00-%032x-%016x-%02x" % (ids.trace_id, ids.span_id, ids.trace_flags)
        async with httpx.AsyncClient(base_url=service.url) as session:
            response = await session.post(
                "/retrieve", json={"question": question}, headers={"traceparent": header}
            )
    return response.json()["results"][0]["text"]
"""
HEADER = 'f"00-{trace_id}-{span_id}-01"'
BY_HAND = tries(
    "06.1",
    "ask",
    {"an f-string": ASK, "a helper": FORMATTED, "async": AWAITED},
    {
        "no header": (
            changed(ASK, ('{"traceparent": ' + HEADER + "}", "{}")),
            "no header `traceparent`",
        ),
        "decimal": (changed(ASK, ("{trace_id}", "{ids.trace_id}")), "the trace id is decimal"),
        "upper case": (
            changed(ASK, ("{trace_id}", "{trace_id.upper()}")),
            "the trace id is in upper case",
        ),
        "swapped": (
            changed(ASK, ("{trace_id}-{span_id}", "{span_id}-{trace_id}")),
            "have changed places",
        ),
        "stale": (
            changed(
                ASK,
                (
                    "ids = span",
                    "with tracer.start_as_current_span('x') as span:\n            pass\n        ids = span",
                ),
            ),
            "is not that of the span around",
        ),
        "two parts": (changed(ASK, (HEADER, 'f"{trace_id}-{span_id}"')), "it takes four parts"),
        "not sampled": (changed(ASK, ("-01", "-00")), "ends with '00'"),
        "inject": (
            changed(
                ASK, ('headers = {"traceparent": ' + HEADER + "}", "headers = {}; inject(headers)")
            ),
            "left to `inject`",
        ),
        "the service's spans made here": (
            changed(
                ASK,
                (
                    "        response = client",
                    "        for name, kind in (('POST /retrieve', 'CHAIN'),):\n            with tracer.start_as_current_span(name, attributes={KIND: kind, 'input.value': question}):\n                with tracer.start_as_current_span('retrieval', attributes={KIND: 'RETRIEVER', 'input.value': question}):\n                    pass\n        return 'x'\n        response = client",
                ),
            ),
            "never happens",
        ),
        "a constant": (
            changed(ASK, ('return response.json()["results"][0]["text"]', "return 'Six months.'")),
            "the first passage that the service found",
        ),
        "another question": (
            changed(ASK, ('{"question": question}', '{"question": "leave"}')),
            "input.value`",
        ),
        "asked outside": (
            changed(ASK, ("        response =", "        pass\n    if True:\n        response =")),
            "outside `ask`",
        ),
    },
)

PARENT_OR_LINK = """
def answer_for(request_context):
    with tracer.start_as_current_span("answer", context=request_context):
        time.sleep(0.01)

def nightly_report(finished):
    with tracer.start_as_current_span("report", links=[Link(one) for one in finished]):
        time.sleep(0.01)
"""
ATTACHED = """
def answer_for(request_context):
    token = context.attach(request_context)
    try:
        with tracer.start_as_current_span("answer"):
            time.sleep(0.01)
    finally:
        context.detach(token)

def nightly_report(finished):
    with tracer.start_as_current_span("report") as span:
        for one in finished:
            span.add_link(one)
        time.sleep(0.01)
"""
WITHOUT_WITH = """
from time import sleep as work

def answer_for(request_context):
    span = tracer.start_span("answer", context=request_context)
    with trace.use_span(span, end_on_exit=True):
        work(0.01)

def links_of(*contexts):
    return tuple(map(Link, contexts))

def nightly_report(finished):
    with tracer.start_as_current_span("report", links=links_of(*finished)):
        work(0.01)
"""
CHOOSE = tries(
    "06.2",
    "answer_for, nightly_report",
    {"arguments": PARENT_OR_LINK, "attach, add_link": ATTACHED, "use_span": WITHOUT_WITH},
    {
        "not detached": (
            changed(ATTACHED, ("        context.detach(token)", "        pass")),
            "still holds `waiting-request`",
        ),
        "the work after the span": (
            changed(
                PARENT_OR_LINK,
                (
                    "request_context):\n        time.sleep(0.01)",
                    "request_context):\n        pass\n    time.sleep(0.01)",
                ),
            ),
            "outside `answer`",
        ),
        "parent and link": (
            changed(
                PARENT_OR_LINK,
                (
                    "context=request_context",
                    "context=request_context, links=[Link(trace.get_current_span(request_context).get_span_context())]",
                ),
            ),
            "a parent and a link",
        ),
        "a parent for the report": (
            changed(
                PARENT_OR_LINK,
                (
                    "links=[Link(one) for one in finished]",
                    "context=trace.set_span_in_context(trace.NonRecordingSpan(finished[0]))",
                ),
            ),
            "should be",
        ),
        "one link": (
            changed(PARENT_OR_LINK, ("for one in finished", "for one in finished[:1]")),
            "no link to `request-2`",
        ),
        "no parent": (
            changed(PARENT_OR_LINK, (", context=request_context", "")),
            "`answer` is a root span",
        ),
        "the report's work left out": (
            changed(
                PARENT_OR_LINK,
                ("finished]):\n        time.sleep(0.01)", "finished]):\n        pass"),
            ),
            "not once inside a span `report`",
        ),
        "a link for the answer": (
            changed(
                PARENT_OR_LINK,
                (
                    "context=request_context",
                    "links=[Link(trace.get_current_span(request_context).get_span_context())]",
                ),
            ),
            "`answer` is a root span",
        ),
    },
)

RESEARCH = """
def research(questions, session_id):
    token = context.attach(baggage.set_baggage("session.id", session_id))
    try:
        with using_session(session_id):
            with tracer.start_as_current_span("rag-request", openinference_span_kind="chain"):
                with ThreadPoolExecutor(max_workers=2) as pool:
                    futures = [pool.submit(copy_context().run, retrieve, one) for one in questions]
                passages = [future.result() for future in futures]
    finally:
        context.detach(token)
    return [found[0] for found in passages]
"""
MAPPED = """
def research(questions, session_id):
    def work():
        context.attach(baggage.set_baggage("session.id", session_id))
        with using_session(session_id):
            with tracer.start_as_current_span("rag-request", attributes={KIND: "CHAIN"}):
                copies = [(copy_context(), one) for one in questions]
                with ThreadPoolExecutor(3) as pool:
                    return list(pool.map(lambda pair: pair[0].run(retrieve, pair[1])[0], copies))
    return copy_context().run(work)
"""
AWAITED = """
async def research(questions, session_id):
    token = context.attach(baggage.set_baggage("session.id", session_id))
    try:
        with using_session(session_id):
            with tracer.start_as_current_span("rag-request") as span:
                span.set_attribute(KIND, "CHAIN")
                found = await asyncio.gather(*(asyncio.to_thread(retrieve, q) for q in questions))
                return [passages[0] for passages in found]
    finally:
        context.detach(token)
"""
SUBMIT = "[pool.submit(copy_context().run, retrieve, one) for one in questions]"
SESSION = tries(
    "06.3",
    "research",
    {"a copy each": RESEARCH, "map, in a context of its own": MAPPED, "async": AWAITED},
    {
        "the first question each time": (
            changed(RESEARCH, ("retrieve, one)", "retrieve, questions[0])")),
            "not asked each question once",
        ),
        "in reverse": (
            changed(RESEARCH, ("for found in passages]", "for found in passages[::-1]]")),
            "not in the order of the questions",
        ),
        "made up": (
            changed(RESEARCH, ("[found[0] for found in passages]", "['a', 'b', 'c']")),
            "is not the first passage",
        ),
        "one after another": (
            changed(RESEARCH, ("max_workers=2", "max_workers=1")),
            "asked one after another",
        ),
        "not detached": (
            changed(RESEARCH, ("        context.detach(token)", "        pass")),
            "`session.id` is still attached",
        ),
        "no baggage": (
            changed(
                RESEARCH, ('baggage.set_baggage("session.id", session_id)', "context.get_current()")
            ),
            "`session.id`",
        ),
        "no session here": (
            changed(RESEARCH, ("using_session(session_id)", "using_session('x')")),
            "`session.id`",
        ),
        "orphaned": (changed(RESEARCH, ("copy_context().run, ", "")), "POST /retrieve"),
        "no kind": (
            changed(RESEARCH, (', openinference_span_kind="chain"', "")),
            "has the kind UNKNOWN",
        ),
        "nothing asked": (
            changed(RESEARCH, ("retrieve, one)", "lambda q: ['x'], one)")),
            "POST /retrieve",
        ),
    },
)
ATTEMPTS = [*BY_HAND, *CHOOSE, *SESSION]
