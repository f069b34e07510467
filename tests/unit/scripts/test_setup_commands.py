"""The commands as a person runs them: too old a Python, JupyterLab, the doctor."""

import contextlib
import json
import os
import re
import runpy
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import _cli
import _doctor
import _lab
import _probe
import nbformat
import psutil
import pytest
from _setup import BOOTSTRAP, DATA, LOCKS, Checkout
from jupyter_client.blocking.client import BlockingKernelClient

ROOT = Path(__file__).resolve().parents[3]
COMMAND = ROOT / "scripts" / "course.py"
LAB = """
import sys
from pathlib import Path
from _lab import open_lab
from _run import CommandError, stop_signals_interrupt
from _setup import Checkout
try:
    with stop_signals_interrupt():
        sys.exit(open_lab(Checkout(Path(sys.argv[1])), int(sys.argv[2]), browser=False))
except CommandError as error:
    sys.exit(str(error))
"""


@pytest.fixture
def course(tmp_path: Path) -> Checkout:
    """A course in a path with a space that uses the environment these tests run in."""
    root = tmp_path / "my course"
    (root / "notebooks").mkdir(parents=True)
    (root / "scripts").symlink_to(ROOT / "scripts", target_is_directory=True)
    for name in (*LOCKS.values(), BOOTSTRAP, "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    (root / ".venv").symlink_to(sys.prefix, target_is_directory=True)
    return Checkout(root)


@pytest.mark.parametrize("version", ["(2, 7, 18)", "(3, 10, 13)", "(3, 15, 0)"])
def test_another_python_gets_a_sentence(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "version_info", tuple(json.loads(f"[{version[1:-1]}]")))
    with pytest.raises(SystemExit, match=r"needs a 64-bit Python 3\.11, .*this is .*") as caught:
        runpy.run_path(str(COMMAND))
    assert "Traceback" not in str(caught.value)


def old_pythons() -> Iterator[str]:
    """Yield the Pythons too old for the course on this machine, if any."""
    names = ["python2", "python2.7", *(f"python3.{minor}" for minor in range(5, 11))]
    found = [shutil.which(name) for name in names]
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found += [str(path) for path in pyenv.glob("*/bin/python")]
    for python in filter(None, found):
        asked = subprocess.run(
            [python, "-c", "import sys; print(sys.version_info < (3, 11))"],
            capture_output=True,
            text=True,
            check=False,
        )
        if asked.stdout.strip() == "True":
            yield python


@pytest.mark.slow
def test_the_old_pythons_of_this_machine_can_read_the_command() -> None:
    compile(COMMAND.read_text(encoding="ascii"), "course.py", "exec")
    for python in old_pythons():
        ended = subprocess.run(
            [python, COMMAND, "lab"], capture_output=True, text=True, check=False
        )
        assert ended.returncode == 1, python
        assert ended.stderr.startswith("The course needs a 64-bit Python 3.11"), python


def test_a_command_that_nobody_knows_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        _cli.main(["dance"])
    assert caught.value.code == 2
    assert "'lab'" in capsys.readouterr().err


# test


@pytest.mark.parametrize(
    ("extra", "suite"),
    [
        ([], ["notebooks", "tests"]),
        (["-k", "spans"], ["notebooks", "tests", "-k", "spans"]),
        (["tests/unit::one"], ["tests/unit::one"]),
    ],
)
def test_pytest_gets_the_suite_unless_a_path_is_named(extra: list[str], suite: list[str]) -> None:
    arguments = _cli.pytest_arguments(ROOT, extra)
    assert arguments == ["-n", "2", "--dist", "loadgroup", "--nbmake", *suite]


def test_the_quick_choice_is_the_unit_tests_and_the_first_notebook() -> None:
    arguments = _cli.pytest_arguments(ROOT, ["-x"], quick=True)
    assert arguments[5:] == ["--quick", "notebooks/00_start_here.ipynb", "tests/unit", "-x"]
    assert (ROOT / arguments[6]).is_file()


@pytest.mark.slow
@pytest.mark.parametrize(("marked", "status"), [(False, 1), (True, 0)])
def test_a_slow_test_among_the_quick_ones_fails_the_run(
    tmp_path: Path, marked: bool, status: int
) -> None:
    mark = "@pytest.mark.slow\n" if marked else ""
    (tmp_path / "test_some.py").write_text(
        "import time\nimport pytest\n\n"
        "@pytest.mark.parametrize('number', range(1000))\n"
        "def test_quick(number): pass\n\n"
        f"{mark}def test_slow(): time.sleep(3)\n"
    )
    plugins = ["-p", "no:phoenix", "-p", "_quick"]
    command = [sys.executable, "-m", "pytest", *plugins, "--quick", "-n", "2", tmp_path]
    ended = subprocess.run(
        command,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT / "scripts")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == status, ended.stdout
    told = "test_slow took 3.0 s, too large a share of the quick tests"
    assert (told in ended.stdout) != marked


# bench


def test_one_command_runs_every_benchmark(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tests" / "benchmarks"
    folder.mkdir(parents=True)
    for name in ("bench_start", "bench_stub", "helper"):
        (folder / f"{name}.py").write_text(f"print('ran {name}')")
    course = Checkout(tmp_path)
    monkeypatch.setattr(Checkout, "python", Path(sys.executable))
    assert _cli.run_checks(course, _cli.benchmarks(course), os.environ) == 0
    told = capfd.readouterr().out.splitlines()
    assert told == ["== bench_start", "ran bench_start", "== bench_stub", "ran bench_stub"]
    assert set(_cli.benchmarks(Checkout(ROOT))) == {
        file.stem for file in (ROOT / "tests" / "benchmarks").glob("*.py")
    }


# doctor


def test_the_doctor_on_a_machine_with_nothing_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _doctor.examine(Checkout(tmp_path)) == 1
    told = capsys.readouterr().out
    assert re.search(r"^FAIL  environment  .*there is none\n +-> run: python scripts/", told, re.M)
    assert re.search(r"^FAIL  data .* missing\n +-> run: python scripts/", told, re.M)
    assert re.search(r"^ok    Python ", told, re.M)
    assert re.search(r"^FAIL  course  .*cannot be read.*\n +-> get the course", told, re.M)
    assert told.endswith("3 to put right.\n")


@pytest.mark.slow
def test_the_doctor_runs_the_first_notebook_offline_and_never_shows_a_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Checkout, "python", Path(sys.executable))
    monkeypatch.setenv("COURSE_LLM", "")
    monkeypatch.setenv("OPENAI_API_KEY", "a-secret-key")
    (tmp_path / "phoenix" / "01_real").mkdir(parents=True)
    (tmp_path / "phoenix" / "01_real" / "phoenix.db").write_bytes(b"garbage" * 1000)
    monkeypatch.setenv("COURSE_STATE_DIR", str(tmp_path))  # the real folder is looked at too
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://user:a-secret-word@127.0.0.1:9/v1")
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):  # nobody listens there
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    found = {finding.name: finding for finding in _doctor.probe(Checkout(ROOT))}
    assert list(found)[:3] == ["memory", "LLM", "Phoenix"]
    assert list(found)[-1] == "notebook"
    assert found["notebook"].ok, found["notebook"]
    assert re.search(r"ran offline with the stub; \d+ spans of 2 traces", found["notebook"].text)
    assert "01_real: the database cannot be used" in found["traces"].text
    assert "127.0.0.1:9/v1; a key is set" in found["LLM"].text
    assert "secret" not in "".join(map(str, found.values()))


