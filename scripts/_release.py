"""What a release is made of: its version told alike everywhere, the wheel, the site."""

import re

from _run import CommandError
from _setup import Checkout

TOLD = {"CHANGELOG.md": r"^## (\S+) \(", "CITATION.cff": r"^version: (\S+)$"}
DIST = "dist"


def check_version(course: Checkout) -> str:
    """Return the version, which pyproject.toml, the changelog and the citation tell alike.

    Raises:
        CommandError: they do not.
    """
    version = course.version()
    for name, pattern in TOLD.items():
        text = (course.root / name).read_text(encoding="utf-8")
        found = re.search(pattern, text, re.MULTILINE)
        if found is None or found[1] != version:
            raise CommandError(
                f"pyproject.toml has the version {version}, {name} begins with"
                f" {found[1] if found else 'none'}: write down there what {version} is."
            )
    return version
