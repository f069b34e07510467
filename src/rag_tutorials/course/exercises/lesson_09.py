"""The exercises of lesson 09, find what failed."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from openinference.instrumentation import using_metadata
from openinference.semconv.trace import SpanAttributes
from opentelemetry import trace

from rag_tutorials.course.equipment.planted import PLANTED
from rag_tutorials.course.judging.content import (
    Exercise,
    Found,
    Mistake,
    Prediction,
    Rule,
    Seen,
    Surroundings,
)
from rag_tutorials.course.traces.annotations import NOTE
from rag_tutorials.course.traces.spans import SpanRecord, poll

ROOT = "rag-pipeline"
QUERY_ID = "metadata.query_id"
SAMPLE = 20
ASKED = {"unanswerable": 7, "direct": 2, "paraphrase": 2}  # by the check of 09.1, in each run


def _list(course: Surroundings, unanswerable: Callable[[str], Any]) -> Any:
    """Ask the student's function for a run that it has never seen, beside another one."""
    run = f"check-{uuid4().hex[:8]}"
    for each in (run, f"{run}-2"):
        _ask(each)
    of_run = {"name": ROOT, "attributes": {"metadata.run": run}}
    poll(lambda: course.fetch(**of_run), sum(ASKED.values()), 10)
    return unanswerable(run)


def _lists_all(seen: Seen) -> Mistake | None:
    roots = seen.found.roots
    wanted = [
        one.attributes[SpanAttributes.INPUT_VALUE]
        for one in roots
        if one.attributes["metadata.run"] == roots[0].attributes["metadata.run"]
        and one.attributes["metadata.kind"] == "unanswerable"
    ]
    listed = list(map(str, seen.returned))
    if len(listed) != len(wanted):
        return Mistake(
            f"It returned {len(listed)} questions of a run with {len(wanted)} unanswerable ones."
        )
    if sorted(listed) != sorted(wanted):
        return Mistake("Not all that it returned are unanswerable questions of this run.")
    return None


def _ask(run: str) -> None:
    tracer = trace.get_tracer(__name__)
    for kind, count in ASKED.items():
        for number in range(count):
            question = f"A question that is {kind}, number {number} of {run}?"
            about = {SpanAttributes.INPUT_VALUE: question}
            with (
                using_metadata({"run": run, "kind": kind}),
                tracer.start_as_current_span(ROOT, attributes=about),
                tracer.start_as_current_span("retrieval", attributes=about),
            ):
                pass


def _failed(found: Found, *, roots_only: bool) -> list[str]:
    """Return the roots of the traces in which a span, or the root itself, has failed."""
    return [
        root.name
        for root in found.roots
        if any(
            one.status == "ERROR"
            for one in ((root,) if roots_only else found.in_trace(root.trace_id))
        )
    ]


class _Answer:
    """One trace of a run: what was asked, what came, and what was said of it."""

    def __init__(self, root: SpanRecord, spans: tuple[SpanRecord, ...]) -> None:
        known = root.attributes
        self.query_id = str(known[QUERY_ID])
        self.planted = PLANTED.get(self.query_id)
        self.hit = any(_holds_the_fact(one, known) for one in spans if one.name == "retrieval")
        answer = str(known.get(SpanAttributes.OUTPUT_VALUE, "")).casefold()
        fact = known.get("metadata.expected_fact")
        self.wrong = (
            str(fact).casefold() not in answer
            if fact
            else re.search(r"do(n.t| not) know", answer) is None
        )
        said = [each for one in spans for each in one.annotations]
        self.notes = [
            " ".join((each.explanation or "").split()).casefold()
            for each in said
            if each.name == NOTE
        ]
        self._labels = [(each.name, _plain(each.label)) for each in said if each.label]

    def labels(self, name: str) -> set[str]:
        """Return the labels of the annotations with this name; `none` is none."""
        return {label for one, label in self._labels if one == name} - {"none"}


def _holds_the_fact(retrieval: SpanRecord, known: Mapping[str, Any]) -> bool:
    prefix = SpanAttributes.RETRIEVAL_DOCUMENTS
    fact = str(known.get("metadata.expected_fact")).casefold()
    for rank in range(int(retrieval.attributes.get("retrieval.document_count", 0))):
        document = f"{prefix}.{rank}.document"
        section = str(retrieval.attributes[f"{document}.id"]).rpartition("-")[0]
        content = str(retrieval.attributes[f"{document}.content"]).casefold()
        if section == known.get("metadata.target_document_id") and fact in content:
            return True
    return False