def write_notebook(path: Path, *cells: str) -> Path:
    notebook = nbformat.v4.new_notebook(
        cells=[
            nbformat.v4.new_code_cell(code, id=f"cell-{number}")
            for number, code in enumerate(cells)
        ]
    )
    nbformat.write(notebook, path)
    return path


@pytest.mark.slow
@pytest.mark.parametrize(
    ("code", "told", "remedy"),
    [
        ("1 / 0", "`cell-1` ended with ZeroDivisionError: division by zero", "remove the folder"),
        (
            "from rag_tutorials.course import CourseError\nraise CourseError('Eat an apple.')",
            "`cell-1` ended with CourseError: Eat an apple.",
            "do what that sentence says",
        ),
        ("import os; os._exit(1)", "its kernel died", "close other programs"),
        ("found = [('t', 'CHAIN')]", "Phoenix has 1 spans, not its trace", "remove the folder"),
    ],
)
def test_the_doctor_says_what_stopped_the_notebook_and_what_to_do(
    tmp_path: Path, code: str, told: str, remedy: str
) -> None:
    fake = (
        "from types import SimpleNamespace\nfound = []\nclass course:\n"
        "    fetch = lambda: [SimpleNamespace(trace_id=t, kind=k) for t, k in found]"
    )
    path = write_notebook(tmp_path / "first.ipynb", fake, code)
    with pytest.raises(_probe.NotebookFailedError) as caught:
        _probe.run_notebook(path)
    assert told in str(caught.value)
    assert remedy in caught.value.remedy


