"""Build the site of the course: ``python scripts/course.py site`` runs this in its environment.

The lessons are run; Sphinx makes pages of them and of every text; what it made is looked at. Only
a site without a fault takes the place of the one before.
"""

import argparse
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import nbformat
from _run import CommandError
from _setup import ROOT
from _site_check import faults_of
from _site_layout import lay_out
from _site_pages import Places
from _site_run import run_lessons

from rag_tutorials.course.base.manifest import load_lessons

CONFIGURATION = ROOT / "scripts" / "site"


def main(arguments: Sequence[str] | None = None) -> int:
    """Build the site into the folder ``site`` of the course and say where it is."""
    numbers = [lesson.number for lesson in load_lessons(ROOT / "notebooks" / "course.toml")]
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("lessons", nargs="*", metavar="LESSON", help="run these alone, such as 02")
    parser.add_argument("--links", action="store_true", help="follow the links to elsewhere, too")
    options = parser.parse_args(arguments)
    wanted = options.lessons or numbers
    if unknown := sorted({*wanted} - {*numbers}):
        parser.error(f"there is no lesson {unknown[0]!r}; there are {', '.join(numbers)}")
    began = time.monotonic()
    work, site = ROOT / ".course" / "site", ROOT / "site"
    shutil.rmtree(work, ignore_errors=True)
    try:
        built = build(ROOT, work, wanted)
        if options.links:
            follow_links(work / "source", work / "links")
    except CommandError as error:
        print(error, file=sys.stderr)
        return 1
    shutil.rmtree(site, ignore_errors=True)
    built.rename(site)
    size = sum(file.stat().st_size for file in site.rglob("*") if file.is_file())
    print(f"Built in {time.monotonic() - began:.0f} s, {size / 1e6:.0f} MB. Open it in a browser:")
    print(f"  {(site / 'index.html').as_uri()}")
    return 0


def build(root: Path, work: Path, wanted: Sequence[str]) -> Path:
    """Build the site of a course and return its folder.

    Args:
        root: The course.
        work: A folder for everything that is made; it does not exist yet.
        wanted: The numbers of the lessons to be run. Others have a page without outputs.

    Raises:
        CommandError: a lesson did not run, Sphinx warned of something, or the site has a fault.

    """
    notebooks = sorted([*root.glob("notebooks/*.ipynb"), *root.glob("notebooks/way_home/*.ipynb")])
    pages = {file: nbformat.read(file, as_version=4) for file in notebooks}  # type: ignore[no-untyped-call]
    print(f"Running the lessons {', '.join(wanted)}", flush=True)
    with tempfile.TemporaryDirectory(prefix="course-site-", ignore_cleanup_errors=True) as state:
        pages |= run_lessons([file for file in notebooks if file.name[:2] in wanted], Path(state))
        places = Places(
            {
                root: "rag-tutorials",
                ROOT: "rag-tutorials",
                Path(state): ".course",
                Path(sys.prefix): ".venv",
                Path(sysconfig.get_path("stdlib")): "python",
                Path(tempfile.gettempdir()): "temporary-files",
                Path.home(): "~",
            }
        )
    print("Making the pages", flush=True)
    source, html = work / "source", work / "html"
    lay_out(root, source, pages, places)
    sphinx = [sys.executable, "-m", "sphinx", "--builder=html", "--fail-on-warning", "--jobs=2"]
    sphinx += ["--quiet", f"--conf-dir={CONFIGURATION}", f"--doctree-dir={work / 'doctrees'}"]
    if subprocess.run([*sphinx, source, html], check=False).returncode:
        raise CommandError("Sphinx warned of the above. The site that was built before is kept.")
    if faults := faults_of(html):
        raise CommandError("\n".join(["The site has faults:", *faults]))
    return html


def follow_links(source: Path, folder: Path, *settings: str) -> None:
    """Follow every link of the pages to elsewhere; needs the internet.

    Args:
        source: What the pages are made from.
        folder: A folder for the report; it does not exist yet.
        settings: More of Sphinx's options.

    Raises:
        CommandError: a link leads nowhere.

    """
    print("Following the links", flush=True)
    sphinx = [sys.executable, "-m", "sphinx", "--builder=linkcheck", "--quiet", *settings]
    ran = subprocess.run([*sphinx, f"--conf-dir={CONFIGURATION}", source, folder], check=False)
    report = folder / "output.txt"
    dead = report.read_text(encoding="utf-8").splitlines() if report.exists() else []
    dead = [line for line in dead if "[broken]" in line or "[timeout]" in line]
    if ran.returncode:
        raise CommandError("\n".join(["Links that lead nowhere:", *dead]))


if __name__ == "__main__":
    sys.exit(main())
