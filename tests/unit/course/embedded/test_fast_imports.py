"""The quick import of Phoenix: what it leaves out, and that all of it is there when asked for."""

from __future__ import annotations

import contextlib
import gc
import subprocess
import sys
import weakref
from pathlib import Path

import pytest

from rag_tutorials.course.embedded.fast_imports import LaterModule, fast_imports, without_collection

IMPORT = """
import os, sys
from pathlib import Path
from rag_tutorials.course.embedded import fast_imports, importing
from rag_tutorials.course.embedded.opening import make_ready
from rag_tutorials.course.embedded.phoenix import EmbeddedPhoenix
from rag_tutorials.course.embedded.storage import Storage
phoenix = EmbeddedPhoenix(Storage.claim(Path(sys.argv[1]), "lesson"))
"""
TURNED_ON = """
make_ready(phoenix)
os.environ.update(PHOENIX_ENABLE_MCP_SERVER="true", PHOENIX_DISABLE_AGENT_ASSISTANT="false")
assert not {"anthropic", "fastmcp", "mcp", "rfc3987_syntax"} & set(sys.modules)
assert not set(fast_imports._LATER) & set(sys.modules)

import httpx, phoenix
session = phoenix.launch_app(use_temp_dir=False)
client = {"name": "test", "version": "1"}
params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": client}
said = httpx.post(
    session.url + "mcp",
    json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params},
    headers={"accept": "application/json, text/event-stream"},
    timeout=120,
    trust_env=False,
)
assert said.is_success and '"serverInfo"' in said.text, said.text

from phoenix.server.api.routers import agents
assert agents.get_external_tool_definition("no such tool") is None
assert {"anthropic", "fastmcp", "mcp"} <= set(sys.modules)
"""
ANOTHER_VERSION = """
importing.TESTED_PHOENIX = "1.0"
importing.import_phoenix()
assert {"anthropic", "fastmcp", "mcp"} <= set(sys.modules)
"""


CLIENT_ALONE = """
fast_imports.without_server()
from phoenix.client import Client
from phoenix.otel import register

assert Client(base_url="http://127.0.0.1:9").experiments
assert not [name for name in sys.modules if name.startswith(("phoenix.server", "phoenix.db"))]
package = sys.modules["phoenix"]
fast_imports.without_server()
assert sys.modules["phoenix"] is package
"""


def run(code: str, folder: Path) -> None:
    """Run code in a fresh Python."""
    ran = subprocess.run(
        [sys.executable, "-c", IMPORT + code, folder], capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr


@pytest.mark.slow
def test_what_is_left_out_works_when_it_is_turned_on(tmp_path: Path) -> None:
    run(TURNED_ON, tmp_path)


@pytest.mark.slow
def test_a_phoenix_that_was_not_tested_is_imported_whole(tmp_path: Path) -> None:
    run(ANOTHER_VERSION, tmp_path)


@pytest.mark.slow
def test_a_client_is_imported_without_the_server(tmp_path: Path) -> None:
    run(CLIENT_ALONE, tmp_path)


def test_a_module_is_imported_when_its_function_is_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "costly_module.py").write_text("def double(x):\n    return 2 * x\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, "costly_module", LaterModule("costly_module"))
    from costly_module import double  # type: ignore[import-not-found]

    assert isinstance(sys.modules["costly_module"], LaterModule)
    assert double(4) == 8
    assert not isinstance(sys.modules["costly_module"], LaterModule)


def test_an_import_that_fails_leaves_nothing_behind() -> None:
    before = set(sys.modules)
    with contextlib.suppress(ImportError), fast_imports():
        assert not gc.isenabled()
        raise ImportError
    assert gc.isenabled()
    assert set(sys.modules) == before


class Circle:
    """Garbage that only the collector frees."""

    def __init__(self) -> None:
        self.itself = self


def test_garbage_made_without_collection_is_freed_by_the_next_full_one() -> None:
    with without_collection():
        made = weakref.ref(Circle())
        assert made() is not None
    frozen = gc.get_freeze_count()
    gc.collect()
    assert made() is None
    assert frozen == 0
