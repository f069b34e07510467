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

RULE = ["right" if number % 3 or number == 9 else "wrong" for number in range(10)]
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
    try:
        add(span_id="0123456789abcdef", annotation_name="verdict", label="right", sync=False)
    except Exception:
        return "an error"
    return "nothing"

"""
GUESS = 'prediction = {"verdicts": 2, "kinds": ["HUMAN", "LLM"], "notes": 2, "returns": "nothing"}'
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
        "told of the loss": (
            RATERS + changed(GUESS, ('"nothing"', '"an error"')),
            "for 'returns'",
        ),
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
        "all wrong": (changed(CLICKS, ("RULE[number]", '"wrong"')), "Only 3 of your 10"),
        "all right": (changed(CLICKS, ("RULE[number]", '"right"')), "call none of those wrong"),
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

AGENTS = """
from collections import Counter

def agents(*ways):
    # a trace for each way: the employees looked up, None for a search
    made = []
    for way in ways:
        with tracer.start_as_current_span("agent") as root:
            root.set_attribute(KIND, "AGENT")
            for employee in way:
                name = "leave_balance" if employee else "search_handbook"
                key = "employee" if employee else "query"
                with tracer.start_as_current_span(name) as tool:
                    tool.set_attribute(KIND, "TOOL")
                    tool.set_attribute("input.value", json.dumps({key: employee or "leave"}))
        course.read_back(root, expect=1 + len(way))
        made.append((root, way))
    return made

WAYS = (("Ada", "Bob"), ("Bob", "Ada"), (None, "Ada", "Bob"), ("Bob", "Ada", "Ada"))

def judge(way):
    return Counter(way) == Counter(("Ada", "Bob"))

def label(good):
    return "as expected" if good else "not as expected"

def write(made, judge=judge, **more):
    for root, way in made:
        good = judge(way)
        say(root, "trajectory", label(good), **{"score": float(good), **more})
"""
WRITTEN = AGENTS + "\nmade = agents(*WAYS)\nwrite(made)"
TRAJECTORIES = tries(
    "12.5",
    "[root for root, _ in made]",
    {
        "counted": WRITTEN,
        "sorted": changed(
            WRITTEN,
            (
                'Counter(way) == Counter(("Ada", "Bob"))',
                'sorted(map(str, way)) == ["Ada", "Bob"]',
            ),
        ),
        "labels that say more": changed(WRITTEN, ('"not as expected"', '"too many steps"')),
        "mended": AGENTS + "\nmade = agents(*WAYS)\nwrite(made, lambda way: False)\nwrite(made)",
    },
    {
        "as it was": (
            changed(WRITTEN, ("Counter(way) == Counter((", "way == ((")),
            "leave_balance(Bob), leave_balance(Ada): just what was expected",
        ),
        "sets": (
            changed(WRITTEN, ("Counter", "set"), ("import set", "import Counter")),
            "not just what was expected, and the label is `as expected`",
        ),
        "those that are there": (
            changed(WRITTEN, ("Counter(way) == Counter((", "set(way) >= set((")),
            "search_handbook(leave), leave_balance(Ada), leave_balance(Bob): not just",
        ),
        "as many": (
            changed(WRITTEN, ('Counter(way) == Counter(("Ada", "Bob"))', "len(way) <= 3")),
            "not just what was expected",
        ),
        "all as expected": (
            changed(WRITTEN, ("Counter(way) == Counter((", "bool((")),
            "not just what was expected",
        ),
        "none": (AGENTS + "\nmade = agents(*WAYS)", "has 0 annotations `trajectory`, not one"),
        "one for all": (
            AGENTS + "\nmade = agents(*WAYS)[:1] * 4\nwrite(made)",
            "1 traces of an agent were given, not 4",
        ),
        "said by a model": (
            changed(WRITTEN, ("write(made)", 'write(made, annotator_kind="LLM")')),
            "has the kind LLM",
        ),
        "no score": (
            changed(WRITTEN, ("write(made)", "write(made, score=None)")),
            "and the score None",
        ),
        "two raters": (WRITTEN + "\nwrite(made, identifier='again')", "has 2 annotations"),
        "on the tool": (
            WRITTEN
            + """
step = next(one for one in course.read_back(made[0][0]) if one.kind == "TOOL")
add(span_id=step.span_id, annotation_name="trajectory", label="as expected", sync=True)
""",
            "the whole way is a matter of `agent`",
        ),
    },
)
ATTEMPTS = [*HIT, *OVERWRITTEN, *CLICKED, *REPAIRED, *TRAJECTORIES]
