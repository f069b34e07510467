"""Attempts at lesson 11."""

from attempts import changed, tries
from attempts.common import RAG

SETUP = (
    RAG
    + '''
import hashlib, re, uuid
from dataclasses import dataclass
import httpx
from openinference.instrumentation import using_attributes, using_session, using_user
from openinference.instrumentation.openai import OpenAIInstrumentor
from opentelemetry.trace import format_span_id, format_trace_id
from rag_tutorials.course.equipment import HelpDesk

OpenAIInstrumentor().instrument(tracer_provider=tracer_provider)
tracer = tracer_provider.get_tracer("handbook.chat")
desk = HelpDesk(retriever, tracer, course.chat_model)
client = course.client

def pseudonym(address):
    return "u-" + hashlib.sha256(f"a secret salt {address}".encode()).hexdigest()[:10]

def answer_turn(question):
    with tracer.start_as_current_span("turn", openinference_span_kind="chain") as turn:
        turn.set_input(question)
        answer = desk.answer([{"role": "user", "content": question}])
        turn.set_output(answer)
    return answer

@dataclass
class Answer:
    text: str
    span_id: str

class Chat:
    def __init__(self, memory, user_id):
        self.memory, self.history = memory, []
        self.ids = {"session_id": f"chat-{uuid.uuid4().hex[:8]}", "user_id": user_id}

    def ask(self, question):
        asked = {"role": "user", "content": question}
        with using_attributes(**self.ids), tracer.start_as_current_span(
            "turn", openinference_span_kind="chain"
        ) as turn:
            turn.set_input(question)
            text = desk.answer([*self.memory(self.history), asked])
            turn.set_output(text)
        self.history += [asked, {"role": "assistant", "content": text}]
        self.last = turn
        return Answer(text, format_span_id(turn.get_span_context().span_id))

def summarise(texts):
    with tracer.start_as_current_span("summarise", openinference_span_kind="chain"):
        numbered = "\\n".join(f"[{number}] {text}" for number, text in enumerate(texts, 1))
        return desk.complete("Summarise the passages.", f"Context:\\n{numbered}")

def summary_of_answers(history):
    old, recent = history[:-2], history[-2:]
    answers = [message["content"] for message in old if message["role"] == "assistant"]
    if not answers:
        return recent
    return [{"role": "system", "content": f"Earlier: {summarise(answers)}"}, *recent]

def talk(memory):
    chat, ids = Chat(memory, "u-ada"), []
    for asked in (
        "I am Ada. How many days of annual leave may be carried over into the next year?",
        "How long is the probation period?",
        "How many days a week may I work remotely?",
        "How many days of annual leave do I have left?",
    ):
        answer = chat.ask(asked)
        ids.append(format_trace_id(chat.last.get_span_context().trace_id))
    return chat, answer, ids

_, _, conversation = talk(summary_of_answers)

def thumb(answer, label, identifier=None, comment=None):
    client.spans.add_span_annotation(
        span_id=answer.span_id, annotation_name="user feedback", annotator_kind="HUMAN",
        label=label, score=1 if label == "thumbs-up" else 0, explanation=comment,
        identifier=identifier, sync=True)

def a_day(span_id):
    answer = Answer("Three days a week.", span_id)
    thumb(answer, "thumbs-up", identifier="u-ada")
    thumb(answer, "thumbs-down", identifier="u-bob")
    client.spans.add_span_note(span_id=span_id, note="Bob disagrees.")
    thumb(answer, "thumbs-up")
    thumb(answer, "thumbs-down", identifier="u-ada")
    client.spans.add_span_note(span_id=span_id, note="Bob disagrees.")
    thumb(answer, "thumbs-down")

def masked(text):
    return re.sub(r"[\\w.+-]+@[\\w-]+(\\.[\\w-]+)+", "[e-mail]", text)

def ask_phoenix(query, **variables):
    reply = httpx.post(
        f"{course.phoenix_url}/graphql",
        json={"query": query, "variables": variables}, trust_env=False, timeout=60)
    return reply.raise_for_status().json()["data"]

def click(span_id, label="wrong", name="verdict", source="APP"):
    found = ask_phoenix(
        "query ($id: String!) { getSpanByOtelId(spanId: $id) { id } }", id=span_id)
    said = {"spanId": found["getSpanByOtelId"]["id"], "name": name, "label": label}
    ask_phoenix(
        "mutation ($input: [CreateSpanAnnotationInput!]!) "
        "{ createSpanAnnotations(input: $input) { spanAnnotations { id } } }",
        input=[{**said, "metadata": {}, "annotatorKind": "HUMAN", "source": source}])

def write_note(span_id, note="The name was lost.", source="APP"):
    ask_phoenix(
        "mutation ($input: [CreateSpanNoteInput!]!) "
        "{ createSpanNotes(input: $input) { spanAnnotations { id } } }",
        input=[{"span": {"otelId": span_id}, "note": note, "annotatorKind": "HUMAN",
                "source": source}])

def resolved(session_id, **changes):
    said = {"annotation_name": "resolved", "annotator_kind": "HUMAN", "label": "no",
            "explanation": "The name was lost.", **changes}
    client.sessions.add_session_annotation(session_id=session_id, sync=True, **said)

def last_turn():
    """A conversation of its own: its session, its last span and its last trace."""
    chat, answer, ids = talk(summary_of_answers)
    course.read_back(chat.last, expect=9)
    return chat.ids["session_id"], answer.span_id, ids[-1]
'''
)

