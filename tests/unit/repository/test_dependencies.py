"""pyproject.toml is the one list of dependencies; locks and environment.yml are in step with it."""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
import yaml
from _locks import Pin, read_lock
from _setup import BOOTSTRAP, LOCKS, NEEDS, Kind
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

pytestmark = pytest.mark.locked

ROOT = Path(__file__).resolve().parents[3]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
HASH = re.compile(r"--hash=sha256:[0-9a-f]{64}")


def pins(*locks: str) -> list[Pin]:
    return [pin for lock in locks for pin in read_lock(ROOT / lock)]


def together(kind: Kind) -> list[Pin]:
    """Return all that is installed for `kind`: a lock only adds to those before it."""
    return pins(*(LOCKS[name] for name in NEEDS[kind]))


def direct(kind: Kind) -> list[Requirement]:
    project = PROJECT["project"]
    extras = project["optional-dependencies"]
    wanted = [project["dependencies"], *(extras[name] for name in NEEDS[kind] if name != "lab")]
    return [Requirement(text) for texts in wanted for text in texts]


def closure(requirements: list[Requirement]) -> set[str]:
    """Return the names of all that `requirements` need on this machine, as installed."""
    seen: set[tuple[str, str]] = set()
    here = [r for r in requirements if r.marker is None or r.marker.evaluate()]
    todo = [(r.name, extra) for r in here for extra in ("", *r.extras)]
    while todo:
        name, extra = todo.pop()
        if (canonicalize_name(name), extra) in seen:
            continue
        seen.add((canonicalize_name(name), extra))
        for text in distribution(name).requires or []:
            need = Requirement(text)
            if need.marker is None or need.marker.evaluate({"extra": extra}):
                todo += [(need.name, wanted) for wanted in ("", *need.extras)]
    return {name for name, _ in seen}


@pytest.mark.parametrize("lock", [*LOCKS.values(), BOOTSTRAP])
def test_a_lock_holds_pins_and_hashes_and_no_address(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert text == "".join(f"{pin}\n" for pin in pins(lock))  # and nothing besides
    for pin in pins(lock):
        assert pin.hashes, f"{pin.name} has no hash"
        assert all(HASH.fullmatch(line) for line in pin.hashes), pin.name


def test_what_is_built_for_one_python_has_files_for_every_python_and_system() -> None:
    # A lock that was resolved from a folder of this machine's own files does not.
    built = 0
    for pin in (pin for lock in LOCKS.values() for pin in read_lock(ROOT / lock)):
        try:
            wheel = distribution(pin.name).read_text("WHEEL") or ""
        except PackageNotFoundError:  # for another machine
            continue
        if re.search(r"(?m)^Tag: cp3\d+-cp3\d+-", wheel):
            built += 1
            assert len(pin.hashes) >= 3 * len(supported_pythons()), pin.name
    assert built > 20


@pytest.mark.parametrize("kind", ["site", "test"])
def test_a_lock_only_adds_to_those_before_it(kind: Kind) -> None:
    # So `lab` after `test` installs nothing, and `test` after `lab` only adds.
    before = [pin for name in NEEDS[kind] if name != kind for pin in pins(LOCKS[name])]
    everywhere = {pin.name for pin in before if not pin.marker}
    assert everywhere
    assert not everywhere & {pin.name for pin in pins(LOCKS[kind])}
    assert not set(before) & set(pins(LOCKS[kind]))


def test_the_students_lock_holds_nothing_of_the_sites_builder() -> None:
    names = {pin.name for pin in pins(LOCKS["lab"])}
    assert not names & {canonicalize_name(text.name) for text in direct("site")} - {
        canonicalize_name(text.name) for text in direct("lab")
    }


@pytest.mark.parametrize("kind", LOCKS)
def test_each_direct_dependency_is_pinned_at_a_version_that_fits(kind: Kind) -> None:
    for requirement in direct(kind):
        versions = [
            pin.version for pin in together(kind) if pin.name == canonicalize_name(requirement.name)
        ]
        assert versions, f"{requirement.name} is missing: run python scripts/lock.py"
        for version in versions:
            assert requirement.specifier.contains(version), f"{requirement} but {version}"


@pytest.mark.parametrize("kind", LOCKS)
def test_what_a_kind_installs_is_what_it_needs_here_and_nothing_else(kind: Kind) -> None:
    here = {p.name for p in together(kind) if not p.marker or Marker(p.marker).evaluate()}
    assert here == closure(direct(kind)), "run python scripts/lock.py"


def test_the_locked_installer_can_build_the_course_without_a_download() -> None:
    (uv,) = pins(BOOTSTRAP)
    (backend,) = (Requirement(text) for text in PROJECT["build-system"]["requires"])
    assert (uv.name, backend.name) == ("uv", "uv_build")
    assert backend.specifier.contains(uv.version)


def test_environment_yml_names_python_pip_and_the_project_only() -> None:
    environment = yaml.safe_load((ROOT / "environment.yml").read_text(encoding="utf-8"))
    python, *rest = environment["dependencies"]
    assert rest == ["pip", {"pip": ["-e ."]}]
    # Binder reads an exact version only; a range silently becomes another Python.
    exact = re.fullmatch(r"python=(3\.\d+)", python)
    assert exact
    assert exact[1] in supported_pythons()
    assert environment["name"] == PROJECT["project"]["name"]


def supported_pythons() -> list[str]:
    allowed = SpecifierSet(PROJECT["project"]["requires-python"])
    return [f"3.{minor}" for minor in range(30) if allowed.contains(f"3.{minor}")]


def test_the_command_names_the_pythons_that_the_project_allows() -> None:
    command = (ROOT / "scripts" / "course.py").read_text(encoding="utf-8")
    first, last = supported_pythons()[0], supported_pythons()[-1]
    bounds = re.search(r"\((\d), (\d+)\) <= sys\.version_info\[:2\] < \((\d), (\d+)\)", command)
    assert bounds
    lowest, above = f"{bounds[1]}.{bounds[2]}", f"{bounds[3]}.{int(bounds[4]) - 1}"
    assert (lowest, above) == (first, last)
    for version in supported_pythons():
        assert version in command
    assert f"{sys.version_info.major}.{sys.version_info.minor}" in supported_pythons()


def test_every_dependency_supports_every_python_that_the_project_allows() -> None:
    for name in closure(direct("test")):
        allowed = SpecifierSet(distribution(name).metadata.get("Requires-Python", ""))
        for python in supported_pythons()[-1:]:  # the first is what the lock was resolved for
            assert allowed.contains(f"{python}.0"), f"{name} does not allow Python {python}"
