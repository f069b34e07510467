"""Answers a question from retrieved passages with a chat model."""

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rag_tutorials.openai_client import new_async_client, shared_client
from rag_tutorials.texts import nonblank_text, sendable_text

if TYPE_CHECKING:
    from openai import AsyncOpenAI, OpenAI
    from openai.types.chat import ChatCompletionMessageParam

DEFAULT_CHAT_MODEL = "gpt-4.1-mini"

INSTRUCTIONS = (
    "You answer questions about the employee handbook. Use only the context that you are given. "
    'If the context does not contain the answer, say "I don\'t know". Answer in one or two '
    "sentences and keep numbers and conditions exactly as the context states them."
)


def build_messages(question: str, context: Iterable[str]) -> "list[ChatCompletionMessageParam]":
    """Return the prompt: the instructions, then the numbered passages and the question.

    Args:
        question: Not blank.
        context: The passages, best first; without any the prompt says so.

    Raises:
        ValueError: The question is blank; it or a passage is no text or cannot be sent; the
            context is one text instead of a list of them.
    """
    nonblank_text(question, "The question")
    if isinstance(context, str) or not isinstance(context, Iterable):
        raise ValueError(f"The context must be a list of texts, not {type(context).__name__}.")
    passages = "\n\n".join(
        f"[{number}] {sendable_text(text, f'Passage {number}')}"
        for number, text in enumerate(context, start=1)
    )
    return [
        {"role": "system", "content": INSTRUCTIONS},
        {
            "role": "user",
            "content": f"Context:\n{passages or '(no passages)'}\n\nQuestion: {question}",
        },
    ]


def answer_with_context(
    question: str,
    context: Iterable[str],
    model: str | None = None,
    client: "OpenAI | None" = None,
) -> str:
    """Return the model's answer to the question from the passages.

    Args:
        question: Not blank.
        context: The passages, best first.
        model: The chat model; by default OPENAI_CHAT_MODEL, else DEFAULT_CHAT_MODEL.
        client: By default one for the endpoint in the environment.

    Raises:
        ValueError: As in build_messages, before anything is sent. The exceptions of the OpenAI
            client (an unreachable endpoint, a bad key, a rate limit) pass through.
    """
    messages = build_messages(question, context)
    completion = (client or shared_client()).chat.completions.create(
        model=model or chat_model(), messages=messages
    )
    return completion.choices[0].message.content or ""


async def answer_with_context_async(
    question: str,
    context: Iterable[str],
    model: str | None = None,
    client: "AsyncOpenAI | None" = None,
) -> str:
    """Do what ``answer_with_context`` does, without blocking the event loop."""
    messages = build_messages(question, context)
    if client is None:
        async with new_async_client() as own:
            return await _complete(own, messages, model)
    return await _complete(client, messages, model)


async def _complete(
    client: "AsyncOpenAI", messages: "list[ChatCompletionMessageParam]", model: str | None
) -> str:
    completion = await client.chat.completions.create(
        model=model or chat_model(), messages=messages
    )
    return completion.choices[0].message.content or ""


def chat_model() -> str:
    """Return the chat model's name: OPENAI_CHAT_MODEL, else DEFAULT_CHAT_MODEL."""
    return os.environ.get("OPENAI_CHAT_MODEL") or DEFAULT_CHAT_MODEL
