"""The exercises of lesson 12, evaluate."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
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

TEN = 10
ENOUGH = 7  # of ten; the rule that they are held against errs too
QUESTION = "How many days of annual leave carry over into the next year?"
CONTEXT = "Up to 10 days of unused annual leave carry over into the next year, until 31 March."
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
        return Mistake("A `rag-pipeline` is annotated; a hit is a matter of the span `retrieval`.")
    for one in found.named("retrieval"):
        asked, have = one.attributes[SpanAttributes.INPUT_VALUE], _said(one, "hit")
        if one.attributes["metadata.kind"] == "unanswerable":
            if have:
                return Mistake(
                    f"No section answers {asked!r}; its retrieval should not be annotated."
                )
            continue
        if len(have) != 1:
            return Mistake(
                f"The retrieval for {asked!r} has {len(have)} annotations `hit`, not one."
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
            return Mistake("A `by_hand` came from a program; click it in Phoenix's page.")
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


def _rates(seen: Seen) -> tuple[float, float, float]:
    found = seen.found

    def passes(some: Iterable[SpanRecord]) -> float:
        labels = [_label(one, "correctness") for one in some]
        return labels.count("correct") / len(labels)

    held_out = [one for one in _roots(found) if _label(one, "half") == "held out"]
    sensitivity = passes(one for one in held_out if _label(one, "fact") == "right")
    specificity = 1 - passes(one for one in held_out if _label(one, "fact") == "wrong")
    rate = (passes(_roots(found)) + specificity - 1) / (sensitivity + specificity - 1)
    return sensitivity, specificity, min(max(rate, 0.0), 1.0)


def _verdicts(seen: Seen) -> Sequence[Annotation]:
    return _said(seen.found.roots[0], "verdict")


_RATERS: dict[str, Callable[[Seen], Any]] = {
    "verdicts": lambda seen: len(_verdicts(seen)),
    "kinds": lambda seen: [one.kind for one in _verdicts(seen)],
    "notes": lambda seen: len(_said(seen.found.roots[0], NOTE)),
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
            "A frame with `span_id` as index and the columns `label` and `score`, then "
            '`log_span_annotations_dataframe(dataframe=..., annotation_name="hit", '
            'annotator_kind="CODE", sync=True)`.',
        ),
    ),
    Exercise(
        id="12.2",
        title="Predict who overwrites whom",
        minutes=2,
        run=lambda course, prediction, raters: raters(),
        facts=_RATERS,
        annotated=True,
        also=(_as_it_was_given,),
        hints=(
            "Which two things make an annotation the same one? The kind is none of them.",
            "The same name and the same identifier replace what was there, whoever writes.",
            "Without an identifier the second write replaces the first; with `ada` the fourth "
            "replaces the third. Notes are never replaced.",
        ),
    ),
    Exercise(
        id="12.3",
        title="Annotate ten answers by hand",
        minutes=5,
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
        minutes=3,
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
        title="Correct a pass rate for its judge",
        minutes=3,
        annotated=True,
        facts=_rates,
        given=(list, tuple),
        hints=(
            "The two rates come from the held-out half, the observed pass rate from all answers.",
            'says = verdicts["correctness"]; of the held-out rows whose `fact` is right, which '
            "share passes? Of those that are wrong, which share does not?",
            '`measure(verdicts["fact"][held_out], verdicts["correctness"][held_out])` has both; '
            'then `correct(verdicts["correctness"].mean(), tpr, tnr)`.',
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="12.a",
        title="What comes of an annotation to a span that Phoenix does not have?",
        truth=lambda said: said,
        answer="nothing",
        because="With `sync=False` Phoenix takes it, answers at once, and drops it later. With "
        "`sync=True` it looks first, and you get the 404.",
        choices=("an error", "nothing"),
    ),
    Prediction(
        id="12.b",
        title="Three answers are judged inside `judging`. How many spans has its trace?",
        truth=lambda found: len(found.spans),
        answer=7,
        because="An EVALUATOR span for each answer, an LLM span under each: with `judging` seven, "
        "in the project of the application that is judged.",
    ),
    Prediction(
        id="12.c",
        title="The frame lacks the column `output`. What comes back?",
        truth=lambda columns: (
            "verdicts" if "correctness_score" in columns else "a frame without verdicts"
        ),
        answer="a frame without verdicts",
        because="Each row is tried again as if a server had failed; what went wrong is printed and "
        "kept in `correctness_execution_details`. Nothing is raised.",
        choices=("an error", "verdicts", "a frame without verdicts"),
    ),
    Prediction(
        id="12.d",
        title="How many of the right refusals does `correctness` pass?",
        truth=lambda passed: passed,
        answer=0,
        because="It sees a question and an answer. Whether the handbook holds the answer, it was "
        "never told, and so a right refusal looks like no answer.",
    ),
    Prediction(
        id="12.e",
        title="How many of the forty answers does it call unfaithful?",
        truth=lambda unfaithful: unfaithful,
        answer=0,
        because="Not one, though some contradict what was retrieved. A judge that never says no "
        "has measured nothing, however good its rate looks.",
    ),
    Prediction(
        id="12.f",
        title="On the held-out half, has the third judge a higher kappa than the second?",
        truth=lambda kappas: "higher" if kappas[1] > kappas[0] + 0.005 else "no higher",
        answer="no higher",
        because="Its lead came from the half that it was changed on. Only the held-out half tells "
        "what to expect of answers that nobody has read.",
        choices=("higher", "no higher"),
    ),
)
