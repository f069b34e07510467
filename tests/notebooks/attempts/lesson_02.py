"""Attempts at lesson 02."""

from attempts import changed, tries
from attempts.common import RAG

SETUP = (
    RAG
    + """
import random
from openai import OpenAI, RateLimitError
from rag_tutorials.tracing import traced_generation
patient = OpenAI(base_url=course.stub.base_url, api_key="stub")
strict = patient.with_options(max_retries=0)
passages = [one.text for one in retriever(question, top_k=3)]
generate = traced_generation(answer_with_context, tracer, course.chat_model)

def seconds_to_wait(error):
    return float(error.response.headers["retry-after-ms"]) / 1000

def handle(question):
    with tracer.start_as_current_span("rag-request"):
        with tracer.start_as_current_span("retrieval") as retrieval:
            try:
                results = retriever("", top_k=3)
            except ValueError as error:
                retrieval.record_exception(error)
                results = []
        try:
            with tracer.start_as_current_span("generation"):
                raise TimeoutError(f"no answer for {len(results)} passages")
        except TimeoutError:
            return "Please ask again later."

course.stub.clear_faults()
monday = []
for asked, refusals in (("How long?", 0), ("Who approves?", 2), ("How many?", 0)):
    if refusals:
        course.stub.fault("rate_limit", times=refusals, seconds=0.3)
    with tracer.start_as_current_span("monday-request") as span:
        span.set_attribute("input.value", asked)
        generate(asked, passages, client=patient)
    monday.append(span)

import io, logging, re

class SpanIds(logging.Filter):
    def filter(self, record):
        context = trace.get_current_span().get_span_context()
        record.trace_id = trace.format_trace_id(context.trace_id)
        record.span_id = trace.format_span_id(context.span_id)
        return True

log_file = io.StringIO()
handler = logging.StreamHandler(log_file)
handler.addFilter(SpanIds())
handler.setFormatter(logging.Formatter("%(levelname)s %(trace_id)s %(span_id)s %(message)s"))
log = logging.getLogger("handbook")
log.handlers, log.propagate = [handler], False
log.setLevel(logging.INFO)

def serve(asked):
    with tracer.start_as_current_span("request") as span:
        span.set_attribute("input.value", asked)
        with tracer.start_as_current_span("retrieval"):
            results = retriever(asked, top_k=5)
            log.info("%d passages found", len(results))
        log.warning("%d passages dropped", len(results[3:]))
    return span

log.info("before")
serve(question)
"""
)
NOT = "is not what the trace says"

SEARCH = """
def search(question):
    with tracer.start_as_current_span("search") as span:
        span.set_attribute("input.value", question)
        return retriever(question, top_k=3)
"""
BY_HAND = """
def search(question):
    with tracer.start_as_current_span("search", record_exception=False) as span:
        span.set_attribute("input.value", question)
        try:
            return retriever(question, top_k=3)
        except ValueError as error:
            span.record_exception(error)
            span.set_status(StatusCode.ERROR, str(error))
            raise
"""
WITHOUT_WITH = """
def search(question):
    span = tracer.start_span("search", attributes={"input.value": question})
    try:
        with trace.use_span(span):
            return list(retriever(question, top_k=3))
    finally:
        span.end()
"""
ONCE = tries(
    "02.1",
    "search",
    {"the block does it": SEARCH, "by hand": BY_HAND, "use_span": WITHOUT_WITH},
    {
        "twice": (changed(BY_HAND, (", record_exception=False", "")), "has 2 `exception` events"),
        "never": (
            changed(BY_HAND, ("            span.record_exception(error)\n", "")),
            "has no `exception` events",
        ),
        "swallowed": (
            changed(
                SEARCH,
                (
                    "        return retriever(question, top_k=3)",
                    "        return retriever(question, top_k=3) if question else []",
                ),
            ),
            "as if all were well",
        ),
        "no status": (
            changed(
                BY_HAND,
                ("record_exception=False", "record_exception=False, set_status_on_exception=False"),
                ("            span.set_status(StatusCode.ERROR, str(error))\n", ""),
            ),
            "it should be ERROR",
        ),
        "nothing returned": (
            changed(SEARCH, ("return retriever", "retriever")),
            "does not return its results",
        ),
        "another error": (
            changed(
                BY_HAND, ("            raise\n", "            raise KeyError('x') from error\n")
            ),
            "raised KeyError",
        ),
        "the search beside the span": (
            changed(
                SEARCH,
                (
                    "        return retriever",
                    "        pass\n    with tracer.start_as_current_span('x'):\n        return retriever",
                ),
            ),
            "There",
        ),
        "an event by hand": (
            changed(BY_HAND, ("span.record_exception(error)", "span.add_event('exception')")),
            "has no `exception` events",
        ),
    },
)

