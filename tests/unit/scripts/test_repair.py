"""Whatever happens to an installed package, the next set-up repairs it or says what is wrong.

The real uv installs packages of a line each, from a folder instead of an index.
"""

import base64
import hashlib
import os
import shutil
import subprocess
import sys
import venv
import zipfile
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import _cli
import _setup
import pytest
from _locks import Pin, write_lock
from _progress import Packages
from _run import CommandError
from _setup import BOOTSTRAP, DATA, LOCKS, Checkout, RepairError

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
CONTENT = "VALUE = 'as it was published'\n"


def build(wheels: Path, name: str, version: str) -> Pin:
    """Write a wheel with a module and a script, and return its pin."""
    info = f"{name}-{version}.dist-info"
    files = {
        f"{name}/__init__.py": CONTENT,
        f"{name}/a, name.txt": "with a comma",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\n"
        "Tag: py3-none-any\n",
        f"{info}/entry_points.txt": f"[console_scripts]\n{name}-run = {name}:main\n",
    }
    lines = []
    for path, text in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=")
        quoted = f'"{path}"' if "," in path else path
        lines.append(f"{quoted},sha256={digest.decode()},{len(text)}\n")
    files[f"{info}/RECORD"] = "".join([*lines, f"{info}/RECORD,,\n"])
    wheel = wheels / f"{name}-{version}-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    digest_of_all = hashlib.sha256(wheel.read_bytes()).hexdigest()
    return Pin(name, version, "", (f"--hash=sha256:{digest_of_all}",))


def bring(name: str, there: Path) -> None:
    """Copy a package of this environment into another one, its programs as links."""
    for file in distribution(name).files or []:
        source = Path(str(file.locate())).resolve()
        target = there / source.relative_to(Path(sys.prefix).resolve())
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.suffix == ".pyc":
            continue
        if target.parent.name in ("bin", "Scripts"):
            os.link(source, target)
        else:
            shutil.copy2(source, target)


def point_at(folder: Path, patch: pytest.MonkeyPatch) -> Path:
    """Let uv know one index, a folder, and one cache; return the folder of wheels."""
    for name in list(os.environ):
        if name.startswith(("UV_", "PIP_")):
            patch.delenv(name)
    patch.setenv("PIP_CONFIG_FILE", os.devnull)
    patch.setenv("UV_NO_CONFIG", "1")
    patch.setenv("UV_NO_INDEX", "1")
    patch.setenv("UV_FIND_LINKS", str(folder / "wheels"))
    patch.setenv("UV_CACHE_DIR", str(folder / "cache"))
    return folder / "wheels"


