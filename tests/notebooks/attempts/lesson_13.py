"""Attempts at lesson 13. What the notebook has by then is made by its own cells."""

import json
from pathlib import Path

from attempts import changed, tries

NOTEBOOK = Path(__file__).parents[3] / "notebooks" / "13_experiments.ipynb"
CELLS = {
    cell["id"]: "".join(cell["source"])
    for cell in json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
}
SETUP = (
    "\n".join(
        CELLS[name]
        for name in (
            *("build", "trace-them", "examples", "replaced", "quiet", "dense"),
            *("retrievers", "compare", "prompt"),
        )
    )
    + """
from openai import OpenAI
from openinference.instrumentation import using_prompt_template
model = OpenAI()
failed_now = {each["metadata"]["query_id"] for each in failures}
"""
)
LEAVE = "OpenAIInstrumentor().uninstrument()"

# Each attempt begins where the lesson does: the newest version holds the new example alone.
BEFORE = 'datasets.create_dataset(name="handbook-failures", examples=[new])\n'
ADDED = (
    BEFORE
    + 'mended = datasets.add_examples_to_dataset(dataset="handbook-failures", examples=failures)'
)
ANEW = (
    BEFORE + 'mended = datasets.create_dataset(name="handbook-failures", examples=[*failures, new])'
)
ONE_BY_ONE = (
    BEFORE
    + """
for each in failures:
    mended = datasets.add_examples_to_dataset(dataset=first.id, examples=[each])
"""
)
ADD = tries(
    "13.1",
    "mended",
    {"added": ADDED, "made anew": ANEW, "one by one": ONE_BY_ONE},
    {
        "replaced again": (BEFORE + "mended = newest", "lacks 12 of the 12 failures"),
        "the failures alone": (
            changed(ANEW, ("[*failures, new]", "failures")),
            "lacks the new example",
        ),
        "one left out": (changed(ADDED, ("=failures)", "=failures[1:])")), "lacks 1 of the 12"),
        "no span": (
            changed(ADDED, ("=failures)", '=[one | {"span_id": None} for one in failures])')),
            "does not have the span",
        ),
        "another's span": (
            changed(
                ADDED,
                ("=failures)", '=[one | {"span_id": new["span_id"]} for one in failures])'),
            ),
            "does not have the span",
        ),
        "no split": (
            changed(ADDED, ("=failures)", '=[one | {"splits": []} for one in failures])')),
            "The split `failed` has 0 examples",
        ),
        "all of one split": (
            changed(ADDED, ("=failures)", '=[one | {"splits": ["new"]} for one in failures])')),
            "The split `failed` has 0 examples",
        ),
        "all that was answered": (
            changed(ADDED, ("=failures)", "=examples)")),
            "each failure once, and the new one",
        ),
        "a dataset of another name": (
            changed(ADDED, ('dataset="handbook-failures"', 'dataset="handbook-hard"')),
            "lacks 12 of the 12 failures",
        ),
    },
)

REFUSES = """
def refuses_rightly(output, expected):
    return (expected["fact"] is None) == does_not_know(output["answer"])

judged = quietly(
    course.client.experiments.evaluate_experiment,
    experiment=with_dense,
    evaluators=[refuses_rightly],
)
"""
RETURN = 'return (expected["fact"] is None) == does_not_know(output["answer"])'
NUMBER = changed(REFUSES, (RETURN, RETURN.replace("return (", "return float((") + ")"))
CASES = changed(
    REFUSES,
    (
        RETURN,
        """refuses = does_not_know(output["answer"])
    if expected["fact"] is None:
        return {"score": 1.0 if refuses else 0.0, "label": "unanswerable"}
    return {"score": 0.0 if refuses else 1.0, "label": "answerable"}""",
    ),
)
REPAIR = tries(
    "13.2",
    "judged",
    {"compared": REFUSES, "a number": NUMBER, "by cases": CASES},
    {
        "none where there is a fact": (
            changed(
                REFUSES,
                (RETURN, 'if expected["fact"] is None:\n        ' + "return True"),
            ),
            "of the 24 runs have no verdict",
        ),
        "raises": (
            changed(REFUSES, (RETURN, "return 1 / 0")),
            "has no evaluation `refuses_rightly`",
        ),
        "always true": (changed(REFUSES, (RETURN, "return True")), "The verdict is wrong where"),
        "always false": (changed(REFUSES, (RETURN, "return False")), "The verdict is wrong where"),
        "turned round": (
            changed(REFUSES, ("is None) ==", "is None) !=")),
            "The verdict is wrong where",
        ),
        "refusals alone": (
            changed(REFUSES, (RETURN, 'return does_not_know(output["answer"])')),
            "The verdict is wrong where there is a fact to find",
        ),
        "a label alone": (
            changed(REFUSES, (RETURN, 'return "refuses"')),
            "a label without a score",
        ),
    },
)

