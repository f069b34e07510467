"""Step two of a judgement: all that is wrong with what was seen, the first thing first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rag_tutorials.course.base.errors import sentence_of
from rag_tutorials.course.judging.answers import agrees, mistyped
from rag_tutorials.course.judging.comparison import Comparison, annotation_mistakes
from rag_tutorials.course.judging.exercise import Exercise, Look
from rag_tutorials.course.judging.expected import ExpectedSpan, Rule
from rag_tutorials.course.judging.given import type_in_words
from rag_tutorials.course.judging.mistake import Mistake, MistakeError, ended
from rag_tutorials.course.judging.seen import Seen
from rag_tutorials.course.traces.found import Found

_NUMBERED = re.compile(r"(.+?)\.(\d+)\.")


def expected_of(exercise: Exercise, seen: Seen) -> tuple[ExpectedSpan, ...] | Mistake:
    """Return what is expected; a mistake where what was returned does not allow to say it."""
    expect = exercise.expect
    if callable(expect):
        if seen.error is not None:
            return ()
        try:
            expect = expect(seen)
        except Exception as error:
            return Mistake(f"What your code returned does not fit ({sentence_of(error)}).")
    return (expect,) if isinstance(expect, ExpectedSpan) else expect


def mistakes_of(
    exercise: Exercise, seen: Seen, expected: tuple[ExpectedSpan, ...] | Mistake
) -> list[Mistake]:
    """Return all that is wrong, in the order in which a student should read it."""
    found = list(_of_the_call(exercise, seen))
    if seen.unended and exercise.expect:
        found.append(
            Mistake(
                f"`{seen.unended[0]}` was started and never ended; only a span that has ended is "
                "exported: use `with`, or call its end()."
            )
        )
    here = exercise.run is not None and exercise.elsewhere is None
    if here and not len(seen.made) and (exercise.expect or exercise.also):
        found.append(
            Mistake(
                "Your code ran, but it made no span.",
                "A span is made by `with tracer.start_as_current_span(...)`, around the work.",
            )
        )
    if not seen.arrived:
        found.append(
            Mistake(
                "The spans were made but did not arrive in Phoenix; is the provider's endpoint "
                "course.otlp_endpoint? Run the cell with register() again."
                if exercise.run
                else "Phoenix does not have this trace; run the cell that makes it again."
            )
        )
    if isinstance(expected, Mistake):
        return [*found, expected]
    found += _looks(exercise.before, seen)
    found += Comparison(
        expected,
        seen.found,
        links=lambda one: seen.links.get(one.span_id, ()),
        more_traces=exercise.more_traces,
        without=exercise.without,
        late=seen.late,
    ).differences()
    found += _of_the_sessions(exercise, seen.found)
    if exercise.expect:
        found += _numbering(seen.made)
    found += _of_the_facts(exercise, seen)
    found += _looks((*exercise.also, *exercise.holds), seen)
    if seen.left is not None:
        found.append(
            Mistake(
                f"`{seen.left}` is still attached after the call, so that whatever comes next "
                "would carry it too.",
                "What is attached by hand is detached in a `finally`; a `with` block does it for "
                "you.",
            )
        )
    return found


def sentence_on(exercise: Exercise, mistakes: Sequence[Mistake]) -> str:
    """Return what a verdict says of mistakes: the first; of an answer, each part that is wrong."""
    told = mistakes if exercise.facts is not None else mistakes[:1]
    return " ".join(mistake.sentence for mistake in told)


def _looks(looks: Sequence[Look], seen: Seen) -> Iterator[Mistake]:
    for look in looks:
        try:
            mistake = look(seen)
        except MistakeError as error:
            mistake = error.mistake
        except Exception as missing:
            mistake = _lacks(missing)
        if mistake is not None:
            yield mistake


def _of_the_call(exercise: Exercise, seen: Seen) -> Iterator[Mistake]:
    error = seen.error
    if isinstance(error, MistakeError):
        yield error.mistake
    elif error is not None and not (exercise.raises and isinstance(error, exercise.raises)):
        said = f"Your code raised {sentence_of(error)}".rstrip(". ")
        yield Mistake(ended(f"{said}{seen.where}"))
    if exercise.raises and error is None and exercise.run is not None:
        yield Mistake(
            f"The call returned as if all were well; the {exercise.raises.__name__} should "
            "reach the caller.",
            "After recording it, `raise` it again; or do not catch it at all.",
        )
    if exercise.run and error is None and exercise.returns is not None:
        yield from _wrong_return(exercise.returns, seen.returned)


def _wrong_return(wanted: type | Rule, returned: Any) -> Iterator[Mistake]:
    if isinstance(wanted, Rule):
        try:
            if wanted.holds(returned):
                return
        except Exception:  # it is not even of the type that the rule asks about
            pass
        value = "nothing (None)" if returned is None else repr(returned)
        value = value if len(value) <= 200 else f"{value[:200]}…"
        yield Mistake(f"Your code returned {value}; it should return {wanted.words}.", wanted.hint)
    elif not isinstance(returned, wanted):
        yield Mistake(
            f"Your code returned {type_in_words(type(returned))}; it should return "
            f"{type_in_words(wanted)}."
        )


def _of_the_sessions(exercise: Exercise, found: Found) -> Iterator[Mistake]:
    if exercise.session and not found.session_ids:
        yield Mistake("The spans belong to no session: they have no attribute `session.id`.")
    for session_id in found.session_ids if exercise.session else ():
        said = [one for one in found.session_annotations if one.on == session_id]
        whose = f"the session `{session_id}`"
        for sentence, _, hint in annotation_mistakes(exercise.session, said, whose):
            yield Mistake(sentence, hint)


def _of_the_facts(exercise: Exercise, seen: Seen) -> Iterator[Mistake]:
    facts = exercise.facts
    if facts is None:
        return
    try:
        if isinstance(facts, Mapping):
            truth: Any = {key: fact(seen) for key, fact in facts.items()}
        else:
            truth = facts(seen)
    except MistakeError as error:
        yield error.mistake
        return
    except Exception as missing:
        yield _lacks(missing)
        return
    yield from map(Mistake, wrong_parts(seen.given[0], truth))


def wrong_parts(answer: Any, truth: Any) -> list[str]:
    """Say of an answer that is wrong which of its parts are, and not what they should be."""
    if agrees(answer, truth):
        return []
    wrong = []
    if isinstance(answer, Mapping) and isinstance(truth, Mapping):
        wrong += [f"Your answer has no {key!r}." for key in truth if key not in answer]
        wrong += [
            _wrong(answer[key], value, f" for {key!r}")
            for key, value in truth.items()
            if key in answer and not agrees(answer[key], value)
        ]
    elif isinstance(answer, (list, tuple)) and isinstance(truth, tuple):
        places = ("first", "second", "third")
        if len(answer) == len(truth) <= len(places):
            wrong += [
                _wrong(one, value, f", the {place} of your answers,")
                for place, one, value in zip(places, answer, truth, strict=False)
                if not agrees(one, value)
            ]
    return wrong or [_wrong(answer, truth, "")]


def _wrong(answer: Any, truth: Any, which: str) -> str:
    if sentence := mistyped(answer, truth, which):
        return sentence
    if isinstance(truth, tuple) and agrees(answer, list(truth)):
        return f"{answer!r}{which} has the right names, but not in the order of the trace."
    return f"{answer!r}{which} is not what the trace says."


def _numbering(made: Found) -> Iterator[Mistake]:
    """Look at the numbers of lists before Phoenix does: it counts them anew, from 0."""
    for span in made.spans:
        numbers: dict[str, set[int]] = {}
        for match in filter(None, map(_NUMBERED.match, span.attributes)):
            numbers.setdefault(match[1], set()).add(int(match[2]))
        for prefix, some in numbers.items():
            if some != set(range(len(some))):
                yield Mistake(
                    f"`{span.name}` numbers its `{prefix}` {', '.join(map(str, sorted(some)))}; "
                    "the keys count from 0. (Phoenix counts anew, so it cannot be seen there.)",
                    "`enumerate(...)` counts from 0 unless it is told otherwise.",
                )


def _lacks(error: Exception) -> Mistake:
    return Mistake(f"The trace lacks what this exercise looks at ({sentence_of(error)}).")
