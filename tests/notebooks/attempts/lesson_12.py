"""Attempts at lesson 12. The run is small: spans and verdicts as the lesson leaves them."""

from attempts import changed, tries
from attempts.common import RAG

SETUP = (
    RAG
    + '''
from uuid import uuid4
import httpx
import pandas as pd
from openinference.instrumentation import suppress_tracing, using_metadata
from opentelemetry.trace import format_span_id
from phoenix.evals import LLM, bind_evaluator, create_classifier, create_evaluator
from phoenix.evals.metrics import ConcisenessEvaluator, CorrectnessEvaluator, FaithfulnessEvaluator
from rag_tutorials.course.traces import poll

llm = LLM(provider="openai", model=course.chat_model, initial_per_second_request_rate=1000)
add = course.client.spans.add_span_annotation

def id_of(span):
    return format_span_id(span.get_span_context().span_id)

def make(count):
    """Make traces whose retrievals hit, miss, and have nothing to find, in turn."""
    run, made = uuid4().hex, []
    for number in range(count):
        section = ("leave", "travel", None)[number % 3]
        kind = "direct" if section else "unanswerable"
        about = {"run": run, "kind": kind, "target_document_id": section, "query_id": str(number)}
        with using_metadata(about), tracer.start_as_current_span("rag-pipeline") as root:
            with tracer.start_as_current_span("retrieval") as found:
                found.set_attributes({
                    "input.value": f"question {number}",
                    "retrieval.document_count": 2,
                    "retrieval.documents.0.document.id": "expenses-01",
                    "retrieval.documents.1.document.id": "leave-00",
                })
        made.append((root, found, section))
    poll(lambda: course.fetch(attributes={"metadata.run": run}), 2 * count, 60)
    return made

def say(span, name, label, **more):
    add(**{"span_id": id_of(span), "annotation_name": name, "label": label, "sync": True,
           "annotator_kind": "CODE", **more})

def click(span, label, source="APP", kind="HUMAN"):
    def ask(query, **variables):
        question = {"query": query, "variables": variables}
        return httpx.post(f"{course.phoenix_url}/graphql", json=question).json()["data"]
    find = "query ($id: String!) { getSpanByOtelId(spanId: $id) { id } }"
    write = ("mutation ($input: [CreateSpanAnnotationInput!]!) "
             "{ createSpanAnnotations(input: $input) { spanAnnotations { id } } }")
    node = ask(find, id=id_of(span))["getSpanByOtelId"]["id"]
    said = {"name": "by_hand", "label": label, "annotatorKind": kind, "source": source}
    ask(write, input=[{"spanId": node, "metadata": {}, **said}])

def ten():
    """Make ten traces of which the rule calls every third wrong."""
    made = make(10)
    for number, (root, _, _) in enumerate(made):
        say(root, "fact", RULE[number])
    return made

RULE = ["right" if number % 3 else "wrong" for number in range(10)]
JUDGED = ["correct"] * 5 + ["incorrect"] + ["correct", "incorrect"] + ["incorrect"] * 2
whole = make(10)
for number, (root, _, _) in enumerate(whole):
    say(root, "fact", "right" if number < 6 else "wrong")
    say(root, "correctness", JUDGED[number], annotator_kind="LLM")
    say(root, "half", "dev" if number % 4 == 3 else "held out")
'''
)

HITS = """
made = make(6)
for root, found, section in made:
    if section is not None:
        label, score = ("hit", 1) if section == "leave" else ("miss", 0)
        say(found, "hit", label, score=score)
"""
TRACES = "[root for root, _, _ in made]"
HIT = tries(
    "12.1",
    TRACES,
    {
        "one by one": HITS,
        "twice": HITS + "\nsay(made[0][1], 'hit', 'hit', score=1)",
        "a frame": """
            made = make(6)
            some = [(id_of(found), section) for _, found, section in made if section]
            frame = pd.DataFrame(some, columns=["span_id", "section"]).set_index("span_id")
            frame["score"] = (frame["section"] == "leave") * 1.0
            frame["label"] = frame["score"].map({1.0: "hit", 0.0: "miss"})
            course.client.spans.log_span_annotations_dataframe(
                dataframe=frame[["score", "label"]], annotation_name="hit",
                annotator_kind="CODE", sync=True)
            """,
        "with reasons": changed(HITS, ("score=score", "score=score, explanation=str(section)")),
    },
    {
        "none": ("made = make(6)", "has 0 annotations `hit`, not one"),
        "on the root": (changed(HITS, ("say(found", "say(root")), "a matter of the span"),
        "all hits": (
            changed(HITS, ('if section == "leave" else ("miss", 0)', "")),
            "'question 1' has the label 'hit'; look again",
        ),
        "exchanged": (
            changed(HITS, ("section == ", "section != ")),
            "'question 0' has the label 'miss'",
        ),
        "unanswerable ones too": (
            changed(HITS, ("if section is not None:", "if True:")),
            "No section answers 'question 2'",
        ),
        "said by a model": (
            changed(HITS, ("score=score", "score=score, annotator_kind='LLM'")),
            "has the kind LLM",
        ),
        "no score": (changed(HITS, (", score=score", "")), "has the score None"),
        "two raters": (
            HITS + "\nsay(made[0][1], 'hit', 'hit', score=1, identifier='ada')",
            "has 2 annotations `hit`, not one",
        ),
        "another name": (changed(HITS, ('"hit", label', '"hits", label')), "has 0 annotations"),
        "another score": (changed(HITS, ('("hit", 1)', '("hit", 5)')), "has the score 5"),
    },
)

