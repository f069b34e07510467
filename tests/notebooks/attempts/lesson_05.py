"""Attempts at lesson 05."""

from attempts import changed, tries
from attempts.common import RAG

SETUP = (
    RAG
    + """
import threading

def step(name):
    with tracer.start_as_current_span(name) as span:
        time.sleep(0.01)
    return span

async def step_async(name):
    with tracer.start_as_current_span(name) as span:
        await asyncio.sleep(0.01)
    return span

async def errands():
    with tracer.start_as_current_span("errands"):
        copy = copy_context()
        await asyncio.gather(step_async("gathered"), asyncio.to_thread(step, "to-thread"))
        with tracer.start_as_current_span("inner"):
            thread = threading.Thread(target=copy.run, args=(step, "copied"))
            thread.start()
            await asyncio.get_running_loop().run_in_executor(None, step, "executor")
            thread.join()
"""
)
NOT = "is not what the trace says"

WHERE = """prediction = {
    "traces": 2, "children of errands": {"gathered", "to-thread", "inner", "copied"},
    "parent of copied": "errands",
}"""
PREDICT = tries(
    "05.1",
    "prediction, errands",
    {
        "a set": WHERE,
        "a list, another order": changed(
            WHERE,
            (
                '{"gathered", "to-thread", "inner", "copied"}',
                '["inner", "copied", "gathered", "to-thread"]',
            ),
        ),
        "a tuple, capitals": changed(
            WHERE,
            (
                '{"gathered", "to-thread", "inner", "copied"}',
                '("Inner", "copied", "gathered", "to-thread")',
            ),
        ),
    },
    {
        "one trace": (changed(WHERE, ("2", "1")), "1 for 'traces' is not"),
        "no parent": (
            changed(WHERE, ('"errands",\n', "None,\n")),
            "None for 'parent of copied' is not",
        ),
        "below inner": (
            changed(WHERE, ('"errands",\n', '"inner",\n')),
            "'inner' for 'parent of copied'",
        ),
        "the executor too": (changed(WHERE, ('"copied"}', '"copied", "executor"}')), NOT),
        "one child less": (changed(WHERE, (', "copied"}', "}")), NOT),
        "a number as text": (changed(WHERE, ("2", "'2'")), "is text; a number"),
    },
)

COMPARE = """
def compare(topics):
    with tracer.start_as_current_span("compare"):
        with ThreadPoolExecutor(max_workers=3) as pool:
            futures = [pool.submit(copy_context().run, step, "look-up") for topic in topics]
        return len([future.result() for future in futures])
"""
MAPPED = """
def compare(topics):
    with tracer.start_as_current_span("compare"):
        contexts = [copy_context() for _ in topics]
        with ThreadPoolExecutor(3) as pool:
            spans = list(pool.map(lambda one: one.run(step, "look-up"), contexts))
    return len(spans)
"""
ATTACHING = """
from opentelemetry import context

def look_up(here, topic):
    token = context.attach(here)
    try:
        with tracer.start_as_current_span("look-up") as span:
            span.set_attribute("input.value", topic)
            time.sleep(0.01)
    finally:
        context.detach(token)

def compare(topics):
    with tracer.start_as_current_span("compare"), ThreadPoolExecutor() as pool:
        here = context.get_current()
        return len([done for done in pool.map(functools.partial(look_up, here), topics)])
"""
SUBMIT = 'futures = [pool.submit(copy_context().run, step, "look-up") for topic in topics]'
REPAIR = tries(
    "05.2",
    "compare",
    {"a copy each": COMPARE, "map": MAPPED, "attach and detach": ATTACHING},
    {
        "no pool": (
            changed(
                COMPARE,
                (SUBMIT, ""),
                ("        with ThreadPoolExecutor(max_workers=3) as pool:\n            \n", ""),
                ("[future.result() for future in futures]", "[step('look-up') for _ in topics]"),
            ),
            "one after another",
        ),
        "one worker": (changed(COMPARE, ("max_workers=3", "max_workers=1")), "one after another"),
        "one at a time": (
            changed(
                COMPARE,
                (
                    SUBMIT,
                    'futures = []\n            for _ in topics:\n                futures.append(pool.submit(copy_context().run, step, "look-up"))\n                futures[-1].result()',
                ),
            ),
            "one after another",
        ),
        "orphaned": (changed(COMPARE, ("copy_context().run, ", "")), "is a root span"),
        "empty spans beside the work": (
            changed(
                COMPARE,
                (
                    "        with Thread",
                    "        for _ in topics:\n            with tracer.start_as_current_span('look-up'):\n                pass\n        with Thread",
                ),
                ('"look-up") for', '"work") for'),
            ),
            "outside `look-up`",
        ),
        "always three": (
            changed(COMPARE, ("for topic in topics", "for topic in 'abc'")),
            "returned 3",
        ),
        "the number alone": (
            changed(COMPARE, ("len([future.result() for future in futures])", "3")),
            "returned 3",
        ),
        "the work left out": (
            changed(ATTACHING, ("            time.sleep(0.01)\n", "            pass\n")),
            "never happens",
        ),
    },
)
STREAM = """
def stream_reply(words):
    span = tracer.start_span("reply")
    async def pieces():
        try:
            for word in words:
                with trace.use_span(span):
                    await step_async("decode")
                yield word
        finally:
            span.end()
    return pieces()
"""
BY_CONTEXT = """
def stream_reply(words):
    span = tracer.start_span("reply")
    inside = trace.set_span_in_context(span)
    async def decode():
        with tracer.start_as_current_span("decode", context=inside):
            await asyncio.sleep(0)
    async def pieces():
        try:
            for word in words:
                await decode()
                yield word
        finally:
            span.end()
    return pieces()
"""
OUTSIDE = """
async def _pieces(span, words):
    try:
        for word in words:
            with trace.use_span(span, end_on_exit=False):
                await step_async("decode")
            yield word
    finally:
        span.end()

def stream_reply(words):
    return _pieces(tracer.start_span("reply"), words)
"""
WITH_BLOCK = """
async def stream_reply(words):
    with tracer.start_as_current_span("reply"):
        for word in words:
            await step_async("decode")
            yield word
"""
REPLY = tries(
    "05.3",
    "stream_reply",
    {"use_span": STREAM, "a context": BY_CONTEXT, "a helper": OUTSIDE},
    {
        "as it was": (WITH_BLOCK, "`"),
        "never ended": (
            changed(STREAM, ("            span.end()", "            pass")),
            "never ended",
        ),
        "all words first": (
            changed(STREAM, ("in words", "in list(words)")),
            "words were taken before",
        ),
        "words made up": (
            changed(STREAM, ("yield word", "yield 'x'")),
            "each word as it was given",
        ),
        "a list": ("def stream_reply(words):\n    return list(words)", "needs an async generator"),
        "a word twice": (
            changed(
                STREAM,
                (
                    "                yield word",
                    "                yield word\n                yield word",
                ),
            ),
            "each word as it was given",
        ),
        "no decoding": (changed(STREAM, ('await step_async("decode")', "pass")), "`decode`"),
        "decoded beside": (
            changed(
                STREAM,
                (
                    "                with trace.use_span(span):\n                    await",
                    "                if True:\n                    await",
                ),
            ),
            "`decode`",
        ),
    },
)
ATTEMPTS = [*PREDICT, *REPAIR, *REPLY]
