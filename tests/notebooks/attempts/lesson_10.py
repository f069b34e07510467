"""Attempts at lesson 10."""

import json
from pathlib import Path

from attempts import changed, tries
from attempts.common import RAG

_NOTEBOOK = json.loads(
    (Path(__file__).parents[3] / "notebooks" / "10_agents_and_tools.ipynb").read_text("utf-8")
)
_CELLS = {cell["id"]: "".join(cell["source"]) for cell in _NOTEBOOK["cells"]}
_GIVEN = ("tools", "call-tool", "run-agent", "first-run", "three-faults")
# What the lesson's own cells make: the tools, the agent, and the three traces to read.
SETUP = (
    RAG
    + "\n\n".join(_CELLS[name].partition("course.reveal")[0] for name in _GIVEN)
    + "\n\n"
    + _CELLS["forgetful"].partition("course.reveal")[0]
    + """
def known_at(span):
    messages = {}
    for key, value in span.attributes.items():
        if key.startswith("llm.input_messages."):
            number, _, rest = key.removeprefix("llm.input_messages.").partition(".message.")
            messages.setdefault(int(number), {})[rest] = value
    return [messages[number] for number in sorted(messages)]
"""
    + _CELLS["exercise-10-3"].partition("\n\n\n")[2]
)
LEAVE = "OpenAIInstrumentor().uninstrument()"

TOOL = """
def traced_tool(function):
    told = describe(function)["function"]

    def call(**arguments):
        with tracer.start_as_current_span(told["name"], openinference_span_kind="tool") as span:
            span.set_tool(
                name=told["name"], description=told["description"], parameters=told["parameters"]
            )
            span.set_input(json.dumps(arguments), mime_type="application/json")
            result = function(**arguments)
            span.set_output(result)
            return result

    return call
"""
BY_KEYS = """
def traced_tool(function):
    told = describe(function)["function"]

    @functools.wraps(function)
    def call(**arguments):
        with tracer.start_as_current_span(function.__name__, attributes={
            KIND: "TOOL",
            SpanAttributes.TOOL_NAME: function.__name__,
            SpanAttributes.TOOL_DESCRIPTION: function.__doc__,
            SpanAttributes.TOOL_PARAMETERS: json.dumps(told["parameters"]),
            SpanAttributes.INPUT_VALUE: json.dumps(arguments, indent=2, sort_keys=True),
        }) as span:
            span.set_attribute(SpanAttributes.OUTPUT_VALUE, result := function(**arguments))
        return result

    return call
"""
STATUS_BY_HAND = """
class Traced:
    def __init__(self, function):
        self.function = function

    def __call__(self, **arguments):
        told = describe(self.function)["function"]
        span = tracer.start_span(told["name"], openinference_span_kind="tool")
        span.set_tool(**told)
        span.set_input(arguments)
        try:
            with trace.use_span(span, record_exception=False, set_status_on_exception=False):
                result = self.function(**arguments)
            span.set_output(result)
            return result
        except Exception as error:
            span.record_exception(error)
            span.set_status(StatusCode.ERROR, str(error))
            raise
        finally:
            span.end()

def traced_tool(function):
    return Traced(function)
"""
RUN = "            result = function(**arguments)\n"
TOOLS = tries(
    "10.1",
    "traced_tool",
    {"set_tool": TOOL, "keys": BY_KEYS, "a class": STATUS_BY_HAND},
    {
        "no span": ("def traced_tool(function):\n    return function", "outside its span"),
        "another kind": (
            changed(BY_KEYS, ('KIND: "TOOL"', 'KIND: "CHAIN"')),
            "TOOL",
        ),
        "no schema": (
            changed(
                BY_KEYS,
                (
                    '            SpanAttributes.TOOL_PARAMETERS: json.dumps(told["parameters"]),\n',
                    "",
                ),
            ),
            "tool.parameters",
        ),
        "arguments in place of the schema": (
            changed(TOOL, ('parameters=told["parameters"]', "parameters=arguments")),
            "tool.parameters",
        ),
        "no description": (
            changed(TOOL, ('description=told["description"], ', "")),
            "tool.description",
        ),
        "input and output swapped": (
            changed(
                TOOL,
                ("set_input(json.dumps(arguments), mime", "set_output(json.dumps(arguments), mime"),
                ("set_output(result)", "set_input(result)"),
            ),
            "input.value",
        ),
        "arguments as Python writes them": (
            changed(TOOL, ("json.dumps(arguments)", "str(arguments)")),
            "input.value",
        ),
        "the error swallowed": (
            changed(
                TOOL,
                (
                    RUN,
                    "            try:\n                result = function(**arguments)\n"
                    "            except ValueError as error:\n                result = str(error)\n",
                ),
            ),
            "did not",
        ),
        "called twice": (changed(TOOL, (RUN, RUN + RUN)), "ran the function"),
        "a constant": (changed(TOOL, (RUN, "            result = '240'\n")), "did not"),
        "run outside": (
            changed(
                TOOL,
                (
                    "        with tracer",
                    "        done = function(**arguments)\n        with tracer",
                ),
                (
                    "function(**arguments)\n            span.set_output",
                    "done\n            span.set_output",
                ),
            ),
            "outside its span",
        ),
    },
)

