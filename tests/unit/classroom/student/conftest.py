"""A class for each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from class_server import ClassServer


@pytest.fixture
def server() -> Iterator[ClassServer]:
    found = ClassServer()
    yield found
    found.stop()
