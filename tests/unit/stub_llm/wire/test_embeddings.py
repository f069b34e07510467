import base64
import math
import struct
from collections.abc import Iterator

import pytest
from openai import OpenAI

from rag_tutorials.stub_llm import StubLLM
from rag_tutorials.stub_llm.language import lexical, tokens

SMALL = "text-embedding-3-small"


@pytest.fixture(scope="module")
def client() -> Iterator[OpenAI]:
    with (
        StubLLM.start() as stub,
        OpenAI(base_url=stub.base_url, api_key="stub", max_retries=0) as running,
    ):
        yield running


def vector(client: OpenAI, text: str) -> list[float]:
    return client.embeddings.create(model=SMALL, input=text).data[0].embedding


def cosine(a: list[float], b: list[float]) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))


@pytest.mark.parametrize(
    ("model", "dimensions"),
    [
        (SMALL, 1536),
        ("text-embedding-3-large", 3072),
        ("text-embedding-ada-002", 1536),
        ("nomic-embed-text", 1536),
    ],
)
def test_vectors_have_unit_length_and_the_models_dimensions(
    client: OpenAI, model: str, dimensions: int
) -> None:
    embedding = client.embeddings.create(model=model, input="Remote work").data[0].embedding
    assert len(embedding) == dimensions
    assert math.isclose(math.hypot(*embedding), 1, abs_tol=1e-5)


def test_dimensions_can_be_chosen(client: OpenAI) -> None:
    short = client.embeddings.create(model=SMALL, input="Remote work", dimensions=64)
    assert len(short.data[0].embedding) == 64
    assert math.isclose(math.hypot(*short.data[0].embedding), 1, abs_tol=1e-5)


def test_base64_and_floats_are_the_same_vector(client: OpenAI) -> None:
    floats = client.embeddings.create(model=SMALL, input="Remote work", encoding_format="float")
    coded = client.embeddings.create(model=SMALL, input="Remote work", encoding_format="base64")
    raw = base64.b64decode(str(coded.data[0].embedding))
    assert list(struct.unpack("<1536f", raw)) == floats.data[0].embedding
    assert vector(client, "Remote work") == floats.data[0].embedding


def test_a_batch_keeps_its_order_and_counts_its_tokens(client: OpenAI) -> None:
    texts = [f"Section {n} of the handbook" for n in range(30)]
    batch = client.embeddings.create(model=SMALL, input=texts)
    assert [item.index for item in batch.data] == list(range(30))
    assert batch.data[7].embedding == vector(client, texts[7])
    assert batch.usage.prompt_tokens == batch.usage.total_tokens
    assert batch.usage.total_tokens == sum(map(tokens.count, texts))


def test_texts_that_share_words_are_near(client: OpenAI) -> None:
    question = vector(client, "How many days may I work abroad?")
    near = vector(client, "Employees may work abroad for 14 days.")
    far = vector(client, "The cafeteria serves soup.")
    assert cosine(question, near) > 0.3 > cosine(question, far)


def test_vectors_are_those_of_the_lexical_module(client: OpenAI) -> None:
    expected = lexical.embed("Remote work", 1536)
    assert vector(client, "Remote work") == pytest.approx(expected, abs=1e-6)
