"""The exercises of lesson 12, evaluate."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from openinference.semconv.trace import SpanAttributes

from rag_tutorials.course.judging.content import (
    Exercise,
    Found,
    Mistake,
    MistakeError,
    Prediction,
    Seen,
)
from rag_tutorials.course.traces.annotations import NOTE, Annotation
from rag_tutorials.course.traces.spans import SpanRecord

ANEW = (
    "What an earlier run wrote stays, too: run the cells from *Traces to judge* on again, and "
    "judge the new traces."
)
TEN = 10
SLIGHT = 0.005  # rates that differ less are shown as the same
ENOUGH = 7  # of ten; the rule that they are held against errs too
QUESTION = "How many days of annual leave carry over into the next year?"
CONTEXT = "Up to 10 days of unused annual leave carry over into the next year, until 31 March."
TRAJECTORY, AS_EXPECTED = "trajectory", "as expected"
BOTH = [("leave_balance", {"employee": name}) for name in ("Ada", "Bob")]
RUNS = ("Ada first", "Bob first", "another tool first", "a call repeated")
PLANTED = (
    (True, "Up to 10 days of unused annual leave carry over into the next year.", "says"),
    (False, "Up to 25 days of unused annual leave carry over into the next year.", "contradicts"),
    (False, "Parking spaces are lent to visitors by the reception desk.", "does not hold"),
)


def _said(one: SpanRecord, name: str, **fields: str) -> list[Annotation]:
    """Return the annotations of this name, with these fields, that a span has."""
    return [
        each
        for each in one.annotations
        if each.name == name and all(getattr(each, key) == want for key, want in fields.items())
    ]


def _label(one: SpanRecord, name: str) -> str | None:
    found = _said(one, name)
    return found[-1].label if found else None


def _roots(found: Found) -> tuple[SpanRecord, ...]:
    return found.named("rag-pipeline")


def _is_hit(retrieval: SpanRecord) -> bool:
    prefix, known = SpanAttributes.RETRIEVAL_DOCUMENTS, retrieval.attributes
    ids = [
        str(known.get(f"{prefix}.{rank}.document.id", ""))
        for rank in range(int(known["retrieval.document_count"]))
    ]
    return any(one.rpartition("-")[0] == known["metadata.target_document_id"] for one in ids)


def _hits_and_misses(seen: Seen) -> Mistake | None:
    found = seen.found
    if any(_said(one, "hit") for one in _roots(found)):
        return Mistake(
            "A `rag-pipeline` is annotated; a hit is a matter of the span `retrieval`.",
            f"The index of `retrievals` is the span's id. {ANEW}",
        )
    for one in found.named("retrieval"):
        asked, have = one.attributes[SpanAttributes.INPUT_VALUE], _said(one, "hit")
        if one.attributes["metadata.kind"] == "unanswerable":
            if have:
                return Mistake(
                    f"No section answers {asked!r}; its retrieval should not be annotated.",
                    f"Leave out the rows whose kind is `unanswerable`. {ANEW}",
                )
            continue
        if len(have) != 1:
            return Mistake(
                f"The retrieval for {asked!r} has {len(have)} annotations `hit`, not one.",
                ANEW if have else "",
            )
        if have[0].kind != "CODE":
            return Mistake(
                f"The annotation `hit` has the kind {have[0].kind}; a rule said it, not a model."
            )
        label, score = ("hit", 1) if _is_hit(one) else ("miss", 0)
        if have[0].label != label:
            return Mistake(
                f"The retrieval for {asked!r} has the label {have[0].label!r}; look again."
            )
        if have[0].score != score:
            return Mistake(f"A `{label}` has the score {have[0].score}; it should be {score}.")
    return None


def _as_it_was_given(seen: Seen) -> Mistake | None:
    found = seen.found
    names = [each.name for one in found.spans for each in one.annotations]
    if sorted(set(names)) != [NOTE, "verdict"] or len(found.spans) != 1:
        return Mistake("`raters` is not as it was given; change your prediction, not the function.")
    return None


def _by_hand(seen: Seen) -> Mistake | None:
    found = seen.found
    labels: dict[str, str | None] = {}
    for one in _roots(found):
        said = _said(one, "by_hand")
        if any(each.kind != "HUMAN" or each.source != "APP" for each in said):
            return Mistake("A `by_hand` came from a program; click it in Phoenix's page.", ANEW)
        if said and said[-1].label not in ("right", "wrong"):
            return Mistake(f"A `by_hand` has the label `{said[-1].label}`; it is right or wrong.")
        if said:
            labels[one.span_id] = said[-1].label
    if len(labels) < TEN:
        return Mistake(
            f"{len(labels)} of the {TEN} traces have your `by_hand` on the span `rag-pipeline`."
        )
    rule = {one.span_id: _label(one, "fact") for one in _roots(found)}
    same = sum(labels[span_id] == rule[span_id] for span_id in labels)
    if same < ENOUGH:
        return Mistake(
            f"Only {same} of your {TEN} labels agree with the rule `fact`; read again what was "
            "asked, what the answer says, and what the documents say."
        )
    for label in ("right", "wrong"):
        agreed = any(labels[span_id] == rule[span_id] == label for span_id in labels)
        if label in rule.values() and not agreed:
            return Mistake(f"You call none of those {label} that the rule does; read them again.")
    return None


def _three_verdicts(course: object, judge: Any) -> None:
    if not callable(getattr(judge, "evaluate", None)):
        raise MistakeError("`judge` is no evaluator; it should be what `bind_evaluator` returns.")
    for good, output, what in PLANTED:
        [score] = judge.evaluate({"input": QUESTION, "context": CONTEXT, "output": output})
        if (score.score == 1) != good:
            raise MistakeError(
                f"It calls an answer that the context {what} `{score.label}`; it was given a "
                "frame's row with `input`, `context` and `output`."
            )


def _a_model_was_asked(seen: Seen) -> Mistake | None:
    found = seen.found
    evaluators = found.of_kind("EVALUATOR")
    asked = [one for one in evaluators if any(c.kind == "LLM" for c in found.children(one))]
    if len(asked) < len(PLANTED):
        return Mistake(
            "The three verdicts came without a call to a model; the judge should be a model."
        )
    return None


def _calls(found: Found, agent: SpanRecord) -> list[tuple[str, dict[str, Any]]]:
    """Return the calls of tools below an agent's span, in order: name and arguments."""
    tools = [one for one in found.children(agent) if one.kind == "TOOL"]
    return [
        (one.name, json.loads(one.attributes.get(SpanAttributes.INPUT_VALUE, "{}")))
        for one in tools
    ]


