"""Attempts at lesson 04."""

from attempts import changed, tries
from attempts.common import RAG

SETUP = (
    RAG
    + """
from contextlib import contextmanager
from openai import OpenAI, pydantic_function_tool
from pydantic import BaseModel
from openinference.instrumentation import TraceConfig, suppress_tracing
from openinference.instrumentation.openai import OpenAIInstrumentor
from rag_tutorials.qa import build_messages
from rag_tutorials.tracing import build_traced_rag_pipeline
instrumentor = OpenAIInstrumentor()
instrumentor.instrument(tracer_provider=tracer_provider)
client = OpenAI()
chat_model, embedding_model = course.chat_model, course.embedding_model
messages = [{"role": "user", "content": "Hello"}]
pipeline = build_traced_rag_pipeline(
    retriever=retriever, answer_fn=answer_with_context, tracer=tracer
)

class LeaveLeft(BaseModel):
    "Days of annual leave that an employee has left."
    employee: str

tools = [pydantic_function_tool(LeaveLeft, name="leave_left")]

@contextmanager
def instrumented(provider=tracer_provider, **hide):
    try:
        instrumentor.uninstrument()
        instrumentor.instrument(tracer_provider=provider, config=TraceConfig(**hide))
        yield
    finally:
        instrumentor.uninstrument()
        instrumentor.instrument(tracer_provider=tracer_provider)

with tracer.start_as_current_span("four-calls") as four_calls:
    client.chat.completions.create(model=chat_model, messages=messages)
    client.embeddings.create(model=embedding_model, input="leave")
spans = course.read_back(four_calls, expect=3)
total = sum(span.attributes.get("llm.token_count.total", 0) for span in spans)
of_chat = next(s for s in spans if s.name == "ChatCompletion").attributes["llm.token_count.total"]

def puzzle():
    with tracer.start_as_current_span("puzzle"):
        instrumentor.uninstrument()
        a_client = OpenAI()
        a_client.chat.completions.create(model=chat_model, messages=messages)
        instrumentor.instrument(tracer_provider=tracer_provider)
        a_client.embeddings.create(model=embedding_model, input="leave")
        with suppress_tracing():
            pipeline("How many days of leave do I have?")
        with tracer.start_as_current_span("step"):
            a_client.responses.create(model=chat_model, input="Hello")

def look_up(arguments):
    return "12 days left"
"""
)
LEAVE = "instrumentor.uninstrument()"
NOT = "is not what the trace says"

STREAM = """
def stream_answer(question):
    chunks = client.chat.completions.create(
        model=course.chat_model,
        messages=build_messages(question, ["Five days may be carried over."]),
        stream=True,
        stream_options={"include_usage": True},
    )
    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
"""
LOOP = """
def stream_answer(question):
    prompt = build_messages(question, ["Five days may be carried over."])
    options = {"stream": True, "stream_options": {"include_usage": True}}
    text = ""
    with client.chat.completions.create(model=chat_model, messages=prompt, **options) as chunks:
        for chunk in chunks:
            for choice in chunk.choices:
                text += choice.delta.content or ""
    return text
"""
PIECES = changed(
    STREAM,
    ('    return "".join(', "    pieces = list("),
    ("if chunk.choices)", 'if chunk.choices)\n    return "".join(pieces)'),
)
COUNTED = tries(
    "04.1",
    "stream_answer",
    {"joined": STREAM, "a loop": LOOP, "a list first": PIECES},
    {
        "no usage": (
            changed(STREAM, ('        stream_options={"include_usage": True},\n', "")),
            "llm.token_count.total`",
        ),
        "no stream": (
            changed(
                STREAM,
                ('        stream=True,\n        stream_options={"include_usage": True},\n', ""),
                (
                    '    return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)',
                    "    return chunks.choices[0].message.content",
                ),
            ),
            "`First Token Stream Event`",
        ),
        "the last chunk": (changed(STREAM, (" if chunk.choices", "")), "IndexError"),
        "a constant": (
            changed(
                STREAM,
                ("    return ", "    "),
                ("if chunk.choices)\n", "if chunk.choices)\n    return 'Five days.'\n"),
            ),
            "not the answer that was streamed",
        ),
        "half of it": (
            changed(STREAM, ("if chunk.choices)", "if chunk.choices)[:5]")),
            "not the answer that was streamed",
        ),
        "asked twice": (
            changed(
                STREAM,
                (
                    "    return",
                    "    client.chat.completions.create(model=chat_model, messages=messages)\n    return",
                ),
            ),
            "There are 2",
        ),
        "left early": (
            changed(
                LOOP,
                (
                    "                text += choice",
                    "                return choice.delta.content or 'x'\n                text += choice",
                ),
            ),
            "`ChatCompletion`",
        ),
        "nothing returned": (changed(STREAM, ("    return ", "    ")), "nothing (None)"),
    },
)

