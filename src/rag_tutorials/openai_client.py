"""One OpenAI client for each endpoint.

Making a client costs about 50 ms (it loads the TLS certificates), a call to a local server 2 ms,
so the clients are kept. They read ``OPENAI_BASE_URL`` and ``OPENAI_API_KEY`` at every call: a
notebook that changes them gets another client.
"""

import asyncio
import os
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the import takes a second: left to the first call
    from openai import AsyncOpenAI, OpenAI


def default_client() -> "OpenAI":
    """Return the client for the endpoint in the environment.

    Raises ``openai.OpenAIError`` when no key is set.
    """
    return _client(os.environ.get("OPENAI_BASE_URL"), os.environ.get("OPENAI_API_KEY"))


def default_async_client() -> "AsyncOpenAI":
    """Return the asynchronous client; its connections belong to the running event loop."""
    return _async_client(
        asyncio.get_running_loop(),
        os.environ.get("OPENAI_BASE_URL"),
        os.environ.get("OPENAI_API_KEY"),
    )


@lru_cache(maxsize=4)
def _client(base_url: str | None, api_key: str | None) -> "OpenAI":
    from openai import OpenAI

    return OpenAI(base_url=base_url, api_key=api_key)


@lru_cache(maxsize=4)
def _async_client(
    loop: asyncio.AbstractEventLoop, base_url: str | None, api_key: str | None
) -> "AsyncOpenAI":
    from openai import AsyncOpenAI

    return AsyncOpenAI(base_url=base_url, api_key=api_key)
