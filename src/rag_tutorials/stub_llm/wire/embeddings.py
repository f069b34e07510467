"""The embeddings API: ``POST /v1/embeddings``.

Shapes after https://platform.openai.com/docs/api-reference/embeddings.
"""

import base64
import sys
from array import array
from functools import lru_cache
from typing import Any

from rag_tutorials.stub_llm.language import lexical, tokens
from rag_tutorials.stub_llm.wire import fields
from rag_tutorials.stub_llm.wire.errors import bad_request
from rag_tutorials.stub_llm.wire.fields import JSON

DIMENSIONS = {
    "text-embedding-3-small": 1536,
    "text-embedding-3-large": 3072,
    "text-embedding-ada-002": 1536,
}
_DEFAULT_DIMENSIONS = 1536
_MAX_INPUTS = 2048
_MAX_TOKENS = 8192


def create(body: JSON) -> JSON:
    """Embed the inputs of a request as unit vectors: floats, or base64 of little-endian float32."""
    model = fields.model(body)
    inputs = _inputs(body)
    encoding = body.get("encoding_format") or "float"
    if encoding not in ("float", "base64"):
        raise fields.wrong_value("encoding_format", encoding, ["float", "base64"])
    dimensions = _dimensions(body, model)
    counts = [tokens.count(text) for text in inputs]
    if max(counts) > _MAX_TOKENS:
        raise bad_request(
            f"This model's maximum context length is {_MAX_TOKENS} tokens, however you requested "
            f"{max(counts)} tokens. Shorten or split the input.",
            "input",
            "context_length_exceeded",
        )
    vectors = (_vector(text, dimensions) for text in inputs)
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


def _inputs(body: JSON) -> list[str]:
    raw: Any = body.get("input")
    if raw is None:
        raise fields.missing("input")
    inputs = [raw] if isinstance(raw, str) else raw
    if not isinstance(inputs, list):
        raise fields.wrong_type("input", "a string or an array of strings", raw)
    if not inputs:
        raise bad_request("Invalid 'input': empty array.", "input", "empty_array")
    if len(inputs) > _MAX_INPUTS:
        raise bad_request(
            f"Invalid 'input': array too long. Expected at most {_MAX_INPUTS} elements.",
            "input",
            "array_above_max_length",
        )
    if any(isinstance(item, int | list) for item in inputs):
        raise bad_request(
            "This stub embeds text; send strings instead of arrays of tokens.",
            "input",
            "invalid_type",
        )
    for i, text in enumerate(inputs):
        if not isinstance(text, str):
            raise fields.wrong_type(f"input[{i}]", "a string", text)
        if not text:
            raise bad_request(f"Invalid 'input[{i}]': empty string.", "input", "empty_string")
    return inputs


def _dimensions(body: JSON, model: str) -> int:
    full = DIMENSIONS.get(model, _DEFAULT_DIMENSIONS)
    wanted = fields.integer(body, "dimensions", 1, full)
    if wanted is not None and model == "text-embedding-ada-002":
        raise bad_request("This model does not support specifying dimensions.", "dimensions")
    return wanted or full


@lru_cache(maxsize=4096)
def _vector(text: str, dimensions: int) -> "array[float]":
    return array("f", lexical.embed(text, dimensions))


def _base64(vector: "array[float]") -> str:
    if sys.byteorder == "big":
        vector = array("f", vector)
        vector.byteswap()
    return base64.b64encode(vector.tobytes()).decode()