STATUSES = 'prediction = {"rag-request": "UNSET", "retrieval": "UNSET", "generation": "ERROR"}'
PREDICT = tries(
    "02.2",
    "prediction, handle",
    {
        "as asked": STATUSES,
        "lower case": STATUSES.replace("UNSET", "unset").replace("ERROR", "error"),
        "with blanks, in another order": (
            'prediction = {"generation": "ERROR ", "retrieval": "UNSET", "rag-request": "UNSET"}'
        ),
    },
    {
        "retrieval failed": (
            changed(STATUSES, ('"retrieval": "UNSET"', '"retrieval": "ERROR"')),
            "'ERROR' for 'retrieval'",
        ),
        "the root failed": (
            changed(STATUSES, ('"rag-request": "UNSET"', '"rag-request": "ERROR"')),
            "'ERROR' for 'rag-request'",
        ),
        "all is well": (changed(STATUSES, ("ERROR", "UNSET")), "'UNSET' for 'generation'"),
        "OK": (changed(STATUSES, ("UNSET", "OK")), "'OK' for 'rag-request'"),
        "a part left out": (changed(STATUSES, ('"retrieval": "UNSET", ', "")), "no 'retrieval'"),
        "None": (changed(STATUSES, ('"UNSET"', "None")), NOT),
    },
)

POLITE = """
def answer_politely(question):
    with tracer.start_as_current_span("answer") as span:
        try:
            text = answer_with_context(question, passages, client=strict)
        except Exception as error:
            span.record_exception(error)
            span.set_status(StatusCode.ERROR, str(error))
            text = "Sorry, something went wrong."
        span.set_attribute("output.value", text)
        return text
"""
TRY_AROUND = """
def answer_politely(question):
    try:
        with tracer.start_as_current_span("answer"):
            return answer_with_context(question, passages, client=strict)
    except Exception:
        return "Sorry, something went wrong."
"""
OK_WHEN_IT_IS = changed(
    POLITE,
    ("client=strict)\n", "client=strict)\n            span.set_status(StatusCode.OK)\n"),
)
APOLOGY = tries(
    "02.3",
    "answer_politely",
    {"two lines": POLITE, "try around with": TRY_AROUND, "OK inside the try": OK_WHEN_IT_IS},
    {
        "no status": (
            changed(POLITE, ("            span.set_status(StatusCode.ERROR, str(error))\n", "")),
            "it should be ERROR",
        ),
        "no event": (
            changed(POLITE, ("            span.record_exception(error)\n", "")),
            "has no `exception` events",
        ),
        "OK is final": (
            changed(
                POLITE,
                (
                    "        return text",
                    "        span.set_status(StatusCode.OK)\n        return text",
                ),
            ),
            "it should be ERROR",
        ),
        "always ERROR": (
            changed(
                POLITE,
                (
                    "        return text",
                    "        span.set_status(StatusCode.ERROR)\n        return text",
                ),
            ),
            "has the status ERROR; it should not",
        ),
        "no apology": (
            changed(
                POLITE,
                ('"Sorry, something went wrong."', "None"),
                ('        span.set_attribute("output.value", text)\n', ""),
            ),
            "go on apologising",
        ),
        "the call outside": (
            changed(
                TRY_AROUND,
                (
                    '        with tracer.start_as_current_span("answer"):\n            return',
                    "        return",
                ),
                (
                    '        return "Sorry',
                    '        with tracer.start_as_current_span("answer") as span:\n            span.set_status(StatusCode.ERROR)\n        return "Sorry',
                ),
            ),
            "There",
        ),
        "a patient client": (
            changed(POLITE, ("client=strict", "client=patient")),
            "it should be ERROR",
        ),
        "the error leaves": (
            changed(
                POLITE, ('            text = "Sorry, something went wrong."', "            raise")
            ),
            "Your code raised InternalServerError",
        ),
        "a constant": (
            changed(
                POLITE, ("        return text", "        return 'Sorry, something went wrong.'")
            ),
            "not return what the model answered",
        ),
    },
)

