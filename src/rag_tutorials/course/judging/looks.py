"""What an exercise can require beyond the shape of a trace, stated in a line.

Each function makes a look for ``Exercise.also``: given what was seen, it returns a mistake or
``None``. Work is known by what it sends (``CHAT``, ``EMBEDDINGS``, ``RETRIEVE``) or by the name of
a watched function.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from openinference.semconv.trace import DocumentAttributes, SpanAttributes

from rag_tutorials.course.judging.exercise import Look
from rag_tutorials.course.judging.mistake import Mistake
from rag_tutorials.course.judging.seen import Seen
from rag_tutorials.course.judging.watching import CHAT, EMBEDDINGS, RETRIEVE, Deed
from rag_tutorials.course.traces.highlights import indexed
from rag_tutorials.course.traces.spans import SpanRecord

_WORDS = {
    CHAT: "the request to the model",
    EMBEDDINGS: "the search (its request for an embedding)",
    RETRIEVE: "the request to the service",
    "sleep": "the work (`time.sleep`)",
}
_IDENTITY = DocumentAttributes.DOCUMENT_ID
_SCORE = DocumentAttributes.DOCUMENT_SCORE
_CONTENT = DocumentAttributes.DOCUMENT_CONTENT
Result = tuple[Any, Any, Any]  # id, score and content of a document


def works(
    name: str | Sequence[str],
    what: str,
    each: int | None = 1,
    total: int | None = None,
    refused: bool = False,
) -> Look:
    """Require that work happens inside the spans ``name``, while they are open and current.

    Args:
        name: The spans' name, or several.
        what: The work: the end of a request's path, or a watched function's name.
        each: How often it happens in each of the spans; ``None``: any number.
        total: How often in all; ``None``: as ``each`` says.
        refused: Count requests, too, that the server asked to send again.
    """
    names = (name,) if isinstance(name, str) else tuple(name)
    where = " or ".join(f"`{one}`" for one in names)
    work = _WORDS.get(what, f"the call of `{what}`")
    a_hint = f"The work belongs inside the `with` block of {where}, and so does its result."

    def look(seen: Seen) -> Mistake | None:
        deeds = seen.deeds_of(what, refused)
        spans = [span for span in seen.made.spans if span.name in names]
        if not deeds:
            return Mistake(f"{_capital(work)} never happens; {where} should be around it.", a_hint)
        inside: list[SpanRecord | None] = [
            next((one for one in seen.around(deed) if one.name in names), None) for deed in deeds
        ]
        if None in inside:
            return Mistake(
                f"{_capital(work)} happens outside {where}; it should happen inside, while that "
                "span is the current one.",
                a_hint,
                tuple((span.span_id, "") for span in spans),
            )
        if each is not None:
            for span in spans:
                count = sum(one is span for one in inside)
                if count != each:
                    return _count(work, count, each, f"inside a span `{span.name}`", span)
        if total is not None and len(deeds) != total:
            return _count(work, len(deeds), total, "in all", None)
        return None

    return look


def returns_what_the_model_said(name: str | None = None) -> Look:
    """Require the model's last answer as what is returned, or as ``output.value`` of ``name``."""

    def look(seen: Seen) -> Mistake | None:
        said = [_said(deed) for deed in seen.deeds_of(CHAT)]
        last = next((text for text in reversed(said) if text), None)
        if last is None:
            return None
        if name is None:
            returned = seen.returned.strip() if isinstance(seen.returned, str) else seen.returned
            if returned != last.strip():
                return Mistake(
                    "Your function does not return what the model answered.",
                    "Return the text that the model's answer holds, as it is.",
                )
            return None
        for span in seen.made.named(name):
            if (
                span.status != "ERROR"
                and span.attributes.get(SpanAttributes.OUTPUT_VALUE) not in said
            ):
                return Mistake(
                    f"`output.value` of `{name}` is not what the model answered.",
                    marks=((span.span_id, SpanAttributes.OUTPUT_VALUE),),
                )
        return None

    return look