READ = """
before, after = scores(with_dense, "is_right"), scores(with_both, "is_right")
names = {one["id"]: one["metadata"]["query_id"] for one in hard}
changed = {
    "better": [names[key] for key in names if after[key] > before[key]],
    "worse": [names[key] for key in names if after[key] < before[key]],
}
"""
FRAME = """
import pandas as pd
table = pd.DataFrame(
    {name: scores(one, "is_right") for name, one in {"a": with_dense, "b": with_both}.items()}
)
table.index = [names_of[key] for key in table.index]
changed = {"worse": set(table.index[table.a > table.b]), "better": set(table.index[table.a < table.b])}
"""
NAMES = 'names_of = {one["id"]: one["metadata"]["query_id"] for one in hard}\n'
CHANGED = tries(
    "13.3",
    "changed",
    {
        "lists": READ,
        "a frame": NAMES + FRAME,
        "tuples in another order": READ
        + "\nchanged = {key: tuple(reversed(some)) for key, some in changed.items()}",
    },
    {
        "swapped": (
            READ + '\nchanged = {"better": changed["worse"], "worse": changed["better"]}',
            "for 'worse' is not what the trace says",
        ),
        "nothing": (
            'changed = {"better": [], "worse": []}',
            "for 'worse' is not what the trace says",
        ),
        "one left out": (
            READ + '\nchanged["worse"] = changed["worse"][1:]',
            "for 'worse' is not what the trace says",
        ),
        "the other experiment": (
            changed(READ, ("with_both", "with_keyword")),
            "is not what the trace says",
        ),
        "the documents": (
            changed(READ, ("names[key] for key in names", "names[key] for key in before")).replace(
                '"is_right"', '"finds_document"'
            ),
            "is not what the trace says",
        ),
        "the examples' ids": (
            changed(READ, ('one["metadata"]["query_id"]', 'one["id"]')),
            "is no `query_id` of `handbook-hard`",
        ),
        "a part missing": (READ + '\ndel changed["better"]', "has no 'better'"),
    },
)

