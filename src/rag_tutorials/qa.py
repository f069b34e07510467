"""Answers a question from retrieved passages with a chat model."""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from .openai_client import new_async_client, shared_client

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI
    from openai.types.chat import ChatCompletionMessageParam

DEFAULT_CHAT_MODEL = "gpt-4.1-mini"

INSTRUCTIONS = (
    "You answer questions about the employee handbook. Use only the context that you are given. "
    'If the context does not contain the answer, say "I don\'t know". Answer in one or two '
    "sentences and keep numbers and conditions exactly as the context states them."
)


def build_messages(question: str, context: Sequence[str]) -> "list[ChatCompletionMessageParam]":
    """Return the prompt: the instructions, then the numbered passages and the question.

    Raises ``ValueError`` for an empty question. Without passages the context says so.
    """
    if not question.strip():
        raise ValueError("The question is empty.")
    passages = "\n\n".join(f"[{number}] {text}" for number, text in enumerate(context, start=1))
    return [
        {"role": "system", "content": INSTRUCTIONS},
        {
            "role": "user",
            "content": f"Context:\n{passages or '(no passages)'}\n\nQuestion: {question}",
        },
    ]


def answer_with_context(
    question: str,
    context: Sequence[str],
    model: str | None = None,
    client: "OpenAI | None" = None,
) -> str:
    """Return the model's answer to ``question`` from the passages in ``context``, best first.

    ``model`` defaults to ``OPENAI_CHAT_MODEL``, else gpt-4.1-mini; ``client`` to the endpoint in
    the environment. Raises ``ValueError`` for an empty question; the exceptions of the OpenAI
    client (an unreachable endpoint, a bad key, a rate limit) pass through.
    """
    messages = build_messages(question, context)
    completion = (client or shared_client()).chat.completions.create(
        model=model or _chat_model(), messages=messages
    )
    return completion.choices[0].message.content or ""


async def answer_with_context_async(
    question: str,
    context: Sequence[str],
    model: str | None = None,
    client: "AsyncOpenAI | None" = None,
) -> str:
    """Do what ``answer_with_context`` does, without blocking the event loop."""
    if client is None:
        async with new_async_client() as own:
            return await answer_with_context_async(question, context, model, own)
    messages = build_messages(question, context)
    completion = await client.chat.completions.create(
        model=model or _chat_model(), messages=messages
    )
    return completion.choices[0].message.content or ""


def _chat_model() -> str:
    return os.environ.get("OPENAI_CHAT_MODEL") or DEFAULT_CHAT_MODEL