RATERS = """
def raters():
    with tracer.start_as_current_span("rated") as span:
        pass
    course.read_back(span)
    say(span, "verdict", "wrong")
    say(span, "verdict", "right", annotator_kind="HUMAN")
    say(span, "verdict", "right", annotator_kind="HUMAN", identifier="ada")
    say(span, "verdict", "wrong", annotator_kind="LLM", identifier="ada")
    for _ in range(2):
        course.client.spans.add_span_note(span_id=id_of(span), note="an odd answer")

"""
GUESS = 'prediction = {"verdicts": 2, "kinds": ["HUMAN", "LLM"], "notes": 2}'
VERDICTS, KINDS, NOTES = "for 'verdicts'", "for 'kinds'", "for 'notes'"
OVERWRITTEN = tries(
    "12.2",
    "prediction, raters",
    {
        "lists": RATERS + GUESS,
        "another order": RATERS + changed(GUESS, ('"HUMAN", "LLM"', '"LLM", "HUMAN"')),
        "a tuple": RATERS + changed(GUESS, ('["HUMAN", "LLM"]', '("HUMAN", "LLM")')),
        "small letters": RATERS + changed(GUESS, ("HUMAN", "human"), ("LLM", "llm")),
    },
    {
        "each kind its own": (
            RATERS + changed(GUESS, ('"verdicts": 2', '"verdicts": 4')),
            VERDICTS,
        ),
        "one name, one verdict": (
            RATERS + changed(GUESS, ('"verdicts": 2', '"verdicts": 1')),
            VERDICTS,
        ),
        "the first stays": (RATERS + changed(GUESS, ('"HUMAN", ', '"CODE", ')), KINDS),
        "people only": (RATERS + changed(GUESS, ('"LLM"', '"HUMAN"')), KINDS),
        "one kind": (RATERS + changed(GUESS, ('"HUMAN", ', "")), KINDS),
        "notes overwrite": (RATERS + changed(GUESS, ('"notes": 2', '"notes": 1')), NOTES),
        "a part left out": (RATERS + changed(GUESS, (', "notes": 2', "")), "'notes'"),
        "another function": (
            changed(
                RATERS, ("        course.client", "        pass; course.client"), ("(2)", "(0)")
            )
            + changed(GUESS, ('"notes": 2', '"notes": 0')),
            "not as it was given",
        ),
    },
)

CLICKS = """
made = ten()
for number, (root, _, _) in enumerate(made):
    click(root, RULE[number])
"""
CLICKED = tries(
    "12.3",
    TRACES,
    {
        "as the rule": CLICKS,
        "three differ": changed(
            CLICKS,
            ("RULE[number]", '{0: "right", 1: "wrong", 2: "wrong"}.get(number, RULE[number])'),
        ),
        "corrected": CLICKS + "\nclick(made[1][0], 'wrong')",
    },
    {
        "none": ("made = ten()", "0 of the 10 traces have your `by_hand`"),
        "nine": (changed(CLICKS, ("    click", "    number < 9 and click")), "9 of the 10"),
        "by a program": (changed(CLICKS, ("RULE[number])", "RULE[number], 'API')")), "a program"),
        "by the client": (
            """
            made = ten()
            for number, (root, _, _) in enumerate(made):
                say(root, "by_hand", RULE[number], annotator_kind="HUMAN")
            """,
            "came from a program",
        ),
        "on the retrieval": (
            changed(CLICKS, ("(root, _, _)", "(_, root, _)")),
            "0 of the 10 traces",
        ),
        "all exchanged": (
            changed(CLICKS, ("RULE[number]", "RULE[number - 1]")),
            "of your 10 labels agree",
        ),
        "all wrong": (changed(CLICKS, ("RULE[number]", '"wrong"')), "Only 4 of your 10"),
        "labels of one's own": (
            changed(CLICKS, ("RULE[number]", '"good"')),
            "has the label `good`",
        ),
        "one trace ten times": (
            "made = ten()[:1] * 10\nclick(made[0][0], 'wrong')",
            "1 of the 10 traces",
        ),
    },
)

