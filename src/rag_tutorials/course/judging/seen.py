"""All that a check sees of one attempt."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from rag_tutorials.course.judging.surroundings import Surroundings
from rag_tutorials.course.judging.watching import Deed
from rag_tutorials.course.traces.found import Found
from rag_tutorials.course.traces.spans import SpanRecord


@dataclass(slots=True)
class Seen:
    """What was given and done, and the trace that Phoenix has of it.

    Attributes:
        course: The notebook around the exercise.
        given: What the student gave to the check.
        returned: What the exercise's ``run`` returned; ``None`` without one.
        error: What it raised.
        where: In which line of the student's code, as words that end a sentence.
        made: The spans that ended in this process meanwhile, as the SDK has them.
        links: The span ids that each of these links to; Phoenix does not keep links.
        unended: The names of the spans that were started and never ended.
        left: What the call left attached: the name of a span, or an entry of the baggage.
        late: Whether an attribute was set on a span that had ended.
        deeds: The requests and watched calls, in order.
        found: The spans in Phoenix, those of other processes included.
        arrived: Whether all that was made, or given, is among them.
    """

    course: Surroundings
    given: Sequence[Any]
    returned: Any = None
    error: BaseException | None = None
    where: str = ""
    made: Found = field(default_factory=Found)
    links: Mapping[str, Sequence[str]] = field(default_factory=dict)
    unended: tuple[str, ...] = ()
    left: str | None = None
    late: bool = False
    deeds: Sequence[Deed] = ()
    found: Found = field(default_factory=Found)
    arrived: bool = True

    def deeds_of(self, what: str, refused: bool = False) -> list[Deed]:
        """Return the deeds of this name; those that were refused and came again, if asked for."""
        return [
            deed
            for deed in self.deeds
            if deed.name.endswith(what) and (refused or not deed.refused)
        ]

    def around(self, deed: Deed) -> list[SpanRecord]:
        """Return the spans that the deed was done in, inmost first: open, and current."""
        current = self.made.with_id(deed.span_id)
        spans = [current, *self.made.above(current)] if current else []
        until = deed.ended or deed.began
        return [one for one in spans if one.start <= deed.began and until <= one.end]


def in_notebook(name: str) -> Any:
    """Return what the notebook has under a name; ``None`` where it has nothing."""
    return vars(sys.modules["__main__"]).get(name)
