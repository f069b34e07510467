"""Which addresses mean this kernel's Phoenix. The recipes themselves run in test_recipes.py."""

from __future__ import annotations

from pathlib import Path

import pytest

from rag_tutorials.course.embedded.endpoints import is_deserted_default, is_ours
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.storage import Storage

PORT = 7123


@pytest.mark.parametrize(
    ("endpoint", "ours"),
    [
        (f"http://127.0.0.1:{PORT}/v1/traces", True),
        (f"http://localhost:{PORT}", True),
        (f" http://localhost:{PORT}/ ", True),
        (f"localhost:{PORT}", True),
        (f"http://[::1]:{PORT}", True),
        (f"http://localhost:{PORT + 1}", False),
        (f"http://example.org:{PORT}/v1/traces", False),
        ("https://app.phoenix.arize.com/s/space", False),
        ("http://localhost:port", False),
        ("http://localhost", False),
    ],
)
def test_an_address_is_this_phoenix_by_host_and_port(
    endpoint: str, ours: bool, tmp_path: Path
) -> None:
    phoenix = EmbeddedPhoenix(Storage.claim(tmp_path, "lesson"))
    phoenix.port = PORT
    assert is_ours(endpoint, phoenix) is ours
    assert not is_deserted_default(endpoint)
