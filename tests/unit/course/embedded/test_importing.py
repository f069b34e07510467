"""Which Phoenix it is."""

from __future__ import annotations

import re

import pytest

from rag_tutorials.course.embedded.importing import version_remark


@pytest.mark.parametrize(
    ("version", "remark"),
    [("20.26.1", None), ("20.26.9", None), ("20.25.0", "older"), ("21.0.0", "newer")],
)
def test_another_phoenix_than_the_tested_one_is_one_sentence(
    version: str, remark: str | None
) -> None:
    said = version_remark(version)
    if remark is None:
        assert said is None
    else:
        assert said is not None
        assert re.search(rf"{version} is {remark} .* `python scripts/course.py lab`", said)
