"""Real kernels, as JupyterLab starts them."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import pytest
from jupyter_client.blocking.client import BlockingKernelClient
from jupyter_client.manager import KernelManager

OPENING = (
    'from rag_tutorials.course import prepare\n\ncourse = prepare("{name}")',
    """
    import phoenix as px
    from phoenix.otel import register

    session = px.active_session() or px.launch_app(use_temp_dir=False)
    tracer_provider = register(
        project_name=course.project,
        endpoint=course.otlp_endpoint,
        protocol="http/protobuf",
        verbose=False,
    )
    """,
)


@dataclass
class Output:
    """What a cell left below it."""

    stdout: str = ""
    stderr: str = ""
    error: str = ""
    value: str = ""


class Kernel:
    """One kernel and its client."""

    def __init__(
        self, environment: Mapping[str, str], manager: KernelManager | None = None
    ) -> None:
        self.manager = manager or KernelManager(kernel_name="python3")
        self.manager.start_kernel(env={**os.environ, **environment})
        self._connect()

    def _connect(self) -> None:
        self.client: BlockingKernelClient = self.manager.client()
        self.client.start_channels()
        self.client.wait_for_ready(timeout=120)

    def send(self, code: str) -> str:
        """Start a cell and return at once."""
        return str(self.client.execute(textwrap.dedent(code)))

    def wait(self, message_id: str, timeout: float = 120) -> Output:
        """Wait for the end of a cell."""
        output = Output()
        while True:
            message = self.client.get_iopub_msg(timeout=timeout)
            if message["parent_header"].get("msg_id") != message_id:
                continue
            content: dict[str, Any] = message["content"]
            match message["msg_type"]:
                case "stream":
                    name = content["name"]
                    setattr(output, name, getattr(output, name) + content["text"])
                case "error":
                    output.error = "\n".join(content["traceback"])
                case "execute_result":
                    output.value = content["data"]["text/plain"]
                case "status" if content["execution_state"] == "idle":
                    return output

    def send_until_it_prints(self, code: str) -> str:
        """Start a cell, and return when it has printed: by then it is under way."""
        message_id = self.send(code)
        told: tuple[Any, ...] = ()
        while told != ("stream", message_id):
            message = self.client.get_iopub_msg(timeout=120)
            told = (message["msg_type"], message["parent_header"].get("msg_id"))
        return message_id

    def run(self, code: str) -> Output:
        """Run a cell to its end."""
        return self.wait(self.send(code))

    def ask(self, expression: str) -> Any:
        """Return the value of an expression (a Python literal)."""
        import ast

        output = self.run(expression)
        assert not output.error, output.error
        return ast.literal_eval(output.value)

    def open_course(self, name: str) -> list[Output]:
        """Run a notebook's opening cells."""
        return [self.run(textwrap.dedent(cell).format(name=name)) for cell in OPENING]

    def restart(self) -> None:
        """Restart the kernel, as the menu does."""
        self.client.stop_channels()
        self.manager.restart_kernel(now=True)
        self._connect()

    def stop(self) -> None:
        """Shut the kernel down."""
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def start_kernel() -> Iterator[Callable[[Mapping[str, str]], Kernel]]:
    """Start kernels that end with the module's tests."""
    started: list[Kernel] = []

    def start(environment: Mapping[str, str]) -> Kernel:
        started.append(Kernel(environment))
        return started[-1]

    yield start
    for kernel in started:
        kernel.stop()
