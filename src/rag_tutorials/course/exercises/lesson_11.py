"""The exercises and predictions of lesson 11, conversations."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from opentelemetry import trace
from opentelemetry.trace import format_span_id, format_trace_id

from rag_tutorials.course.judging.content import (
    CHAT,
    Exercise,
    Found,
    Mistake,
    Prediction,
    Rule,
    Seen,
    Surroundings,
    span,
)
from rag_tutorials.course.judging.looks import works
from rag_tutorials.course.traces import poll
from rag_tutorials.course.traces.spans import SpanRecord

SESSION, USER = "session.id", "user.id"
ADDRESSES = ("ada@example.com", "grace.hopper@navy.example.org")
FEEDBACK = "user feedback"
TURNS = (
    "I am Bob. How many days of annual leave may be carried over into the next year?",
    "How long is the probation period?",
    "How many days a week may I work remotely?",
    "How much is the remote work allowance?",
    "What is the remote work VPN requirement?",
    "How many days of annual leave do I have left?",
)
MESSAGES = 6  # that the first call of a turn may have


def turns_of(found: Found) -> list[SpanRecord]:
    """Return the turns, in order."""
    return [root for root in found.roots if root.name == "turn"]


def prompt_of(found: Found, turn: SpanRecord) -> list[str]:
    """Return the messages of the turn's first call of the model, as JSON with role and content."""
    call = next(child for child in found.children(turn) if child.kind == "LLM")
    messages: dict[int, list[str]] = {}
    for key, value in call.attributes.items():
        if key.startswith("llm.input_messages."):
            messages.setdefault(int(key.split(".")[2]), []).append(str(value))
    return [" ".join(messages[number]) for number in sorted(messages)]


def _ask_in_session(course: Surroundings, ask: Callable[..., Any]) -> Any:
    """Let two users ask in two sessions, and see that nothing of them is left behind."""
    first, second = (f"check-{uuid.uuid4().hex[:8]}" for _ in range(2))
    asked = [(TURNS[1], first, ADDRESSES[0]), (TURNS[2], second, ADDRESSES[1])]
    asked.append((TURNS[2], first, ADDRESSES[0]))
    for question, session_id, address in asked:
        ask(question, session_id, address)
    with trace.get_tracer("check").start_as_current_span("afterwards"):
        pass
    return [session_id for _, session_id, _ in asked]


def _in_session(seen: Seen) -> tuple[Any, ...]:
    return (
        *(
            span("turn", "CHAIN", attributes={SESSION: session_id, USER: str})
            for session_id in seen.returned
        ),
        span("afterwards", attributes={SESSION: None, USER: None}),
    )


def _everywhere(seen: Seen) -> Mistake | None:
    """Each span of a turn says the same session and user as its root, and each person is one."""
    turns = turns_of(seen.found)
    for turn in turns:
        for one in seen.found.in_trace(turn.trace_id):
            for key in (SESSION, USER):
                if one.attributes.get(key) != turn.attributes[key]:
                    return Mistake(
                        f"`{one.name}` does not have the `{key}` of its turn.",
                        "An attribute that is set on a span is on that span alone; "
                        "`using_attributes` is for all that start inside its `with`.",
                    )
    first, second, again = (turn.attributes[USER] for turn in turns)
    if first != again:
        return Mistake("One person has two user ids; the same address should give the same id.")
    if first == second:
        return Mistake("Two persons have the same user id.")
    return None


def _remember(course: Surroundings, memory: Any, make_chat: Callable[[Any], Any]) -> None:
    """Talk to a chat with the student's memory, as somebody who says who he is only once."""
    chat = make_chat(memory)
    for question in TURNS:
        chat.ask(question)


def _remembers(seen: Seen) -> Mistake | None:
    turns = turns_of(seen.found)
    if len(turns) != len(TURNS):
        return Mistake(f"There are {len(turns)} turns; there should be {len(TURNS)}.")
    prompt = prompt_of(seen.found, turns[-1])
    memory = " ".join(prompt[1:-1])
    said = sum(
        len(str(turn.attributes.get(key, "")))
        for turn in turns[:-1]
        for key in ("input.value", "output.value")
    )
    before = [str(turns[-2].attributes[key]) for key in ("input.value", "output.value")]
    if "Bob" not in memory:
        return Mistake(
            f"In turn {len(turns)} the model is not told that the user is Bob, who said so in "
            "turn 1.",
            "What the user says is part of the conversation, too.",
        )
    if not all(text in memory for text in before):
        return Mistake(
            "The exchange just before the last question is not in the prompt word for word; what "
            "refers to it would not be understood."
        )
    if len(prompt) > MESSAGES:
        return Mistake(
            f"The first call of turn {len(turns)} has {len(prompt)} messages; there should be "
            f"{MESSAGES} at most."
        )
    if len(memory) >= said:
        return Mistake("The memory is as long as all that was said; it should be shorter.")
    return None


