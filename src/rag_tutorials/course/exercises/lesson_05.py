"""The exercises of lesson 05, context inside one process."""

from __future__ import annotations

from rag_tutorials.course.judging.checks import Exercise, Found, span


def _names_under(found: Found, name: str) -> set[str]:
    return {child.name for child in found.children(found.named(name)[0])}


def _parent_of(found: Found, name: str) -> str | None:
    parent = found.parent(found.named(name)[0])
    return parent.name if parent else None


EXERCISES = (
    Exercise(
        id="05.1",
        title="Predict where context goes",
        run=lambda course, prediction, errands: errands(),
        facts={
            "traces": lambda found: len(found.trace_ids),
            "children of errands": lambda found: _names_under(found, "errands"),
            "parent of copied": lambda found: _parent_of(found, "copied"),
        },
        hints=(
            "Ask of each step: which context did its thread or task begin with?",
            "`gather` and `to_thread` copy the context; `run_in_executor` does not.",
            "`copy` was made before `inner` was opened, so `inner` is not in it.",
        ),
    ),
    Exercise(
        id="05.2",
        title="Repair orphaned threads",
        run=lambda course, compare: compare(["leave", "travel", "remote work"]),
        returns=int,
        expect=span("compare", None, span("look-up", times=3)),
        hints=(
            "What is the current span in the pool's threads?",
            "Copy the context where `compare` is current, and run each look-up in a copy.",
            '`pool.submit(copy_context().run, step, "look-up")` for each topic.',
        ),
    ),
)