def test_the_doctor_tells_a_notebook_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "first.ipynb").write_text("{")
    for name in ("first.ipynb", "none.ipynb"):
        with pytest.raises(_probe.NotebookFailedError, match="cannot be read") as caught:
            _probe.run_notebook(tmp_path / name)
        assert name in caught.value.remedy


@pytest.mark.slow
def test_the_doctors_notebook_reaches_this_machine_and_no_other(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        here = f"socket.create_connection({server.getsockname()!r}, timeout=5).close()"
        path = write_notebook(
            tmp_path / "first.ipynb",
            f"import socket\n{here}",
            "socket.create_connection(('192.0.2.1', 80), timeout=5)",
        )
        with pytest.raises(
            _probe.NotebookFailedError, match=r"`cell-1` .* nothing leave this machine"
        ):
            _probe.run_notebook(path)


def test_the_doctor_tells_broken_packages(course: Checkout, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", broken], check=True)
    course.venv.unlink()
    course.venv.symlink_to(broken, target_is_directory=True)
    (finding,) = _doctor.probe(course)
    assert not finding.ok
    assert "No module named" in finding.text
    assert "remove the folder .venv" in finding.remedy


def test_a_taken_port_is_a_remark_and_not_a_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        finding = _doctor.check_port(server.getsockname()[1])
    assert str(finding).startswith("note")


def test_missing_data_is_named(course: Checkout) -> None:
    (course.root / "data").mkdir()
    (course.root / DATA[0]).touch()
    assert DATA[1] in _doctor.check_data(course).text
    assert DATA[0] not in _doctor.check_data(course).text


# lab


@pytest.fixture
def open_lab(course: Checkout) -> Iterator[Callable[[int], tuple[psutil.Popen, str]]]:
    """Start the lab as the command does and wait until it says that it is open."""
    started: list[psutil.Popen] = []

    def start(port: int) -> tuple[psutil.Popen, str]:
        env = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
        command = [sys.executable, "-c", LAB, str(course.root), str(port)]
        process = psutil.Popen(
            command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        started.append(process)
        told = ""
        for line in process.stdout:
            told += line
            if line.startswith("Ctrl-C"):
                return process, told
        pytest.fail(f"JupyterLab did not open: {told}")

    yield start
    for process in started:
        if process.is_running():
            process.terminate()
            process.communicate(timeout=120)


def ask(told: str, path: str, data: bytes | None = None) -> bytes:
    """Send a request to the Lab whose start message is `told`."""
    found = re.search(r"(http://localhost:\d+)/.*token=(\w+)", told)
    assert found
    request = urllib.request.Request(found[1] + path, data=data)
    request.add_header("Authorization", f"token {found[2]}")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=120) as response:
        content: bytes = response.read()
    return content


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="stops by a POSIX signal")
def test_the_lab_has_its_own_settings_listens_on_loopback_and_stops_whole(
    course: Checkout, open_lab: Callable[[int], tuple[psutil.Popen, str]]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:  # its port is taken
        port = server.getsockname()[1]
        process, told = open_lab(port)
    assert f"Port {port} is taken; this is " in told
    assert f"localhost:{port}/" not in told
    settings = {
        plugin["id"]: plugin["schema"].get("properties")
        for plugin in json.loads(ask(told, "/lab/api/settings"))["settings"]
    }
    news = settings["@jupyterlab/apputils-extension:notification"]
    assert news["fetchNews"]["default"] == "false"
    assert news["checkForUpdates"]["default"] is False
    assert settings["@jupyterlab/notebook-extension:tracker"]["kernelShutdown"]["default"] is True

    assert b"notebooks" in ask(told, "/api/contents")
    assert json.loads(ask(told, "/api/kernels", b'{"name": "python3"}'))["name"] == "python3"
    family = process.children(recursive=True)
    assert len(family) >= 2  # the server and the kernel
    listening = set()
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):  # importing Phoenix starts short-lived ones
            listening |= {
                connection.laddr.ip
                for connection in member.net_connections(kind="inet")
                if connection.status == psutil.CONN_LISTEN
            }
    assert listening <= {"127.0.0.1", "::1"}
    assert listening

    process.send_signal(signal.SIGINT)
    rest, _ = process.communicate(timeout=120)
    assert "Stopping JupyterLab" in rest
    assert "Traceback" not in rest
    assert process.returncode == 0
    assert not any(member.is_running() for member in family)
    assert {path.name for path in course.state.iterdir()} == {"lab"}


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such sockets")
def test_kernels_of_the_lab_talk_over_sockets_that_only_their_user_reaches(
    course: Checkout, open_lab: Callable[[int], tuple[psutil.Popen, str]]
) -> None:
    course.state.mkdir(mode=0o755)
    process, told = open_lab(0)
    names = [json.loads(ask(told, "/api/kernels", b'{"name": "python3"}'))["id"] for _ in range(2)]
    runtime = connection_file(process, names[0]).parent
    for name in names:
        client = BlockingKernelClient(connection_file=str(connection_file(process, name)))
        client.load_connection_file()
        assert client.transport == "ipc"
        assert Path(client.ip).parent == runtime
        client.start_channels()
        wait_until_ready(client)
        endless = client.execute("print('in', flush=True)\nwhile True: pass")
        while client.get_iopub_msg(timeout=120)["content"].get("text") != "in\n":
            pass
        ask(told, f"/api/kernels/{name}/interrupt", b"{}")
        while (answer := client.get_shell_msg(timeout=120))["parent_header"]["msg_id"] != endless:
            pass  # to what was asked before it was ready
        assert answer["content"]["ename"] == "KeyboardInterrupt"
        ask(told, f"/api/kernels/{name}/restart", b"{}")
        wait_until_ready(client)
        assert client.execute_interactive("print(1)", timeout=120)["content"]["status"] == "ok"
        client.stop_channels()
    kernels = [
        one for one in process.children(recursive=True) if "ipykernel_launcher" in name_of(one)
    ]
    assert len(kernels) == len(names)
    # One is left: ipykernel takes the output of forked children there, if they know a secret.
    assert all(len(kernel.net_connections(kind="inet")) <= 1 for kernel in kernels)
    for folder in (runtime, course.state, course.state / "lab"):
        assert folder.stat().st_mode & 0o077 == 0
    assert (course.state / "lab" / "jupyterlab.log").stat().st_mode & 0o077 == 0

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert not runtime.exists()


def wait_until_ready(client: BlockingKernelClient) -> None:
    """Wait for a kernel that this client did not start.

    For the client such a kernel is dead once it lets a heartbeat out for a second, which a busy
    machine does.
    """
    deadline = time.monotonic() + 120
    while True:
        try:
            return client.wait_for_ready(timeout=120)
        except RuntimeError:
            if time.monotonic() > deadline:
                raise


def name_of(process: psutil.Process) -> str:
    with contextlib.suppress(psutil.NoSuchProcess):
        return " ".join(process.cmdline())
    return ""


def connection_file(lab: psutil.Process, kernel: str) -> Path:
    """Return where a kernel of the lab reads how it is reached, once it runs."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        for process in lab.children(recursive=True):
            if found := re.search(rf"-f (\S+{kernel}\.json)", name_of(process)):
                return Path(found[1])
        time.sleep(0.05)
    pytest.fail("the kernel did not start")


def test_the_lab_is_open_when_it_answers_and_not_when_it_has_written_its_port_down(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """JupyterLab writes it down before it listens."""
    running = subprocess.Popen(
        [sys.executable, "-c", "import sys; sys.stdin.read()"], stdin=subprocess.PIPE
    )
    with running, socket.socket() as its:
        its.bind(("127.0.0.1", 0))
        port = its.getsockname()[1]
        (tmp_path / "jpserver-1.json").write_text(json.dumps({"port": port}))
        clock = SimpleNamespace(monotonic=time.monotonic, sleep=lambda _: its.listen())
        monkeypatch.setattr(_lab, "time", clock)
        assert _lab._port_of(running, tmp_path, tmp_path / "log") == port
        its.settimeout(120)
        its.accept()[0].close()


@pytest.mark.slow
def test_a_lab_that_does_not_start_says_why(course: Checkout) -> None:
    env = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    command = [sys.executable, "-c", LAB, str(course.root), "-5"]
    ended = subprocess.run(command, env=env, capture_output=True, text=True, check=False)
    assert ended.returncode == 1
    assert "JupyterLab did not start" in ended.stderr
