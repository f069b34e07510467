"""The names that notebooks import from the room itself."""

from __future__ import annotations

import subprocess
import sys

import pytest

from rag_tutorials.course import equipment


def test_each_name_is_what_its_module_has() -> None:
    from rag_tutorials.course.equipment import planted, processes, receiver

    assert equipment.start is processes.start
    assert equipment.Process is processes.Process
    assert equipment.Receiver is receiver.Receiver
    assert equipment.release is planted.release


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match=r"rag_tutorials\.course\.equipment.*'Recevier'"):
        _ = equipment.Recevier


@pytest.mark.slow
def test_who_needs_the_llm_alone_does_not_wait_for_the_rest() -> None:
    program = (
        "import sys, rag_tutorials.course.equipment as room\n"
        "print([name for name in sys.modules if name.startswith(room.__name__ + '.')])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.stdout == "['rag_tutorials.course.equipment.llm']\n", done.stderr