def _plain(label: str | None) -> str:
    return " ".join((label or "").split()).casefold()


def _answers(found: Found) -> list[_Answer]:
    roots = [one for one in found.roots if one.name == ROOT and QUERY_ID in one.attributes]
    return [_Answer(root, found.in_trace(root.trace_id)) for root in roots]


def _too_few(answers: list[_Answer]) -> Mistake | None:
    count = len({one.query_id for one in answers})
    if count >= SAMPLE:
        return None
    return Mistake(f"The check needs the traces of {SAMPLE} different questions; it got {count}.")


def _noted(seen: Seen) -> Mistake | None:
    """Say which of the twenty has no note, or one that says nothing."""
    answers = _answers(seen.found)
    if few := _too_few(answers):
        return few
    bare = [one for one in answers if not any(one.notes)]
    if bare:
        return Mistake(
            f"{len(bare)} of the {len(answers)} traces have no note, `{bare[0].query_id}` for "
            "example."
        )
    of_right = {note for one in answers if not one.wrong and not one.planted for note in one.notes}
    for one in answers:
        if one.wrong and set(one.notes) <= of_right:
            return Mistake(
                f"The answer to `{one.query_id}` is wrong, and your note on it stands on a right "
                "one as well; say what you see in this trace."
            )
    wrong = [one for one in answers if one.wrong]
    if len({note for one in wrong for note in one.notes}) < min(3, len(wrong)):
        return Mistake(
            "Your notes on the wrong answers all say the same; an open note says what went wrong "
            "in this one."
        )
    return None


def _grouped(seen: Seen) -> Mistake | None:
    """Say where the groups leave a wrong answer out, take a right one in, or mix two remedies."""
    answers = _answers(seen.found)
    if few := _too_few(answers):
        return few
    bare = [one for one in answers if one.wrong and not one.labels("cause")]
    if bare:
        return Mistake(
            f"{len(bare)} of the wrong answers have no annotation `cause` with a label, "
            f"`{bare[0].query_id}` for example."
        )
    groups: dict[str, list[_Answer]] = {}
    for one in answers:
        labels = one.labels("cause")
        if len(labels) > 1:
            return Mistake(f"`{one.query_id}` has {len(labels)} causes; decide for the first one.")
        if labels and not one.wrong and not one.planted:
            return Mistake(f"The answer to `{one.query_id}` is right, and it has a cause.")
        for label in labels:
            groups.setdefault(label, []).append(one)
    for label, members in groups.items():
        natural = [one for one in members if not one.planted]
        missed = [one for one in natural if not one.hit]
        ignored = [one for one in natural if one.hit]
        if missed and ignored:
            return Mistake(
                f"`{label}` holds `{missed[0].query_id}` and `{ignored[0].query_id}`; in one of "
                "them the fact was among the retrieved documents, in the other it was not, so one "
                "remedy will not mend both."
            )
    if len(groups) > 7:
        return Mistake(
            f"You have {len(groups)} causes; a group that holds one trace counts nothing."
        )
    return None


def _all_planted_found(seen: Seen) -> Mistake | None:
    """Say how many of the five are marked, and how many marks are wrong; not which."""
    answers = {one.query_id: one for one in _answers(seen.found)}
    if missing := [one for one in PLANTED if one not in answers]:
        return Mistake(
            f"{len(missing)} of the five are not among the traces given; give the whole run."
        )
    marks = {query_id: one.labels("planted") for query_id, one in answers.items()}
    right = [query_id for query_id, cause in PLANTED.items() if marks[query_id] == {cause}]
    wrong = [one for one, labels in marks.items() if labels and one not in right]
    if not wrong and len(right) == len(PLANTED):
        return None
    also = f"; wrong marks: {len(wrong)}" if wrong else ""
    return Mistake(f"{len(right)} of the five are found{also}.")


