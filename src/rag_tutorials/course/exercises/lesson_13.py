"""The exercises of lesson 13, experiments: judged by what Phoenix holds beside the traces."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from openinference.semconv.trace import SpanAttributes

from rag_tutorials.course.judging.content import (
    CHAT,
    Exercise,
    Mistake,
    Prediction,
    Seen,
    Surroundings,
)
from rag_tutorials.course.judging.holdings import dataset_of, experiment_of, prompt_of
from rag_tutorials.course.judging.looks import returns_what_the_model_said
from rag_tutorials.evaluation import does_not_know

HARD = "handbook-hard"
FAILURES = "handbook-failures"
REQUEST = "rag-request"  # the spans that the examples come from
PROMPT = "handbook-answer"
VERDICT = "refuses_rightly"
QUESTION = "Who pays for a taxi?"
PASSAGES = "[1] A taxi is paid by Larkmoor when no train or bus runs.\n\n[2] Desks are shared."


def _query_id(example: Mapping[str, Any]) -> str:
    return str(example["metadata"]["query_id"])


def _by_query(seen: Seen, dataset: str, **which: Any) -> dict[str, Mapping[str, Any]]:
    return {_query_id(one): one for one in dataset_of(seen, dataset, **which).examples}


def _nothing_lost(seen: Seen) -> Mistake | None:
    """Hold the newest version against the failures of the other dataset, and the new example."""
    failures = _by_query(seen, HARD, splits=["failed"])
    newest = dataset_of(seen, FAILURES).examples
    have = [_query_id(one) for one in newest]
    if missing := failures.keys() - set(have):
        return Mistake(
            f"The newest version of `{FAILURES}` lacks {len(missing)} of the {len(failures)} "
            "failures.",
            "`add_examples_to_dataset` keeps what the newest version has.",
        )
    more = [one for one in newest if _query_id(one) not in failures]
    if not more:
        return Mistake(f"The newest version of `{FAILURES}` lacks the new example.")
    if len(have) != len(failures) + 1:
        return Mistake(
            f"The newest version of `{FAILURES}` has {len(have)} examples; {len(failures) + 1} are "
            "right: each failure once, and the new one.",
            "A dataset that was filled wrongly is filled anew by `create_dataset`.",
        )
    asked = {
        each.span_id: each.attributes.get(SpanAttributes.INPUT_VALUE)
        for each in seen.course.fetch(name=REQUEST)
    }
    for one in newest:
        source = (one.get("source") or {}).get("span_id")
        if asked.get(str(source)) != one["input"]["question"]:
            return Mistake(
                f"The example `{_query_id(one)}` does not have the span that it came from.",
                "An example's key `span_id` says it; the entries of `failures` have it.",
            )
    for split, wanted in (("failed", set(failures)), ("new", {_query_id(more[0])})):
        found = _by_query(seen, FAILURES, splits=[split]).keys()
        if found != wanted:
            return Mistake(
                f"The split `{split}` has {len(found)} examples; {len(wanted)} belong there.",
                'An example\'s key `splits` is a list of names, such as `["failed"]`.',
            )
    return None


def _a_verdict_on_every_run(seen: Seen) -> Mistake | None:
    """Hold the stored verdicts against outputs and expectations, as Phoenix has them."""
    experiment = experiment_of(seen, HARD, "dense")
    fact_of = {one["id"]: one["output"]["fact"] for one in dataset_of(seen, HARD).examples}
    said = {
        each.experiment_run_id: each
        for each in experiment["evaluation_runs"]
        if each.name == VERDICT
    }
    if not said:
        return Mistake(f"The experiment `dense` has no evaluation `{VERDICT}`.")
    runs = experiment["task_runs"]
    missing = [run for run in runs if run["id"] not in said or said[run["id"]].error]
    if missing:
        return Mistake(
            f"{len(missing)} of the {len(runs)} runs have no verdict `{VERDICT}`.",
            "Find the way through your function that returns `None` (as one without `return` "
            "does), or that raises.",
        )
    for run in runs:
        result = said[run["id"]].result or {}
        refused = does_not_know(run["output"]["answer"])
        nothing_to_find = fact_of[run["dataset_example_id"]] is None
        if result.get("score") is None:
            return Mistake(
                "A verdict is a label without a score, so that it counts in no mean.",
                "Return True or False: it becomes the score 1 or 0.",
            )
        if bool(result["score"]) != (refused == nothing_to_find):
            case = "refuses" if refused else "answers"
            there = "no fact to find" if nothing_to_find else "a fact to find"
            return Mistake(f"The verdict is wrong where there is {there} and the answer {case}.")
    return None


def _right(seen: Seen, name: str) -> dict[str, float]:
    """Return the score `is_right` by query, of the newest experiment of this name."""
    experiment = experiment_of(seen, HARD, name)
    query_of = {one["id"]: _query_id(one) for one in dataset_of(seen, HARD).examples}
    run_of = {run["id"]: query_of.get(run["dataset_example_id"]) for run in experiment["task_runs"]}
    return {
        str(run_of[each.experiment_run_id]): float(each.result["score"])
        for each in experiment["evaluation_runs"]
        if each.name == "is_right"
    }


def _query_ids(seen: Seen) -> Mistake | None:
    """Look at the form of the answer: another id of an example is none of its query's."""
    known = {each.casefold() for each in _by_query(seen, HARD)}
    given = seen.given[0]
    for some in given.values() if isinstance(given, Mapping) else ():
        for one in some if isinstance(some, (list, tuple, set, frozenset)) else ():
            if str(one).strip().casefold() not in known:
                return Mistake(
                    f"{one!r} is no `query_id` of `{HARD}`.", "An example's `metadata` has it."
                )
    return None