IN_SESSION = """
def ask_in_session(question, session_id, address):
    with using_attributes(session_id=session_id, user_id=pseudonym(address)):
        return answer_turn(question)
"""
TWO = """
def ask_in_session(question, session_id, address):
    with using_session(session_id), using_user(pseudonym(address)):
        return answer_turn(question)
"""
KNOWN = """
users = {}

def ask_in_session(question, session_id, address):
    user_id = users.setdefault(address, f"user-{len(users)}")
    with using_user(user_id):
        with using_session(session_id):
            return answer_turn(question)
"""
ON_THE_ROOT = """
def ask_in_session(question, session_id, address):
    with tracer.start_as_current_span("turn", openinference_span_kind="chain") as turn:
        turn.set_attributes({"session.id": session_id, "user.id": pseudonym(address)})
        return desk.answer([{"role": "user", "content": question}])
"""
ATTACHED = """
def ask_in_session(question, session_id, address):
    using_attributes(session_id=session_id, user_id=pseudonym(address)).attach_context()
    return answer_turn(question)
"""
WRITE = tries(
    "11.1",
    "ask_in_session",
    {"one for both": IN_SESSION, "one for each": TWO, "numbered users": KNOWN},
    {
        "on the root alone": (ON_THE_ROOT, "does not have the `session.id` of its turn"),
        "the address itself": (
            changed(IN_SESSION, ("pseudonym(address)", "address")),
            "The secret is still in",
        ),
        "no user": (
            changed(IN_SESSION, (", user_id=pseudonym(address)", "")),
            "`turn` has no attribute `user.id`",
        ),
        "no session": (
            changed(IN_SESSION, ("session_id=session_id, ", "")),
            "`turn` has no attribute `session.id`",
        ),
        "everybody is one": (
            changed(IN_SESSION, ("pseudonym(address)", '"u-1"')),
            "Two persons have the same user id",
        ),
        "a new id each time": (
            changed(IN_SESSION, ("pseudonym(address)", "uuid.uuid4().hex")),
            "One person has two user ids",
        ),
        "a constant session": (
            changed(IN_SESSION, ("session_id=session_id", 'session_id="s"')),
            "`session.id` = s",
        ),
        "swapped": (
            changed(
                IN_SESSION,
                ("session_id=session_id, user_id=pseudonym(address)",
                 "session_id=pseudonym(address), user_id=session_id"),
            ),
            "it should be `check-",
        ),
        "asked twice": (
            changed(IN_SESSION, ("        return", "        answer_turn(question)\n        return")),
            "there should be 3",
        ),
    },
)  # fmt: skip

