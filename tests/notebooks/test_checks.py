"""Checks, solutions and the trace view, in a real kernel with a real Phoenix."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = pytest.mark.xdist_group("checks")

EXERCISES = """
import os
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.content import Exercise, Prediction, span

QUESTION = "How many days?"
HINTS = ("first hint", "second hint", "third hint")
EXERCISES = (
    Exercise(
        id="98.1",
        title="Write it",
        run=lambda course, answer: answer(QUESTION),
        returns=str,
        expect=span(
            "rag-request",
            "CHAIN",
            span("retrieval", "RETRIEVER", attributes={"input.value": QUESTION}),
            span("generation", "LLM", status="not ERROR"),
        ),
        without=("token-of-ada",),
        minutes=3,
        hints=HINTS,
    ),
    Exercise(
        id="98.2",
        title="Predict it",
        run=lambda course, prediction, answer: answer(QUESTION),
        facts={
            "spans": lambda seen: len(seen.found),
            "root": lambda seen: seen.found.roots[0].name,
        },
        minutes=3,
        hints=HINTS,
    ),
    Exercise(
        id="98.3",
        title="Repair it",
        run=lambda course, lookup: lookup(""),
        raises=ValueError,
        expect=span("lookup", status="ERROR", events={"exception": 1}),
        minutes=3,
        hints=HINTS,
    ),
    Exercise(
        id="98.4",
        title="Read it",
        facts=lambda seen: next(
            one.attributes["input.value"] for one in seen.found.spans if one.status == "ERROR"
        ),
        minutes=3,
        hints=HINTS,
    ),
    Exercise(
        id="98.5",
        title="Link it",
        expect=(span("first"), span("second", links=["first"])),
        minutes=3,
        hints=HINTS,
    ),
    Exercise(
        id="98.6",
        title="Judge it",
        expect=span("turn", annotations={"verdict": {"label": "wrong", "source": "APP"}}),
        session={"resolved": {"kind": "HUMAN", "score": float}},
        patience=5,
        minutes=3,
        hints=HINTS,
    ),
)
PREDICTIONS = (
    Prediction(id="98.a", title="How many spans?", truth=len, answer=3, because="Two steps."),
    Prediction(id="98.b", title="How many days?", truth=len, answer=2, because="It says so."),
)
catalog.of_lesson = lambda number: EXERCISES if number == "98" else ()
catalog.predictions_of = lambda number: PREDICTIONS if number == "98" else ()
tracer = tracer_provider.get_tracer("test")
"""
ANSWER = """
def answer(question):
    with tracer.start_as_current_span("rag-request", openinference_span_kind="chain"):
        with tracer.start_as_current_span("retrieval", openinference_span_kind="retriever") as one:
            one.set_attribute("input.value", question)
        with tracer.start_as_current_span("generation", openinference_span_kind="llm"):
            pass
    return "20 days"
"""
BROKEN = """
def answer(question):
    with tracer.start_as_current_span("rag-request", openinference_span_kind="chain"):
        pass
    with tracer.start_as_current_span("retrieval", openinference_span_kind="retriever"):
        pass
    return "20 days"
"""
TWICE_RECORDED = """
def lookup(text):
    with tracer.start_as_current_span("lookup") as one:
        try:
            raise ValueError("empty")
        except ValueError as error:
            one.record_exception(error)
            raise
"""


class Classroom:
    """A kernel in which a student works."""

    def __init__(self, kernel: Any) -> None:
        self.kernel = kernel

    def run(self, code: str) -> Any:
        return self.kernel.run(textwrap.dedent(code))

    def check(self, exercise_id: str, given: str, before: str = "") -> str:
        """Run a check cell; return what it shows."""
        output = self.run(f'{textwrap.dedent(before)}\ncourse.check("{exercise_id}", {given})')
        assert not output.error, output.error
        return str(output.value)


@pytest.fixture(scope="module")
def classroom(start_kernel: Any, tmp_path_factory: pytest.TempPathFactory) -> Classroom:
    kernel = start_kernel(
        {"COURSE_STATE_DIR": str(tmp_path_factory.mktemp("state")), "COURSE_PROVE_EXERCISES": "0"}
    )
    prepared, launched = kernel.open_course("scratch")
    assert not prepared.error + launched.error
    assert not kernel.run(EXERCISES).error
    return Classroom(kernel)


TURN = """
import httpx
from openinference.instrumentation import using_session
with using_session("session-1"), tracer.start_as_current_span("turn") as turn:
    pass
