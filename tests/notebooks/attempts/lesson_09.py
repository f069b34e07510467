"""Attempts at lesson 09. The runs are small: spans as the lesson's pipeline leaves them."""

from attempts import changed, tries
from attempts.common import RAG

SETUP = (
    RAG
    + '''
from contextlib import suppress
from uuid import uuid4
from openai import OpenAI
from openinference.instrumentation import using_metadata
from opentelemetry.trace import format_span_id
from phoenix.client.types.spans import SpanQuery
from rag_tutorials.course.equipment.planted import PLANTED
from rag_tutorials.course.traces import poll

def frame(query, **limits):
    return course.client.spans.get_spans_dataframe(
        query=query, project_identifier=course.project, **limits
    )

def streamed_answer(question, context, client):
    return answer_with_context(question, context, client=client)

def make(answers):
    """Make a trace of each answer: (the answer, the expected fact, the document's text)."""
    run, roots = uuid4().hex, {}
    for query_id, (answer, fact, content) in answers.items():
        about = {"run": run, "query_id": query_id, "target_document_id": "leave"}
        about |= {"expected_fact": fact, "kind": "direct" if fact else "unanswerable"}
        with using_metadata(about), tracer.start_as_current_span("rag-pipeline") as root:
            root.set_attribute("output.value", answer)
            with tracer.start_as_current_span("retrieval") as found:
                found.set_attributes({
                    "retrieval.document_count": 1,
                    "retrieval.documents.0.document.id": "leave-00",
                    "retrieval.documents.0.document.content": content,
                })
        roots[query_id] = root
    poll(lambda: course.fetch(attributes={"metadata.run": run}), 2 * len(roots), 60)
    return roots

def id_of(span):
    return format_span_id(span.get_span_context().span_id)

def annotate(roots, name, labels):
    for query_id, root in roots.items():
        course.client.spans.add_span_annotation(
            span_id=id_of(root), annotation_name=name, label=labels.get(query_id, "none"),
            annotator_kind="HUMAN", sync=True,
        )

def note(root, text):
    course.client.spans.add_span_note(span_id=id_of(root), note=text)

MISSED = {f"missed-{n}": ("I don't know.", "28 days", "Bicycles.") for n in range(4)}
IGNORED = {f"ignored-{n}": ("Bicycles.", "28 days", "You have 28 days.") for n in range(3)}
ODD = {
    "leave-notice": ("7 days.", "14 days", "At least 7 days."),
    "none-parking": ("69 days, says the office.", None, "Bicycles."),
}
FINE = {f"fine-{n}": ("You have 28 days.", "28 days", "You have 28 days.") for n in range(11)}
TWENTY = MISSED | IGNORED | ODD | FINE
twenty = make(TWENTY)
FIVE = {one: ("28 days.", "28 days", "28 days.") for one in PLANTED}
whole = make(FIVE | {f"fine-{n}": FINE[f"fine-{n}"] for n in range(3)})
'''
)

LIST = """
def unanswerable(run):
    condition = (
        f"metadata['run'] == '{run}' and metadata['kind'] == 'unanswerable'"
        " and name == 'rag-pipeline'"
    )
    rows = frame(SpanQuery().where(condition).select("input.value"), limit=10_000)
    return [] if rows.empty else list(rows["input.value"])
"""
OF_SEVEN = "questions of a run with 7 unanswerable ones"
UNANSWERABLE = tries(
    "09.1",
    "unanswerable",
    {
        "with a query": LIST,
        "by the root": changed(LIST, ("name == 'rag-pipeline'", "parent_id is None")),
        "with get_spans": """
            def unanswerable(run):
                spans = course.client.spans.get_spans(
                    project_identifier=course.project, name="rag-pipeline", limit=1000,
                    attributes={"metadata.run": run, "metadata.kind": "unanswerable"},
                )
                return [span["attributes"]["input.value"] for span in spans]
            """,
        "sorted out in Python": """
            def unanswerable(run):
                spans = course.fetch(name="rag-pipeline", attributes={"metadata.run": run})
                some = [one for one in spans if one.attributes["metadata.kind"] == "unanswerable"]
                return [one.attributes["input.value"] for one in some]
            """,
    },
    {
        "the starter": (
            changed(
                LIST,
                ("metadata['run'] ==", "run =="),
                ("metadata['kind']", "attributes['metadata.kind']"),
                ("rag-pipeline", "RAG-pipeline"),
                ("10_000", "5"),
            ),
            f"It returned 0 {OF_SEVEN}",
        ),
        "the limit left": (changed(LIST, ("10_000", "5")), f"It returned 5 {OF_SEVEN}"),
        "the run left out": (
            changed(LIST, ("f\"metadata['run'] == '{run}' and", 'f"')),
            "questions of a run with 7",
        ),
        "the kind left out": (
            changed(LIST, (" and metadata['kind'] == 'unanswerable'", "")),
            f"It returned 11 {OF_SEVEN}",
        ),
        "each span": (
            changed(LIST, (" and name == 'rag-pipeline'", "")),
            f"It returned 14 {OF_SEVEN}",
        ),
        "another kind": (
            changed(LIST, ("unanswerable'\"", "direct'\"")),
            f"It returned 2 {OF_SEVEN}",
        ),
        "invented": ("unanswerable = lambda run: ['?'] * 7", "Not all that it returned"),
        "a frame": (
            changed(LIST, ('[] if rows.empty else list(rows["input.value"])', "rows")),
            "a list of questions",
        ),
        "a list, no function": ("unanswerable = []", "function"),
    },
)

