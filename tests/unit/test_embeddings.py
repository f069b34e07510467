"""Embedding texts, against the stub and against an endpoint that answers badly."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import openai
import pytest
from openai import OpenAI

from rag_tutorials.embeddings import DEFAULT_EMBEDDING_MODEL, embed_texts
from rag_tutorials.stub_llm import StubLLM


@pytest.fixture(scope="module")
def stub() -> Iterator[StubLLM]:
    with StubLLM.start() as running:
        yield running


@pytest.fixture
def client(stub: StubLLM) -> Iterator[OpenAI]:
    with OpenAI(base_url=stub.base_url, api_key="stub", max_retries=0) as client:
        yield client


class Recorder(BaseHTTPRequestHandler):
    """Answers a request for embeddings with what the test prescribes, and keeps the request."""

    data: ClassVar[list[dict]] = []
    seen: ClassVar[list[dict]] = []

    def do_POST(self) -> None:
        self.seen.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        body = json.dumps({"object": "list", "model": "m", "data": self.data}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def endpoint() -> Iterator[tuple[type[Recorder], OpenAI]]:
    handler = type("Handler", (Recorder,), {"data": [], "seen": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        with OpenAI(base_url=url, api_key="stub", max_retries=0) as client:
            yield handler, client
        server.shutdown()
        thread.join()


def test_one_vector_for_each_text_in_order(client: OpenAI) -> None:
    vectors = embed_texts(["remote work", "annual leave"], client=client)

    assert [len(vector) for vector in vectors] == [1536, 1536]
    assert vectors == [
        embed_texts([text], client=client)[0] for text in ("remote work", "annual leave")
    ]
    assert vectors[0] != vectors[1]


def test_batches_change_nothing_but_the_number_of_requests(stub: StubLLM, client: OpenAI) -> None:
    texts = [f"text number {n}" for n in range(7)]
    whole = embed_texts(texts, client=client)
    stub.clear_requests()

    assert embed_texts(texts, client=client, batch_size=3) == whole
    assert len(stub.requests) == 3


def test_no_texts_no_request(stub: StubLLM, client: OpenAI) -> None:
    stub.clear_requests()

    assert embed_texts([], client=client) == []
    assert stub.requests == []


@pytest.mark.parametrize(
    ("argument", "variable", "expected"),
    [
        (None, None, DEFAULT_EMBEDDING_MODEL),
        (None, "", DEFAULT_EMBEDDING_MODEL),
        (None, "from-environment", "from-environment"),
        ("given", "from-environment", "given"),
    ],
)
def test_the_model_is_given_or_from_the_environment_or_the_default(
    endpoint: tuple[type[Recorder], OpenAI],
    monkeypatch: pytest.MonkeyPatch,
    argument: str | None,
    variable: str | None,
    expected: str,
) -> None:
    handler, client = endpoint
    handler.data = [{"object": "embedding", "index": 0, "embedding": [1.0]}]
    monkeypatch.delenv("OPENAI_EMBEDDING_MODEL", raising=False)
    if variable is not None:
        monkeypatch.setenv("OPENAI_EMBEDDING_MODEL", variable)

    embed_texts(["a"], argument, client)

    assert handler.seen[0]["model"] == expected


def test_vectors_are_put_in_order_by_their_index(endpoint: tuple[type[Recorder], OpenAI]) -> None:
    handler, client = endpoint
    handler.data = [
        {"object": "embedding", "index": 1, "embedding": [0.0, 1.0]},
        {"object": "embedding", "index": 0, "embedding": [1.0, 0.0]},
    ]

    assert embed_texts(["first", "second"], client=client) == [[1.0, 0.0], [0.0, 1.0]]


def test_too_few_vectors_are_an_error(endpoint: tuple[type[Recorder], OpenAI]) -> None:
    handler, client = endpoint
    handler.data = [{"object": "embedding", "index": 0, "embedding": [1.0]}]

    with pytest.raises(ValueError, match="1 vectors for 2 texts"):
        embed_texts(["first", "second"], client=client)


def test_an_empty_text_is_refused(client: OpenAI) -> None:
    with pytest.raises(ValueError, match="Text 1 is empty"):
        embed_texts(["fine", " \n"], client=client)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("half \ud83d", "Text 1 holds half a character"),
        (None, "Text 1 must be a text, not NoneType"),
    ],
)
def test_what_cannot_be_sent_is_refused_before_anything_is(
    stub: StubLLM, client: OpenAI, text: Any, message: str
) -> None:
    stub.clear_requests()
    with pytest.raises(ValueError, match=message):
        embed_texts(["fine", text], client=client, batch_size=1)
    assert stub.requests == []


def test_a_batch_has_at_least_one_text(client: OpenAI) -> None:
    with pytest.raises(ValueError, match="batch_size must be at least 1, not 0"):
        embed_texts(["fine"], client=client, batch_size=0)


def test_the_endpoint_comes_from_the_environment_at_each_call(
    stub: StubLLM, monkeypatch: pytest.MonkeyPatch
) -> None:
    with StubLLM.start() as other:
        for server in (stub, other):
            server.clear_requests()
            monkeypatch.setenv("OPENAI_BASE_URL", server.base_url)
            monkeypatch.setenv("OPENAI_API_KEY", "stub")
            embed_texts(["a"])
            assert len(server.requests) == 1


def test_a_server_of_ones_own_needs_no_key(stub: StubLLM, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_BASE_URL", stub.base_url)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    assert len(embed_texts(["a"])) == 1


@pytest.mark.parametrize("base_url", [None, ""])
def test_without_endpoint_and_key_the_client_says_so(
    monkeypatch: pytest.MonkeyPatch, base_url: str | None
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    if base_url is not None:
        monkeypatch.setenv("OPENAI_BASE_URL", base_url)
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    with pytest.raises(openai.OpenAIError, match="OPENAI_API_KEY"):
        embed_texts(["a"])