def _lost(found: Found) -> dict[str, int]:
    """In which turn the prompt first lacks the name, and in which a tool failed; 0 for none."""
    lost = failed = 0
    for number, turn in enumerate(turns_of(found), start=1):
        if not lost and not any("Ada" in one for one in prompt_of(found, turn)):
            lost = number
        in_turn = found.in_trace(turn.trace_id)
        if not failed and any(one.kind == "TOOL" and one.status == "ERROR" for one in in_turn):
            failed = number
    return {"lost in turn": lost, "failed in turn": failed}


def _a_day(course: Surroundings, prediction: Any, a_day: Callable[[str], Any]) -> None:
    a_day(_stored_turn(course))


def _stored_turn(course: Surroundings) -> str:
    """Make a turn of one span, wait until Phoenix has it, return its span id."""
    with trace.get_tracer("check").start_as_current_span("turn") as turn:
        pass
    context = turn.get_span_context()
    poll(lambda: course.fetch_trace(format_trace_id(context.trace_id)), 1, 10)
    return format_span_id(context.span_id)


def _label_of(identifier: str) -> Callable[[Seen], Any]:
    return lambda seen: next(
        one.label for one in seen.found.spans[0].annotations if one.identifier == identifier
    )


def _deliver(course: Surroundings, deliver: Callable[[dict[str, Any]], Any]) -> None:
    first, second = _stored_turn(course), _stored_turn(course)
    for message in (
        {"answer": second, "thumb": "up", "user": "u-ada", "comment": ""},
        {
            "answer": second,
            "thumb": "down",
            "user": "u-ada",
            "comment": f"Wrong. Write to {ADDRESSES[0]}, please.",
        },
        {"answer": first, "thumb": "down", "user": "u-ada", "comment": ""},
        {"answer": first, "thumb": "up", "user": "u-bob", "comment": "Right."},
    ):
        deliver(dict(message))


DELIVERED = (  # turn, user, label, score, words of the comment
    (0, "u-ada", "thumbs-down", 0, None),
    (0, "u-bob", "thumbs-up", 1, "Right."),
    (1, "u-ada", "thumbs-down", 0, "Wrong."),
)


def _delivered(seen: Seen) -> Mistake | None:
    turns = turns_of(seen.found)
    for number, user, label, score, words in DELIVERED:
        where = f"The `{FEEDBACK}` of {user} on turn {number + 1}"
        mine = [
            one
            for one in turns[number].annotations
            if one.name == FEEDBACK and one.identifier == user
        ]
        if not mine:
            return Mistake(
                f"Turn {number + 1} has no `{FEEDBACK}` with the identifier {user!r}.",
                "The identifier is the user: else two users of one turn overwrite each other.",
            )
        [one] = mine
        for field, value in {"label": label, "score": score, "kind": "HUMAN"}.items():
            if getattr(one, field) != value:
                have = getattr(one, field)
                return Mistake(f"{where} has the {field} {have!r}; it should be {value!r}.")
        if words and words not in (one.explanation or ""):
            return Mistake(f"{where} has no explanation with the words {words!r}.")
        if not words and one.explanation:
            return Mistake(f"{where} has an explanation, though there was no comment.")
    if sum(len(turn.annotations) for turn in turns) != len(DELIVERED):
        return Mistake("There are more annotations than users who judged a turn.")
    return None


def _by_hand(seen: Seen) -> Mistake | None:
    """What a program wrote has the source API; a click in Phoenix's page has APP."""
    for name in ("verdict", "note"):
        said = [one for turn in turns_of(seen.found) for one in turn.annotations]
        sources = {one.source for one in said if one.name == name}
        if sources and "APP" not in sources:
            return Mistake(
                f"The {name} was written by a program: its source is API. Make it by hand, in "
                "Phoenix's page, where the source is APP."
            )
    return None


def _judged(seen: Seen) -> Mistake | None:
    [turn] = turns_of(seen.found)
    failed = any(one.kind == "TOOL" and one.status == "ERROR" for one in seen.found.spans)
    [verdict] = [one for one in turn.annotations if one.name == "verdict" and one.source == "APP"]
    if failed and verdict.label != "wrong":
        return Mistake("Your verdict is `correct`, and in this turn a tool has failed.")
    return None


A_TEXT = Rule("a text that is not empty", lambda text: isinstance(text, str) and bool(text.strip()))
A_VERDICT = Rule("correct or wrong", lambda label: label in ("correct", "wrong"))