def sends(what: str, text: Callable[[Seen], str] | str, instead: str) -> Look:
    """Require that each request of this kind holds a text; ``instead`` is the sentence if not."""

    def look(seen: Seen) -> Mistake | None:
        wanted = text if isinstance(text, str) else text(seen)
        for deed in seen.deeds_of(what):
            if wanted not in sent_text(deed):
                return Mistake(instead)
        return None

    return look


def documents(
    name: str, results: Callable[[Seen], Sequence[Result] | None], content: bool = True
) -> Look:
    """Require that the spans ``name`` hold the documents that were found, in their order.

    ``results`` gives id, score and content of each, or ``None`` where it is not known.
    """
    prefix = SpanAttributes.RETRIEVAL_DOCUMENTS
    fields = (_IDENTITY, _SCORE, *((_CONTENT,) if content else ()))

    def look(seen: Seen) -> Mistake | None:
        wanted = results(seen)
        if wanted is None:
            return None
        for span in seen.made.named(name):
            have = indexed(span.attributes, prefix)
            if len(have) != len(wanted):
                return Mistake(
                    f"`{span.name}` holds {len(have)} documents; {len(wanted)} were found."
                )
            for (number, document), truth in zip(have.items(), wanted, strict=True):
                for key, value in zip(fields, truth, strict=False):
                    if document.get(key) != value:
                        return Mistake(
                            f"`{prefix}.{number}.{key}` of `{span.name}` is not that of the "
                            f"{_rank(number)} result.",
                            "Key and field go together: `document.id` takes `chunk_id`, "
                            "`document.score` takes `score`, `document.content` takes the whole "
                            "`text`, each of the result of that rank.",
                            ((span.span_id, f"{prefix}.{number}.{key}"),),
                        )
        return None

    return look


def found_documents(seen: Seen, name: str, in_phoenix: bool = False) -> list[Result]:
    """Return id, score and content of the documents that the first span ``name`` holds."""
    span = (seen.found if in_phoenix else seen.made).named(name)[0]
    some = indexed(span.attributes, SpanAttributes.RETRIEVAL_DOCUMENTS).values()
    return [(one.get(_IDENTITY), one.get(_SCORE), one.get(_CONTENT)) for one in some]


def from_another_process(*names: str) -> Look:
    """Require that the spans of these names were not made in this process."""

    def look(seen: Seen) -> Mistake | None:
        for name in names:
            if here := seen.made.named(name):
                return Mistake(
                    f"`{name}` was made in this process; the service makes it, when it is asked.",
                    marks=((here[0].span_id, ""),),
                )
        return None

    return look


def side_by_side(what: str, sentence: str, hint: str = "") -> Look:
    """Require that work overlaps: an order of events, not a duration. Set ``together`` with it."""

    def look(seen: Seen) -> Mistake | None:
        deeds = seen.deeds_of(what)
        if deeds and max(deed.at_once for deed in deeds) < 2:
            return Mistake(sentence, hint)
        return None

    return look


def no_links(name: str, sentence: str) -> Look:
    """Require that the spans ``name`` have no link."""

    def look(seen: Seen) -> Mistake | None:
        linked = any(seen.links.get(span.span_id) for span in seen.made.named(name))
        return Mistake(sentence) if linked else None

    return look


def _said(deed: Deed) -> str | None:
    try:
        text = deed.answer["choices"][0]["message"]["content"]
    except (KeyError, IndexError, TypeError):
        return None
    return text if isinstance(text, str) else None


def sent_text(deed: Deed) -> str:
    """Return a request's body with its texts as they are, not escaped as JSON."""
    try:
        return json.dumps(json.loads(deed.body), ensure_ascii=False).replace("\\n", "\n")
    except ValueError:
        return deed.body


def _count(work: str, count: int, need: int, where: str, span: SpanRecord | None) -> Mistake:
    times = {0: "not once", 1: "once"}.get(count, f"{count} times")
    should = {1: "once"}.get(need, f"{need} times")
    return Mistake(
        f"{_capital(work)} happens {times} {where}; it should happen {should}.",
        marks=((span.span_id, ""),) if span else (),
    )


def _rank(number: int) -> str:
    return {0: "first", 1: "second", 2: "third"}.get(number, f"{number + 1}th")


def _capital(text: str) -> str:
    return text[0].upper() + text[1:]