NOT = "is not what the trace says"
ANSWER = 'found_out = {"lost in turn": 3, "failed in turn": 4}'
COMPUTED = """
turns = [course.read_back(one) for one in conversation]

def told(spans):
    [root] = [one for one in spans if one.parent_id is None]
    call = next(one for one in spans if one.kind == "LLM" and one.parent_id == root.span_id)
    return call.attributes["input.value"]

found_out = {
    "lost in turn": next(n for n, one in enumerate(turns, 1) if "Ada" not in told(one)),
    "failed in turn": next(
        n for n, one in enumerate(turns, 1)
        if any(span.status == "ERROR" for span in one)
    ),
}
"""
READ = tries(
    "11.2",
    "found_out, conversation",
    {
        "read off": ANSWER,
        "computed": COMPUTED,
        "as a dict of words": "found_out = dict(zip(('lost in turn', 'failed in turn'), (3, 4)))",
    },
    {
        "where it shows": (changed(ANSWER, ("3", "4")), f"4 for 'lost in turn' {NOT}"),
        "where she said it": (changed(ANSWER, ("3", "1")), f"1 for 'lost in turn' {NOT}"),
        "counted from nought": (changed(ANSWER, ("3", "2"), ("4", "3")), NOT),
        "nothing failed": (changed(ANSWER, ("4", "0")), f"0 for 'failed in turn' {NOT}"),
        "as text": (changed(ANSWER, ("3", '"3"')), "is text; a number"),
        "one left out": ('found_out = {"lost in turn": 3}', "no 'failed in turn'"),
        "a list": ("found_out = [3, 4]", "needs a dictionary"),
    },
)

WHOLE = """
def memory(history):
    old, recent = history[:-2], history[-2:]
    if not old:
        return recent
    summary = summarise([message["content"] for message in old])
    return [{"role": "system", "content": f"Earlier: {summary}"}, *recent]
"""
FIRST = """
def memory(history):
    return history if len(history) < 4 else [history[0], *history[-2:]]
"""
PINNED = """
def memory(history):
    names = [re.search(r"I am (\\w+)", one["content"]) for one in history]
    who = [f"The user is {name[1]}." for name in names if name]
    return [{"role": "system", "content": " ".join(who)}, *summary_of_answers(history)]
"""
REPAIR = tries(
    "11.3",
    'memory, lambda memory: Chat(memory, "u-check")',
    {"a summary of all": WHOLE, "the first and the last": FIRST, "the name is kept": PINNED},
    {
        "as it was": ("memory = summary_of_answers", "is not told that the user is Bob"),
        "everything": (
            "def memory(history): return list(history)",
            "messages; there should be 6 at most",
        ),
        "nothing": ("def memory(history): return []", "is not told that the user is Bob"),
        "the last ones": (
            "def memory(history): return history[-4:]",
            "is not told that the user is Bob",
        ),
        "the first ones": ("def memory(history): return history[:4]", "word for word"),
        "another name": (
            changed(PINNED, ("{name[1]}", "Ada")),
            "is not told that the user is Bob",
        ),
        "all in one message": (
            """
def memory(history):
    text = " ".join(one["content"] for one in history)
    return [{"role": "system", "content": text}] if text else []
""",
            "as long as all that was said",
        ),
        "it fails": ("def memory(history): return history[-3]", "Your code raised"),
    },
)

LEFT = 'prediction = {"annotations": 3, "notes": 2, "label of u-ada": "thumbs-down"}'
PREDICT = tries(
    "11.4",
    "prediction, a_day",
    {
        "right": LEFT,
        "in capitals": changed(LEFT, ('"thumbs-down"', '"Thumbs-Down"')),
        "as a dict": changed(LEFT, ("3", "len({'u-ada', 'u-bob', ''})")),
    },
    {
        "each call": (changed(LEFT, ("3", "5")), "5 for 'annotations'"),
        "no identifier is none": (changed(LEFT, ("3", "2")), "2 for 'annotations'"),
        "notes are replaced": (changed(LEFT, ('"notes": 2', '"notes": 1')), "1 for 'notes'"),
        "the first stays": (changed(LEFT, ("-down", "-up")), "'thumbs-up' for 'label of u-ada'"),
        "a number as text": (changed(LEFT, ("3", '"3"')), "is text; a number"),
        "a part left out": (changed(LEFT, ('"notes": 2, ', "")), "no 'notes'"),
    },
)