JUDGE = """
judge = bind_evaluator(
    evaluator=FaithfulnessEvaluator(llm=llm),
    input_mapping={"input": "input", "context": "context", "output": "output"},
)
"""
OWN = """
judge = create_classifier(
    name="own", llm=llm, choices={"faithful": 1, "unfaithful": 0},
    prompt_template="Does the context say it? <question>{{input}}</question>"
    "<context>{{context}}</context><answer>{{output}}</answer>",
)
"""
REPAIRED = tries(
    "12.4",
    "judge",
    {
        "mapped": JUDGE,
        "no mapping": "judge = FaithfulnessEvaluator(llm=llm)",
        "by a function": changed(
            JUDGE, ('"output": "output"', '"output": lambda row: row["output"]')
        ),
        "one of one's own": OWN,
    },
    {
        "as it was": (changed(JUDGE, ('"output": "output"', '"output": "context"')), "contradicts"),
        "the question": (
            changed(JUDGE, ('"output": "output"', '"output": "input"')),
            "contradicts",
        ),
        "exchanged": (
            changed(
                JUDGE,
                (
                    '"context": "context", "output": "output"',
                    '"context": "output", "output": "context"',
                ),
            ),
            "It calls an answer",
        ),
        "a judge without the context": ("judge = CorrectnessEvaluator(llm=llm)", "contradicts"),
        "of another thing": ("judge = ConcisenessEvaluator(llm=llm)", "contradicts"),
        "always no": (
            """
            @create_evaluator(name="no", kind="llm")
            def judge(output):
                return 0.0, "unfaithful"
            """,
            "that the context says `unfaithful`",
        ),
        "a rule": (
            """
            @create_evaluator(name="words", kind="llm")
            def judge(output, context):
                return float(set(output.split()) <= set(context.replace(",", ".").split()
                                                        + context.replace(",", " ").split()
                                                        + ["year."])), "faithful"
            """,
            "without a call to a model",
        ),
        "no evaluator": ("judge = 'faithfulness'", "is no evaluator"),
        "labels exchanged": (
            changed(OWN, ('"faithful": 1, "unfaithful": 0', '"faithful": 0, "unfaithful": 1')),
            "that the context says `faithful`",
        ),
    },
)

# held out: 0 1 2, 4 5 6, 8 9; of 0 1 2 4 5 right ones 4 pass, of 6 8 9 wrong ones 1
TPR, TNR, RATE = 4 / 5, 2 / 3, (6 / 10 + 2 / 3 - 1) / (4 / 5 + 2 / 3 - 1)
WHOLE = "[root for root, _, _ in whole]"
RATES = tries(
    "12.5",
    f"answer, {WHOLE}",
    {
        "exact": f"answer = {TPR}, {TNR}, {RATE}",
        "rounded": f"answer = {TPR:.2f}, {TNR:.2f}, {RATE:.2f}",
        "a list": f"answer = [{TPR}, {TNR}, {RATE}]",
    },
    {
        "of all ten": (f"answer = {5 / 6}, {3 / 4}, {RATE}", "is not what the trace says"),
        "exchanged": (f"answer = {TNR}, {TPR}, {RATE}", "is not what the trace says"),
        "not corrected": (f"answer = {TPR}, {TNR}, {6 / 10}", "the third of your answers"),
        "of the held-out half": (
            f"answer = {TPR}, {TNR}, {(5 / 8 + TNR - 1) / (TPR + TNR - 1)}",
            "the third of your answers",
        ),
        "false positives": (f"answer = {TPR}, {1 - TNR}, {RATE}", "the second of your answers"),
        "percent": (f"answer = {TPR * 100}, {TNR * 100}, {RATE * 100}", "is not what"),
        "text": (f"answer = '{TPR}', '{TNR}', '{RATE}'", "a number is needed"),
        "two": (f"answer = {TPR}, {TNR}", "is not what"),
        "a number": (f"answer = {RATE}", "a list"),
    },
)
ATTEMPTS = [*HIT, *OVERWRITTEN, *CLICKED, *REPAIRED, *RATES]
