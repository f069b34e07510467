"""The quick import of Phoenix: what it leaves out, and that all of it is there when asked for."""

from __future__ import annotations

import contextlib
import gc
import os
import subprocess
import sys
from pathlib import Path

import pytest

from rag_tutorials.course.fast_imports import LaterModule, fast_imports

AFTER_THE_IMPORT = """
import sys
from rag_tutorials.course import server
server.keep_quiet()
server.import_phoenix()
assert "anthropic" not in sys.modules, "the stand-in saves nothing any more"
assert not {"rfc3987_syntax", "pydantic_ai.models.anthropic"} & set(sys.modules)

from phoenix.server.agents.capabilities import AnthropicPromptCacheCapability
assert AnthropicPromptCacheCapability().get_model_settings()["anthropic_cache"] is True
assert "anthropic" in sys.modules

from pydantic_ai.models.anthropic import AnthropicModel
import rfc3987_syntax
print("all there")
"""


def test_phoenix_imports_without_anthropics_sdk_and_finds_it_when_it_needs_it(
    tmp_path: Path,
) -> None:
    run = subprocess.run(
        [sys.executable, "-c", AFTER_THE_IMPORT],
        env={**os.environ, "PHOENIX_WORKING_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert run.stdout == "all there\n", run.stderr


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
