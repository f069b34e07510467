"""Short digests, of which ids are made."""

import hashlib
import json
from typing import Any


def digest(*parts: Any) -> str:
    """Twenty-four hex digits that depend on the parts alone; ids are made of it."""
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
