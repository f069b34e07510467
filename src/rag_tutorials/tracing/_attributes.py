"""What the wrappers write into a span, in the names of the OpenInference semantic conventions.

Spec: https://github.com/Arize-ai/openinference/blob/main/spec/semantic_conventions.md
"""

import json
from collections.abc import Sequence
from functools import lru_cache

from openinference.instrumentation import (
    Document,
    get_input_attributes,
    get_output_attributes,
    get_retriever_attributes,
)
from openinference.semconv.trace import OpenInferenceMimeTypeValues, SpanAttributes
from opentelemetry.util.types import AttributeValue

from rag_tutorials.schema import RetrievalResult

Attributes = dict[str, AttributeValue]

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
# Kept, because json.dumps builds an encoder at each call that asks for other than its defaults.
_to_json = json.JSONEncoder(ensure_ascii=False, default=str).encode


def cut(text: str, max_chars: int | None) -> str:
    """The text, or its first `max_chars` characters and a note of how many are missing."""
    if max_chars is None or len(text) <= max_chars:
        return text
    return f"{text[:max_chars]}… [{len(text) - max_chars} more characters]"


def question_attributes(question: object, max_chars: int | None) -> Attributes:
    """input.value and its MIME type: a string as text, anything else as JSON; None as nothing."""
    if question is None:
        return {}
    if isinstance(question, str):
        return _input(cut(question, max_chars), _TEXT)
    return _cut_value(get_input_attributes(question), ATTR_INPUT_VALUE, max_chars)


def prompt_attributes(question: object, context: object, max_chars: int | None) -> Attributes:
    """The input of a generation: the question, as JSON together with the context if there is one.

    Both go into input.value because masking (OPENINFERENCE_HIDE_INPUTS) covers it. They are not
    recorded as llm.input_messages: only the answer function knows the messages that it sends.
    """
    if not isinstance(context, Sequence) or isinstance(context, str):
        return question_attributes(question, max_chars)
    passages = [cut(str(passage), max_chars) for passage in context]
    prompt = {"question": cut(str(question), max_chars), "context": passages}
    return _input(_to_json(prompt), _JSON)


def answer_attributes(answer: object, max_chars: int | None) -> Attributes:
    """output.value and its MIME type: a string as text, anything else as JSON."""
    if isinstance(answer, str):
        return _output(cut(answer, max_chars), _TEXT)
    return _cut_value(get_output_attributes(answer), ATTR_OUTPUT_VALUE, max_chars)


def retrieval_attributes(results: object, max_chars: int | None) -> Attributes:
    """The documents with id, text, score and source, their count, and ids with scores as output.

    A result that is not a RetrievalResult becomes a document of its string form; results that
    are not a sequence (an iterator must not be consumed here) are recorded as output only.
    """
    if not isinstance(results, Sequence) or isinstance(results, str):
        return answer_attributes(results, max_chars)
    ranking: list[dict[str, object]] = []
    attributes: Attributes = {ATTR_RETRIEVAL_DOCUMENT_COUNT: len(results)}
    documents: list[Document] = []
    for result in results:
        if isinstance(result, RetrievalResult):
            score = float(result.score)  # numpy's float32 is no attribute type
            documents.append(
                {
                    "id": result.chunk_id,
                    "content": cut(result.text, max_chars),
                    "score": score,
                    "metadata": _source_metadata(result.source),
                }
            )
            ranking.append({"id": result.chunk_id, "score": score})
        else:
            documents.append({"content": cut(str(result), max_chars)})
    attributes.update(get_retriever_attributes(documents=documents))
    attributes.update(_output(_to_json(ranking), _JSON))
    return attributes


def _input(value: str, mime_type: str) -> Attributes:
    return {ATTR_INPUT_VALUE: value, SpanAttributes.INPUT_MIME_TYPE: mime_type}


def _output(value: str, mime_type: str) -> Attributes:
    return {ATTR_OUTPUT_VALUE: value, SpanAttributes.OUTPUT_MIME_TYPE: mime_type}


@lru_cache(maxsize=128)
def _source_metadata(source: str) -> str:
    return json.dumps({"source": source})


def _cut_value(attributes: Attributes, key: str, max_chars: int | None) -> Attributes:
    value = attributes.get(key)
    if isinstance(value, str):
        attributes[key] = cut(value, max_chars)
    return attributes
