"""What a lesson's exercises and predictions are written with."""

from rag_tutorials.course.judging.exercise import Exercise
from rag_tutorials.course.judging.expected import ExpectedSpan, Rule, span
from rag_tutorials.course.judging.mistake import Mistake, MistakeError
from rag_tutorials.course.judging.prediction import Prediction
from rag_tutorials.course.judging.seen import Seen
from rag_tutorials.course.judging.surroundings import Surroundings
from rag_tutorials.course.judging.watching import CHAT, EMBEDDINGS, RETRIEVE
from rag_tutorials.course.traces.found import Found

__all__ = [
    "CHAT",
    "EMBEDDINGS",
    "RETRIEVE",
    "Exercise",
    "ExpectedSpan",
    "Found",
    "Mistake",
    "MistakeError",
    "Prediction",
    "Rule",
    "Seen",
    "Surroundings",
    "span",
]
