"""The OpenAI client, with the stub behind it or nothing."""

from __future__ import annotations

import asyncio
import functools
from typing import Any

import openai
import pytest
from openai import AsyncOpenAI, OpenAI
from pydantic import BaseModel

from messages import closed_port
from rag_tutorials.stub_llm import StubLLM

_QUESTION = [{"role": "user", "content": "How many days may be carried over?"}]
_MODEL = "gpt-4.1-mini"


@functools.cache
def _stub() -> StubLLM:
    return StubLLM.start()


def _client(**options: Any) -> OpenAI:
    return OpenAI(**{"base_url": _stub().base_url, "api_key": "stub", "max_retries": 0, **options})


def _ask(client: OpenAI, **options: Any) -> Any:
    return client.chat.completions.create(**{"model": _MODEL, "messages": _QUESTION, **options})


def key_missing() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("OPENAI_API_KEY", raising=False)
        patch.delenv("OPENAI_ADMIN_KEY", raising=False)
        OpenAI()


def key_not_ascii() -> None:
    _ask(_client(api_key="sk-…"))


def connection_error() -> None:
    with closed_port() as port:
        _ask(_client(base_url=f"http://127.0.0.1:{port}/v1"))


def url_without_scheme() -> None:
    _ask(_client(base_url="localhost:8000/v1"))


def request_timed_out() -> None:
    with _stub().fault("hang"):
        _ask(_client(timeout=0.5))


def rate_limited() -> None:
    with _stub().fault("rate_limit"):
        _ask(_client())


def server_error() -> None:
    with _stub().fault("server_error"):
        _ask(_client())


def base_url_without_v1() -> None:
    _ask(_client(base_url=_stub().base_url.removesuffix("/v1")))


def model_missing() -> None:
    _ask(_client(), model="no-such-model")


def context_too_long() -> None:
    _ask(_client(), messages=[{"role": "user", "content": "days " * 130_000}])


def tool_result_alone() -> None:
    _ask(_client(), messages=[{"role": "tool", "tool_call_id": "1", "content": "12 days"}])


def answer_cut() -> None:
    class Answer(BaseModel):
        text: str

    _client().chat.completions.parse(
        model=_MODEL,
        messages=_QUESTION,
        max_tokens=1,
        response_format=Answer,  # type: ignore
    )


def client_closed() -> None:
    client = _client()
    client.close()
    _ask(client)


def old_interface() -> None:
    openai.ChatCompletion.create()  # type: ignore[attr-defined]


def await_missing() -> None:
    client = AsyncOpenAI(base_url=_stub().base_url, api_key="stub")
    answer = _ask(client)  # type: ignore[arg-type]
    try:
        print(answer.choices)
    finally:
        answer.close()


def never_awaited() -> None:
    asyncio.sleep(0)


def loop_is_running() -> None:
    async def cell() -> None:
        work = asyncio.sleep(0)
        try:
            asyncio.run(work)
        finally:
            work.close()

    asyncio.run(cell())