[stored] = course.read_back(turn)

def ask(query, **variables):
    question = {"query": query, "variables": variables}
    return httpx.post(f"{course.phoenix_url}/graphql", json=question).json()["data"]

def click(label):
    find = "query ($id: String!) { getSpanByOtelId(spanId: $id) { id } }"
    [span] = ask(find, id=stored.span_id).values()
    write = (
        "mutation ($input: [CreateSpanAnnotationInput!]!) "
        "{ createSpanAnnotations(input: $input) { spanAnnotations { id } } }"
    )
    said = {"name": "verdict", "label": label, "annotatorKind": "HUMAN"}
    ask(write, input=[{"spanId": span["id"], "metadata": {}, "source": "APP", **said}])
"""


@pytest.fixture
def proving(classroom: Classroom) -> Iterator[Classroom]:
    classroom.run(
        "from rag_tutorials.course.judging import proof\n"
        "proof._red.clear(); proof._green.clear()\n"
        "os.environ['COURSE_PROVE_EXERCISES'] = '1'"
    )
    yield classroom
    classroom.run("os.environ['COURSE_PROVE_EXERCISES'] = '0'")


def test_passed_is_one_line_with_a_link_and_is_remembered(classroom: Classroom) -> None:
    said = classroom.check("98.1", "answer", ANSWER)
    headline, link = said.splitlines()
    assert headline == "98.1 Write it: passed."
    assert "/redirects/traces/" in link
    assert "98.1" in classroom.kernel.ask(
        "list(__import__('rag_tutorials.course.student.kept').course.student.kept.passed())"
    )


def test_not_yet_says_the_mistake_its_hint_and_both_trees(classroom: Classroom) -> None:
    classroom.check("98.1", "answer", ANSWER)  # a pass begins the hints anew
    said = classroom.check("98.1", "answer", BROKEN).splitlines()
    assert said[:-1] == [
        "98.1 Write it: not yet.",
        "`retrieval` is a root span; it should be a child of `rag-request`.",
        "Hint: `retrieval` has to be started while `rag-request` is current.",
        "Expected:",
        "  rag-request  CHAIN",
        "  ├─ retrieval  RETRIEVER  ←",
        "  │     input.value = How many days?",
        "  └─ generation  LLM  status not ERROR  ←",
        "Found:",
        "  rag-request  CHAIN",
        "  retrieval  RETRIEVER  ←",
    ]
    assert "/redirects/traces/" in said[-1]
    hints = [classroom.check("98.1", "answer").splitlines()[3] for _ in range(4)]
    assert hints == [
        f"General hint: {which} hint" for which in ("first", "second", "third", "third")
    ]


@pytest.mark.parametrize(
    ("given", "before", "sentence"),
    [
        ("...", "", "Write your part in the cell above"),
        ("None", "", "Write your part in the cell above"),
        ("answer", "def answer(question): ...", "Write your part in the cell above"),
        (
            "answer",
            "def answer(question):\n    raise NotImplementedError",
            "Write your part in the cell above",
        ),
        ("3", "", "The check needs a function, not a whole number."),
        ("answer", "def answer(question):\n    return 'x'", "Your code ran, but it made no span."),
        (
            "answer",
            "def answer(question):\n    return {}['days']",
            "Your code raised KeyError: 'days' (line 2 of its cell: `return {}['days']`).",
        ),
        ("answer", "def answer():\n    return 'x'", "Your code raised TypeError: answer() takes 0"),
        (
            "answer",
            "def answer(question):\n    raise SystemExit(3)",
            "Your code raised SystemExit: 3",
        ),
        (
            "answer",
            BROKEN.replace('"20 days"', "20"),
            "Your code returned a whole number; it should return text.",
        ),
        (
            "answer",
            BROKEN.replace('return "20 days"', ""),
            "Your code returned nothing (None); it should return text.",
        ),
        (
            "answer",
            "def answer(question):\n    tracer.start_span('rag-request')\n    return 'x'",
            "`rag-request` was started and never ended; only a span that has ended is exported",
        ),
        (
            "answer",
            ANSWER.replace(
                ", question)", ", question); one.add_event('sent', {'as': 'token-of-ada'})"
            ),
            "The secret is still in the event `sent` (`as`) of `retrieval`.",
        ),
        (
            "answer",
            ANSWER.replace("question)\n        with", "'token-of-ada')\n        with"),
            "`retrieval` has `input.value` = token-of-ada; it should be `How many days?`.",
        ),
    ],
)
def test_each_mistake_has_its_own_sentence(
    classroom: Classroom, given: str, before: str, sentence: str
) -> None:
    said = classroom.check("98.1", given, before)
    assert sentence in said
    assert "passed" not in said


def test_a_coroutine_function_is_awaited(classroom: Classroom) -> None:
    said = classroom.check("98.1", "answer", ANSWER.replace("def answer", "async def answer"))
    assert "passed" in said


def test_a_prediction_is_compared_with_the_trace(classroom: Classroom) -> None:
    classroom.run(ANSWER)
    for prediction, sentence in (
        ('{"spans": ..., "root": "x"}', "not started"),
        ('{"spans": 3}', "Your answer has no 'root'."),
        ("[3]", "The check needs a dictionary, not a list."),
        (
            '{"spans": 3, "root": "retrieval"}',
            "'retrieval' for 'root' is not what the trace says.",
        ),
        ('{"spans": 3, "root": "rag-request"}', "passed"),
    ):
        assert sentence in classroom.check("98.2", f"{prediction}, answer")


def test_an_error_should_reach_the_caller_and_be_recorded_once(classroom: Classroom) -> None:
    swallowed = TWICE_RECORDED.replace("            raise\n", "            return None\n")
    for code, sentence in (
        (swallowed, "The call returned as if all were well; the ValueError should reach"),
        (TWICE_RECORDED, "`lookup` has 2 `exception` events; it should have 1."),
        (TWICE_RECORDED.replace("            one.record_exception(error)\n", ""), "passed"),
    ):
        assert sentence in classroom.check("98.3", "lookup", code)


def test_an_answer_is_compared_with_what_phoenix_has_and_not_told(classroom: Classroom) -> None:
    classroom.run(
        """
        made = []
        for question in ("a", "b-failed", "c"):
            try:
                with tracer.start_as_current_span("ask") as one:
                    one.set_attribute("input.value", question)
                    made.append(one)
                    if question == "b-failed":
                        raise ValueError
            except ValueError:
                pass
        """
    )
    wrong = classroom.check("98.4", '"a", made')
    assert "'a' is not what the trace says." in wrong
    assert "b-failed" not in wrong
    assert "passed" in classroom.check("98.4", '" b-failed ", made')
    assert "The trace lacks what this exercise looks at" in classroom.check("98.4", '"a", made[0]')


def test_spans_made_already_are_judged_with_their_links(classroom: Classroom) -> None:
    code = """
        from opentelemetry.trace import Link
        with tracer.start_as_current_span("first") as first:
            pass
        links = [Link(first.get_span_context())]
        with tracer.start_as_current_span("second", links=links) as second:
            pass
        with tracer.start_as_current_span("second") as unlinked:
            pass
        """
    assert "passed" in classroom.check("98.5", "[first, second]", code)
    assert "`second` has no link to `first`." in classroom.check("98.5", "[first, unlinked]")
    assert "There is no span named `second`." in classroom.check("98.5", "first")
    assert "is not a trace id" in classroom.check("98.5", "'abc'")
    unknown = classroom.check("98.5", f"'{'0' * 31}1'")
    assert "Phoenix does not have this trace" in unknown


def test_the_verdict_as_html_escapes_what_students_and_spans_hold(classroom: Classroom) -> None:
    classroom.run(
        """
        def answer(question):
            with tracer.start_as_current_span("<script>alert(1)</script>"):
                return "x"

        verdict = course.check("98.1", answer)
        """
    )
    page = classroom.kernel.ask("verdict._repr_html_()")
    assert "<script" not in page
    assert "&lt;script&gt;" in page
    assert "<code>rag-request</code>" in page


def test_a_trace_is_shown_from_phoenix_with_its_cost(classroom: Classroom) -> None:
    classroom.run(ANSWER)
    classroom.run(
        """
        with tracer.start_as_current_span("generation", openinference_span_kind="llm") as one:
            one.set_attribute("llm.model_name", "gpt-4.1-mini")
            one.set_attribute("llm.token_count.prompt", 1_000_000)
            one.set_attribute("llm.token_count.completion", 0)
        """
    )
    text = classroom.kernel.ask("repr(course.show(one))")
    assert "LLM · generation · gpt-4.1-mini · 1,000,000 + 0 tokens · $0.4" in text
    assert "/redirects/traces/" in text
    same = "course.show(format(one.get_span_context().trace_id, '032x'))"
    assert classroom.kernel.ask(f"repr({same})") == text
    assert "open in Phoenix</a>" in classroom.kernel.ask("course.show([one])._repr_html_()")
    both = "course.show(course.client.spans.get_spans(project_identifier=course.project))"
    assert "generation" in classroom.kernel.ask(f"repr({both})")


def test_a_prediction_is_kept_and_held_against_the_trace(classroom: Classroom) -> None:
    classroom.run(ANSWER)
    reveal = """
        with tracer.start_as_current_span("outer") as outer:
            answer("x")
        course.reveal("98.a", outer, expect=4)
        """
    assert not classroom.run('course.predict("98.a", 4)').value
    shown = classroom.run(reveal).value.splitlines()
    assert shown[:4] == [
        "98.a How many spans?",
        "You predicted: 4. The trace says: 4.",
        "✓ As you predicted.",
        "Two steps.",
    ]
    assert "CHAIN · rag-request" in "\n".join(shown[4:])
    classroom.run('course.predict("98.a", 3)')
    assert "✗ Not as you predicted." in classroom.run(reveal).value
    kept = classroom.kernel.ask(
        "{k: (v['guess'], v['right']) for k, v in __import__("
        "'rag_tutorials.course.student.kept').course.student.kept.predictions()['98.a'].items()}"
    )
    assert kept == {"first": (4, True), "last": (3, False)}
    refused = classroom.run('course.predict("98.a", "three")').error
    assert "Prediction 98.a was not kept: 'three' is text; a number is needed here" in refused
    assert not classroom.run('course.predict("98.a", ...)').error
    assert classroom.run(reveal).value.splitlines()[1:3] == ["The trace says: 4.", "Two steps."]


def test_a_plain_value_is_revealed_without_a_drawing(classroom: Classroom) -> None:
    classroom.run('course.predict("98.b", 2)')
    shown = classroom.run('course.reveal("98.b", ["20", "30"])').value
    assert shown.splitlines() == [
        "98.b How many days?",
        "You predicted: 2. It is: 2.",
        "✓ As you predicted.",
        "It says so.",
    ]


def test_ci_proves_predictions(proving: Classroom) -> None:
    proving.run("proof._asked.clear(); proof._revealed.clear()")
    assert "98.b is revealed before it was asked" in proving.run('course.reveal("98.b", [])').error
    proving.run('course.predict("98.b", ...)')
    wrong = proving.run('course.reveal("98.b", ["20"])').error
    assert "The answer of prediction 98.b is 2; true is 1." in wrong


def test_a_solution_is_not_run_for_a_student(classroom: Classroom) -> None:
    output = classroom.run("%%solution 98.1\nraise ValueError('this runs')")
    assert not output.error
    assert output.stdout == (
        "The solution of 98.1 was not run. To run it, delete the first line of this cell "
        "(%%solution …).\n"
    )


def solve(exercise_id: str, code: str, given: str) -> str:
    return f'%%solution {exercise_id}\n{code}\ncourse.check("{exercise_id}", {given})'


def test_ci_proves_an_exercise_both_ways(proving: Classroom) -> None:
    before = proving.run("course.progress()")
    assert not before.error  # the notebook's own lesson has no exercises
    assert "not yet" in proving.check("98.1", "answer", BROKEN)
    assert not proving.run(solve("98.1", ANSWER, "answer")).error
    left = proving.run("proof.require('98')").error
    assert "Not proven in this notebook: 98.2, 98.3, 98.4, 98.5" in left


@pytest.mark.parametrize(
    ("starter", "solution", "complaint"),
    [
        (None, ANSWER, "The check of 98.1 did not run before its solution"),
        (BROKEN, BROKEN, "The solution of 98.1 does not pass its check."),
        (BROKEN, "1 / 0", "The solution of 98.1 raised ZeroDivisionError"),
        (BROKEN, "%%none", "The solution of 98.1 does not call its check"),
        (ANSWER, None, "The check of 98.1 answers 'passed' on the starter"),
    ],
)
def test_ci_turns_red(
    proving: Classroom, starter: str | None, solution: str | None, complaint: str
) -> None:
    output = None
    if starter:
        output = proving.run(f'{starter}\ncourse.check("98.1", answer)')
        assert bool(output.error) is (solution is None)
    if solution == "%%none":
        output = proving.run(f"%%solution 98.1\n{ANSWER}")
    elif solution:
        output = proving.run(solve("98.1", solution, "answer"))
    assert output is not None
    assert "AssertionError" in output.error
    assert complaint in output.error


def test_ci_never_counts_as_the_students_progress(proving: Classroom) -> None:
    from_file = "__import__('rag_tutorials.course.student.kept').course.student.kept"
    proving.run(f"{from_file}.reset()")
    assert "not yet" in proving.check("98.1", "answer", BROKEN)
    assert not proving.run(solve("98.1", ANSWER, "answer")).error
    assert proving.kernel.ask(f"{from_file}.passed()") == {}


def test_an_unknown_exercise_is_one_sentence(classroom: Classroom) -> None:
    error = classroom.run('course.check("98.9", 1)').error
    assert error == (
        "CourseError: There is no exercise '98.9'; lesson 98 has 98.1, 98.2, 98.3, 98.4, 98.5, "
        "98.6."
    )


def test_what_was_said_of_a_span_and_its_session_is_judged(classroom: Classroom) -> None:
    assert not classroom.run(TURN).error
    assert "`turn` has no annotation `verdict`." in classroom.check("98.6", "turn")
    by_code = """
        course.client.spans.add_span_annotation(
            span_id=stored.span_id, annotation_name="verdict", label="wrong", sync=True)"""
    said = classroom.check("98.6", "turn", by_code)
    assert "The annotation `verdict` of `turn` has `source` = API; it should be `APP`." in said
    said = classroom.check("98.6", "turn", 'click("wrong")')
    assert "The session `session-1` has no annotation `resolved`." in said
    for_session = """
        course.client.sessions.add_session_annotation(
            session_id="session-1", annotation_name="resolved", score=0)"""
    assert "passed" in classroom.check("98.6", "turn", for_session)


def test_spans_that_go_elsewhere_and_a_phoenix_that_is_gone(
    classroom: Classroom, proving: Classroom
) -> None:
    """The last test: it takes the kernel's exporter and its Phoenix away."""
    classroom.run(
        """
        os.environ['COURSE_PROVE_EXERCISES'] = '0'
        from opentelemetry.sdk.trace.export import SimpleSpanProcessor
        from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

        tracer_provider.add_span_processor(SimpleSpanProcessor(InMemorySpanExporter()))
        """
    )
    said = classroom.check("98.1", "answer", ANSWER)
    assert "The spans were made but did not arrive in Phoenix" in said
    assert "cannot check" not in said
    classroom.run("px.close_app()")
    said = classroom.check("98.1", "answer")
    assert "98.1 Write it: cannot check." in said
    assert "Nothing listens at http://127.0.0.1:" in said
    classroom.run("os.environ['COURSE_PROVE_EXERCISES'] = '1'")
    unable = classroom.run('course.check("98.1", answer)')
    assert "The check of 98.1 answers 'unable' on the starter" in unable.error


def test_without_a_provider_the_check_says_so(start_kernel: Any, tmp_path: Any) -> None:
    kernel = start_kernel({"COURSE_STATE_DIR": str(tmp_path), "COURSE_PROVE_EXERCISES": "0"})
    kernel.run('from rag_tutorials.course import prepare\ncourse = prepare("scratch")')
    kernel.run("import phoenix as px\nsession = px.launch_app(use_temp_dir=False)")
    kernel.run("tracer_provider = __import__('opentelemetry.trace').trace.get_tracer_provider()")
    kernel.run(EXERCISES)
    output = kernel.run(f'{ANSWER}\ncourse.check("98.1", answer)')
    assert "There is no tracer provider, so no span is recorded" in output.value