def _both_judged(seen: Seen) -> Mistake | None:
    if _right(seen, "dense").keys() == _right(seen, "both").keys():
        return None
    return Mistake("`dense` and `both` have verdicts on different questions; run both again.")


def _changed(seen: Seen, sign: int) -> list[str]:
    before, after = _right(seen, "dense"), _right(seen, "both")
    return [query for query in before if (after[query] - before[query]) * sign > 0]


def _span_names_its_version(seen: Seen) -> Mistake | None:
    version, production = (prompt_of(seen, PROMPT, tag).id for tag in ("staging", "production"))
    calls = [one for one in seen.found.spans if one.kind == "LLM"]
    if not calls:
        return Mistake("There is no LLM span; the call should be traced as before.")
    for call in calls:
        named = call.attributes.get(SpanAttributes.LLM_PROMPT_TEMPLATE_VERSION)
        if named != version:
            what = "names no version" if named is None else f"names the version `{named}`"
            return Mistake(
                f"The LLM span {what}; the one tagged `staging` is `{version}`.",
                '`prompts.get(prompt_identifier=..., tag="staging")` gets it.'
                if named == production
                else "`with using_prompt_template(template=..., variables=..., version=prompt.id):`"
                " around the call; `prompt` is what `get` returned.",
            )
    return None


def _text(version: Any) -> str:
    """Return all that a version says to the model."""
    messages = version._dumps()["template"]["messages"]
    return "\n".join(str(each["content"]) for each in messages)


def _two_tags(seen: Seen) -> Mistake | None:
    staging = prompt_of(seen, PROMPT, "staging")
    production = prompt_of(seen, PROMPT, "production")
    if staging.id == production.id:
        return Mistake(
            "`staging` and `production` are the same version; the new text needs one of its own.",
            "`prompts.create` under the name that exists makes a version and returns it.",
        )
    if "json" in _text(production).lower():
        return Mistake(
            "`production` asks for JSON; it should stay where it was.",
            'Roll it back: `prompts.tags.create(prompt_version_id=made.id, name="production")`.',
        )
    said = _text(staging)
    lacking = [word for word in ("json", "answer", "passage") if word not in said.lower()]
    if lacking:
        return Mistake(f"The text of the version tagged `staging` does not say `{lacking[0]}`.")
    for variable in ("context", "question"):
        if variable not in said.replace(" ", "").partition("{{")[2]:
            return Mistake(f"The version tagged `staging` has no variable `{variable}`.")
    return None


def _asks_with_the_stored_text(seen: Seen) -> Mistake | None:
    """Hold the request against the stored version: a name in the trace must be true."""
    system = prompt_of(seen, PROMPT, "staging")._dumps()["template"]["messages"][0]["content"]
    system = system if isinstance(system, str) else system[0]["text"]
    deeds = seen.deeds_of(CHAT)
    if len(deeds) != 1:
        return Mistake(f"The model is asked {len(deeds)} times; once is right.")
    sent = [str(each["content"]) for each in _messages(deeds[0].body)]
    if system not in sent:
        return Mistake(
            "The request does not hold the text of the version tagged `staging`.",
            '`prompts.get(prompt_identifier=..., tag="staging")`, then `format`.',
        )
    for what, value in (("question", QUESTION), ("passages", PASSAGES)):
        if not any(value in each for each in sent):
            return Mistake(f"The request does not hold the {what} that it was given.")
    return None


def _messages(body: str) -> list[Mapping[str, Any]]:
    messages: list[Mapping[str, Any]] = json.loads(body)["messages"]
    return messages


def _upload(
    course: Surroundings, prediction: Mapping[str, Any], three_uploads: Callable[[str], Any]
) -> str:
    name = f"uploads-{uuid4().hex[:8]}"
    three_uploads(name)
    return name


