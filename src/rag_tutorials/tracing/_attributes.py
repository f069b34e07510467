"""What the wrappers write into a span, in the names of the OpenInference semantic conventions.

Spec: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
"""

from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

from openinference.semconv.trace import (
    DocumentAttributes,
    OpenInferenceMimeTypeValues,
    SpanAttributes,
)
from opentelemetry.util.types import AttributeValue

from rag_tutorials.schema import RetrievalResult
from rag_tutorials.tracing._values import (
    UnusableError,
    number_of,
    text_of,
    text_or_json,
    to_json,
    whole_number_of,
)

ATTR_INPUT_VALUE = SpanAttributes.INPUT_VALUE
ATTR_OUTPUT_VALUE = SpanAttributes.OUTPUT_VALUE
ATTR_LLM_MODEL_NAME = SpanAttributes.LLM_MODEL_NAME
# The prefix of the documents themselves: retrieval.documents.<N>.document.<field>.
ATTR_RETRIEVAL_DOCUMENTS = SpanAttributes.RETRIEVAL_DOCUMENTS
# OpenInference has no name for these two. They stand beside the documents, never under their
# prefix, where a backend would take them for a document.
ATTR_RETRIEVAL_DOCUMENT_COUNT = "retrieval.document_count"
ATTR_RETRIEVAL_TOP_K = "retrieval.top_k"

_TEXT = OpenInferenceMimeTypeValues.TEXT.value
_JSON = OpenInferenceMimeTypeValues.JSON.value
_FIELDS = ("chunk_id", "text", "score", "source")