TOKENS = tries(
    "04.2",
    "tokens_in_all, four_calls",
    {
        "a sum": "tokens_in_all = total",
        "a fraction": "tokens_in_all = float(total)",
        "a loop": (
            "tokens_in_all = 0\n"
            "for one in course.read_back(four_calls, expect=3):\n"
            "    tokens_in_all += one.attributes.get('llm.token_count.total') or 0"
        ),
    },
    {
        "without embeddings": ("tokens_in_all = of_chat", NOT),
        "as text": ("tokens_in_all = str(total)", "needs a whole number, not text."),
        "one more": ("tokens_in_all = total + 1", NOT),
        "twice": ("tokens_in_all = 2 * total", NOT),
        "nothing": ("tokens_in_all = 0", NOT),
        "True": ("tokens_in_all = True", NOT),
    },
)

DOOR = """
def my_door(code):
    with tracer.start_as_current_span("my-door") as span:
        span.set_attribute("door.code_length", len(code))
        with instrumented(hide_inputs=True, hide_outputs=True):
            prompt = build_messages("Which code opens my door?", [f"Your door code is {code}."])
            completion = client.chat.completions.create(model=chat_model, messages=prompt)
        span.add_event("opened")
        return completion.choices[0].message.content
"""
SHORT = """
def ask(code):
    prompt = build_messages("Which code opens my door?", [f"Your door code is {code}."])
    with instrumented(hide_inputs=True, hide_outputs=True):
        return client.chat.completions.create(model=chat_model, messages=prompt)

@tracer.start_as_current_span("my-door")
def my_door(code):
    return ask(code).choices[0].message.content
"""
INSIDE_OUT = """
def my_door(code):
    with instrumented(hide_inputs=True, hide_outputs=True):
        with tracer.start_as_current_span("my-door"):
            prompt = build_messages("Which code opens my door?", [f"Your door code is {code}."])
            said = client.chat.completions.create(model=chat_model, messages=prompt)
            return said.choices[0].message.content.strip()
"""
SECRET = tries(
    "04.3",
    "my_door",
    {"masks": DOOR, "a helper": SHORT, "masks outside": INSIDE_OUT},
    {
        "inputs alone": (changed(DOOR, (", hide_outputs=True", "")), "The secret is still in"),
        "the attribute": (
            changed(DOOR, ('"door.code_length", len(code)', '"door.code", code')),
            "the attribute `door.code`",
        ),
        "the event": (changed(DOOR, ('"opened"', 'f"opened with {code}"')), "the name of an event"),
        "the employee gets no code": (
            changed(DOOR, ("completion.choices[0].message.content", "'Your code is hidden.'")),
            "not return what the model answered",
        ),
        "the model is not told": (changed(DOOR, ("{code}.", "secret.")), "not told the code"),
        "suppressed": (
            changed(
                DOOR, ("instrumented(hide_inputs=True, hide_outputs=True)", "suppress_tracing()")
            ),
            "no span named `ChatCompletion`",
        ),
        "beside the span": (
            changed(
                DOOR,
                (
                    "        with instrumented",
                    "        pass\n    if True:\n        with instrumented",
                ),
            ),
            "root span",
        ),
        "no span of its own": (changed(DOOR, ('"my-door"', '"door"')), "no span named `my-door`"),
    },
)

TREE = 'prediction = {"number of spans": 4, "children of puzzle": ["CreateEmbeddings", "step"]}'
PREDICT = tries(
    "04.4",
    "prediction, puzzle",
    {
        "a list": TREE,
        "a tuple": changed(TREE, ("[", "("), ("]", ")")),
        "in small letters": changed(TREE, ("CreateEmbeddings", "createembeddings")),
    },
    {
        "five": (changed(TREE, ("4", "5")), "5 for 'number of spans'"),
        "another order": (
            changed(TREE, ('"CreateEmbeddings", "step"', '"step", "CreateEmbeddings"')),
            "not in the order",
        ),
        "the last call a child": (changed(TREE, ('"step"', '"step", "Response"')), NOT),
        "the first call too": (
            changed(TREE, ('"CreateEmbeddings"', '"ChatCompletion", "CreateEmbeddings"')),
            NOT,
        ),
        "one child": (changed(TREE, ('"CreateEmbeddings", ', "")), NOT),
        "a number as text": (changed(TREE, ("4", "'4'")), "is text; a number"),
    },
)

