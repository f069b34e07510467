"""The embeddings API: ``POST /v1/embeddings``.

Shapes after https://platform.openai.com/docs/api-reference/embeddings.
"""

import base64
import sys
from array import array
from functools import lru_cache
from typing import Any

from rag_tutorials.stub_llm.language import lexical, tokens, vocabulary
from rag_tutorials.stub_llm.wire import fields, models
from rag_tutorials.stub_llm.wire.errors import bad_request
from rag_tutorials.stub_llm.wire.fields import JSON

_KNOWN = ("dimensions", "encoding_format", "input", "model", "user")
_DEFAULT_DIMENSIONS = 1536
_MAX_INPUTS = 2048
_MAX_TOKENS = 8192
_MAX_ALL_TOKENS = 300_000
_LAST_TOKEN = 2**31 - 1


def create(body: JSON) -> JSON:
    """Embed the inputs of a request as unit vectors: floats, or base64 of little-endian float32."""
    model = fields.model(body)
    models.require_embedding(model)
    fields.check_known(body, _KNOWN)
    inputs = _inputs(body)
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise fields.wrong_value("encoding_format", encoding, ["float", "base64"])
    dimensions = _dimensions(body, model)
    counts = [tokens.count(one) if isinstance(one, str) else len(one) for one in inputs]
    for number, count in enumerate(counts):
        if count > _MAX_TOKENS:
            raise bad_request(
                f"Invalid 'input[{number}]': maximum input length is {_MAX_TOKENS} tokens.",
                "input",
                "context_length_exceeded",
            )
    if sum(counts) > _MAX_ALL_TOKENS:
        raise bad_request(
            f"Invalid 'input': maximum request size is {_MAX_ALL_TOKENS} tokens per request.",
            "input",
            "max_tokens_per_request",
        )
    vectors = (_vector(one, dimensions) for one in inputs)
    return {
        "object": "list",
        "data": [
            {
                "object": "embedding",
                "index": index,
                "embedding": list(vector) if encoding == "float" else _base64(vector),
            }
            for index, vector in enumerate(vectors)
        ],
        "model": model,
        "usage": {"prompt_tokens": sum(counts), "total_tokens": sum(counts)},
    }


def _inputs(body: JSON) -> list[str | tuple[int, ...]]:
    """What is to be embedded: texts, or arrays of tokens."""
    raw: Any = body.get("input")
    if raw is None:
        raise fields.missing("input")
    if isinstance(raw, str):
        raw = [raw]
    if not isinstance(raw, list):
        raise fields.wrong_type("input", "one of a string or array", raw)
    if not raw:
        raise fields.empty_array("input")
    if all(map(_is_integer, raw)):
        return [_tokens(raw, "input")]
    fields.check_length("input", raw, _MAX_INPUTS)
    return [_input(one, f"input[{i}]") for i, one in enumerate(raw)]


def _input(one: Any, where: str) -> str | tuple[int, ...]:
    if isinstance(one, list):
        if not one:
            raise fields.empty_array(where)
        return _tokens(one, where)
    if not isinstance(one, str):
        raise fields.wrong_type(where, "a string", one)
    if not one:
        raise bad_request(
            f"Invalid '{where}': input cannot be an empty string.", "input", "empty_string"
        )
    return one


def _tokens(given: list[Any], where: str) -> tuple[int, ...]:
    """Indices into a vocabulary; those that exist have some 200,000 entries."""
    for number, token in enumerate(given):
        if not _is_integer(token):
            raise fields.wrong_type(f"{where}[{number}]", "an integer", token)
        fields.check_range(f"{where}[{number}]", token, 0, _LAST_TOKEN, "integer")
    return tuple(given)


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _dimensions(body: JSON, model: str) -> int:
    full = models.DIMENSIONS.get(model, _DEFAULT_DIMENSIONS)
    wanted = fields.integer(body, "dimensions", 1, full)
    if wanted is not None and model == "text-embedding-ada-002":
        raise bad_request("This model does not support specifying dimensions.", "dimensions")
    return wanted or full


@lru_cache(maxsize=4096)
def _vector(one: str | tuple[int, ...], dimensions: int) -> "array[float]":
    text = one if isinstance(one, str) else vocabulary.decode(one)
    if text is None:
        return array("f", lexical.embed_tokens([*map(int, one)], dimensions))
    return array("f", lexical.embed(text, dimensions))


def _base64(vector: "array[float]") -> str:
    if sys.byteorder == "big":
        vector = array("f", vector)
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()
