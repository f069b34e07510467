"""Judge again what a student's check has judged: the exercise's own comparison, other spans.

The spans come from the class's Phoenix; what the check saw beside them comes from its evidence,
which is the student's word. There are no expectations here: they are the exercise's.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any

import httpx

from rag_tutorials.classroom.base.evidence import (
    Missing,
    NotCarried,
    decode,
    fingerprint,
    fingerprints_of,
)
from rag_tutorials.course.base.errors import CourseError, sentence_of
from rag_tutorials.course.base.places import course_root
from rag_tutorials.course.embedded.asking import MOST_ALIASES
from rag_tutorials.course.embedded.fast_imports import fast_imports
from rag_tutorials.course.judging import catalog
from rag_tutorials.course.judging.comparing import expected_of, mistakes_of, sentence_on
from rag_tutorials.course.judging.exercise import Exercise, Look
from rag_tutorials.course.judging.given import wrong_type
from rag_tutorials.course.judging.mistake import Mistake
from rag_tutorials.course.judging.seen import Seen
from rag_tutorials.course.judging.verdict import NOT_YET, PASSED
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.spans import SpanRecord, from_phoenix

UNKNOWN = "unknown"  # it cannot be judged again
TRACES, WORD = "traces", "word"
_IDS_AT_ONCE = 50  # in one address
_MOST_SPANS = 10_000


@dataclass(frozen=True, slots=True)
class Again:
    """What judging again says.

    Attributes:
        state: ``passed``, ``not yet``, or ``unknown``: it cannot be judged again.
        sentence: The first mistake, or why it cannot be judged.
        rests_on: What a pass rests on: ``traces`` where it would not be one without the spans in
            the class, else ``word``: what the student's machine said; empty for what is no pass.
        findings: What is odd about the spans, as sentences.
    """

    state: str
    sentence: str = ""
    rests_on: str = ""
    findings: tuple[str, ...] = ()


class ClassTraces:
    """The spans in the class's Phoenix."""

    def __init__(self, url: str, key: str) -> None:
        """Read at ``url`` with a key, or the admin secret, that may read everything."""
        with fast_imports():  # the client's package brings Phoenix's server with it
            from phoenix.client import Client

        self._url, self._key = url.rstrip("/"), key
        self._client: Any = Client(base_url=url, api_key=key)

    def spans(
        self, project: str, trace_ids: Iterable[str] = (), **filters: Any
    ) -> list[SpanRecord]:
        """Return the spans of these traces that a project has; without any, those of all.

        Raises:
            CourseError: Phoenix does not answer, or refuses.
        """
        ids = list(dict.fromkeys(trace_ids))
        found: list[SpanRecord] = []
        for start in range(0, len(ids) or 1, _IDS_AT_ONCE):
            some: dict[str, Any] = {"trace_ids": ids[start : start + _IDS_AT_ONCE]} if ids else {}
            try:
                spans = self._client.spans.get_spans(
                    project_identifier=project, limit=_MOST_SPANS, **some, **filters
                )
            except httpx.HTTPStatusError as error:
                if error.response.status_code != HTTPStatus.NOT_FOUND:
                    raise self._trouble(error) from error
                spans = []  # a project begins with its first span
            except httpx.HTTPError as error:
                raise self._trouble(error) from error
            found += map(from_phoenix, spans)
        return found

    def projects_of(self, trace_ids: Sequence[str]) -> dict[str, str]:
        """Return the project of each trace that the class has, whoever's it is.

        Raises:
            CourseError: Phoenix does not answer, or refuses.
        """
        found: dict[str, str] = {}
        for start in range(0, len(trace_ids), MOST_ALIASES):
            some = trace_ids[start : start + MOST_ALIASES]
            fields = " ".join(
                f't{number}: getTraceByOtelId(traceId: "{one}") {{ project {{ name }} }}'
                for number, one in enumerate(some)
            )
            data = self._query(f"{{ {fields} }}")
            for number, one in enumerate(some):
                node = data.get(f"t{number}")
                if isinstance(node, Mapping):
                    found[one] = str(node["project"]["name"])
        return found

    def _query(self, query: str) -> Mapping[str, Any]:
        try:
            answer = httpx.post(
                f"{self._url}/graphql",
                json={"query": query},
                headers={"authorization": f"Bearer {self._key}"},
                timeout=60.0,
            )
            answer.raise_for_status()
            data = answer.json().get("data")
        except (httpx.HTTPError, ValueError) as error:
            raise self._trouble(error) from error
        return data if isinstance(data, Mapping) else {}

    def _trouble(self, error: Exception) -> CourseError:
        return CourseError(
            f"The class's Phoenix at {self._url} cannot be read ({sentence_of(error)}); is "
            "`python scripts/course.py class serve` running? Start it, then grade again."
        )


class _Here:
    """What an exercise may use of the course, on the instructor's machine."""

    def __init__(self, traces: ClassTraces, project: str) -> None:
        self._traces = traces
        self._project = project

    @property
    def data(self) -> Path:
        return course_root() / "data"

    def fetch(self, **filters: Any) -> Sequence[SpanRecord]:
        return self._traces.spans(self._project, **filters)

    def fetch_trace(self, trace_id: str) -> Sequence[SpanRecord]:
        return self._traces.spans(self._project, [trace_id])

    @property
    def client(self) -> Any:
        return Missing(
            "what the student's own Phoenix holds beside traces (datasets, experiments, prompts)",
            "the client of the student's Phoenix",
        )

    def __getattr__(self, name: str) -> Any:
        raise NotCarried(f"`{name}` of the student's notebook")