REQUESTS = """
def five_requests():
    with tracer.start_as_current_span("recovers"):
        with suppress(ValueError), tracer.start_as_current_span("look-up"):
            retriever("")
    with tracer.start_as_current_span("swallows"), suppress(ValueError):
        retriever("")
    with tracer.start_as_current_span("reports") as span:
        try:
            retriever("")
        except ValueError as error:
            span.set_status(StatusCode.ERROR, str(error))
    course.stub.fault("rate_limit", times=2, seconds=0.05, path="chat")
    with tracer.start_as_current_span("retries"):
        streamed_answer("Who?", [], OpenAI(base_url=course.stub.base_url, api_key="stub"))
    with suppress(ValueError), tracer.start_as_current_span("gives-up"):
        retriever("")

"""
GUESS = (
    "prediction = "
    '{"any span": ["recovers", "reports", "gives-up"], "root": ["reports", "gives-up"]}'
)
ANY, ROOT = "for 'any span'", "for 'root'"
FIVE_REQUESTS = tries(
    "09.2",
    "prediction, five_requests",
    {
        "lists": REQUESTS + GUESS,
        "another order": REQUESTS
        + changed(GUESS, ('"recovers", "reports"', '"reports", "recovers"')),
        "sets": REQUESTS + 'prediction = {"root": {"gives-up", "reports"}, '
        '"any span": {"gives-up", "reports", "recovers"}}',
    },
    {
        "the recovered one left out": (REQUESTS + changed(GUESS, ('"recovers", ', "")), ANY),
        "the recovered one as a root": (
            REQUESTS + changed(GUESS, ('"root": [', '"root": ["recovers", ')),
            ROOT,
        ),
        "the swallowed one": (REQUESTS + changed(GUESS, ("recovers", "swallows")), ANY),
        "the retries": (REQUESTS + changed(GUESS, ('"recovers"', '"recovers", "retries"')), ANY),
        "both exchanged": (
            REQUESTS + changed(GUESS, ("any span", "x"), ("root", "any span"), ('"x"', '"root"')),
            ANY,
        ),
        "numbers": (REQUESTS + 'prediction = {"any span": 3, "root": 2}', ANY),
        "one search": (REQUESTS + 'prediction = {"root": ["reports", "gives-up"]}', "any span"),
        "all five": (
            REQUESTS
            + 'every = ["recovers", "swallows", "reports", "retries", "gives-up"]\n'
            + 'prediction = {"any span": every, "root": every}',
            ANY,
        ),
    },
)

NOTES = """
roots = make(TWENTY)
for number, (query_id, root) in enumerate(roots.items()):
    note(root, "fine" if query_id in FINE else f"what went wrong in {number}")
"""
NO_NOTE = "have no note"
NOTED = tries(
    "09.3",
    "list(roots.values())",
    {
        "one each": NOTES,
        "noted twice": NOTES + "\nnote(root, 'fine')",
        "some alike": changed(NOTES, ("{number}", "{number % 4}")),
        "trace ids given": NOTES
        + "\nroots = {n: course.read_back(one)[0].trace_id for n, one in roots.items()}",
    },
    {
        "none": ("roots = make(TWENTY)", "20 of the 20 traces have no note"),
        "the wrong ones only": (
            changed(NOTES, ("    note(", "    query_id in FINE or note(")),
            NO_NOTE,
        ),
        "one forgotten": (
            changed(NOTES, ("roots.items())", "list(roots.items())[1:])")),
            "1 of the 20 traces have no note, `missed-0`",
        ),
        "all fine": (changed(NOTES, ("query_id in FINE", "True")), "stands on a right one as well"),
        "one phrase": (changed(NOTES, (" in {number}", "")), "all say the same"),
        "annotations, no notes": (
            'roots = make(TWENTY)\nannotate(roots, "note-to-self", {})',
            NO_NOTE,
        ),
        "nineteen": (
            NOTES + "\nroots.pop('fine-0')",
            "needs the traces of 20 different questions; it got 19",
        ),
        "one trace twenty times": (
            "roots = {number: twenty['fine-0'] for number in range(20)}",
            "it got 1",
        ),
    },
)