READ = """
made = Counter(
    (one.name, one.attributes["input.value"])
    for one in course.read_back(runaway) if one.kind == "TOOL"
)
same_call = max(made.values())
unseen_result = '{"employee": "Ada", "days_left": 12}'
first_tool = "search_handbook"
"""
IMPORT = "from collections import Counter\n"
TRACES = "[wrong_tool, runaway, forgetful]"
FINDINGS = tries(
    "10.2",
    f"(same_call, unseen_result, first_tool), {TRACES}",
    {
        "counted": IMPORT + READ,
        "read off the drawing": """
same_call, first_tool = 5, "search_handbook"
unseen_result = '{"employee": "Ada", "days_left": 12}'
""",
        "computed": """
spans = course.read_back(forgetful)
seen = {m.get("content") for one in spans if one.kind == "LLM" for m in known_at(one)}
[unseen_result] = [
    one.attributes["output.value"] for one in spans
    if one.kind == "TOOL" and one.attributes["output.value"] not in seen
]
same_call = sum(one.kind == "TOOL" for one in course.read_back(runaway))
first_tool = [one for one in course.read_back(wrong_tool) if one.kind == "TOOL"][0].name
""",
    },
    {
        "one too few": (changed(IMPORT + READ, ("max(made.values())", "4")), ""),
        "the one that was seen": (
            changed(IMPORT + READ, ('"Ada", "days_left": 12', '"Bob", "days_left": 7')),
            "",
        ),
        "the sum": (
            changed(IMPORT + READ, ('\'{"employee": "Ada", "days_left": 12}\'', "'14'")),
            "",
        ),
        "the right tool": (
            changed(IMPORT + READ, ('"search_handbook"', '"leave_balance"')),
            "",
        ),
        "the spans counted": (
            changed(IMPORT + READ, ("max(made.values())", "len(course.read_back(runaway))")),
            "",
        ),
        "only the employee": (
            changed(IMPORT + READ, ('\'{"employee": "Ada", "days_left": 12}\'', "'Ada'")),
            "",
        ),
    },
)

CAREFUL = """
def run_until_repeat(model, question):
    messages, made = [question], []
    with tracer.start_as_current_span("careful-agent", openinference_span_kind="agent") as span:
        span.set_input(question)
        while True:
            wanted = model(messages)
            if isinstance(wanted, str):
                span.set_output(wanted)
                return wanted
            for name, arguments in wanted:
                if (name, json.loads(arguments)) in made:
                    span.set_status(StatusCode.ERROR, f"{name} was called twice alike")
                    return None
                made.append((name, json.loads(arguments)))
                messages.append(call(name, arguments))
"""
CAREFUL_RAISES = """
class Repeated(Exception):
    pass

def rounds(model, messages):
    made = set()
    while not isinstance(wanted := model(messages), str):
        for name, arguments in wanted:
            key = name, json.dumps(json.loads(arguments), sort_keys=True)
            if key in made:
                raise Repeated(name)
            made.add(key)
            messages.append(call(name, arguments))
    return wanted

def run_until_repeat(model, question):
    with tracer.start_as_current_span("careful-agent", openinference_span_kind="agent") as span:
        span.set_input(question)
        try:
            span.set_output(answer := rounds(model, [question]))
            return answer
        except Repeated as error:
            span.set_status(StatusCode.ERROR, f"{error} again")
"""
CAREFUL_FOR = """
def run_until_repeat(model, question, limit=10):
    attributes = {KIND: "AGENT", "input.value": question}
    with tracer.start_as_current_span("careful-agent", attributes=attributes) as span:
        messages, made = [question], []
        for _ in range(limit):
            wanted = model(messages)
            if isinstance(wanted, str):
                span.set_attribute("output.value", wanted)
                span.set_status(StatusCode.OK)
                return wanted
            calls = [(name, json.loads(arguments)) for name, arguments in wanted]
            if any(one in made for one in calls):
                break
            made += calls
            messages += [call(*one) for one in wanted]
        span.set_status(StatusCode.ERROR, "no answer")
"""
BOUNDS = tries(
    "10.3",
    "run_until_repeat",
    {"a list": CAREFUL, "an exception": CAREFUL_RAISES, "a limit as well": CAREFUL_FOR},
    {
        "no bound": (
            changed(CAREFUL, ("in made:", "in [None]:")),
            "more than 12 times",
        ),
        "compared as text": (
            changed(
                CAREFUL,
                ("(name, json.loads(arguments)) in made", "(name, arguments) in made"),
                ("made.append((name, json.loads(arguments)))", "made.append((name, arguments))"),
            ),
            "leave_balance",
        ),
        "the repeated call made": (
            changed(
                CAREFUL,
                (
                    "                    span.set_status",
                    "                    call(name, arguments)\n                    span.set_status",
                ),
            ),
            "leave_balance",
        ),
        "no status": (
            changed(
                CAREFUL,
                (
                    '                    span.set_status(StatusCode.ERROR, f"{name} was called twice alike")\n',
                    "",
                ),
            ),
            "ERROR",
        ),
        "by name alone": (
            changed(
                CAREFUL,
                ("(name, json.loads(arguments)) in made", "name in made"),
                ("made.append((name, json.loads(arguments)))", "made.append(name)"),
            ),
            "two different calls",
        ),
        "results not given back": (
            changed(CAREFUL, ("messages.append(call(name, arguments))", "call(name, arguments)")),
            "must see each result",
        ),
        "calls outside the span": (
            changed(
                CAREFUL,
                (
                    "messages.append(call(name, arguments))",
                    "messages.append(type(copy_context())().run(call, name, arguments))",
                ),
            ),
            "careful-agent",
        ),
        "no output": (changed(CAREFUL, ("span.set_output(wanted)", "pass")), "output.value"),
        "no input": (changed(CAREFUL, ("span.set_input(question)", "pass")), "input.value"),
    },
)