EXERCISES = (
    Exercise(
        id="09.1",
        title="Repair a filter that finds nothing, silently",
        minutes=2,
        run=_list,
        returns=Rule("a list of questions", lambda value: isinstance(value, list)),
        also=(_lists_all,),
        hints=(
            "Take the conditions one by one in a cell of your own, and count the rows of each.",
            "Metadata is read as `metadata['run']`, and a name must be written as the span has it.",
            "`metadata['run'] == '{run}' and metadata['kind'] == 'unanswerable' and name == "
            "'rag-pipeline'`; and a `limit` that is larger than what you expect.",
        ),
    ),
    Exercise(
        id="09.2",
        title="Predict which failed requests a search finds",
        minutes=3,
        run=lambda course, prediction, five_requests: five_requests(),
        facts={
            "any span": lambda seen: _failed(seen.found, roots_only=False),
            "root": lambda seen: _failed(seen.found, roots_only=True),
        },
        hints=(
            "For each of the five: which spans does it make, and which of them get ERROR?",
            "A `with` block that an exception leaves sets ERROR; one inside which it is caught "
            "does not. The client's retries happen inside one span.",
            "Any span: `recovers`, `reports` and `gives-up`. The root: one fewer.",
        ),
    ),
    Exercise(
        id="09.3",
        title="Read twenty traces, and note what you see",
        minutes=12,
        annotated=True,
        also=(_noted,),
        hints=(
            "Compare the answer with what was expected, then with the documents. What do you see?",
            "A few words are enough: what went wrong first? A right answer may have `fine`.",
            "`course.client.spans.add_span_note(span_id=root.span_id, note=...)` for each `root` "
            "of `sample`.",
        ),
    ),
    Exercise(
        id="09.4",
        title="Group the notes into causes",
        minutes=5,
        annotated=True,
        also=(_grouped,),
        hints=(
            "Which notes ask for the same remedy? They are one group; give it a name.",
            "Was the fact among the retrieved documents? If not, retrieval lost it; if so, "
            "generation did.",
            "`add_span_annotation(span_id=..., annotation_name='cause', label=..., "
            "annotator_kind='HUMAN', sync=True)` for each wrong answer, none for a right one.",
        ),
    ),
    Exercise(
        id="09.5",
        title="Find all five planted failures",
        minutes=5,
        annotated=True,
        also=(_all_planted_found,),
        hints=(
            "Two of them have answers that look right to the rule: one is slow, one has a number "
            "that no document has.",
            "What the model was given stands in `ChatCompletion`: "
            "`llm.input_messages.1.message.content`. Is each retrieved text in it, as a whole?",
            "Stale: a retrieved text that is in no chunk of `chunks`. Wrong number: "
            "`re.findall(r'\\d+', answer)` against all texts of the trace's documents.",
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="09.a",
        title="How many spans will `get_spans` return without a limit?",
        truth=lambda count: count,
        answer=100,
        because="100 is its default, and nothing says that there are more.",
    ),
    Prediction(
        id="09.b",
        title="How many rows has `attributes['retrieval.top_k'] == 3`?",
        truth=lambda count: count,
        answer=0,
        because="Phoenix keeps attributes as a tree: no key has a dot in it. The bare name, "
        "`retrieval.top_k == 3`, finds them.",
    ),
    Prediction(
        id="09.c",
        title="Which step spoils more answers?",
        truth=lambda causes: (
            "retrieval"
            if causes.count("wrong chunk retrieved") > causes.count("right chunk ignored")
            else "generation"
        ),
        answer="retrieval",
        because="What was not found cannot be answered; but by this rule generation has its share.",
        choices=("retrieval", "generation"),
    ),
    Prediction(
        id="09.d",
        title="Which number shows the one slow retrieval?",
        truth=lambda row: next(name for name in ("p50", "p95", "max") if row[name] > 1000),
        answer="max",
        because="One in 41 is less than 5 %: the 95th percentile lies just below it.",
        choices=("p50", "p95", "max"),
    ),
    Prediction(
        id="09.e",
        title="Which calls have a cost in Phoenix?",
        truth=lambda cost: (
            "both" if all(cost.values()) else "chat" if cost["ChatCompletion"] else "embeddings"
        ),
        answer="chat",
        because="Phoenix puts a price on spans of the kind LLM alone; the tokens of an embedding "
        "call are in its span, their price is not.",
        choices=("chat", "embeddings", "both"),
    ),
)