EXERCISES = (
    Exercise(
        id="11.1",
        title="Say whose turn it is, on every span",
        minutes=3,
        run=_ask_in_session,
        expect=_in_session,
        without=ADDRESSES,
        also=(_everywhere, works("turn", CHAT, each=None)),
        hints=(
            "What is set on one span is on that span alone; what `using_session` holds is on all.",
            "`using_attributes(session_id=..., user_id=...)` sets both, inside its `with`.",
            "`with using_attributes(session_id=session_id, user_id=pseudonym(address)):` around "
            "`return answer_turn(question)`.",
        ),
    ),
    Exercise(
        id="11.2",
        title="Where was the name lost?",
        minutes=2,
        facts={
            "lost in turn": lambda seen: _lost(seen.found)["lost in turn"],
            "failed in turn": lambda seen: _lost(seen.found)["failed in turn"],
        },
        hints=(
            "Open the session in Phoenix; look at what the model was told in each turn.",
            "In each turn open the first ChatCompletion: is `Ada` in its input messages?",
            "The name can be lost some turns before anybody needs it. The tool that needed it is "
            "red.",
        ),
    ),
    Exercise(
        id="11.3",
        title="Repair the memory",
        minutes=4,
        run=_remember,
        also=(_remembers,),
        more_traces=True,
        hints=(
            "What the user says is part of the conversation.",
            "Keep the last exchange as it was, and let what came before be summarised whole.",
            "Give `summarise` the content of every old message, or keep what the user said first.",
        ),
    ),
    Exercise(
        id="11.4",
        title="Predict what is left",
        minutes=2,
        run=_a_day,
        annotated=True,
        facts={
            "annotations": lambda seen: sum(
                one.name == FEEDBACK for one in seen.found.spans[0].annotations
            ),
            "notes": lambda seen: sum(
                one.name == "note" for one in seen.found.spans[0].annotations
            ),
            "label of u-ada": _label_of("u-ada"),
        },
        hints=(
            "An annotation is found again by its span, its name and its identifier.",
            "The same three again: it is replaced. Notes are never replaced.",
            "Count the different identifiers; the last label of each one stays.",
        ),
    ),
    Exercise(
        id="11.5",
        title="Deliver the feedback",
        minutes=3,
        run=_deliver,
        expect=(
            span("turn", annotations={FEEDBACK: 2}),
            span("turn", annotations={FEEDBACK: 1}),
        ),
        patience=2,
        without=ADDRESSES,
        also=(_delivered,),
        hints=(
            "Each message says which span it is about, and who judged.",
            "The user is the identifier; `thumbs-up` has the score 1, `thumbs-down` 0.",
            "`explanation=masked(message['comment']) or None` keeps the comment and not the "
            "address.",
        ),
    ),
    Exercise(
        id="11.6",
        title="Judge by hand",
        minutes=5,
        expect=span(
            "turn",
            annotations={
                "verdict": {"label": A_VERDICT, "source": "APP", "kind": "HUMAN"},
                "note": {"explanation": A_TEXT, "source": "APP"},
            },
        ),
        session={"resolved": {"label": "no", "kind": "HUMAN", "explanation": A_TEXT}},
        before=(_by_hand,),
        also=(_judged,),
        patience=2,
        hints=(
            "The verdict and the note are made in Phoenix's page, the verdict on the session here.",
            "In Phoenix select the span `turn`; the pencil is beside Annotations, and the button "
            "of Notes at the end of the page.",
            'The session: `add_session_annotation(session_id=..., annotation_name="resolved", '
            'label="no", annotator_kind="HUMAN", explanation="...")`.',
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="11.a",
        title="How many of the turn's spans have the attribute session.id?",
        truth=lambda found: sum(SESSION in one.attributes for one in found.spans),
        answer=1,
        because="An attribute is on the span that it was set on. Children do not inherit it.",
    ),
    Prediction(
        id="11.b",
        title="The question of the last turn has two words. Its prompt, beside the first turn's?",
        truth=lambda tokens: "longer" if tokens[-1] > tokens[0] else "not longer",
        answer="longer",
        because="The model remembers nothing: each turn sends all earlier ones again, and you pay "
        "for them again.",
        choices=("longer", "not longer"),
    ),
    Prediction(
        id="11.c",
        title="Is the name Ada in what the model is told in the last turn?",
        truth=lambda found: (
            "yes" if any("Ada" in one for one in prompt_of(found, found.roots[0])) else "no"
        ),
        answer="no",
        because="The summary is made of answers, and she had said her name in a question. Nothing "
        "failed when it was lost.",
        choices=("yes", "no"),
    ),
    Prediction(
        id="11.d",
        title="Ada's thumb is down, Bob's is up. How many annotations has the span?",
        truth=len,
        answer=1,
        because="An annotation is known by span, name and identifier. Without an identifier the "
        "second is a new version of the first.",
    ),
    Prediction(
        id="11.e",
        title="The span does not exist. What does the program that reports a thumb see?",
        truth=str,
        answer="nothing",
        because="With `sync=False` Phoenix takes the thumb, waits some time for its span, and "
        "forgets it.",
        choices=("nothing", "an error"),
    ),
)
