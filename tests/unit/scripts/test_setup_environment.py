"""The environment is made once, left alone while nothing changed, and repaired when it broke."""

import os
import shutil
import subprocess
import sys
import time
import venv
from pathlib import Path

import _run
import _setup
import psutil
import pytest
from _progress import Packages
from _run import CommandError, clean_environment, explain, run_step, uv_settings
from _setup import BOOTSTRAP, LOCKS, RECORD, Checkout

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def course(tmp_path: Path) -> Checkout:
    """A course with the real locks, in a path with a space, and nothing installed."""
    root = tmp_path / "my course"
    root.mkdir()
    for name in (*LOCKS.values(), BOOTSTRAP, "pyproject.toml"):
        shutil.copy(ROOT / name, root)
    return Checkout(root)


@pytest.fixture
def installed(course: Checkout) -> Checkout:
    """The same with a real environment, written down as complete."""
    venv.create(course.venv, with_pip=False, symlinks=os.name != "nt")
    course._write_record(complete=True)
    return course


def test_nothing_is_ready_before_the_first_run(course: Checkout) -> None:
    assert course.problem() == "there is none"


def test_a_finished_environment_is_usable(installed: Checkout) -> None:
    assert installed.problem() == ""


def test_an_interrupted_installation_is_made_anew(installed: Checkout) -> None:
    installed._write_record(complete=False)
    assert installed.problem() == "its installation was interrupted"


def test_a_damaged_record_counts_as_interrupted(installed: Checkout) -> None:
    (installed.venv / RECORD).write_text('{"complete": tr', encoding="utf-8")
    assert installed.problem() == "its installation was interrupted"


@pytest.mark.parametrize("act", [shutil.move, shutil.copytree])
def test_a_moved_or_copied_folder_is_made_anew(installed: Checkout, act: object) -> None:
    assert callable(act)
    there = installed.root.with_name("elsewhere")
    act(str(installed.root), str(there))
    assert Checkout(there).problem() == "the folder was moved or copied"


def test_an_environment_whose_python_is_gone_is_made_anew(installed: Checkout) -> None:
    installed.python.unlink()
    assert installed.problem() == "its Python is gone"


def test_an_environment_whose_python_does_not_start_is_made_anew(installed: Checkout) -> None:
    installed.python.unlink()
    installed.python.write_bytes(b"not a program")
    installed.python.chmod(0o755)
    assert installed.problem() == "its Python does not start"


def test_an_environment_made_by_hand_is_used_if_it_has_pip(course: Checkout) -> None:
    venv.create(course.venv, with_pip=False, symlinks=os.name != "nt")
    assert course.problem() == "it has no pip"
    (next(course.venv.glob("[Ll]ib*/**/site-packages")) / "pip").mkdir()
    assert course.problem() == ""


def test_a_folder_that_cannot_be_written_is_told(course: Checkout) -> None:
    course.state.write_text("a file where the folder should be", encoding="utf-8")
    with pytest.raises(CommandError, match=r"Nothing can be written in .*Copy the course"):
        course.ensure("lab")


def test_a_disk_that_is_too_full_is_told(course: Checkout, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_setup, "DISK_NEEDED", 10**18)
    with pytest.raises(CommandError, match=r"The disk has .* GB free; .* Free some"):
        course.ensure("lab")
    assert not course.venv.exists()


def test_an_environment_that_was_removed_by_half_is_made_anew(
    installed: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def half(venv: Path) -> None:
        (venv / RECORD).unlink()
        raise PermissionError(13, "in use")

    installed._write_record(complete=False)
    monkeypatch.setattr(shutil, "rmtree", half)
    with pytest.raises(CommandError, match=r"could not be removed \(in use\). Close JupyterLab"):
        installed.ensure("lab")
    assert installed.problem() == "its installation was interrupted"


def test_two_commands_do_not_set_up_at_once(course: Checkout) -> None:
    course.state.mkdir()
    with course._alone(), pytest.raises(CommandError, match="Another command is setting up"):
        course.ensure("lab")


ORPHAN = """
import os, sys
from pathlib import Path
from _run import run_step
from _setup import Checkout
course = Checkout(Path(sys.argv[1]))
with course._alone():
    code = "import os, time; open(%r, 'w').write(str(os.getpid())); time.sleep(600)" % sys.argv[2]
    run_step("A long step", [sys.executable, "-c", code], os.environ, course.log)
"""


@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="a lock there belongs to one process")
def test_a_step_that_outlives_a_killed_command_keeps_the_lock(
    course: Checkout, tmp_path: Path
) -> None:
    course.state.mkdir()
    pid_file = tmp_path / "pid"
    env = os.environ | {"PYTHONPATH": str(ROOT / "scripts")}
    command = psutil.Popen([sys.executable, "-c", ORPHAN, course.root, pid_file], env=env)
    while not (pid_file.exists() and pid_file.read_text(encoding="utf-8")):
        assert command.is_running()
        time.sleep(0.02)
    step = psutil.Process(int(pid_file.read_text(encoding="utf-8")))
    try:
        command.kill()
        command.wait()
        with pytest.raises(CommandError, match="Another command is setting up"):
            course.ensure("lab")
    finally:
        step.kill()
    psutil.wait_procs([step], timeout=120)
    with course._alone():
        pass


# Other environments and the user's configuration


