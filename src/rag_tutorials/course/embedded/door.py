"""The door of Phoenix's web server: connections of other users of this machine stay outside."""

from __future__ import annotations

import functools
from typing import Any

from rag_tutorials.loopback.doors import OwnUserProtocol


def own_user_only(module: Any) -> None:
    """Have the uvicorn that a module of Phoenix configures answer its own user (and root) alone.

    It stands before uvicorn's own protocol, so that nothing of Phoenix runs for a stranger.

    Raises:
        AttributeError: the module configures none.
    """
    if not isinstance(module.Config, functools.partial):
        module.Config = functools.partial(module.Config, http=OwnUserProtocol)
