"""The import of Phoenix that the course's JupyterLab begins in its kernels as they start."""

from __future__ import annotations

import shutil
import textwrap
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from .conftest import OPENING, Kernel

ROOT = Path(__file__).parents[2]
Start = Callable[[Mapping[str, str]], Kernel]


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """The course's JupyterLab gives its kernels this start-up folder; the home folder is empty."""
    startup = tmp_path / "ipython" / "profile_default" / "startup"
    shutil.copytree(ROOT / "scripts" / "lab" / "ipython", startup)
    return {
        "COURSE_STATE_DIR": str(tmp_path / "state"),
        "HOME": str(tmp_path / "home"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }


@pytest.fixture
def stand_in(tmp_path: Path, environment: dict[str, str]) -> Path:
    """A package ``phoenix`` that imports until the returned file exists, and then fails."""
    package = tmp_path / "broken" / "phoenix"
    package.mkdir(parents=True)
    go_on = tmp_path / "go-on"
    (package / "__init__.py").write_text(
        f"import pathlib, time\n"
        f"while not pathlib.Path({str(go_on)!r}).exists():\n"
        f"    time.sleep(0.02)\n"
        f"print('half-way')\n"
        f"raise RuntimeError('a broken package')\n"
    )
    environment["PYTHONPATH"] = str(package.parent)
    return go_on


def importing(kernel: Kernel) -> bool:
    names = kernel.ask("[t.name for t in __import__('threading').enumerate()]")
    return "import-phoenix" in names


def wait_until_imported(kernel: Kernel) -> None:
    deadline = time.monotonic() + 120
    while importing(kernel):
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_a_kernel_imports_phoenix_by_itself_and_says_nothing(
    start_kernel: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    kernel = start_kernel(environment)
    wait_until_imported(kernel)
    assert kernel.ask("'phoenix.server.app' in __import__('sys').modules")
    assert kernel.ask("[n for n in globals() if 'begin' in n]") == []
    assert kernel.ask("__import__('gc').isenabled()")
    outputs = kernel.open_course("00_start_here")
    assert [output.error + output.stderr for output in outputs] == ["", ""]
    assert "00_start_here is ready" in outputs[0].stdout
    assert not (tmp_path / "home" / ".phoenix").exists()
    assert kernel.ask("str(course.traces_folder)") == str(
        tmp_path / "state" / "phoenix" / "00_start_here"
    )
    assert (tmp_path / "state" / "phoenix" / "00_start_here" / "phoenix.db").exists()


def test_a_module_that_another_thread_has_half_made_ends_nothing(
    start_kernel: Start, environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        textwrap.dedent("""
            import sys

            class HalfMade:
                met = False

                def find_spec(self, name, path=None, target=None):
                    if name == "rag_tutorials.course.embedded.opening" and not self.met:
                        self.met = True
                        raise ImportError("cannot import from a partially initialized module")

            sys.meta_path.insert(0, HalfMade())
        """)
    )
    environment["PYTHONPATH"] = str(tmp_path)
    kernel = start_kernel(environment)
    wait_until_imported(kernel)
    assert kernel.ask(
        "[one.met for one in __import__('sys').meta_path if hasattr(one, 'met')]"
    ) == [True]
    assert kernel.ask("'phoenix.server.app' in __import__('sys').modules")


def test_an_import_that_fails_is_silent_and_told_by_the_opening(
    start_kernel: Start, environment: dict[str, str], stand_in: Path
) -> None:
    stand_in.touch()
    kernel = start_kernel(environment)
    wait_until_imported(kernel)
    output = kernel.run(OPENING[0].format(name="00_start_here"))
    assert "Phoenix cannot be imported (RuntimeError: a broken package)" in output.error
    assert output.stdout.count("half-way") == 1  # the opening's own try


def test_an_interrupt_of_the_waiting_opening_does_no_harm(
    start_kernel: Start, environment: dict[str, str], stand_in: Path
) -> None:
    kernel = start_kernel(environment)
    assert importing(kernel)
    opening = OPENING[0].format(name="00_start_here")
    waiting = kernel.send_until_it_prints(f"print('on', flush=True)\n{opening}")
    kernel.manager.interrupt_kernel()
    assert "KeyboardInterrupt" in kernel.wait(waiting).error
    assert importing(kernel)
    stand_in.touch()
    output = kernel.run(OPENING[0].format(name="00_start_here"))
    assert "Phoenix cannot be imported (RuntimeError: a broken package)" in output.error


def test_a_kernel_that_still_imports_can_be_shut_down(
    environment: dict[str, str], stand_in: Path
) -> None:
    kernel = Kernel(environment)
    assert importing(kernel)
    kernel.client.stop_channels()
    kernel.manager.shutdown_kernel()
    assert not kernel.manager.is_alive()
    assert kernel.manager.provisioner is None or not kernel.manager.provisioner.has_process


def test_an_interrupt_of_the_import_or_of_the_first_launch_is_made_good_by_running_again(
    start_kernel: Start, tmp_path: Path
) -> None:
    kernel = start_kernel({"COURSE_STATE_DIR": str(tmp_path), "OTEL_TRACES_SAMPLER": "always_off"})
    assert not kernel.run("import nest_asyncio; nest_asyncio.apply()").error
    for cell, under_way in zip(OPENING, ("import-phoenix", "launch-phoenix"), strict=True):
        watched = kernel.send(f"""
            import threading, _thread, time

            def interrupt():
                while {under_way!r} not in [one.name for one in threading.enumerate()]:
                    time.sleep(0.001)
                time.sleep(0.2)
                _thread.interrupt_main()

            threading.Thread(target=interrupt, daemon=True).start()
            {textwrap.indent(textwrap.dedent(cell.format(name="00_start_here")), " " * 12).strip()}
            time.sleep(60)
        """)
        assert "KeyboardInterrupt" in kernel.wait(watched).error
        output = kernel.run(cell.format(name="00_start_here"))
        assert not output.error, output
        if under_way == "import-phoenix":
            assert "Set and ignored in this notebook: OTEL_TRACES_SAMPLER;" in output.stdout
    kernel.run("with tracer_provider.get_tracer('t').start_as_current_span('kept') as span: pass")
    assert kernel.ask("course.read_back(span)[0].name") == "kept"
    assert kernel.ask("course.traces_folder.name") == "00_start_here"
    assert not list(tmp_path.glob("phoenix/*/phoenix-unusable-*"))