LEAVE_REQUEST = """
def leave_request(question):
    conversation = [{"role": "user", "content": question}]
    with tracer.start_as_current_span("leave-request") as outer:
        outer.set_attributes({KIND: "AGENT", "input.value": question})
        first = client.chat.completions.create(
            model=chat_model, messages=conversation, tools=tools, tool_choice="required"
        )
        conversation.append(first.choices[0].message)
        for call in first.choices[0].message.tool_calls:
            with tracer.start_as_current_span(call.function.name) as inner:
                inner.set_attributes({KIND: "TOOL", "input.value": call.function.arguments})
                result = look_up(call.function.arguments)
                inner.set_attribute("output.value", result)
            conversation.append({"role": "tool", "tool_call_id": call.id, "content": result})
        second = client.chat.completions.create(model=chat_model, messages=conversation)
        answer = second.choices[0].message.content or ""
        outer.set_attribute("output.value", answer)
    return answer
"""
BY_NAME = """
TOOLS = {"leave_left": look_up}

def use(call):
    name, arguments = call.function.name, call.function.arguments
    with tracer.start_as_current_span(name, attributes={KIND: "TOOL"}) as span:
        span.set_attribute("input.value", arguments)
        span.set_attribute("output.value", TOOLS[name](arguments))
        return span.attributes["output.value"]

@tracer.start_as_current_span("leave-request")
def leave_request(question):
    span = trace.get_current_span()
    span.set_attributes({KIND: "AGENT", "input.value": question})
    said = [{"role": "user", "content": question}]
    message = client.chat.completions.create(
        model=chat_model, messages=said, tools=tools, tool_choice="required"
    ).choices[0].message
    results = [
        {"role": "tool", "tool_call_id": call.id, "content": use(call)}
        for call in message.tool_calls
    ]
    last = client.chat.completions.create(model=chat_model, messages=[*said, message, *results])
    span.set_attribute("output.value", last.choices[0].message.content)
    return last.choices[0].message.content
"""
AWAITED = """
from openai import AsyncOpenAI
async_client = AsyncOpenAI()
""" + changed(
    LEAVE_REQUEST, ("def leave", "async def leave"), ("= client.", "= await async_client.")
)
AGENT = tries(
    "04.5",
    "leave_request",
    {"two blocks": LEAVE_REQUEST, "a table of tools": BY_NAME, "async": AWAITED},
    {
        "the tool is not called": (
            changed(LEAVE_REQUEST, ("look_up(call.function.arguments)", '"12 days left"')),
            "`look_up` never happens",
        ),
        "called beside the span": (
            changed(
                LEAVE_REQUEST,
                ("                result = look_up(call.function.arguments)\n", ""),
                (
                    "            with tracer.start_as_current_span(call",
                    "            result = look_up(call.function.arguments)\n            with tracer.start_as_current_span(call",
                ),
            ),
            "outside `leave_left`",
        ),
        "called twice": (
            changed(
                LEAVE_REQUEST,
                (
                    '                inner.set_attribute("output.value", result)',
                    "                inner.set_attribute(\"output.value\", look_up(''))",
                ),
            ),
            "happens 2 times",
        ),
        "another result": (
            changed(LEAVE_REQUEST, ('"output.value", result', '"output.value", "30 days left"')),
            "not what `look_up` returned",
        ),
        "tokens on the agent": (
            changed(
                LEAVE_REQUEST,
                (
                    '        outer.set_attribute("output.value", answer)',
                    '        outer.set_attribute("output.value", answer)\n        outer.set_attribute("llm.token_count.total", 90)',
                ),
            ),
            "`leave-request` has token counts of its own",
        ),
        "the tool misnamed": (
            changed(LEAVE_REQUEST, ("(call.function.name)", '("the tool")')),
            "did you mean it by `the tool`?",
        ),
        "the work outside": (
            changed(
                LEAVE_REQUEST,
                ("        first = client", "        pass\n    if True:\n        first = client"),
            ),
            "is a root span",
        ),
        "kinds swapped": (
            changed(LEAVE_REQUEST, ('"AGENT"', '"X"'), ('"TOOL"', '"AGENT"'), ('"X"', '"TOOL"')),
            "has the kind",
        ),
        "a made-up answer": (
            changed(LEAVE_REQUEST, ('second.choices[0].message.content or ""', '"20 days"')),
            "not return what the model answered",
        ),
        "made-up arguments": (
            changed(
                LEAVE_REQUEST, ('"input.value": call.function.arguments', '"input.value": "Ada"')
            ),
            "wants to call the tool with",
        ),
    },
)
ATTEMPTS = [*COUNTED, *TOKENS, *SECRET, *PREDICT, *AGENT]