UNLUCKY = 'unlucky = {"question": "Who approves?", "calls": 3}'
HIDDEN = tries(
    "02.4",
    "unlucky, monday",
    {
        "as asked": UNLUCKY,
        "a fraction, in capitals": changed(
            UNLUCKY, ("3", "3.0"), ("Who approves?", "WHO APPROVES?")
        ),
        "computed": """
slowest = max((course.read_back(s, expect=2)[0] for s in monday), key=lambda s: s.milliseconds)
within = [c for c in course.stub.requests if slowest.start <= c.started <= slowest.end]
unlucky = dict(calls=len(within), question=slowest.attributes["input.value"])
""",
    },
    {
        "another question": (
            changed(UNLUCKY, ("Who approves?", "How long?")),
            "'How long?' for 'question'",
        ),
        "the retries alone": (changed(UNLUCKY, ("3", "2")), "2 for 'calls'"),
        "one call": (changed(UNLUCKY, ("3", "1")), "1 for 'calls'"),
        "a number as text": (changed(UNLUCKY, ("3", "'3'")), "is text; a number"),
        "swapped": ('unlucky = {"question": 3, "calls": "Who approves?"}', "is a number; text"),
        "no calls": ('unlucky = {"question": "Who approves?"}', "no 'calls'"),
        "a tuple": ('unlucky = ("Who approves?", 3)', "needs a dictionary"),
    },
)

RETRIES = """
def answer_with_retries(question):
    with tracer.start_as_current_span("answer", attributes={KIND: "CHAIN"}) as root:
        for attempt in (1, 2, 3):
            try:
                with tracer.start_as_current_span("attempt", attributes={KIND: "LLM"}):
                    text = answer_with_context(question, passages, client=strict)
                break
            except RateLimitError as error:
                if attempt == 3:
                    raise
                wait = seconds_to_wait(error)
                root.add_event("retry.wait", {"seconds": wait})
                time.sleep(wait)
        root.set_attribute("output.value", text)
        root.set_status(StatusCode.OK)
        return text
"""
RECURSIVE = """
@tracer.start_as_current_span("attempt")
def attempt_once(question):
    trace.get_current_span().set_attribute(KIND, "LLM")
    return answer_with_context(question, passages, client=strict)

def attempt(root, question, left):
    try:
        return attempt_once(question)
    except RateLimitError as error:
        if not left:
            raise
        seconds = seconds_to_wait(error)
    root.add_event("retry.wait", attributes={"seconds": seconds})
    time.sleep(seconds)
    return attempt(root, question, left - 1)

def answer_with_retries(question):
    with tracer.start_as_current_span("answer") as root:
        root.set_attribute(KIND, "CHAIN")
        text = attempt(root, question, 2)
        root.set_attribute(SpanAttributes.OUTPUT_VALUE, text)
        root.set_status(StatusCode.OK)
    return text
"""
LONGER = changed(RETRIES, ("wait = seconds_to_wait(error)", "wait = 0.03 + seconds_to_wait(error)"))
WRITE = tries(
    "02.5",
    "answer_with_retries",
    {"a loop": RETRIES, "recursive": RECURSIVE, "waits longer than asked": LONGER},
    {
        "no wait": (
            changed(RETRIES, ("                time.sleep(wait)\n", "")),
            "the wait itself is missing",
        ),
        "0.01 s": (
            changed(RETRIES, ("wait = seconds_to_wait(error)", "wait = 0.01")),
            "the server asked for 0.05",
        ),
        "waits before the event": (
            changed(
                RETRIES,
                (
                    '                root.add_event("retry.wait", {"seconds": wait})\n                time.sleep(wait)\n',
                    '                time.sleep(wait)\n                root.add_event("retry.wait", {"seconds": wait})\n',
                ),
            ),
            "the wait itself is missing",
        ),
        "no event": (
            changed(RETRIES, ('root.add_event("retry.wait", {"seconds": wait})', "pass")),
            "has no `retry.wait` events",
        ),
        "no seconds": (changed(RETRIES, (', {"seconds": wait}', "")), "has no number `seconds`"),
        "try inside the attempt": (
            changed(
                RETRIES,
                (
                    '                with tracer.start_as_current_span("attempt", attributes={KIND: "LLM"}):\n                    text',
                    '                with tracer.start_as_current_span("attempt", attributes={KIND: "LLM"}):\n                    pass\n                text',
                ),
            ),
            "it should be ERROR",
        ),
        "no OK": (
            changed(RETRIES, ("        root.set_status(StatusCode.OK)\n", "")),
            "it should be OK",
        ),
        "the third refusal swallowed": (
            changed(RETRIES, ("                    raise\n", "                    return ''\n")),
            "as if all were well",
        ),
        "four attempts": (
            changed(RETRIES, ("(1, 2, 3)", "(1, 2, 3, 4)"), ("attempt == 3", "attempt == 4")),
            "as if all were well",
        ),
        "a made-up answer": (
            changed(RETRIES, ('"output.value", text', '"output.value", "20 days"')),
            "not what the model answered",
        ),
    },
)