def _same_calls(made: Sequence[Any], wanted: Sequence[Any]) -> bool:
    """Say whether two lists hold the same calls, each as often, in any order."""
    left = list(wanted)
    for call in made:
        if call not in left:
            return False
        left.remove(call)
    return not left


def _trajectories(seen: Seen) -> Mistake | None:
    found = seen.found
    agents = found.of_kind("AGENT")
    if len(agents) < len(RUNS):
        return Mistake(
            f"{len(agents)} traces of an agent were given, not {len(RUNS)}; give the check those "
            "of `both`."
        )
    for agent in agents:
        have, calls = _said(agent, TRAJECTORY), _calls(found, agent)
        told = ", ".join(f"{name}({', '.join(map(str, said.values()))})" for name, said in calls)
        if any(_said(one, TRAJECTORY) for one in found.children(agent)):
            return Mistake("A call of a tool is annotated; the whole way is a matter of `agent`.")
        if len(have) != 1:
            return Mistake(
                f"The agent that called {told} has {len(have)} annotations `{TRAJECTORY}`, not one."
            )
        [verdict] = have
        if verdict.kind != "CODE":
            return Mistake(f"A `{TRAJECTORY}` has the kind {verdict.kind}; a rule said it.")
        right = _same_calls(calls, BOTH)
        if right != (verdict.label == AS_EXPECTED):
            what = "just what was" if right else "not just what was"
            return Mistake(f"{told}: {what} expected, and the label is `{verdict.label}`.")
        if verdict.score != float(right):
            return Mistake(
                f"{told}: the label is `{verdict.label}`, and the score {verdict.score}."
            )
    return None


def _verdicts(seen: Seen) -> Sequence[Annotation]:
    return _said(seen.found.roots[0], "verdict")


_RATERS: dict[str, Callable[[Seen], Any]] = {
    "verdicts": lambda seen: len(_verdicts(seen)),
    "kinds": lambda seen: [one.kind for one in _verdicts(seen)],
    "notes": lambda seen: len(_said(seen.found.roots[0], NOTE)),
    "returns": lambda seen: seen.returned,
}

