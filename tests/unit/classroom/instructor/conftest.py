"""A class that is served while a module's tests run."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from served_class import LAST_LINE, Class


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Class]:
    """Serve a class until the module's last test is done."""
    one = Class(tmp_path_factory.mktemp("class"))
    with one.serve() as program:
        program.wait_for(LAST_LINE)
        yield one
        assert program.end() == 0
