"""``prepare``: everything that a notebook needs around its subject."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rag_tutorials import embeddings, qa
from rag_tutorials.course.base.companion import Companion, find
from rag_tutorials.course.base.errors import CourseError
from rag_tutorials.course.base.manifest import load_lessons
from rag_tutorials.course.base.places import close_state, course_root
from rag_tutorials.course.embedded import background, environment, surroundings
from rag_tutorials.course.embedded.diagnosis import Diagnosis, diagnose
from rag_tutorials.course.embedded.finding import Finding
from rag_tutorials.course.embedded.importing import version_remark
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.running import noted_port
from rag_tutorials.course.embedded.storage import Storage, traces_dir
from rag_tutorials.course.equipment.llm import LLMChoice, choose_llm, require_listener, shared_stub
from rag_tutorials.course.judging import catalog, cells, proof, solutions
from rag_tutorials.course.judging.judge import judge
from rag_tutorials.course.judging.prediction import Revealed
from rag_tutorials.course.judging.verdict import Verdict
from rag_tutorials.course.student import kept, predicting, quizzing
from rag_tutorials.course.student.quizzing import Asked, Marked
from rag_tutorials.course.student.table import Table, table
from rag_tutorials.course.traces.reading import Traces
from rag_tutorials.course.traces.view import Showable, TraceView, show
from rag_tutorials.stub_llm import StubLLM

FIRST_PORT = 6006
_DATA = ("handbook_manual.txt", "queries.jsonl")
_phoenix: list[EmbeddedPhoenix] = []
_current: list[Course] = []


class Course(Traces):
    """What a notebook knows about its surroundings. Made by :func:`prepare`."""

    def __init__(self, project: str, root: Path, llm: LLMChoice, phoenix: EmbeddedPhoenix) -> None:
        super().__init__(project, phoenix)
        self.root = root
        self.llm = llm
        self.companion: Companion | None = None

    @property
    def data(self) -> Path:
        """The folder with the handbook and the queries."""
        return self.root / "data"

    @property
    def chat_model(self) -> str:
        """The chat model's name, from ``OPENAI_CHAT_MODEL``."""
        return qa.chat_model()

    @property
    def embedding_model(self) -> str:
        """The embedding model's name, from ``OPENAI_EMBEDDING_MODEL``."""
        return embeddings.embedding_model()

    @property
    def stub(self) -> StubLLM:
        """The stubbed LLM of this kernel, also when a real LLM answers: faults need it."""
        return self.llm.stub or shared_stub()

    @property
    def traces_folder(self) -> Path:
        """Where this notebook's traces are kept."""
        return self.phoenix.folder

    def show(self, what: Showable, expect: int = 1) -> TraceView:
        """Draw a trace here: of a span or a trace id, read back from Phoenix, or a list of spans.

        ``expect`` is the number of spans to wait for, as in :meth:`read_back`. A list is drawn as
        it is: spans of the SDK, of :meth:`read_back`, or of ``phoenix.client``.

        Raises:
            CourseError: the trace is not in Phoenix, a span has not ended, or this is no span.
        """
        return show(self, what, expect)

    def check(self, exercise_id: str, *given: Any) -> Verdict:
        """Look at what the student made for an exercise, and say how it stands.

        Raises:
            CourseError: there is no such exercise.
            AssertionError: where solutions are proven (CI), the proof fails.
        """
        verdict = judge(self, catalog.find(exercise_id), given)
        if proof.proving():
            proof.note(verdict)
        elif verdict.passed:
            kept.remember(exercise_id)
        if self.companion:
            self.companion.checked(self.project, verdict)
        return replace(verdict, seen=None)  # a notebook keeps what a cell shows

    def predict(self, prediction_id: str, guess: Any = ...) -> None:
        """Keep what you think will be in a trace, before the cell goes on and shows it.

        Raises:
            CourseError: there is no such prediction, or this cannot be a guess.
        """
        was_kept = predicting.predict(catalog.find_prediction(prediction_id), guess)
        if was_kept and self.companion:
            self.companion.predicted(self.project, prediction_id, None)

    def reveal(self, prediction_id: str, what: Any, expect: int = 1) -> Revealed:
        """Draw a trace as :meth:`show` does, and say above it what you predicted and what is true.

        Of anything but spans and trace ids, the plain value is held against the prediction, and
        nothing is drawn.

        Raises:
            CourseError: there is no such prediction, or the trace is not in Phoenix.
            AssertionError: where solutions are proven (CI), the answer is not what the trace says.
        """
        revealed = predicting.reveal(self, catalog.find_prediction(prediction_id), what, expect)
        if revealed.right is not None and self.companion:
            self.companion.predicted(self.project, prediction_id, revealed.right)
        return revealed

    def quiz(self, name: str, answers: Mapping[str, Any] | None = None) -> Asked | Marked:
        """Draw the traces of a quiz (``"entrance"``, ``"exit"``), or mark answers to them.

        ``answers`` are from a trace's letter to a finding's name. How many were right is kept for
        :meth:`progress`. Which ones were wrong is said at the exit only.

        Raises:
            CourseError: there is no such quiz, its traces did not arrive, or these are no answers.
        """
        one = catalog.find_quiz(name)
        if answers is None:
            return quizzing.ask(self, one)
        marked = quizzing.mark(self, one, answers, explain=name == "exit")
        if marked.given and self.companion:
            self.companion.marked(self.project, name, marked.right, marked.of)
        return marked

    def doctor(self) -> Diagnosis:
        """Say why nothing is in Phoenix: what stands between a span and its place there.

        Address, project, provider, the exporter's last error, sampler, a disabled SDK, a proxy, the
        disk, in this order; each finding with what to do. Last, how sending to a class goes.
        """
        found = diagnose(self.phoenix, self.project)
        if self.companion:
            found = Diagnosis((*found.findings, Finding("class", *self.companion.finding())))
        return found

    def progress(self, all: bool = False) -> Table:
        """Return how this lesson's exercises and predictions stand, or the whole course's.

        Raises:
            AssertionError: where solutions are proven (CI), one of this lesson's was not.
        """
        lesson = self.project[:2]
        if proof.proving():
            proof.require(lesson)
        return table(None if all else lesson)