def judge_again(
    exercise_id: str,
    evidence: str,
    project: str,
    spans: Sequence[SpanRecord],
    traces: ClassTraces,
    others: Collection[str] = (),
) -> Again:
    """Judge an attempt again.

    Args:
        exercise_id: Which exercise was checked.
        evidence: What the check saw beside the traces.
        project: Where the student's spans are in the class.
        spans: All that the class has of the traces which the check looked at.
        traces: The class.
        others: The ids of spans that other checks have looked at. What is in the traces, and
            neither among these nor in the evidence, was left out of it.

    Raises:
        CourseError: the class's Phoenix does not answer.
    """
    here: Any = _Here(traces, project)
    try:
        exercise = catalog.find(exercise_id)
    except CourseError as error:
        return Again(UNKNOWN, str(error))
    try:
        looked_at = fingerprints_of(evidence)
        have = {one.span_id: one for one in spans if one.span_id in looked_at}
        if absent := len(looked_at) - len(have):
            return Again(
                UNKNOWN,
                f"Of the {len(looked_at)} spans that the check looked at, {absent} are not in the "
                f"class's `{project}`.",
            )
        seen = decode(evidence, here, have.values())
        again = _compare(exercise, seen)
        added = [one for one in spans if one.span_id not in looked_at and one.span_id not in others]
        findings = tuple(_findings(looked_at, have))
        if again.state == PASSED and added:
            whole = _compare(exercise, dataclasses.replace(seen, found=_with(seen.found, added)))
            if whole.state != PASSED:
                findings += (
                    f"The evidence leaves out {len(added)} span{'s' * (len(added) > 1)} of its "
                    f"traces; with all of them it does not pass: {whole.sentence}",
                )
        return dataclasses.replace(again, findings=findings)
    except NotCarried as missing:
        return Again(UNKNOWN, f"It cannot be judged again: that needs {missing.what}.")


def _with(found: Found, added: Iterable[SpanRecord]) -> Found:
    return Found((*found.spans, *added), found.session_annotations)


def _findings(looked_at: Mapping[str, str], have: Mapping[str, SpanRecord]) -> Iterator[str]:
    altered = [one.name for one in have.values() if fingerprint(one) != looked_at[one.span_id]]
    if altered:
        yield (
            f"{len(altered)} of its spans are not what the check looked at, `{altered[0]}` for "
            "example."
        )


def _compare(exercise: Exercise, seen: Seen) -> Again:
    """Compare with what the exercise expects; where something was not carried, all the rest."""
    if seen.given and (sentence := wrong_type(exercise, seen.given)):
        return Again(NOT_YET, sentence)
    try:
        mistakes = _mistakes(exercise, seen)
    except NotCarried as missing:
        rest = _without_what_is_missing(exercise, seen)
        try:
            mistakes = _mistakes(rest, seen)  # one is enough
        except NotCarried:  # what was returned, for instance
            mistakes = []
            rest = dataclasses.replace(
                exercise, expect=(), facts=None, before=(), also=(), holds=()
            )
        if not mistakes:
            how = "It cannot be judged again: that needs"
            if rest.expect or rest.facts or rest.before or rest.also or rest.holds:
                how = "A part is judged again, and has no mistake; the rest needs"
            return Again(UNKNOWN, f"{how} {missing.what}.")
    if mistakes:
        return Again(NOT_YET, sentence_on(exercise, mistakes))
    return Again(PASSED, rests_on=TRACES if _needs_its_spans(exercise, seen) else WORD)


def _mistakes(exercise: Exercise, seen: Seen) -> list[Mistake]:
    try:
        return mistakes_of(exercise, seen, expected_of(exercise, seen))
    except Exception as error:  # no student's kernel makes such evidence
        raise NotCarried(f"evidence that fits the exercise ({sentence_of(error)})") from error


def _needs_its_spans(exercise: Exercise, seen: Seen) -> bool:
    """Say whether a pass would be none if the class had no span of it."""
    given = exercise.run is None  # then they are what was given
    bare = dataclasses.replace(seen, found=Found(), made=Found(), arrived=not given)
    try:
        return bool(_mistakes(exercise, bare))
    except NotCarried:
        return True


def _without_what_is_missing(exercise: Exercise, seen: Seen) -> Exercise:
    """Return an exercise with the conditions that can be judged."""

    def some(looks: tuple[Look, ...]) -> tuple[Look, ...]:
        return tuple(look for look in looks if _can_look(look, seen))

    facts = exercise.facts
    if facts is not None:
        each = facts.values() if isinstance(facts, Mapping) else [facts]
        facts = facts if all(_can_look(fact, seen) for fact in each) else None
    before, also, holds = map(some, (exercise.before, exercise.also, exercise.holds))
    return dataclasses.replace(exercise, facts=facts, before=before, also=also, holds=holds)


def _can_look(look: Callable[[Seen], Any], seen: Seen) -> bool:
    try:
        look(seen)
    except NotCarried:
        return False
    except Exception:  # a mistake, which is told when it is judged
        return True
    return True