def _versions(seen: Seen) -> list[str]:
    found = seen.course.client.datasets.get_dataset_versions(dataset=seen.returned)
    return [one["version_id"] for one in found]  # the newest first


EXERCISES = (
    Exercise(
        id="13.1",
        title="Add examples and lose none",
        minutes=2,
        holds=(_nothing_lost,),
        hints=(
            "Which call replaces what the newest version has, and which keeps it?",
            "The newest version holds the new example alone; the failures are still to be added.",
            '`datasets.add_examples_to_dataset(dataset="handbook-failures", examples=failures)`.',
        ),
    ),
    Exercise(
        id="13.2",
        title="Repair an evaluator that misses verdicts",
        minutes=2,
        holds=(_a_verdict_on_every_run,),
        hints=(
            "For which of the four cases does the function return nothing?",
            "The verdict is whether two things agree: there is no fact, and it does not know.",
            '`return (expected["fact"] is None) == does_not_know(output["answer"])`.',
        ),
    ),
    Exercise(
        id="13.3",
        title="Read which questions a version changed",
        minutes=3,
        facts={
            "better": lambda seen: _changed(seen, 1),
            "worse": lambda seen: _changed(seen, -1),
        },
        before=(_query_ids,),
        holds=(_both_judged,),
        hints=(
            "Compare the scores `is_right` of `dense` and `both`, question by question.",
            "`before` and `after` hold them by example id.",
            'The name of an example: `{one["id"]: one["metadata"]["query_id"] for one in hard}`.',
        ),
    ),
    Exercise(
        id="13.4",
        title="Stage a prompt, and name it in the trace",
        minutes=5,
        run=lambda course, ask: ask(QUESTION, PASSAGES),
        returns=str,
        before=(_two_tags,),
        also=(_span_names_its_version, _asks_with_the_stored_text, returns_what_the_model_said()),
        hints=(
            "Three steps: a version in the registry, a tag on it, a call that names it.",
            "`prompts.create` returns the version; its `id` goes to `prompts.tags.create` and to "
            "`using_prompt_template`.",
            "`with using_prompt_template(template=USER, variables=variables, version=prompt.id):` "
            "around the call.",
        ),
    ),
    Exercise(
        id="13.5",
        title="Predict what replaces what",
        minutes=2,
        run=_upload,
        facts={
            "versions": lambda seen: len(_versions(seen)),
            "newest": lambda seen: len(dataset_of(seen, seen.returned)),
            "first": lambda seen: len(
                dataset_of(seen, seen.returned, version_id=_versions(seen)[-1])
            ),
            "failed": lambda seen: len(dataset_of(seen, seen.returned, splits=["failed"])),
        },
        hints=(
            "Go through the four calls with the table in sight.",
            "The second call brings the same examples again.",
            "The third replaces, the fourth adds; the first version stays as it was.",
        ),
    ),
)

PREDICTIONS = (
    Prediction(
        id="13.a",
        title="How many examples will the newest version have?",
        truth=lambda number: number,
        answer=1,
        because="`create_dataset` under a known name makes a version of these examples alone.",
    ),
    Prediction(
        id="13.b",
        title="In which project will the experiment's spans be?",
        truth=lambda project: "its own" if project.startswith("Experiment-") else "this lesson's",
        answer="its own",
        because="While it runs, `run_experiment` sends every span to a project of the experiment, "
        "whatever provider made it.",
        choices=("this lesson's", "its own"),
    ),
    Prediction(
        id="13.c",
        title="Will the answers of `both` be right more often?",
        truth=lambda change: "better" if change > 0 else "worse" if change < 0 else "as good",
        answer="worse",
        because="More documents are found and fewer answers are right: what is found beside the "
        "right passage can mislead the model. Only the answer tells.",
        choices=("better", "worse", "as good"),
    ),
    Prediction(
        id="13.d",
        title="Does the interval of the change contain 0?",
        truth=lambda contains: contains,
        answer=True,
        because="Few rows changed, and not all in one direction: other questions could have turned "
        "the sign. Over all 121 questions of the handbook it does turn (with the stub: 79 % right "
        "instead of 78 %).",
        choices=(True, False),
    ),
    Prediction(
        id="13.e",
        title="How many different rates will three repetitions have?",
        truth=lambda number: number,
        answer=3,
        because="Each repetition draws its answers anew, and some questions tip over. Another seed "
        "to begin with gives other rates.",
        choices=(1, 2, 3),
    ),
    Prediction(
        id="13.f",
        title="Will the LLM span say which version of the prompt made it?",
        truth=lambda found: any(
            SpanAttributes.LLM_PROMPT_TEMPLATE_VERSION in one.attributes for one in found.spans
        ),
        answer=False,
        because="Nothing links a prompt of the registry and a span until you do.",
        choices=(True, False),
    ),
)