CAUSES = """
labels = {one: "not found" for one in MISSED} | {one: "not used" for one in IGNORED}
labels |= {one: "odd" for one in ODD}
annotate(twenty, "cause", labels)
"""
NO_CAUSE = "have no annotation `cause`"
GROUPED = tries(
    "09.4",
    "list(twenty.values())",
    {
        "three groups": CAUSES,
        "the odd ones with others": changed(CAUSES, ('"odd"', '"not used"')),
        "a group in two": changed(
            CAUSES, ("annotate(", "labels['missed-0'] = 'cut too small'\nannotate(")
        ),
        "names of one's own": changed(CAUSES, ("not found", "SEARCH"), ("not used", "reading")),
    },
    {
        "none": ('annotate(twenty, "cause", {})', f"9 of the wrong answers {NO_CAUSE}"),
        "one left out": (
            changed(CAUSES, ("annotate(", "del labels['missed-1']\nannotate(")),
            "`missed-1` for example",
        ),
        "one group for all": (
            changed(CAUSES, ("not used", "not found")),
            "one remedy will not mend both",
        ),
        "one in the wrong group": (
            changed(CAUSES, ("annotate(", "labels['ignored-2'] = 'not found'\nannotate(")),
            "`ignored-2`",
        ),
        "a right one": (
            changed(CAUSES, ("annotate(", "labels['fine-3'] = 'not used'\nannotate(")),
            "`fine-3` is right",
        ),
        "a group for each": (
            changed(CAUSES, ("annotate(", "labels = {one: one for one in labels}\nannotate(")),
            "You have 9 causes",
        ),
        "under another name": (
            'annotate(twenty, "cause", {})\n' + changed(CAUSES, ('"cause"', '"causes"')),
            NO_CAUSE,
        ),
    },
)

MARKS = 'marks = dict(PLANTED)\nannotate(whole, "planted", marks)'
FOUND = tries(
    "09.5",
    "list(whole.values())",
    {
        "all five": MARKS,
        "in capitals": changed(
            MARKS, ("dict(PLANTED)", "{one: what.upper() for one, what in PLANTED.items()}")
        ),
        "found at the second try": 'annotate(whole, "planted", {"fine-0": "slow step"})\n' + MARKS,
    },
    {
        "none": ('annotate(whole, "planted", {})', "0 of the five are found."),
        "four": (
            changed(MARKS, ("\n", "\ndel marks['training-degree']\n")),
            "4 of the five are found.",
        ),
        "a sixth": (
            changed(MARKS, ("\n", "\nmarks['fine-1'] = 'slow step'\n")),
            "5 of the five are found; wrong marks: 1.",
        ),
        "two exchanged": (
            changed(
                MARKS,
                (
                    "\n",
                    "\nmarks['leave-notice'], marks['training-degree'] = 'slow step', 'stale chunk'\n",
                ),
            ),
            "3 of the five are found; wrong marks: 2.",
        ),
        "one label for all": (
            changed(MARKS, ("dict(PLANTED)", "dict.fromkeys(PLANTED, 'made up')")),
            "1 of the five are found; wrong marks: 4.",
        ),
        "everything marked": (
            changed(MARKS, ("dict(PLANTED)", "dict.fromkeys(whole, 'slow step')")),
            "1 of the five are found; wrong marks: 7.",
        ),
        "under another name": (
            'annotate(whole, "planted", {})\n' + changed(MARKS, ('"planted"', '"cause"')),
            "0 of the five are found.",
        ),
    },
)
ATTEMPTS = [*UNANSWERABLE, *FIVE_REQUESTS, *NOTED, *GROUPED, *FOUND]
