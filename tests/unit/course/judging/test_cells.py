"""What a failed cell left as it was is not judged in silence."""

from __future__ import annotations

import pytest
from IPython.core.interactiveshell import InteractiveShell
from traitlets.config import Config

from rag_tutorials.course.judging.cells import Cells

CHECK = "said.append(cells.sentence()); answer"


@pytest.fixture
def shell() -> InteractiveShell:
    settings = Config({"HistoryManager": {"enabled": False}})
    shell = InteractiveShell(config=settings)
    cells = Cells(shell)
    shell.events.register("pre_run_cell", cells.before)
    shell.events.register("post_run_cell", cells.after)
    shell.user_ns.update(cells=cells, said=[])
    return shell


@pytest.mark.parametrize(
    ("cell", "stale"),
    [
        ("def answer(): return 2", False),
        ("1 / 0\ndef answer(): return 2", True),
        ("def answer(:\n    return 2", True),
        ("answer = missing", True),
        ("def answer(): return 2\n1 / 0", False),  # it was made, then something else failed
        ("1 / 0\nother = 3", False),
        ("def other():\n    answer = 2\n1 / 0", False),  # a local name
    ],
)
def test_a_name_that_its_cell_failed_to_make_is_stale(
    shell: InteractiveShell, cell: str, stale: bool
) -> None:
    shell.run_cell("def answer(): return 1")
    shell.run_cell(cell)
    shell.run_cell(CHECK)
    (sentence,) = shell.user_ns["said"]
    assert (sentence is not None) is stale
    assert not stale or "The cell that makes `answer` did not run to its end" in sentence


def test_a_mended_cell_is_judged_again(shell: InteractiveShell) -> None:
    for cell in ("answer = 1", "answer = missing", "answer = 2", CHECK):
        shell.run_cell(cell)
    assert shell.user_ns["said"] == [None]