POOL = """
def in_threads(calls, call_tool):
    with ThreadPoolExecutor() as pool:
        futures = [pool.submit(copy_context().run, call_tool, call) for call in calls]
        return [future.result() for future in futures]
"""
ATTACHED = """
from opentelemetry import context

def in_threads(calls, call_tool):
    here = context.get_current()

    def attached(call):
        token = context.attach(here)
        try:
            return call_tool(call)
        finally:
            context.detach(token)

    with ThreadPoolExecutor(max_workers=len(calls)) as pool:
        return list(pool.map(attached, calls))
"""
USED = """
def in_threads(calls, call_tool):
    agent = trace.get_current_span()

    def below_the_agent(call):
        with trace.use_span(agent):
            return call_tool(call)

    with ThreadPoolExecutor(4) as pool:
        return list(pool.map(below_the_agent, calls))
"""
THREADS = tries(
    "10.4",
    "in_threads",
    {"copies": POOL, "attach": ATTACHED, "use_span": USED},
    {
        "the starter": (changed(POOL, ("copy_context().run, call_tool", "call_tool")), "root"),
        "one after another": (
            "def in_threads(calls, call_tool):\n    return [call_tool(call) for call in calls]",
            "at the same time",
        ),
        "one worker": (
            changed(POOL, ("ThreadPoolExecutor()", "ThreadPoolExecutor(1)")),
            "at the same time",
        ),
        "copied in the thread": (
            changed(
                POOL,
                (
                    "copy_context().run, call_tool, call",
                    "lambda c: copy_context().run(call_tool, c), call",
                ),
            ),
            "root",
        ),
        "one copy for both": (
            changed(
                POOL,
                (
                    "    with Thread",
                    "    context = copy_context()\n    with Thread",
                ),
                ("copy_context().run", "context.run"),
            ),
            "entered by one thread at a time",
        ),
        "backwards": (changed(POOL, ("in futures]", "in futures[::-1]]")), "in the order"),
        "only the first": (changed(POOL, ("in futures]", "in futures[:1]]")), "in the order"),
        "nothing given back": (
            changed(POOL, ("        return [", "        [")),
            "in the order",
        ),
        "a span between": (
            changed(
                POOL,
                ("    with Thread", "    with tracer.start_as_current_span('pool'), Thread"),
            ),
            "pool",
        ),
    },
)

RIGHT = '{"LLM spans": 3, "TOOL spans": 3, "TOOL spans below the agent": 3}'
ANSWERS = "def agent_answers(question):\n    return run_agent(question)\n"
PREDICTED = tries(
    "10.5",
    "prediction, agent_answers",
    {
        "the agent": f"prediction = {RIGHT}\n{ANSWERS}",
        "one by one": f"prediction = {RIGHT}\n{ANSWERS}".replace(
            "run_agent(question)", "run_agent(question, run_calls=one_by_one)"
        ),
        "dict": f"prediction = dict({RIGHT})\nagent_answers = run_agent",
    },
    {
        label: (f"prediction = {changed(RIGHT, change)}\n{ANSWERS}", "")
        for label, change in {
            "one call of the model": ('"LLM spans": 3', '"LLM spans": 1'),
            "two calls": ('"LLM spans": 3', '"LLM spans": 2'),
            "two tools": ('"TOOL spans": 3', '"TOOL spans": 2'),
            "a tool with text": ('"TOOL spans": 3', '"TOOL spans": "three"'),
            "none below": ('the agent": 3', 'the agent": 0'),
            "two below": ('the agent": 3', 'the agent": 2'),
        }.items()
    },
)

ATTEMPTS = [*TOOLS, *FINDINGS, *BOUNDS, *THREADS, *PREDICTED]