DELIVER = """
def deliver(message):
    client.spans.add_span_annotation(
        span_id=message["answer"], annotation_name="user feedback", annotator_kind="HUMAN",
        label=f"thumbs-{message['thumb']}", score=1 if message["thumb"] == "up" else 0,
        explanation=masked(message["comment"]) or None, identifier=message["user"])
"""
BY_THUMB = """
def deliver(message):
    answer = Answer("", message["answer"])
    thumb(answer, "thumbs-" + message["thumb"], message["user"], masked(message["comment"]) or None)
"""
BY_FRAME = """
import pandas

def deliver(message):
    up = message["thumb"] == "up"
    row = {"span_id": message["answer"], "label": "thumbs-up" if up else "thumbs-down",
           "score": float(up), "identifier": message["user"]}
    if message["comment"]:
        row["explanation"] = masked(message["comment"])
    client.spans.log_span_annotations_dataframe(
        dataframe=pandas.DataFrame([row]), annotation_name="user feedback",
        annotator_kind="HUMAN", sync=True)
"""
FEEDBACK = tries(
    "11.5",
    "deliver",
    {"one call": DELIVER, "by the function of before": BY_THUMB, "as a frame": BY_FRAME},
    {
        "no identifier": (
            changed(DELIVER, (', identifier=message["user"]', "")),
            "it should have 2",
        ),
        "the address": (
            changed(DELIVER, ('masked(message["comment"])', 'message["comment"]')),
            "The secret is still in",
        ),
        "another name": (changed(DELIVER, ("user feedback", "feedback")), "no annotations `user feedback`; it should have 2"),
        "a program judged": (changed(DELIVER, ('"HUMAN"', '"CODE"')), "the kind 'CODE'"),
        "up and down swapped": (changed(DELIVER, ('"up" else', '"down" else')), "the score 1"),
        "no comment": (
            changed(DELIVER, ('masked(message["comment"]) or None', "None")),
            "no explanation",
        ),
        "the thumb alone": (
            changed(DELIVER, ("f\"thumbs-{message['thumb']}\"", 'message["thumb"]')),
            "the label 'down'",
        ),
        "the comment as a note": (
            changed(DELIVER, ("def deliver(message):", "def deliver(message):\n    "
                "client.spans.add_span_note(span_id=message['answer'], note='seen')")),
            "more annotations than",
        ),
        "nothing is sent": ("def deliver(message): return message", "annotation"),
    },
)  # fmt: skip

BY_HAND = """
session_id, span_id, wrong_turn = last_turn()
click(span_id)
write_note(span_id)
resolved(session_id)
"""
HAND = tries(
    "11.6",
    "wrong_turn",
    {
        "all three": BY_HAND,
        "after a change of mind": changed(
            BY_HAND, ("click(span_id)", 'click(span_id, "correct"); click(span_id)')
        ),
        "after thumbs, and the session's verdict arrives late": """
session_id, span_id, wrong_turn = last_turn()
for user in ("u-ada", "u-bob", "u-eve"):
    thumb(Answer("", span_id), "thumbs-down", identifier=user)
click(span_id)
write_note(span_id)
client.sessions.add_session_annotation(
    session_id=session_id, annotation_name="resolved", label="no", annotator_kind="HUMAN",
    explanation="The name was lost.", sync=False)
""",
        "with a score, and two notes": changed(
            BY_HAND,
            ("write_note(span_id)", "write_note(span_id); write_note(span_id, 'See turn 3.')"),
            ("resolved(session_id)", "resolved(session_id, score=0.0)"),
        ),
    },
    {
        "no click": (changed(BY_HAND, ("click(span_id)\n", "")), "no annotation `verdict`"),
        "by the client": (
            changed(
                BY_HAND,
                (
                    "click(span_id)",
                    "client.spans.add_span_annotation(span_id=span_id, sync=True, "
                    'annotation_name="verdict", annotator_kind="HUMAN", label="wrong")',
                ),
            ),
            "The verdict was written by a program",
        ),
        "no note": (changed(BY_HAND, ("write_note(span_id)\n", "")), "no annotation `note`"),
        "the note by the client": (
            changed(
                BY_HAND,
                ("write_note(span_id)", 'client.spans.add_span_note(span_id=span_id, note="x")'),
            ),
            "The note was written by a program",
        ),
        "taken for correct": (
            changed(BY_HAND, ("click(span_id)", 'click(span_id, "correct")')),
            "Your verdict is `correct`",
        ),
        "no word of the session": (
            changed(BY_HAND, ("resolved(session_id)\n", "")),
            "no annotation `resolved`",
        ),
        "the session by a program": (
            changed(BY_HAND, ("resolved(session_id)", 'resolved(session_id, annotator_kind="CODE")')),
            "has `kind` = CODE",
        ),
        "the session without a reason": (
            changed(BY_HAND, ("resolved(session_id)", "resolved(session_id, explanation=None)")),
            "no field `explanation`",
        ),
    },
)  # fmt: skip

ATTEMPTS = [*WRITE, *READ, *REPAIR, *PREDICT, *FEEDBACK, *HAND]