def prepare(name: str) -> Course:
    """Get ready to trace in the notebook ``name``; safe to call again.

    Reads ``.env``, chooses the LLM, claims a Phoenix port and a folder for the traces that no other
    kernel has, imports Phoenix (quickly and quietly), and prints two lines; who has joined a class
    reads one more.

    Raises:
        CourseError: with the cause and the remedy in one sentence.
    """
    surroundings.make_fit()
    background.join()
    root = course_root()
    lessons = [lesson.name for lesson in load_lessons()]
    _check_name(name, lessons)
    set_already = frozenset(os.environ)
    try:
        llm = choose_llm(root)
    finally:
        if _current:  # .env has brought back what was taken out of the way
            environment.remove_foreign(but=set_already)
    require_listener(llm)
    _check_data(root)
    if not _current:
        _open_phoenix(name, lessons)
    if not _current or _current[0].project != name:
        # Another lesson's cells in this kernel: its Phoenix, and a project of its own.
        _current[:] = [Course(name, root, llm, _phoenix[0])]
    [course] = _current
    course.llm = llm
    solutions.register_magic()
    cells.listen()
    print(f"{name} is ready. Answers come from {course.llm.description}.")
    print(f"Phoenix will be at {course.phoenix.browser_url}")
    accompany()
    return course


def accompany() -> None:
    """Let the class that this checkout has joined come along, if there is a course and a class.

    A class that cannot come along is a printed sentence: the lesson goes on without it.
    """
    for course in _current:
        try:
            course.companion = find()
        except CourseError as error:
            course.companion = None
            print(error)
        companion = course.companion
        course.phoenix.listeners[:] = [companion.accepted] if companion else []
        if companion:
            print(companion.opened(course.project))


def _check_name(name: str, lessons: Sequence[str]) -> None:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", name):
        raise CourseError(
            f"prepare() takes the notebook's name in letters, digits, _ and -, not {name!r}."
        )
    if name not in lessons and re.match(r"\d\d_", name):
        raise CourseError(f"There is no lesson {name!r}; course.toml has {', '.join(lessons)}.")


def _check_data(root: Path) -> None:
    for name in _DATA:
        if (root / "data" / name).is_dir():
            raise CourseError(
                f"{root / 'data' / name} is a folder and should be a file; rename the folder and "
                f"get the file back with `git checkout -- data/{name}`."
            )


def _preferred_port(name: str, lessons: Sequence[str]) -> int:
    """Return ``PHOENIX_PORT`` if it is set, else the lesson's own: links outlive a restart."""
    if wanted := os.environ.get("PHOENIX_PORT"):
        if wanted.isdecimal() and 0 < int(wanted) < 65536:
            return int(wanted)
        raise CourseError(
            f"PHOENIX_PORT is {wanted!r}; set it to a port number (1 to 65535), or remove it."
        )
    return FIRST_PORT + (lessons.index(name) if name in lessons else len(lessons))


def _open_phoenix(name: str, lessons: Sequence[str]) -> None:
    """Make this kernel's Phoenix ready; after an interrupt, the same one."""
    if not _phoenix:
        port = _preferred_port(name, lessons)
        close_state()
        storage = Storage.claim(traces_dir(), name)
        # On a host of many users, the lesson's port is mostly another's.
        _phoenix.append(EmbeddedPhoenix(storage, port, noted_port(storage.path)))
    [phoenix] = _phoenix
    background.import_now(phoenix)
    if names := environment.removed():
        print(
            f"Set and ignored in this notebook: {', '.join(names)}; they change what is recorded "
            "or where it goes."
        )
    if remark := version_remark(phoenix.version):
        print(remark)