@pytest.fixture(scope="module")
def pattern(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a course that was set up for `lab`, to be copied, and what uv installs from."""
    folder = tmp_path_factory.mktemp("pattern")
    root, wheels = folder / "my course", folder / "wheels"
    wheels.mkdir()
    root.mkdir()
    for file in (BOOTSTRAP, "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, root)
    for file in ("src/rag_tutorials/__init__.py", *DATA):
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()
    write_lock(root / LOCKS["lab"], [build(wheels, "alpha", "1.0"), build(wheels, "beta", "2.0")])
    write_lock(root / LOCKS["site"], [build(wheels, "delta", "4.0")])
    write_lock(root / LOCKS["test"], [build(wheels, "gamma", "3.0")])
    build(wheels, "extra", "1.0")
    course = Checkout(root)
    venv.create(course.venv, with_pip=False, symlinks=os.name != "nt")
    for name in ("uv", "pip"):
        bring(name, course.venv)
    with pytest.MonkeyPatch.context() as patch:
        point_at(folder, patch)
        course.ensure("lab")
        pip(course, "extra")
    return folder


@pytest.fixture
def wheels(pattern: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that stands for the index."""

    def copy(source: str, target: str) -> None:
        (os.link if Path(source).stem == "uv" else shutil.copy2)(source, target)

    shutil.copytree(pattern, tmp_path, symlinks=True, copy_function=copy, dirs_exist_ok=True)
    return point_at(tmp_path, monkeypatch)


@pytest.fixture
def course(tmp_path: Path, wheels: Path) -> Checkout:
    """A course whose environment was set up for `lab`, with a package that a student added."""
    course = Checkout(tmp_path / "my course")
    course._write_record(complete=True)  # it was moved here
    return course


def pip(course: Checkout, *packages: str) -> None:
    command = [course.uv, "pip", "install", "-q", "--python", course.python, *packages]
    subprocess.run(command, env=course.environment(), check=True)


def versions(course: Checkout) -> dict[str, str]:
    """Return what is installed, as Python sees it, of packages whose module can be imported."""
    code = (
        "from importlib.metadata import version, PackageNotFoundError\n"
        "for name in ('alpha', 'beta', 'delta', 'gamma', 'extra'):\n"
        "    try: assert __import__(name).VALUE; print(name, version(name))\n"
        "    except (ImportError, AttributeError, PackageNotFoundError): pass\n"
    )
    asked = subprocess.run(
        [course.python, "-B", "-c", code],
        env=course.environment(),
        capture_output=True,
        text=True,
        check=True,
    )
    return dict(line.split() for line in asked.stdout.splitlines())


WHOLE = {"alpha": "1.0", "beta": "2.0", "extra": "1.0"}


def info(course: Checkout, file: str) -> Path:
    return course.site / "alpha-1.0.dist-info" / file


def cut_in_place(course: Checkout) -> None:
    pip(course, "--reinstall", "--link-mode=hardlink", "alpha==1.0")
    os.truncate(course.site / "alpha" / "__init__.py", 5)


def cut_a_copy(course: Checkout) -> None:
    file = course.site / "alpha" / "__init__.py"
    file.unlink()
    file.write_text(CONTENT[:5])


def change_a_letter(course: Checkout) -> None:
    file = course.site / "alpha" / "__init__.py"
    file.unlink()
    file.write_text(CONTENT.replace("VALUE", "VALUF"))
    later = info(course, "RECORD").stat().st_mtime + 5
    os.utime(file, (later, later))


def cut_record(course: Checkout) -> None:
    file = info(course, "RECORD")
    text = file.read_text()
    file.unlink()
    file.write_text(text[:-60])


def an_older_one(course: Checkout) -> None:
    build(Path(os.environ["UV_FIND_LINKS"]), "alpha", "0.9")
    pip(course, "alpha==0.9")


DAMAGES: dict[str, tuple[Callable[[Checkout], object], str]] = {
    "its folder removed": (lambda c: shutil.rmtree(c.site / "alpha"), "is missing"),
    "a module removed": (lambda c: (c.site / "alpha/__init__.py").unlink(), "__init__.py is"),
    "its program removed": (lambda c: c.python.with_name("alpha-run").unlink(), "alpha-run is mi"),
    "a file with a comma": (lambda c: (c.site / "alpha/a, name.txt").unlink(), "a, name.txt is"),
    "cut short": (cut_a_copy, "alpha/__init__.py is damaged"),
    "cut short in place": (cut_in_place, "alpha/__init__.py is damaged"),
    "a letter changed": (change_a_letter, "alpha/__init__.py was changed"),
    "metadata removed": (lambda c: shutil.rmtree(info(c, "")), "is missing"),
    "METADATA removed": (lambda c: info(c, "METADATA").unlink(), "METADATA is missing"),
    "RECORD removed": (lambda c: info(c, "RECORD").unlink(), "RECORD is missing"),
    "RECORD cut short": (cut_record, "RECORD is damaged"),
    "an older version": (an_older_one, "is 0.9 instead of 1.0"),
    "uninstalled": (
        lambda c: subprocess.run(
            [c.uv, "pip", "uninstall", "-q", "--python", c.python, "alpha"],
            env=c.environment(),
            check=True,
        ),
        "is missing",
    ),
}


@pytest.mark.skipif(os.name == "nt", reason="programs have another name there")
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_package_is_named_and_repaired_and_others_stay(
    course: Checkout, capsys: pytest.CaptureFixture[str], damage: str
) -> None:
    act, named = DAMAGES[damage]
    assert course.off("lab") == {}
    act(course)
    off = course.off("lab")
    assert list(off) == ["alpha"]
    assert named in off["alpha"]
    capsys.readouterr()
    course.ensure("lab")
    assert course.off("lab") == {}
    assert versions(course) == WHOLE
    told = capsys.readouterr().out
    assert f"To put right: alpha {off['alpha']}.\n" in told
    assert "Installing packages from uv's cache" in told
    course.ensure("lab")
    assert capsys.readouterr().out == ""  # nothing is left to do


@pytest.mark.parametrize("name", ["uv", "pip"])
def test_a_damaged_installer_is_named(course: Checkout, name: str) -> None:
    for folder in course.site.glob(f"{name}-*.dist-info"):
        shutil.rmtree(folder)
    assert course.off("lab") == {name: "is missing"}


def test_pip_comes_back_without_a_network(course: Checkout) -> None:
    shutil.rmtree(course.site / "pip")
    assert list(course.off("lab")) == ["pip"]
    course.ensure("lab")
    assert course.off("lab") == {}
    assert course.pip_config() != ""


def test_a_course_that_is_not_installed_is_installed_again(course: Checkout) -> None:
    (course.site / "rag_tutorials.pth").unlink()
    assert course.off("lab") == {"rag-tutorials": "rag_tutorials.pth is missing"}
    course.ensure("lab")
    assert course.off("lab") == {}
    with (course.root / "pyproject.toml").open("a") as file:
        file.write("# changed\n")
    assert course.off("lab") == {"rag-tutorials": "was installed from another pyproject.toml"}
    course.ensure("lab")
    assert course.off("lab") == {}


def test_the_sites_and_the_tests_packages_are_added_to_the_labs(course: Checkout) -> None:
    assert course.off("site") == {"delta": "is missing"}
    assert course.off("test") == {"delta": "is missing", "gamma": "is missing"}
    course.ensure("site")
    assert versions(course) == WHOLE | {"delta": "4.0"}
    course.ensure("test")
    assert course.off("test") == course.off("site") == course.off("lab") == {}
    assert versions(course) == WHOLE | {"delta": "4.0", "gamma": "3.0"}


def test_a_new_pin_in_the_lock_is_installed_on_top(course: Checkout, wheels: Path) -> None:
    pins = [build(wheels, "alpha", "1.1"), build(wheels, "beta", "2.0")]
    write_lock(course.root / LOCKS["lab"], pins)
    assert course.off("lab") == {"alpha": "is 1.0 instead of 1.1"}
    course.ensure("lab")
    assert versions(course) == WHOLE | {"alpha": "1.1"}


def test_what_cannot_be_repaired_is_told_and_nothing_is_made_worse(
    course: Checkout, wheels: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    shutil.rmtree(course.site / "alpha")
    shutil.rmtree(Path(os.environ["UV_CACHE_DIR"]))
    (wheels / "alpha-1.0-py3-none-any.whl").unlink()
    with pytest.raises(RepairError, match=r"as it should be: alpha .* is missing\. It could not"):
        course.ensure("lab")
    assert course.problem() == ""  # so that the next set-up does not begin anew
    assert versions(course) == {"beta": "2.0", "extra": "1.0"}
    opened = []
    monkeypatch.setattr(_cli, "Checkout", lambda: course)
    monkeypatch.setattr(_cli, "open_lab", lambda *_, **__: opened.append(True) or 0)
    assert _cli.main(["setup"]) == 1
    assert _cli.main(["lab"]) == 0
    assert opened == [True]
    told = capsys.readouterr()
    assert "It could not be put right" in told.err
    assert "JupyterLab is opened all the same" in told.out


def test_a_repair_that_was_interrupted_goes_on(
    course: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> str:
        raise KeyboardInterrupt

    shutil.rmtree(course.site / "alpha")
    with monkeypatch.context() as patch:
        patch.setattr(_setup, "run_step", interrupt)
        with pytest.raises(KeyboardInterrupt):
            course.ensure("lab")
    assert course.problem() == ""
    course.ensure("lab")
    assert versions(course) == WHOLE


def test_a_first_installation_that_fails_is_begun_anew(
    course: Checkout, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> str:
        raise CommandError("no network")

    course._write_record(complete=False)
    monkeypatch.setattr(_setup, "run_step", fail)
    with pytest.raises(CommandError, match="no network") as caught:
        course.ensure("lab")
    assert not isinstance(caught.value, RepairError)
    assert course.problem()


# Progress


def test_progress_counts_the_packages_of_the_real_installer(
    course: Checkout, wheels: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pins = [build(wheels, f"new{number}", "1.0") for number in range(5)]
    write_lock(course.root / LOCKS["test"], pins)
    course.ensure("site")
    told: list[str] = []
    heard = Packages.hear

    def hear(self: Packages, line: str) -> bool:
        keep = heard(self, line)
        told.append(str(self))
        return keep

    monkeypatch.setattr(Packages, "hear", hear)
    course.ensure("test")
    assert any(line.endswith("of 5 packages fetched") for line in told), told
    assert told[-1] == "5 installed, compiling them"
    assert "DEBUG" not in course.log.read_text(encoding="utf-8")


def test_packages_done_are_told_of_packages_to_do(tmp_path: Path) -> None:
    cache = tmp_path / "archive-v0"
    (cache / "of an earlier run").mkdir(parents=True)
    packages = Packages(tmp_path)
    assert str(packages) == ""
    for name in ("one", "two", "three"):
        assert not packages.hear(f"DEBUG Identified uncached distribution: {name}==1")
    assert packages.hear("Resolved 3 packages in 4ms")
    assert str(packages) == "0 of 3 packages fetched"
    (cache / "one").mkdir()
    (cache / "two").mkdir()
    assert str(packages) == "2 of 3 packages fetched"
    assert packages.hear("Installed 3 packages in 9ms")
    assert str(packages) == "3 installed, compiling them"
    assert str(Packages(None)) == ""