class Record(dict[str, AttributeValue]):
    """Attributes of a span, and the keys that it lacks because their value cannot be recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.missing: dict[str, str] = {}  # with the reason, which holds no value

    def put(self, key: str, form: Callable[[Any], AttributeValue], value: object) -> None:
        """Record what ``form`` makes of the value, or that it makes nothing of it."""
        try:
            self[key] = form(value)
        except Exception as error:
            self.miss(key, error)

    def miss(self, key: str, error: Exception) -> None:
        """Note that an attribute is left out."""
        said = isinstance(error, UnusableError)
        self.missing[key] = str(error) if said else f"it raised {type(error).__name__}"


def cut(text: str, max_chars: int | None) -> str:
    """The text, or its first ``max_chars`` characters and a note of how many are missing."""
    if max_chars is None or len(text) <= max_chars:
        return text
    return f"{text[:max_chars]}… [{len(text) - max_chars} more characters]"


def put_question(record: Record, question: object, max_chars: int | None) -> None:
    """Put input.value and its MIME type: a string as text, a structure as JSON; None as nothing."""
    _put(record, ATTR_INPUT_VALUE, SpanAttributes.INPUT_MIME_TYPE, question, max_chars)


def put_top_k(record: Record, top_k: object) -> None:
    """Put how many results were asked for, if the call says so."""
    if top_k is not None:
        record.put(ATTR_RETRIEVAL_TOP_K, whole_number_of, top_k)


def put_prompt(record: Record, question: object, context: object, max_chars: int | None) -> None:
    """Put the input of a generation: the question, as JSON with the context if there is one.

    Both go into input.value because masking (OPENINFERENCE_HIDE_INPUTS) covers it. They are not
    recorded as llm.input_messages: only the answer function knows the messages that it sends.
    """
    if not isinstance(context, Sequence) or isinstance(context, str | bytes | bytearray):
        return put_question(record, question, max_chars)
    prompt: dict[str, object] = {"question": _passage(record, "question", question, max_chars)}
    passages: list[str | None] = []
    prompt["context"] = passages
    try:
        passages.extend(_passage(record, "context", each, max_chars) for each in context)
    except Exception as error:  # a sequence that cannot be read to its end
        record.miss(f"{ATTR_INPUT_VALUE} (context)", error)
    record[ATTR_INPUT_VALUE] = to_json(prompt)
    record[SpanAttributes.INPUT_MIME_TYPE] = _JSON
    return None


def put_answer(record: Record, answer: object, max_chars: int | None) -> None:
    """Put output.value and its MIME type, as ``put_question`` does."""
    _put(record, ATTR_OUTPUT_VALUE, SpanAttributes.OUTPUT_MIME_TYPE, answer, max_chars)


def put_results(record: Record, results: object, max_chars: int | None) -> None:
    """Put the documents with id, text, score and source, their count, and the ranking as output.

    The ranking is the ids with their scores. A result that has none of the fields of a
    RetrievalResult becomes a document of its text; results that are not a sequence (an iterator
    must not be consumed here) are recorded as output only.
    """
    if not isinstance(results, Sequence) or isinstance(results, str | bytes | bytearray):
        return put_answer(record, results, max_chars)
    ranking: list[dict[str, AttributeValue]] = []
    index = -1
    try:
        for index, result in enumerate(results):
            try:
                _put_document(record, ranking, index, result, max_chars)
            except Exception as error:  # a result that cannot tell its class
                record.miss(f"{ATTR_RETRIEVAL_DOCUMENTS}.{index}", error)
    except Exception as error:  # a sequence that cannot be read to its end
        record.miss(f"{ATTR_RETRIEVAL_DOCUMENTS}.{index + 1}", error)
    record.put(ATTR_RETRIEVAL_DOCUMENT_COUNT, len, results)
    record[ATTR_OUTPUT_VALUE] = to_json(ranking)
    record[SpanAttributes.OUTPUT_MIME_TYPE] = _JSON
    return None


def _put(record: Record, key: str, mime_key: str, value: object, max_chars: int | None) -> None:
    if value is None:
        return
    try:
        text, is_json = text_or_json(value)
    except Exception as error:
        record.miss(key, error)
        return
    record[key] = kept = cut(text, max_chars)
    record[mime_key] = _JSON if is_json and kept is text else _TEXT  # JSON that is cut is none


def _put_document(
    record: Record,
    ranking: list[dict[str, AttributeValue]],
    index: int,
    result: object,
    max_chars: int | None,
) -> None:
    key_id, key_text, key_score, key_metadata = _document_keys(index)
    if not isinstance(result, RetrievalResult) and not _is_like_one(result):
        record.put(key_text, lambda value: cut(text_or_json(value)[0], max_chars), result)
        return
    entry: dict[str, AttributeValue] = {}
    for name, key, form in (
        ("chunk_id", key_id, text_of),
        ("text", key_text, lambda value: cut(text_of(value), max_chars)),
        ("score", key_score, number_of),
        ("source", key_metadata, _source_metadata_of),
    ):
        try:
            record[key] = form(_field(result, name))
        except Exception as error:
            record.miss(key, error)
    for name, key in (("id", key_id), ("score", key_score)):
        if key in record:
            entry[name] = record[key]
    if entry:
        ranking.append(entry)


def _field(result: object, name: str) -> Any:
    try:
        return result[name] if isinstance(result, Mapping) else getattr(result, name)
    except (AttributeError, KeyError):
        raise UnusableError(f"the result has no {name}") from None


def _is_like_one(result: object) -> bool:
    for name in _FIELDS:
        try:
            _field(result, name)
        except UnusableError:
            continue
        except Exception:  # it is there, and will be named
            return True
        return True
    return False


def _passage(record: Record, name: str, value: object, max_chars: int | None) -> str | None:
    try:
        return None if value is None else cut(text_or_json(value)[0], max_chars)
    except Exception as error:
        record.miss(f"{ATTR_INPUT_VALUE} ({name})", error)
        return None


@lru_cache(maxsize=1024)
def _document_keys(index: int) -> tuple[str, str, str, str]:
    prefix = f"{ATTR_RETRIEVAL_DOCUMENTS}.{index}"
    return (
        f"{prefix}.{DocumentAttributes.DOCUMENT_ID}",
        f"{prefix}.{DocumentAttributes.DOCUMENT_CONTENT}",
        f"{prefix}.{DocumentAttributes.DOCUMENT_SCORE}",
        f"{prefix}.{DocumentAttributes.DOCUMENT_METADATA}",
    )


def _source_metadata_of(source: object) -> str:
    return _source_metadata(text_of(source))


@lru_cache(maxsize=128)
def _source_metadata(source: str) -> str:
    return to_json({"source": source})