def test_other_environments_do_not_reach_ours(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('the wrong json')", encoding="utf-8")
    foreign = {
        "VIRTUAL_ENV": "/other",
        "CONDA_PREFIX": "/conda",
        "PYTHONHOME": "/nowhere",
        "PYTHONPATH": str(tmp_path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PIP_TARGET": "/other",
        "PIP_USER": "1",
        "UV_SYSTEM_PYTHON": "1",
        "KEPT": "yes",
    }
    env = clean_environment(tmp_path / ".venv", os.environ | foreign)
    assert env["VIRTUAL_ENV"] == str(tmp_path / ".venv")
    assert env["PATH"].startswith(str(tmp_path / ".venv"))
    assert env["KEPT"] == "yes"
    assert not (set(foreign) - {"VIRTUAL_ENV", "KEPT"}) & set(env)
    subprocess.run([sys.executable, "-c", "import json"], env=env, check=True)


PIP = """\
:env:.index-url='https://mine.example/index'
global.cert='/etc/own.pem'
global.extra-index-url='https://a.example/index https://b.example/index'
global.index-url='https://theirs.example/index'
global.timeout='60'
install.find-links='/wheels\\n/more'
something odd
"""


def test_pips_configuration_is_passed_to_uv() -> None:
    settings = uv_settings(PIP, {})
    assert settings["UV_INDEX"] == "https://a.example/index https://b.example/index"
    assert settings["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert settings["UV_FIND_LINKS"] == "/wheels,/more"
    assert settings["SSL_CERT_FILE"] == "/etc/own.pem"


def test_a_variable_wins_over_pips_files_as_it_does_in_pip() -> None:
    assert uv_settings(PIP, {})["UV_DEFAULT_INDEX"] == "https://mine.example/index"


@pytest.mark.parametrize("name", ["UV_DEFAULT_INDEX", "UV_INDEX_URL"])
def test_what_the_user_set_for_uv_stays(name: str) -> None:
    assert "UV_DEFAULT_INDEX" not in uv_settings(PIP, {name: "https://uvs.example/index"})


def test_without_a_configuration_uv_keeps_its_defaults() -> None:
    assert uv_settings("", {}) == {"UV_HTTP_TIMEOUT": "120"}


# Progress and failures


def test_a_step_shows_one_line_and_logs_the_rest(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "state" / "log"
    command = [sys.executable, "-c", "print('from https://host.example/x'); print('two')"]
    assert run_step("[1/1] Trying", command, os.environ, log) == "from <address>\ntwo"
    shown = capsys.readouterr().out.splitlines()
    assert shown[0] == "[1/1] Trying"
    assert shown[1].startswith("      done, ")
    assert len(shown) == 2
    assert "host.example" not in log.read_text(encoding="utf-8")


# Says that it fetches three packages, and puts two of them into the cache that it is given.
INSTALLER = """
import pathlib, sys, time
for name in "abc":
    print(f"DEBUG Identified uncached distribution: {name}==1", flush=True)
for name in "ab":
    pathlib.Path(sys.argv[1], "archive-v0", name).mkdir(parents=True)
told = pathlib.Path(sys.argv[2])
while not told.exists():
    time.sleep(0.02)
"""


@pytest.mark.parametrize("terminal", [True, False])
def test_a_long_installation_says_how_many_packages_are_done(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    terminal: bool,
) -> None:
    told = tmp_path / "told"
    tell = _run._tell

    def tell_and_note(label: str, progress: str, seconds: float) -> None:
        tell(label, progress, seconds)
        if progress == "2 of 3 packages fetched":
            told.touch()

    monkeypatch.setattr(_run, "_tell", tell_and_note)
    monkeypatch.setattr(_run, "BEAT_S", 0.0)
    monkeypatch.setattr(sys.stdout, "isatty", lambda: terminal)
    monkeypatch.setenv("COLUMNS", "60")
    command = [sys.executable, "-c", INSTALLER, str(tmp_path / "cache"), str(told)]
    label = "[3/4] Installing packages"
    run_step(label, command, os.environ, tmp_path / "log", Packages(tmp_path / "cache"))
    shown = capsys.readouterr().out
    if terminal:  # one line, printed over; it never wraps
        assert shown.count("\n") == 1
        assert all(len(part) < 60 for part in shown.rstrip("\n").split("\r"))
        assert "2 of 3 packages fetched, " in shown
        assert f"{label}: " in shown
    else:
        assert "\r" not in shown
        assert "      2 of 3 packages fetched, " in shown


def test_a_failed_step_names_the_cause_and_the_log(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "raise SystemExit('error: dns error: failed to lookup')"
    with pytest.raises(CommandError) as caught:
        run_step("Trying", [sys.executable, "-c", code], os.environ, log)
    assert "connect and run the same command again" in str(caught.value)
    assert str(log) in str(caught.value)


def test_an_unknown_failure_shows_the_last_lines(tmp_path: Path) -> None:
    code = "import sys; [print('line', n) for n in range(20)]; sys.exit(3)"
    with pytest.raises(CommandError, match="line 19") as caught:
        run_step("Trying", [sys.executable, "-c", code], os.environ, tmp_path / "log")
    assert "line 3" not in str(caught.value)


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("OSError: [Errno 28] No space left on device", "The disk is full"),
        ("invalid peer certificate: UnknownIssuer", "SSL_CERT_FILE"),
        ("Failed to establish a new connection\nNo matching distribution found for uv==1", "first"),
        ("No matching distribution found for uv==0.13.9", "no build for this machine"),
        ("x==1 has no wheels with a matching platform tag", "no build for this machine"),
        ("failed to create file: Permission denied (os error 13)", "could not be written"),
        ("Hash mismatch for `x==1`", "not the file that the lock names"),
        ("something else", ""),
    ],
)
def test_known_failures_have_a_sentence(said: str, sentence: str) -> None:
    assert sentence in explain(said)
    assert bool(explain(said)) == bool(sentence)