# `production` is the first text again; what other attempts tagged is left behind.
FRESH = """
made = prompts.create(name="handbook-answer", version=version(INSTRUCTIONS))
prompts.tags.create(prompt_version_id=made.id, name="production")
prompts.tags.create(prompt_version_id=made.id, name="staging")
"""
STAGE = """
staged = prompts.create(
    name="handbook-answer",
    version=version(INSTRUCTIONS + " Answer as a JSON object with the keys answer and passage."),
)
prompts.tags.create(prompt_version_id=staged.id, name="staging")
"""
ASK = """
def ask_staging(question, passages):
    variables = {"context": passages, "question": question}
    prompt = prompts.get(prompt_identifier="handbook-answer", tag="staging")
    with using_prompt_template(template=USER, variables=variables, version=prompt.id):
        reply = model.chat.completions.create(**prompt.format(variables=variables))
    return reply.choices[0].message.content
"""
WHOLE = FRESH + STAGE + ASK
DECORATED = (
    FRESH
    + STAGE
    + """
@tracer.chain
def ask_staging(question, passages):
    filled = dict(question=question, context=passages)
    found = course.client.prompts.get(prompt_identifier="handbook-answer", tag="staging")
    with using_prompt_template(version=found.id):
        answer = OpenAI().chat.completions.create(**found.format(variables=filled))
    return answer.choices[0].message.content
"""
)
BY_ATTRIBUTES = (
    FRESH
    + STAGE
    + """
from openinference.instrumentation import using_attributes

async def ask_staging(question, passages):
    found = prompts.get(prompt_identifier="handbook-answer", tag="staging")
    request = found.format(variables={"question": question, "context": passages})
    with using_attributes(prompt_template_version=found.id):
        return model.chat.completions.create(**request).choices[0].message.content
"""
)
STAGED = tries(
    "13.4",
    "ask_staging",
    {"one span": WHOLE, "inside a chain": DECORATED, "async, by attributes": BY_ATTRIBUTES},
    {
        "no version of its own": (FRESH + ASK, "are the same version"),
        "production moved too": (
            FRESH
            + STAGE
            + 'prompts.tags.create(prompt_version_id=staged.id, name="production")\n'
            + ASK,
            "are the same version",
        ),
        "no JSON": (
            changed(WHOLE, ("as a JSON object with the keys answer and passage", "briefly")),
            "does not say `json`",
        ),
        "a key left out": (
            changed(WHOLE, (" and passage", "")),
            "does not say `passage`",
        ),
        "not named": (
            changed(
                WHOLE,
                (
                    "using_prompt_template(template=USER, variables=variables, version=prompt.id)",
                    "using_prompt_template(template=USER, variables=variables)",
                ),
            ),
            "The LLM span names no version",
        ),
        "named by its tag": (
            changed(WHOLE, ("version=prompt.id", 'version="staging"')),
            "The LLM span names the version `staging`",
        ),
        "got by the other tag": (
            changed(
                WHOLE,
                (
                    'identifier="handbook-answer", tag="staging"',
                    'identifier="handbook-answer", tag="production"',
                ),
            ),
            '`prompts.get(prompt_identifier=..., tag="staging")` gets it.',
        ),
        "production rewritten": (
            FRESH
            + STAGE.replace("staged", "other").replace('"staging"', '"production"')
            + STAGE
            + ASK,
            "Roll it back",
        ),
        "production's text": (
            changed(
                WHOLE,
                (
                    "**prompt.format(variables=variables)",
                    "**made.format(variables=variables)",
                ),
            ),
            "does not hold the text of the version tagged `staging`",
        ),
        "asked twice": (
            changed(
                WHOLE,
                (
                    "        reply =",
                    "        model.chat.completions.create(**prompt.format(variables=variables))\n        reply =",
                ),
            ),
            "The model is asked 2 times",
        ),
        "a constant": (
            changed(WHOLE, ("return reply.choices[0].message.content", 'return "{}"')),
            "does not return what the model answered",
        ),
    },
)

UPLOADS = CELLS["exercise-13-5"].partition("\nprediction")[0]
PREDICTED = tries(
    "13.5",
    "prediction, three_uploads",
    {
        "whole numbers": UPLOADS
        + '\nprediction = {"versions": 3, "newest": 3, "first": 4, "failed": 2}',
        "dict": UPLOADS + "\nprediction = dict(failed=2, first=4, newest=3, versions=3)",
        "another order, floats": UPLOADS
        + '\nprediction = {"first": 4.0, "newest": 3.0, "failed": 2.0, "versions": 3.0}',
    },
    {
        f"{key} {value}": (
            UPLOADS
            + '\nprediction = {"versions": 3, "newest": 3, "first": 4, "failed": 2}'
            + f' | {{"{key}": {value}}}',
            f"{value} for '{key}' is not what the trace says",
        )
        for key, value in (
            ("versions", 4),
            ("versions", 2),
            ("newest", 5),
            ("newest", 7),
            ("first", 2),
            ("failed", 4),
            ("failed", 6),
        )
    },
)

ATTEMPTS = [*ADD, *REPAIR, *CHANGED, *STAGED, *PREDICTED]
