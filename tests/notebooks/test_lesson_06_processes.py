"""The processes that a notebook starts, under real kernels: interrupted, failed, ended."""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import Any

import nbformat
import psutil
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

pytestmark = pytest.mark.xdist_group("kernels")

START = """
from rag_tutorials.course.equipment.processes import start

options = ("--endpoint", "http://127.0.0.1:9", "--project", "p")
worker = start("rag_tutorials.services.worker", *options)
_ = worker.wait_until_ready()
"""
# No spans: nobody receives them here.
ENVIRONMENT = {"OTEL_SDK_DISABLED": "true"}


def gone(pid: int) -> bool:
    try:
        psutil.Process(pid).wait(120)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True


@pytest.fixture(scope="module")
def kernel(start_kernel: Callable[..., Any]) -> Any:
    return start_kernel(ENVIRONMENT)


def test_an_interrupt_and_an_error_leave_it_running_and_a_second_start_takes_its_place(
    kernel: Any,
) -> None:
    assert not kernel.run(START).error
    first = kernel.ask("worker.pid")
    waiting = kernel.send_until_it_prints("print('on', flush=True); worker.get()")
    kernel.manager.interrupt_kernel()
    assert "KeyboardInterrupt" in kernel.wait(waiting).error
    assert "ZeroDivisionError" in kernel.run("1 / 0").error
    assert "KeyError" in kernel.ask("worker.put({}) or worker.get()")["error"]
    assert not kernel.run(START).error
    assert gone(first)
    assert kernel.ask("worker.running") is True


@pytest.mark.parametrize("end", ["restart", "stop"])
def test_it_ends_with_the_kernel(start_kernel: Callable[..., Any], end: str) -> None:
    kernel = start_kernel(ENVIRONMENT)
    assert not kernel.run(START).error
    pid = kernel.ask("worker.pid")
    getattr(kernel, end)()
    assert gone(pid)


def test_nothing_is_left_when_a_cell_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    cells = [START, "worker.pid", "raise ValueError('on purpose')"]
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in cells])
    with pytest.raises(CellExecutionError, match="on purpose"):
        NotebookClient(notebook, kernel_name="python3", timeout=120).execute()
    [pid] = [one for one in notebook.cells[1].outputs if one.output_type == "execute_result"]
    assert gone(ast.literal_eval(pid.data["text/plain"]))
