"""What a check says, as HTML in a notebook and as text elsewhere."""

from __future__ import annotations

import html
from dataclasses import dataclass, field

from rag_tutorials.course.embedded.addresses import Link
from rag_tutorials.course.judging.exercise import Exercise
from rag_tutorials.course.judging.markup import box, pre, prose
from rag_tutorials.course.judging.seen import Seen

PASSED, NOT_YET, NOT_STARTED, UNABLE = "passed", "not yet", "not started", "unable"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says. It shows itself in a notebook and prints as text.

    ``hint`` belongs to the mistake that ``sentence`` names, ``general_hint`` to the exercise.
    ``state`` is ``passed``, ``not yet``, ``not started``, or ``unable`` (the check could not look:
    no Phoenix, no provider). ``seen`` is what the check looked at, ``None`` where it did not.
    """

    exercise: Exercise
    state: str
    sentence: str = ""
    expected: str = ""
    found: str = ""
    hint: str = ""
    general_hint: str = ""
    link: Link | None = None
    seen: Seen | None = field(default=None, repr=False, compare=False)

    @property
    def passed(self) -> bool:
        """Whether the exercise is solved."""
        return self.state == PASSED

    @property
    def headline(self) -> str:
        """The exercise and how it stands, in one line."""
        words = {PASSED: "passed", NOT_YET: "not yet", NOT_STARTED: "not started"}
        return f"{self.exercise.id} {self.exercise.title}: {words.get(self.state, 'cannot check')}"

    def __repr__(self) -> str:
        lines = [f"{self.headline}."]
        lines += [self.sentence] if self.sentence else []
        lines += [f"{label}: {hint}" for label, hint in self._hints()]
        for words, tree in (("Expected", self.expected), ("Found", self.found)):
            if tree:
                lines += [f"{words}:", *(f"  {line}" for line in tree.splitlines())]
        lines += [repr(self.link)] if self.link else []
        return "\n".join(lines)

    def _hints(self) -> list[tuple[str, str]]:
        both = (("Hint", self.hint), ("General hint", self.general_hint))
        return [(label, hint) for label, hint in both if hint]

    def _repr_html_(self) -> str:
        colour = {PASSED: "#2e7d32", UNABLE: "#8888"}.get(self.state, "#b26a00")
        parts = [f"<b>{html.escape(self.headline)}</b>"]
        if self.passed:
            link = f"<div>{self.link._repr_html_()}</div>" if self.link else ""
            return box(colour, parts[0] + link)
        if self.sentence:
            parts.append(f'<div style="margin:4px 0">{prose(self.sentence)}</div>')
        parts += [
            f'<div style="margin:4px 0"><b>{label}</b> {prose(hint)}</div>'
            for label, hint in self._hints()
        ]
        if self.expected or self.found:
            trees = "".join(
                '<div style="flex:0 1 auto;min-width:0;max-width:100%">'
                f'<div style="opacity:0.75;font-size:90%">{words}</div>{pre(tree)}</div>'
                for words, tree in (("Expected", self.expected), ("Found", self.found))
                if tree
            )
            columns = "display:flex;flex-wrap:wrap;gap:8px 24px;margin:4px 0"
            parts.append(f'<div style="{columns}">{trees}</div>')
        if self.link:
            parts.append(f"<div>{self.link._repr_html_()}</div>")
        return box(colour, "".join(parts))
