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


OPENAI_API = "https://api.openai.com/v1"


def default_client() -> "OpenAI":
    """Return the client for the endpoint in the environment.

    Raises ``openai.OpenAIError`` when neither an endpoint nor a key is set.
    """
    return _client(*_endpoint())


def default_async_client() -> "AsyncOpenAI":
    """Return the asynchronous client; its connections belong to the running event loop."""
    return _async_client(asyncio.get_running_loop(), *_endpoint())


def _endpoint() -> tuple[str, str | None]:
    """Return the address and the key; a server of one's own often asks for no key."""
    base_url = os.environ.get("OPENAI_BASE_URL")
    api_key = os.environ.get("OPENAI_API_KEY") or ("unused" if base_url else None)
    return base_url or OPENAI_API, api_key


@lru_cache(maxsize=4)
def _client(base_url: str, api_key: str | None) -> "OpenAI":
    from openai import OpenAI

    return OpenAI(base_url=base_url, api_key=api_key)


@lru_cache(maxsize=4)
def _async_client(
    loop: asyncio.AbstractEventLoop, base_url: str, api_key: str | None
) -> "AsyncOpenAI":
    from openai import AsyncOpenAI

    return AsyncOpenAI(base_url=base_url, api_key=api_key)
