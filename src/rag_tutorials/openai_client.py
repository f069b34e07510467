"""OpenAI clients for the endpoint in the environment.

Making a client costs 50 ms, because it loads the TLS certificates; a call to a local server 2 ms.
So what is costly is kept: the synchronous client, and the TLS settings of the asynchronous ones.
OPENAI_BASE_URL and OPENAI_API_KEY are read at every call, so that a notebook may change them.
"""

import os
import ssl
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # the import takes a second: left to the first call
    from openai import AsyncOpenAI, OpenAI

OPENAI_API = "https://api.openai.com/v1"


def shared_client() -> "OpenAI":
    """Return the client for the endpoint; it stays open for the next caller.

    Raises:
        openai.OpenAIError: Neither an endpoint nor a key is set.
    """
    return _client(*_endpoint())


def new_async_client() -> "AsyncOpenAI":
    """Return a client for one ``async with``.

    It is not kept, because its connections belong to one event loop and would outlive it.

    Raises:
        openai.OpenAIError: As in shared_client.
    """
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    base_url, api_key = _endpoint()
    return AsyncOpenAI(
        base_url=base_url,
        api_key=api_key,
        http_client=DefaultAsyncHttpxClient(verify=_tls()),
    )


def _endpoint() -> tuple[str, str | None]:
    """Return the address and the key; a server of one's own often asks for no key."""
    base_url = os.environ.get("OPENAI_BASE_URL")
    api_key = os.environ.get("OPENAI_API_KEY") or ("unused" if base_url else None)
    return base_url or OPENAI_API, api_key


@lru_cache(maxsize=4)
def _client(base_url: str, api_key: str | None) -> "OpenAI":
    from openai import OpenAI

    return OpenAI(base_url=base_url, api_key=api_key)


@lru_cache(maxsize=1)
def _tls() -> ssl.SSLContext:
    import httpx2  # what the OpenAI client is built on

    return httpx2.create_ssl_context()