EXERCISES = (
    Exercise(
        id="12.1",
        title="Write a code evaluator: was the right section retrieved?",
        minutes=4,
        annotated=True,
        also=(_hits_and_misses,),
        hints=(
            "One row for each retrieval span: is the target section among its documents?",
            'An id is a section and a number: `"sick-leave-02".rpartition("-")[0]`. Leave out the '
            "rows whose kind is `unanswerable`.",
            '`@create_evaluator(name="hit", kind="code")` over a function of `ids` and '
            '`target_document_id`; then `judge_all(hit, retrievals[retrievals["kind"] != '
            '"unanswerable"])`.',
        ),
    ),
    Exercise(
        id="12.2",
        title="Predict who overwrites whom, and what is lost",
        minutes=3,
        run=lambda course, prediction, raters: raters(),
        facts=_RATERS,
        annotated=True,
        also=(_as_it_was_given,),
        hints=(
            "Which two things make an annotation the same one? The kind is none of them.",
            "The same name and the same identifier replace what was there, whoever writes.",
            "Without an identifier the second write replaces the first; with `ada` the fourth "
            "replaces the third. Notes are never replaced. With `sync=False` nobody has looked for "
            "the span when the call returns.",
        ),
    ),
    Exercise(
        id="12.3",
        title="Annotate ten answers by hand",
        minutes=7,
        annotated=True,
        also=(_by_hand,),
        hints=(
            "Open a link of the table; the span `rag-pipeline` is selected. Annotate this one.",
            "The pencil opens a panel with `by_hand`; a click on a label is saved at once.",
            "If `by_hand` is not offered, run the cell above again and reload the page.",
        ),
    ),
    Exercise(
        id="12.4",
        title="Repair a judge that cannot fail",
        minutes=2,
        run=_three_verdicts,
        given=object,
        also=(_a_model_was_asked,),
        more_traces=True,
        hints=(
            "What does the judge read as the answer?",
            "`input_mapping` names, for each field of the judge, the column that it comes from.",
            'The field `output` has to come from the column `output`, not from `"context"`.',
        ),
    ),
    Exercise(
        id="12.5",
        title="Judge a trajectory in any order, on the agent's span",
        minutes=4,
        annotated=True,
        also=(_trajectories,),
        hints=(
            "When do two lists hold the same calls, in any order?",
            "When they are equal once sorted. Dictionaries have no order; their text has: "
            "`json.dumps(call)`.",
            "In `trajectory`: `sorted(map(json.dumps, calls)) == sorted(map(json.dumps, "
            "expected))`; then `judge_all(trajectory, both)`.",
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="12.a",
        title="Three answers are judged inside `judging`. How many spans has its trace?",
        truth=lambda found: len(found.spans),
        answer=7,
        because="An EVALUATOR span for each answer, an LLM span under each: with `judging` seven, "
        "in the project of the application that is judged.",
    ),
    Prediction(
        id="12.b",
        title="The frame lacks the column `output`. What comes back?",
        truth=lambda columns: (
            "verdicts" if "correctness_score" in columns else "a frame without verdicts"
        ),
        answer="a frame without verdicts",
        because="The row is tried again as if a server had failed; what went wrong is printed and "
        "kept in `correctness_execution_details`. Nothing is raised.",
        choices=("an error", "verdicts", "a frame without verdicts"),
    ),
    Prediction(
        id="12.c",
        title="How many of the right refusals does `correctness` pass?",
        truth=lambda passed: passed,
        answer=0,
        because="It sees a question and an answer. Whether the handbook holds the answer, it was "
        "never told, and so a right refusal looks like no answer.",
    ),
    Prediction(
        id="12.d",
        title="How many of the forty answers does it call unfaithful?",
        truth=lambda unfaithful: unfaithful,
        answer=0,
        because="Not one, though some contradict what was retrieved. A judge that never says no "
        "has measured nothing, however good its rate looks.",
    ),
    Prediction(
        id="12.e",
        title="On the held-out half, has the third judge a higher kappa than the second?",
        truth=lambda kappas: "higher" if kappas[1] > kappas[0] + SLIGHT else "no higher",
        answer="no higher",
        because="Its lead came from the half that it was changed on. Only the held-out half tells "
        "what to expect of answers that nobody has read.",
        choices=("higher", "no higher"),
    ),
    Prediction(
        id="12.f",
        title="Is the third judge's corrected rate higher or lower than the observed one?",
        truth=lambda rates: (
            "the same"
            if abs(rates[1] - rates[0]) < SLIGHT
            else "higher"
            if rates[1] > rates[0]
            else "lower"
        ),
        answer="lower",
        because="On the held-out half it passes all right answers and some of the wrong ones: its "
        "errors are all on one side, and part of what it passes is not right.",
        choices=("higher", "lower", "the same"),
    ),
)
