"""One database, two Phoenix and nginx for all tests that need no fresh ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from several_phoenix import Backend, MissingProgramError, backend

SMALL = {"PHOENIX_MAX_SPANS_QUEUE_SIZE": "400"}  # to be full soon


@pytest.fixture(scope="session")
def two_phoenix(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """Two Phoenix behind nginx, on an empty database."""
    pytest.importorskip("asyncpg", reason="asyncpg is missing: pip install 'arize-phoenix[pg]'")
    try:
        with backend(tmp_path_factory.mktemp("two phoenix"), extra=SMALL) as started:
            yield started
    except MissingProgramError as missing:
        pytest.skip(str(missing))


@pytest.fixture
def both(two_phoenix: Backend) -> Backend:
    """Both run at the beginning; what a test ended is started again."""
    ended = [each for each in two_phoenix.phoenixes if not each.runs]
    for each in ended:
        each.start()
    for each in ended:
        each.wait_until_ready()
    return two_phoenix
