"""The vocabulary of OpenAI's embedding models, where this machine has it.

tiktoken keeps a vocabulary that it downloaded in a folder. Whoever sends tokens made them with it,
as LangChain's ``OpenAIEmbeddings`` does by default, so on one machine both find the same file.
Nothing is downloaded here.
"""

import hashlib
import os
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

_ENCODING = "cl100k_base"
_FILE = f"https://openaipublic.blob.core.windows.net/encodings/{_ENCODING}.tiktoken"


def decode(tokens: Sequence[int]) -> str | None:
    """Return the text that the tokens stand for; ``None`` where the vocabulary is not at hand."""
    encoding = _encoding()
    if encoding is None:
        return None
    try:
        text: str = encoding.decode(list(tokens))
    except (KeyError, OverflowError, ValueError):
        return None
    return text


@cache
def _encoding() -> Any:
    name = hashlib.sha1(_FILE.encode(), usedforsecurity=False).hexdigest()
    folder = os.environ.get("TIKTOKEN_CACHE_DIR") or os.environ.get("DATA_GYM_CACHE_DIR")
    file = Path(folder or Path(tempfile.gettempdir(), "data-gym-cache"), name)
    if not file.is_file():
        return None
    try:
        import tiktoken

        return tiktoken.get_encoding(_ENCODING)
    except Exception:  # the file is damaged, and no other can be had
        return None