BOTH_WAYS = """
def question_of(line):
    return course.read_back(line.split()[1], expect=2)[0].attributes["input.value"]

def lines_of(trace_id):
    return [line for line in log_file.getvalue().splitlines() if trace_id in line]
"""
WITH_THE_CLIENT = """
from phoenix.client import Client

def question_of(line):
    found = re.search("[0-9a-f]{32}", line)
    spans = Client(base_url=course.phoenix_url).spans.get_spans(
        project_identifier=course.project, trace_ids=[found[0]]
    )
    return next(one for one in spans if one.get("parent_id") is None)["attributes"]["input.value"]

def lines_of(trace_id):
    log_file.seek(0)
    return [line.rstrip("\\n") for line in log_file if line.split()[1] == trace_id]
"""
ONE_INDEX = """
def split(line):
    level, trace_id, span_id, message = line.split(maxsplit=3)
    return trace_id, span_id

def question_of(line):
    [root] = [one for one in course.read_back(split(line)[0], 2) if one.parent_id is None]
    return root.attributes["input.value"]

def lines_of(trace_id):
    lines = {}
    for line in log_file.getvalue().split("\\n")[:-1]:
        lines.setdefault(split(line)[0], []).append(line)
    return lines[trace_id]
"""
FOLLOW = tries(
    "02.6",
    "question_of, lines_of, serve, log_file",
    {"by word": BOTH_WAYS, "Phoenix's client": WITH_THE_CLIENT, "one index": ONE_INDEX},
    {
        "always the same question": (
            changed(
                BOTH_WAYS,
                (
                    'course.read_back(line.split()[1], expect=2)[0].attributes["input.value"]',
                    "question",
                ),
            ),
            "returns text that is not the `input.value` of the root",
        ),
        "the trace of the last line": (
            changed(BOTH_WAYS, ("line.split()[1]", "log_file.getvalue().split()[-5]")),
            "returns text that is not the `input.value` of the root",
        ),
        "the message instead of the question": (
            changed(
                BOTH_WAYS,
                (
                    'course.read_back(line.split()[1], expect=2)[0].attributes["input.value"]',
                    "line.split(maxsplit=3)[3]",
                ),
            ),
            "returns text that is not the `input.value` of the root",
        ),
        "the attributes instead of one": (
            changed(BOTH_WAYS, ('["input.value"]', "")),
            "is not the `input.value` of the root",
        ),
        "the child instead of the root": (
            changed(BOTH_WAYS, ("[0].attributes[", "[1].attributes[")),
            "KeyError",
        ),
        "the span's id as the trace's": (
            changed(BOTH_WAYS, ("line.split()[1]", "line.split()[2]")),
            "is not a trace id",
        ),
        "serves again and asks that": (
            changed(
                BOTH_WAYS,
                (
                    "course.read_back(line.split()[1], expect=2)",
                    "course.read_back(serve(question), 2)",
                ),
            ),
            "traces",
        ),
        "nothing returned": (changed(BOTH_WAYS, ("    return [", "    [")), "returns nothing"),
        "one text": (
            changed(
                BOTH_WAYS,
                ("return [line for", "return chr(10).join(line for"),
                ("if trace_id in line]", "if trace_id in line)"),
            ),
            "returns text; it should return a list",
        ),
        "all lines": (
            changed(BOTH_WAYS, (" if trace_id in line", "")),
            "something that is no line of the trace",
        ),
        "messages only": (
            changed(BOTH_WAYS, ("[line for line", "[line.split(maxsplit=3)[3] for line")),
            "something that is no line of the trace",
        ),
        "the root's lines only": (
            changed(BOTH_WAYS, ("if trace_id in line", "if trace_id in line and 'WARN' in line")),
            "leaves out 1 of the 2 lines",
        ),
        "the newest first": (
            changed(BOTH_WAYS, (".splitlines() if", ".splitlines()[::-1] if")),
            "in another order",
        ),
        "ids as numbers": (
            changed(BOTH_WAYS, ("if trace_id in line", "if str(int(trace_id, 16)) in line")),
            "leaves out 2 of the 2 lines",
        ),
    },
)
ATTEMPTS = [*ONCE, *PREDICT, *APOLOGY, *HIDDEN, *WRITE, *FOLLOW]
